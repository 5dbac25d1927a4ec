"""The drafts of datasets."""
