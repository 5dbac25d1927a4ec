"""Keys and tokens: who signs, and who calls."""
