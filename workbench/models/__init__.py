"""Models apart from their training: low-rank adaptation, and forms that other programs read."""
