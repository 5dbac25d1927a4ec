"""Describe what is known of one tensor of a program."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workbench.engine.program.checker.values.order import is_laid

DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)


@dataclass(frozen=True)
class Place:
    """Where records lie: dimension `dim` has size ``before * records * after``."""

    dim: int
    before: int = 1
    after: int = 1


@dataclass(frozen=True)
class Value:
    """What is known of one tensor of the program.

    Attributes
    ----------
    shape, dtype
        Those of the tensor.
    place
        Where records lie; None if the tensor is public.
    same
        For a public tensor: the dimensions along which all entries are equal, and the places at
        which they do not depend on the position that a record would have.
    bounds
        Between which two numbers every entry is; none is NaN then. None if unknown.
    total
        Whether it is a sum over records.
    laid
        Whether its entries are known to lie one behind the other, in row-major order. What PyTorch
        foretells of other orders does not always hold, so nothing is concluded from it.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    place: Place | None = None
    same: frozenset[Place | int] = frozenset()
    bounds: tuple[float, float] | None = None
    total: bool = False
    laid: bool = False

    @property
    def limits(self) -> tuple[float, float] | None:
        """The bounds; for whole numbers at least those of the dtype."""
        if self.bounds is not None or self.dtype.is_floating_point:
            return self.bounds
        if self.dtype is torch.bool:
            return (0, 1)
        return (torch.iinfo(self.dtype).min, torch.iinfo(self.dtype).max)

    def is_same_at(self, place: Place) -> bool:
        """Return whether no entry depends on the position at `place`."""
        return self.shape[place.dim] == 1 or place.dim in self.same or place in self.same


def constant(tensor: torch.Tensor, records: int = 0) -> Value:
    """Return what the entries of a public tensor tell of it; also at places for so many records.

    The tensor has any shape and dtype; its value has the same.
    """
    shape = tuple(tensor.shape)
    # By their bits, which tell 0.0 from -0.0.
    bits = tensor.reshape(*shape, 1).contiguous().view(torch.uint8)
    same: set[Place | int] = {dim for dim in range(len(shape)) if _all_same(bits, dim)}
    for dim in {*range(len(shape))} - same:
        parts = shape[dim] // records if records and shape[dim] % records == 0 else 0
        for before in (n for n in range(1, parts + 1) if parts % n == 0):
            cut = (*shape[:dim], before, records, parts // before, *shape[dim + 1 :], -1)
            if _all_same(bits.reshape(cut), dim + 1):
                same.add(Place(dim, before, parts // before))
    bounds = None
    if tensor.numel() and bool(torch.isfinite(tensor).all()):
        bounds = (tensor.min().item(), tensor.max().item())
    return Value(shape, tensor.dtype, None, frozenset(same), bounds, laid=is_laid(tensor))


def _all_same(bits: torch.Tensor, dim: int) -> bool:
    """Return whether all entries along `dim` have the same bits."""
    return torch.equal(bits, bits.narrow(dim, 0, 1).expand_as(bits))
