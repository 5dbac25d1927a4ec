"""What the domains say, asked again and again while somebody looks."""
