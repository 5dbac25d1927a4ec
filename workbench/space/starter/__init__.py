"""First code for a dataset: a training function for its very schema that runs as it is."""
