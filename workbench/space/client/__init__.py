"""How one domain is called, and what of its answers is kept."""
