"""Write first code for a dataset: a training function for its schema that runs unchanged."""
