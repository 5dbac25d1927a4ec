"""A data holder's files, their versions and their signed cards."""
