"""Tell how a tensor lies in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def is_laid(tensor: torch.Tensor) -> bool:
    """Return whether a tensor of any shape and dtype has the strides of row-major order.

    Those of dimensions of size 1 as well, which `Tensor.is_contiguous` does not look at: by them
    PyTorch chooses the order of other results.
    """
    return tensor.stride() == row_major(tensor.shape)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of row-major order."""
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))
