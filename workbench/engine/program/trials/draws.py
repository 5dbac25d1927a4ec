"""Draw the operands of one call: a chunk in which all records are the same one."""

from __future__ import annotations

import math
from functools import cache

import torch

_HOSTILE = (math.nan, math.inf, -math.inf, 1e30, -0.0, 1e-30)


@cache
def _numbers(seed: int, position: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the same numbers each time for equal arguments; for odd seeds of many sizes."""
    generator = torch.Generator().manual_seed(1000 * seed + position)
    sizes = seed % 2 * (torch.rand(shape, generator=generator) * 4 - 2)
    return torch.randn(shape, generator=generator) * 10**sizes


@cache
def _hostile(shape: tuple[int, ...]) -> torch.Tensor:
    """Return a tensor of NaN, infinities, huge and tiny numbers in turn."""
    numbers = torch.tensor(_HOSTILE)
    return numbers.repeat(math.prod(shape) // len(_HOSTILE) + 1)[: math.prod(shape)].reshape(shape)


class Draw:
    """Draws the operands of one call, the same ones each time for equal arguments.

    Parameters
    ----------
    rows
        How many records the chunk has. All are the same one.
    seed
        Where numbers come from: of many sizes if it is odd.
    beside
        Whether every other record, from the second on, is a hostile one instead.
    layout
        Where in memory the records lie: ``outer``, ``middle`` or ``inner``.
    """

    def __init__(self, rows: int, seed: int, *, beside: bool, layout: str) -> None:
        self.rows = rows
        self._seed, self._beside, self._layout = seed, beside, layout
        self._drawn = 0

    def __call__(self, *shape: int) -> torch.Tensor:
        """Return a chunk, float32, ``(rows, *shape)``."""
        record = self.public(*shape)
        to = {"outer": 0, "middle": min(1, len(shape)), "inner": len(shape)}[self._layout]
        # In memory the records' dimension is `to`.
        chunk = torch.empty((*shape[:to], self.rows, *shape[to:])).movedim(to, 0)
        chunk.copy_(record)
        if self._beside:
            chunk[1::2] = _hostile(shape)
        return chunk

    def public(self, *shape: int) -> torch.Tensor:
        """Return a tensor that is no record's, float32, of this shape."""
        self._drawn += 1
        return _numbers(self._seed, self._drawn, shape)

    def unit(self, *shape: int) -> torch.Tensor:
        """Return a chunk of numbers between 0 and 1, float32, ``(rows, *shape)``."""
        return self(*shape).nan_to_num().sigmoid()

    def index(self, size: int, *shape: int) -> torch.Tensor:
        """Return a chunk of indices of at most ``size - 1``, int64, ``(rows, *shape)``."""
        return self(*shape).nan_to_num().clamp(-1e6, 1e6).long() % size
