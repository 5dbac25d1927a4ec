"""Approved requests: run in worker processes, released or closed."""
