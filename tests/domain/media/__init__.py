"""Check how images, scans and signals become tensors."""
