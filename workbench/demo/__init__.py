"""``workbench demo``: two hospitals on this machine, a study, and JupyterLab."""
