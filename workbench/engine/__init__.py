"""Noisy sums of clipped per-unit functions: clipping, noise, sampling, the training loop."""
