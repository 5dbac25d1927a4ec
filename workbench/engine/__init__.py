"""Noisy sums of clipped per-unit functions: clipping, noise, sampling, the training loop."""

ENGINE = "workbench-engine/5"
"""The engine's version; a release names it, and a replay needs the same one."""

SEED_BYTES = 32
"""How long the secret seed of a run is."""
