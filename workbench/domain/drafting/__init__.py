"""Draft the two files of a dataset from a holder's data file."""
