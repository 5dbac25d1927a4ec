"""What people see in JupyterLab, as plain JSON: one layer for the server's routes and the widgets."""
