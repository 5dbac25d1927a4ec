"""Functions of PyTorch in forms that take one path for all records, whatever their values."""
