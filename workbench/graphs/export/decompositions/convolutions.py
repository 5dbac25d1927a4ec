"""Convolutions of other orders of dimensions."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def conv_tbc(
    self: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pad: int = 0
) -> torch.Tensor:
    """Return what ``torch.nn.functional.conv_tbc`` returns.

    Shapes ``(time, n, channels)``, ``(kernel, channels, out)`` and ``(out,)`` to
    ``(time, n, out)``, floating.
    """
    found = F.conv1d(self.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return found.permute(2, 0, 1)
