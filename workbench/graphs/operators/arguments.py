"""What an argument of an operator may be: small classes that the table of signatures is made of.

Each says whether a value is right (`fits`) and, in words, what would be (``str``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from workbench.graphs.record_graph import TensorSpec

FLOATS = (torch.float32, torch.float64)
WHOLE = (torch.int64, torch.int32, torch.uint8)
INDICES = (torch.int64, torch.int32)
BOOL = (torch.bool,)
NUMBERS = FLOATS + WHOLE
ANY = (*NUMBERS, torch.bool)
MOST_DIMENSIONS = 8

Arguments = Mapping[str, Any]
"""The arguments of one call by name; a tensor is its `TensorSpec`."""


class Argument(Protocol):
    """What one argument may be."""

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is right, beside the other arguments."""
        ...


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def first_rank(call: Arguments) -> int:
    """Return the rank of the first tensor of a call."""
    for value in call.values():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, TensorSpec):
            return len(first.shape)
    return 0


@dataclass(frozen=True)
class Tensor:
    """A tensor with one of `dtypes` and from `least` to `most` dimensions."""

    dtypes: Sequence[torch.dtype] = FLOATS
    least: int = 0
    most: int = MOST_DIMENSIONS

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a tensor."""
        return (
            isinstance(value, TensorSpec)
            and value.dtype in self.dtypes
            and self.least <= len(value.shape) <= self.most
        )

    def __str__(self) -> str:
        kinds = " or ".join(str(dtype).removeprefix("torch.") for dtype in self.dtypes)
        ranks = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
        return f"a tensor of {kinds} with {ranks} dimensions"


@dataclass(frozen=True)
class Tensors:
    """A list of at least one tensor; `gaps` says whether some may be left out."""

    each: Tensor
    gaps: bool = False

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a list."""
        if not isinstance(value, list | tuple):
            return False
        given = [item for item in value if not (self.gaps and item is None)]
        return bool(given) and all(self.each.fits(item, call) for item in given)

    def __str__(self) -> str:
        return f"a list, each {self.each}"


@dataclass(frozen=True)
class Number:
    """A number from `least` to `most`; infinite only if these are, never NaN unless `nan`."""

    least: float = -1e30
    most: float = 1e30
    nan: bool = False

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a number."""
        if not _is_number(value):
            return False
        return self.nan if math.isnan(value) else self.least <= value <= self.most

    def __str__(self) -> str:
        if math.isinf(self.most):
            return "a number" if self.nan else "a number that is not NaN"
        return f"a number from {self.least:g} to {self.most:g}"


@dataclass(frozen=True)
class Numbers:
    """A list of `length` numbers, each of a kind."""

    each: Number
    length: int

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a list."""
        right = isinstance(value, list | tuple) and len(value) == self.length
        return right and all(self.each.fits(item, call) for item in value)

    def __str__(self) -> str:
        return f"a list of {self.length}, each {self.each}"


@dataclass(frozen=True)
class Int:
    """A whole number from `least` to `most`."""

    least: int = -(1 << 31)
    most: int = 1 << 31

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a number."""
        return _is_int(value) and self.least <= value <= self.most

    def __str__(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True)
class Ints:
    """A list of `lengths` (any, if empty) whole numbers from `least` to `most`."""

    least: int = 1
    most: int = 1 << 31
    lengths: Sequence[int] = ()

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a list."""
        if not isinstance(value, list | tuple):
            return False
        right = not self.lengths or len(value) in self.lengths
        return right and all(_is_int(n) and self.least <= n <= self.most for n in value)

    def __str__(self) -> str:
        many = " or ".join(str(n) for n in self.lengths) or "some"
        return f"a list of {many} whole numbers from {self.least} to {self.most}"


@dataclass(frozen=True)
class Axis:
    """One dimension of the call's first tensor; of a result with `more` dimensions."""

    more: int = 0

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a dimension."""
        rank = first_rank(call) + self.more
        return _is_int(value) and -rank <= value < rank

    def __str__(self) -> str:
        return "a dimension that the tensor has"


@dataclass(frozen=True)
class Axes:
    """Dimensions of the call's first tensor, each once; `all_of_none` if none stands for all."""

    all_of_none: bool = False

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a list."""
        if value is None or value == []:
            return self.all_of_none
        rank = first_rank(call)
        if not isinstance(value, list | tuple) or not all(_is_int(axis) for axis in value):
            return False
        inside = all(-rank <= axis < rank for axis in value)
        return inside and len({axis % rank for axis in value}) == len(value)

    def __str__(self) -> str:
        return "dimensions that the tensor has, each named once"


@dataclass(frozen=True)
class OneOf:
    """One of some values, of the same type."""

    values: Sequence[Any]

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is one of them."""
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(str(value).removeprefix("torch.") for value in self.values)


@dataclass(frozen=True)
class Optional:
    """Nothing, or what `kind` says."""

    kind: Argument

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is nothing, or fits."""
        return value is None or self.kind.fits(value, call)

    def __str__(self) -> str:
        return f"nothing, or {self.kind}"


@dataclass(frozen=True)
class Either:
    """What one of two kinds says."""

    first: Argument
    second: Argument

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` fits one of both."""
        return self.first.fits(value, call) or self.second.fits(value, call)

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"


@dataclass(frozen=True)
class Equation:
    """The equation of ``einsum``: letters, commas and one arrow."""

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such an equation."""
        if not isinstance(value, str) or value.count("->") > 1 or len(value) > 100:
            return False
        left, _, right = value.replace(" ", "").partition("->")
        terms = [term.replace("...", "", 1) for term in (*left.split(","), right)]
        return all(term == "" or (term.isalpha() and term.isascii()) for term in terms)

    def __str__(self) -> str:
        return "letters for dimensions, as in 'ij,jk->ik'"
