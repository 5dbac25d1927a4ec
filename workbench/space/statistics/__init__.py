"""Statistics by noisy sums: asked for by name, or by a function of one record."""
