"""Arguments that name dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.graphs.operators.arguments.base import Arguments
from workbench.graphs.operators.arguments.numbers import is_int
from workbench.graphs.record_graph import TensorSpec


def first_rank(call: Arguments) -> int:
    """Return the rank of the first tensor of a call."""
    for value in call.values():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, TensorSpec):
            return len(first.shape)
    return 0


@dataclass(frozen=True)
class Axis:
    """One dimension of the call's first tensor; of a result with `more` dimensions."""

    more: int = 0

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such a dimension."""
        rank = first_rank(call) + self.more
        return is_int(value) and -rank <= value < rank

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
        if not isinstance(value, list | tuple) or not all(is_int(axis) for axis in value):
            return False
        inside = all(-rank <= axis < rank for axis in value)
        return inside and len({axis % rank for axis in value}) == len(value)

    def __str__(self) -> str:
        return "dimensions that the tensor has, each named once"
