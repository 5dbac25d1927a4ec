"""From a function of tensors to the flat, shortened list of operators that is checked and run."""
