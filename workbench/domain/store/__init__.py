"""A domain's database, configuration, files and secret."""
