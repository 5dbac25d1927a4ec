"""Training functions: written for one record, rehearsed for free, submitted for real."""
