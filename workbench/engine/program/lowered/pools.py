"""Pooling of images of many channels: the same numbers in the order in which they are read."""

from __future__ import annotations

from typing import Any

import torch

A = torch.ops.aten
_MANY = 8
"""From how many channels on PyTorch's kernel is faster, copy included, if they come last in memory:
it takes a vector of them at once, where it goes entry by entry otherwise."""


def max_pool2d(images: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
    """``aten.max_pool2d`` of ``(..., channels, height, width)``."""
    found: torch.Tensor = A.max_pool2d.default(_channels_last(images), *rest, **named)
    return found


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    if images.shape[-3] < _MANY:
        return images
    return images.movedim(-3, -1).contiguous().movedim(-1, -3)
