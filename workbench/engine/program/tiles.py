"""Whole tiles: how many rows a chunk must have so that a record's bits do not tell its place.

Processors take the end of an array by other instructions than the rest of it, which round
differently. With chunks of whole tiles no record is in such an end.
`workbench.engine.program.places` tries it on the machine at hand, when a domain starts.
"""

from __future__ import annotations

import math

import torch

TILE = 16
"""How many float32 numbers are taken at once: two vectors of AVX2, which is what a domain's workers
use also on processors with AVX-512. A tile is enough only in the environment of such a worker
(`workbench.domain.worker.surroundings`): with `CODE_PATH` for MKL, whose products else compute the
last rows of a chunk in another way than the others."""

CODE_PATH = {"MKL_CBWR": "AUTO"}
"""What a process has to have in its environment before it loads MKL, for `TILE` to be right."""


def filled(values: torch.Tensor, rows: int) -> torch.Tensor:
    """Return ``(n, ...)``, of any dtype, with rows of zeros after it: ``(rows, ...)``."""
    return torch.cat([values, values.new_zeros((rows - len(values), *values.shape[1:]))])


def tile_of_units(records_per_unit: int) -> int:
    """Return how many units at least make whole tiles of rows; never only one."""
    return max(TILE // math.gcd(TILE, records_per_unit), 2)


def whole_tiles(rows: int, records_per_unit: int = 1) -> int:
    """Return the next number of rows that is whole tiles of whole units."""
    step = tile_of_units(records_per_unit) * records_per_unit
    return max(-(-rows // step), 1) * step
