"""What people see in JupyterLab, as plain JSON: one layer for the routes and the widgets."""
