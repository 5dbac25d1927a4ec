"""A first ``dataset.yaml`` and ``terms.yaml`` of a holder's files, which a steward completes."""
