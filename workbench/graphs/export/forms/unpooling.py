"""Put what was pooled back to where it was, by comparing places.

Shapes and dtypes: values are floating, indices int64, both of shape ``(..., *sizes)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import _unpool_output_size  # type: ignore[attr-defined]

from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import remedy

Sizes = int | Sequence[int]


def max_unpool(space: int) -> Callable[..., torch.Tensor]:
    """Return ``torch.nn.functional.max_unpool1d``, ``2d`` or ``3d`` for windows that lie apart."""

    def unpooled(
        input: torch.Tensor,
        indices: torch.Tensor,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        output_size: Sequence[int] | None = None,
    ) -> torch.Tensor:
        kernel, margins = _each(kernel_size, space), _each(padding, space)
        steps = _each(stride, space) if stride else kernel
        if any(step < size for step, size in zip(steps, kernel, strict=True)):
            raise GraphRefused(
                f"max_unpool{space}d with windows that overlap: two may write into one place",
                remedy("max_unpool"),
            )
        out = _unpool_output_size(input, kernel, steps, margins, output_size)
        places, inside = torch.arange(math.prod(out)).reshape(out), torch.tensor(True)
        for axis, (size, step, margin) in enumerate(zip(out, steps, margins, strict=True)):
            dim = axis - space
            windows = [(place + margin) // step for place in range(size)]
            count = input.shape[dim]
            shape = [-1, *[1] * (space - 1 - axis)]
            inside = inside & torch.tensor([w < count for w in windows]).reshape(shape)
            chosen = torch.tensor([min(window, count - 1) for window in windows])
            input, indices = input.index_select(dim, chosen), indices.index_select(dim, chosen)
        return torch.where((indices == places) & inside, input, 0.0)

    return unpooled


def _each(sizes: Any, count: int) -> list[int]:
    return [sizes] * count if isinstance(sizes, int) else [*sizes]
