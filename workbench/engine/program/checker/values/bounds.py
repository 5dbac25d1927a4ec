"""Find between which two numbers the entries of a result are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from workbench.engine.program.checker.values.value import Value


def bounded(value: Value, low: float, high: float) -> Value:
    """Return `value` with bounds, as its dtype holds them: rounding keeps the order of numbers.

    Nothing is known of whole numbers of which some are out of the dtype's range: they wrap around.
    """
    if value.dtype.is_floating_point:
        # Rounded once, as operators do it.
        ends = [
            torch.tensor(e, dtype=torch.int64 if isinstance(e, int) else torch.float64)
            for e in (low, high)
        ]
        first, last = (end.to(value.dtype).item() for end in ends)
        return replace(value, bounds=(first, last))
    most = replace(value, bounds=None).limits
    if most is None or not (most[0] <= low and high <= most[1]):
        return replace(value, bounds=None)
    return replace(value, bounds=(math.floor(low), math.ceil(high)))


def bounds_together(values: Sequence[Any]) -> tuple[float, float] | None:
    """Return the smallest and the largest number that the values can hold; None if unknown."""
    ends = [v.limits if isinstance(v, Value) else (v, v) for v in values]
    if any(end is None or math.isnan(end[0]) for end in ends):
        return None
    return min(end[0] for end in ends), max(end[1] for end in ends)  # type: ignore[index]


def is_whole(number: Any) -> bool:
    """Return whether a plain number is an integer (a truth value counts as one)."""
    return isinstance(number, int)
