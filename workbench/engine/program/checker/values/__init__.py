"""What the checker knows of tensors and calls, and how it follows from what it knew before."""
