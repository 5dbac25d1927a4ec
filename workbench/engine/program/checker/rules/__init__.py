"""One rule per operator, by family: where the records of its results lie, or why it is refused."""
