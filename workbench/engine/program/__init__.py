"""The flat program of a chunk of records: traced once, checked, and run as it stands."""
