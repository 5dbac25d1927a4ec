"""Clipped sums over privacy units: of gradients and of vectors."""
