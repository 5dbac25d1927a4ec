"""Calls of every operator of the checker's table that computes with floats, on made-up records.

They are made to find out what an operator does to records on the machine at hand
(`workbench.engine.program.places`). Sizes are odd, so that neither rows nor records end where the
processor's vectors do.
"""
