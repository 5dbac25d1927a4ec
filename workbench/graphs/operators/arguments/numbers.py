"""Arguments that are numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.graphs.operators.arguments.base import Arguments


def is_int(value: Any) -> bool:
    """Return whether a value is a whole number, and no truth value."""
    return type(value) is int


def _is_number(value: Any) -> bool:
    """Return whether a value is a plain number, and no truth value."""
    return type(value) in (int, float)


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
        return is_int(value) and self.least <= value <= self.most

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
        return right and all(is_int(n) and self.least <= n <= self.most for n in value)

    def __str__(self) -> str:
        many = " or ".join(str(n) for n in self.lengths) or "some"
        return f"a list of {many} whole numbers from {self.least} to {self.most}"
