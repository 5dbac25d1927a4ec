"""What runs cost in privacy, and the append-only ledger that admits or refuses them."""
