"""What people see in Jupyter: the sidebar of JupyterLab and its server part, and widgets."""
