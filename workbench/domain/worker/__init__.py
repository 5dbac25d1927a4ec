"""The worker: the process in which private programs run, and what it needs around it."""
