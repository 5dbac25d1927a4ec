"""A dataset as people see it: an entry of the catalog, its card, its snippet."""
