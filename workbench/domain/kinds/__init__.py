"""The kinds of run: one file for all that differs between them."""
