"""The engine: noisy sums of clipped per-unit functions, training, statistics, metrics."""

ENGINE = "workbench-engine/5"
"""The engine's version; a release names it, and a replay needs the same one."""
