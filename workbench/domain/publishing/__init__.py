"""Datasets are read, prepared and offered."""
