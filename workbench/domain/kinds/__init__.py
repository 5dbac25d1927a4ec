"""The kinds of run: one file for each, with all that differs between them."""
