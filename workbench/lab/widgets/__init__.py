"""What stands in a notebook: the catalog, the requests, the steward's panel."""
