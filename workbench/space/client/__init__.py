"""Call one domain, check its answers, and keep what later calls need."""
