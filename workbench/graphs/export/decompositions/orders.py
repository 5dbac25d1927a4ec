"""What follows from the order of numbers, and running results: medians, places, products.

Shapes and dtypes: of floating dtype and any shape; places are int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

Pair = tuple[torch.Tensor, torch.Tensor]
"""Values and where they stand, int64, of equal shapes."""


def median(self: torch.Tensor) -> torch.Tensor:
    """Return what ``Tensor.median()`` returns: of an even number the lower one; NaN if one is.

    Any shape to ``()``, floating. Equal entries share the gradient.
    """
    flat = self.reshape(-1)
    middle = flat.detach().sort().values[(flat.shape[0] - 1) // 2]
    return _shared(flat, (flat == middle) | flat.isnan())


def nanmedian(self: torch.Tensor) -> torch.Tensor:
    """Return what ``Tensor.nanmedian()`` returns: the median of what is not NaN; see `median`."""
    flat = self.reshape(-1)
    middle = _nanmedian(flat.detach(), 0, False)[0]
    return _shared(flat, (flat == middle) | (middle.isnan() & flat.isnan()))


def _shared(flat: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the entry that is chosen several times, with a share of the gradient for each."""
    return torch.where(chosen, flat, -math.inf).amax(0)


def median_along(self: torch.Tensor, dim: int, keepdim: bool = False) -> Pair:
    """Return what ``Tensor.median(dim)`` returns: of equal entries the first; see `median`.

    Any shape to one without, or with one entry of, the dimension; floating.
    """
    if not self.dim():
        return self.clone(), torch.zeros((), dtype=torch.int64)
    missing = self.isnan().to(torch.int64)
    index = self.detach().sort(dim).indices.select(dim, (self.shape[dim] - 1) // 2).unsqueeze(dim)
    index = torch.where(missing.sum(dim, keepdim=True) > 0, missing.argmax(dim, True), index)
    return _picked(self, dim, index, keepdim)


def nanmedian_along(self: torch.Tensor, dim: int, keepdim: bool = False) -> Pair:
    """Return what ``Tensor.nanmedian(dim)`` returns; see `median_along`."""
    return _nanmedian(self, dim, keepdim)


def _nanmedian(value: torch.Tensor, dim: int, keepdim: bool) -> Pair:
    if not value.dim():
        return value.clone(), torch.zeros((), dtype=torch.int64)
    # NaN is sorted to the end.
    order = value.detach().sort(dim).indices
    there = (~value.isnan()).to(torch.int64).sum(dim, keepdim=True)
    middle = ((there - 1).clamp(min=0).to(torch.float32) / 2).floor().to(torch.int64)
    return _picked(value, dim, order.gather(dim, middle), keepdim)


def kthvalue(self: torch.Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Pair:
    """Return what ``Tensor.kthvalue`` returns: the `k`-th smallest, of equal ones in their order.

    Shapes as for `median_along`.
    """
    if not self.dim():
        return self.clone(), torch.zeros((), dtype=torch.int64)
    index = self.detach().sort(dim).indices.select(dim, k - 1).unsqueeze(dim)
    return _picked(self, dim, index, keepdim)


def _picked(value: torch.Tensor, dim: int, index: torch.Tensor, keepdim: bool) -> Pair:
    found = value.gather(dim, index)
    return (found, index) if keepdim else (found.squeeze(dim), index.squeeze(dim))


def cummax(self: torch.Tensor, dim: int) -> Pair:
    """Return what ``Tensor.cummax`` returns: of equal entries the last one.

    Any shape, floating, and the same shape.
    """
    return _running(self, dim, lambda x: x.max(-1).indices, -math.inf)


def cummin(self: torch.Tensor, dim: int) -> Pair:
    """Return what ``Tensor.cummin`` returns; see `cummax`."""
    return _running(self, dim, lambda x: x.min(-1).indices, math.inf)


def _running(
    value: torch.Tensor,
    dim: int,
    first: Callable[[torch.Tensor], torch.Tensor],
    beyond: float,
) -> Pair:
    if not value.dim():
        return value.clone(), torch.zeros((), dtype=torch.int64)
    # From the end, so that the first one is the last.
    count = value.shape[dim]
    index = count - 1 - first(_so_far(value.detach(), dim, beyond).flip(-1))
    index = index.movedim(-1, dim)
    return value.gather(dim, index), index


def _so_far(value: torch.Tensor, dim: int, beyond: float) -> torch.Tensor:
    """Return for each place of `dim`, in a new last dimension, the entries up to there.

    `dim` is the last dimension but one; what comes later is `beyond`.
    """
    count = value.shape[dim]
    before = torch.ones(count, count, dtype=torch.bool).tril()
    return torch.where(before, value.movedim(dim, -1).unsqueeze(-2), beyond)


def logcumsumexp(self: torch.Tensor, dim: int) -> torch.Tensor:
    """Return what ``Tensor.logcumsumexp`` returns, for any shape, floating."""
    if not self.dim():
        return self.clone()
    return _so_far(self, dim, -math.inf).logsumexp(-1).movedim(-1, dim)


def prod(self: torch.Tensor, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Return what ``Tensor.prod()`` returns: any shape and dtype to ``()``."""
    return prod_along(self.reshape(-1), 0, dtype=dtype)


def prod_along(
    self: torch.Tensor, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """Return what ``Tensor.prod(dim)`` returns, by halves: its gradient asks for no zeros."""
    kind = dtype or (self.dtype if self.is_floating_point() else torch.int64)
    rest = self.to(kind)
    if not rest.dim():
        return rest.clone()
    while (count := rest.shape[dim]) > 1:
        half = count // 2
        pairs = rest.narrow(dim, 0, half) * rest.narrow(dim, half, half)
        odd = [rest.narrow(dim, 2 * half, 1)] if count % 2 else []
        rest = torch.cat([pairs, *odd], dim)
    return rest if keepdim else rest.squeeze(dim)


def searchsorted(
    sorted_sequence: torch.Tensor,
    self: torch.Tensor | float,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what ``torch.searchsorted`` returns: how many of the sequence are before each value.

    Shapes ``(..., n)`` or ``(n,)``, and ``(..., m)``, to that of the values; int64 or int32.
    """
    row = sorted_sequence if sorter is None else sorted_sequence.gather(-1, sorter)
    value = self if isinstance(self, torch.Tensor) else torch.full((), self)
    after = right if side is None else side == "right"
    if row.dim() > 1:
        row = row.unsqueeze(-2)
    # What is not greater, so that NaN is last.
    later = row > value.unsqueeze(-1) if after else row >= value.unsqueeze(-1)
    found = (~later).to(torch.int64).sum(-1)
    return found.to(torch.int32) if out_int32 else found


def bucketize(
    self: torch.Tensor | float,
    boundaries: torch.Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
) -> torch.Tensor:
    """Return what ``torch.bucketize`` returns; see `searchsorted`."""
    return searchsorted(boundaries, self, out_int32=out_int32, right=right)
