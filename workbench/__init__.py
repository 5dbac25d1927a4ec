"""Workbench: a Jupyter-first research workbench for data spaces."""

__version__ = "0.1.0"
