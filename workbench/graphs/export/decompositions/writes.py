"""Writing into a part of a tensor, as a new tensor in which that part is another.

`torch.export` makes ``x[1:] = y`` a ``slice_scatter``, ``x[i] = y`` a ``select_scatter`` and
``x[mask] = y`` an ``index_put``. Indices are compared with all places, so that no value of a record
is an address.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench.errors import GraphRefused

Indices = Sequence[torch.Tensor | None]
"""For each dimension a mask (bool) or places (int64) of shape ``(k,)``, or None for all."""


def copy(self: torch.Tensor, src: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """Return `src` in the shape and dtype of `self`, which has the shape that `src` expands to."""
    return src.to(self.dtype).expand(self.shape).clone()


def fill(self: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return `value`, of shape ``()``, in the shape and dtype of `self`."""
    return value.to(self.dtype).expand(self.shape).clone()


def slice_scatter(
    self: torch.Tensor,
    src: torch.Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> torch.Tensor:
    """Return `self` with `src`, of the part's shape, in place of ``self[start:end:step]``.

    Any shape and dtype.
    """
    size = self.shape[dim]
    first, last, _ = slice(start, end, step).indices(size)
    src = src.to(self.dtype)
    if step == 1:
        parts = [self.narrow(dim, 0, first), src, self.narrow(dim, last, size - last)]
        return torch.cat([part for part in parts if part.shape[dim]], dim)
    rows: list[torch.Tensor] = []
    for place in range(size):
        taken = first <= place < last and (place - first) % step == 0
        rows.append(src.select(dim, (place - first) // step) if taken else self.select(dim, place))
    return torch.stack(rows, dim)


def select_scatter(self: torch.Tensor, src: torch.Tensor, dim: int, index: int) -> torch.Tensor:
    """Return `self` with `src` in place of ``self.select(dim, index)``, of its shape.

    Any shape and dtype.
    """
    place = index % self.shape[dim]
    return slice_scatter(self, src.unsqueeze(dim), dim, place, place + 1)


def index_put(
    self: torch.Tensor, indices: Indices, values: torch.Tensor, accumulate: bool = False
) -> torch.Tensor:
    """Return `self` with `values` where `indices` point.

    Parameters
    ----------
    self
        Of any shape and dtype.
    indices
        One mask, or whole numbers for one dimension.
    values
        For a mask: one value, or the same row for each place. Else of the shape of the part.
    accumulate
        Whether to add.

    Raises
    ------
    GraphRefused
        For other indices.
    """
    given = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(given) > 1:
        return _at_crossings(self, dict(given), values, accumulate)
    ((dim, index),) = given
    values = values.to(self.dtype)
    if index.dtype == torch.bool:
        return _masked(self, dim, index, values, accumulate)
    if index.dim() != 1:
        raise _refusal("indices of more than one dimension")
    part = list(self.shape)
    part[dim] = index.shape[0]
    return _scattered(self, dim, index, values.expand(part), accumulate)


def _at_crossings(
    value: torch.Tensor, indices: dict[int, torch.Tensor], new: torch.Tensor, accumulate: bool
) -> torch.Tensor:
    """Write one number where several indices, each of shape ``(k,)``, meet."""
    if new.numel() != 1 or any(i.dim() != 1 or i.dtype == torch.bool for i in indices.values()):
        raise _refusal("several indices at once")
    count = max(len(index) for index in indices.values())
    met = torch.ones(count, *[1] * value.dim())
    for dim, index in indices.items():
        places = torch.where(index < 0, index + value.shape[dim], index).unsqueeze(1)
        shape = [1] * value.dim()
        shape[dim] = value.shape[dim]
        here = places == torch.arange(value.shape[dim])
        met = met * here.reshape(-1, *shape).to(met.dtype)
    number = new.to(value.dtype).reshape(())
    times = met.sum(0)
    return value + number * times if accumulate else torch.where(times > 0, number, value)


def _masked(
    value: torch.Tensor, dim: int, mask: torch.Tensor, new: torch.Tensor, accumulate: bool
) -> torch.Tensor:
    rest = value.dim() - dim - mask.dim()
    if dim or new.dim() > rest + 1 or (new.dim() == rest + 1 and new.shape[0] != 1):
        raise _refusal("one value for each place of a mask")
    if new.dim() == rest + 1:
        new = new.squeeze(0)
    chosen = mask.reshape(*mask.shape, *[1] * rest)
    return torch.where(chosen, value + new if accumulate else new, value)


def _scattered(
    value: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor, accumulate: bool
) -> torch.Tensor:
    """Write or add rows of `src` along `dim`; `index`, of shape ``(k,)``, says where each goes."""
    size, count = value.shape[dim], index.shape[0]
    places = torch.where(index < 0, index + size, index)
    chosen = torch.arange(size).unsqueeze(1) == places
    rows = src.movedim(dim, 0)
    if accumulate:
        flat = chosen.to(value.dtype) @ rows.reshape(count, -1)
        return value + flat.reshape(size, *rows.shape[1:]).movedim(0, dim)
    if count > 1:
        raise _refusal("several rows, of which two may be the same")
    here = chosen.reshape(size, *[1] * (value.dim() - 1)).movedim(0, dim)
    return torch.where(here, src, value)


def index_add(
    self: torch.Tensor, dim: int, index: torch.Tensor, source: torch.Tensor, *, alpha: float = 1
) -> torch.Tensor:
    """Return `self` plus rows of `source` at `index`, of shape ``(k,)``, along `dim`.

    Any shape and dtype; indices are int64.
    """
    return _scattered(self, dim, index.reshape(-1), source * alpha, True)


def index_fill(self: torch.Tensor, dim: int, index: torch.Tensor, value: float) -> torch.Tensor:
    """Return `self` with `value` in the rows that `index`, of shape ``(k,)``, names.

    Any shape and dtype; indices are int64.
    """
    size = self.shape[dim]
    places = torch.where(index < 0, index + size, index).reshape(-1)
    chosen = (torch.arange(size).unsqueeze(1) == places).any(1)
    here = chosen.reshape(size, *[1] * (self.dim() - 1)).movedim(0, dim)
    return self.masked_fill(here, value)


def scatter_value(self: torch.Tensor, dim: int, index: torch.Tensor, value: float) -> torch.Tensor:
    """Return `self` with `value` at `index`, of the shape of `self` but along `dim`.

    Any shape and dtype; indices are int64.
    """
    return self.masked_fill(_chosen(self, dim, index).any(dim % self.dim() + 1), value)


def scatter_src(
    self: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor
) -> torch.Tensor:
    """Return `self` with `src` at `index`, which has one place along `dim`.

    Any shape and dtype; indices are int64.
    """
    if index.shape[dim] != 1:
        raise _refusal("several places along a dimension, of which two may be the same")
    part = src[tuple(slice(0, n) for n in index.shape)]
    return torch.where(_chosen(self, dim, index).any(dim % self.dim() + 1), part, self)


def scatter_add(
    self: torch.Tensor, dim: int, index: torch.Tensor, src: torch.Tensor
) -> torch.Tensor:
    """Return `self` plus `src` at `index`; both have the shape of `self` but along `dim`.

    Any shape and dtype; indices are int64.
    """
    part = src[tuple(slice(0, n) for n in index.shape)]
    dim %= self.dim()
    others = [axis for axis in range(index.dim()) if axis != dim]
    if all(index.stride(axis) == 0 or index.shape[axis] == 1 for axis in others):
        # One row of indices for all, as expand makes it: a product in place of a large comparison.
        row = index.movedim(dim, 0).reshape(index.shape[dim], -1)[:, 0]
        return _scattered(self, dim, row, part, True)
    chosen = _chosen(self, dim, index)
    return self + torch.where(chosen, part.unsqueeze(dim), 0).sum(dim + 1)


def scatter_reduce(
    self: torch.Tensor,
    dim: int,
    index: torch.Tensor,
    src: torch.Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> torch.Tensor:
    """Return `self` reduced with `src` at `index`; shapes as for `scatter_add`, floating."""
    dim %= self.dim()
    if reduce == "prod":
        raise _refusal("products")
    part = src[tuple(slice(0, n) for n in index.shape)].unsqueeze(dim)
    chosen = _chosen(self, dim, index)
    if not include_self:
        kept = chosen.any(dim + 1)
    if reduce in ("sum", "mean"):
        start = self if include_self else torch.where(kept, 0.0, self)
        total = start + torch.where(chosen, part, 0.0).sum(dim + 1)
        if reduce == "sum":
            return total
        return total / (chosen.sum(dim + 1) + int(include_self)).clamp(min=1)
    end = -torch.inf if reduce == "amax" else torch.inf
    own = self if include_self else torch.where(kept, end, self)
    every = torch.cat([own.unsqueeze(dim + 1), torch.where(chosen, part, end)], dim + 1)
    return every.amax(dim + 1) if reduce == "amax" else every.amin(dim + 1)


def _chosen(value: torch.Tensor, dim: int, index: torch.Tensor) -> torch.Tensor:
    """Return which places along `dim` an index names.

    Of the shape of `value` with one dimension more, after `dim`: that of the index.
    """
    dim %= value.dim()
    expected = (*value.shape[:dim], index.shape[dim], *value.shape[dim + 1 :])
    if tuple(index.shape) != expected:
        raise _refusal("an index that leaves out a part of another dimension")
    places = torch.arange(value.shape[dim]).reshape(-1, *[1] * (value.dim() - dim))
    return places == index.unsqueeze(dim)


def _refusal(what: str) -> GraphRefused:
    return GraphRefused(
        f"it writes into a tensor by {what}, which a record graph cannot do",
        "Use torch.where with a mask, torch.cat or torch.stack; to add up by index use index_add.",
    )
