"""What people see in Jupyter: the steward's panel, tables."""
