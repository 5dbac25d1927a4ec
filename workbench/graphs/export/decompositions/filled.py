"""Tensors that are filled with one number, made from nothing of a record.

``x.new_zeros(3)`` takes only the dtype from ``x``. Said so, it is known to be equal for all
records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def new_full(
    self: torch.Tensor,
    size: Sequence[int],
    fill_value: float,
    *,
    dtype: torch.dtype | None = None,
    **_: Any,
) -> torch.Tensor:
    """Return a tensor of shape `size`, how many entries, and of `dtype`, else that of `self`."""
    return torch.full(size, fill_value, dtype=dtype or self.dtype)


def new_zeros(self: torch.Tensor, size: Sequence[int], **options: Any) -> torch.Tensor:
    """Return zeros; for shape, dtype and `size` see `new_full`: how many entries."""
    return new_full(self, size, 0, **options)


def new_ones(self: torch.Tensor, size: Sequence[int], **options: Any) -> torch.Tensor:
    """Return ones; for shape, dtype and `size` see `new_full`: how many entries."""
    return new_full(self, size, 1, **options)
