"""What stands in a notebook: the catalogue, the requests, the steward's panel."""
