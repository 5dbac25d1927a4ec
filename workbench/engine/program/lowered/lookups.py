"""Operators that look something up by an index: total, and inside each record's own table.

A run that fails for one record's index tells that the record is there, which no noise covers. So
an index outside the table is moved to its nearest end. A table that each record has a copy of is
never laid end to end with the others.
"""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any

import torch
from torch._C._functorch import is_batchedtensor

A = torch.ops.aten


def clamped(index: torch.Tensor, size: int) -> torch.Tensor:
    """Return `index`, of any shape and integer dtype, as int64 from 0 to at most ``size - 1``."""
    if index.dtype is not torch.int64:
        index = A._to_copy.default(index, dtype=torch.int64)
    return A.clamp.default(index, 0, size - 1)


def rows(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return ``table[index]`` for a table ``(size, width)`` and indices in ``[0, size)``."""
    if not is_batchedtensor(table):
        return A.embedding.default(table, index)
    width = table.shape[1]
    flat = index.reshape(-1, 1)
    found = A.gather.default(table, 0, flat.expand(flat.shape[0], width))
    return found.reshape([*index.shape, width])


def embedding(
    weight: torch.Tensor, indices: torch.Tensor, padding_idx: int = -1, *_: Any, **__: Any
) -> torch.Tensor:
    """``aten.embedding``; the row `padding_idx` gets no gradient."""
    index = clamped(indices, weight.shape[0])
    found = rows(weight, index)
    if padding_idx < 0:
        return found
    padding = (index == padding_idx).unsqueeze(-1)
    return torch.where(padding, found.detach(), found)


def gather(values: torch.Tensor, dim: int, index: torch.Tensor, **_: Any) -> torch.Tensor:
    """``aten.gather``; along other axes the index may name the first entries only."""
    axis = dim % values.dim()
    for other, size in enumerate(index.shape):
        if other != axis and size < values.shape[other]:
            values = A.slice.Tensor(values, other, 0, size)
    return A.gather.default(values, axis, clamped(index, values.shape[axis]))


def index_select(values: torch.Tensor, dim: int, index: torch.Tensor) -> torch.Tensor:
    """``aten.index_select``."""
    axis = dim % values.dim()
    index = clamped(index, values.shape[axis]).reshape(-1)
    shape = [*values.shape]
    shape[axis] = index.shape[0]
    places = index.reshape([-1 if place == axis else 1 for place in range(len(shape))])
    return A.gather.default(values, axis, places.expand(shape))


def index(values: torch.Tensor, indices: list[torch.Tensor | None]) -> torch.Tensor:
    """``aten.index.Tensor`` with integers; negative ones count from the end.

    The indexed axes become one, in which one number tells the place.

    Raises
    ------
    ValueError
        If an index is a boolean mask.
    """
    named = [(axis, given) for axis, given in enumerate(indices) if given is not None]
    taken = [axis for axis, _ in named]
    others = [axis for axis in range(values.dim()) if axis not in taken]
    sizes = [values.shape[axis] for axis in taken]
    place: torch.Tensor | None = None
    for (_, given), size in zip(named, sizes, strict=True):
        if given.dtype is torch.bool:
            raise ValueError("boolean masks give shapes that depend on the record")
        wide = A._to_copy.default(given, dtype=torch.int64)
        from_end = torch.where(A.lt.Scalar(wide, 0), A.add.Scalar(wide, size), wide)
        own = clamped(from_end, size)
        place = own if place is None else A.mul.Scalar(place, size) + own
    if place is None:
        return values
    count = math.prod(sizes)
    table = values.permute([*taken, *others]).reshape(count, -1)
    rest = [values.shape[axis] for axis in others]
    found = rows(table, A.clamp.default(place, 0, count - 1)).reshape([*place.shape, *rest])
    front = 0 if taken != list(range(taken[0], taken[0] + len(taken))) else taken[0]
    depth = place.dim()
    order = [*range(depth, depth + front), *range(depth), *range(depth + front, found.dim())]
    return found.permute(order)
