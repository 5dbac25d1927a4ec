"""Axes: places in a picture for values, and tick marks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """One axis.

    Attributes
    ----------
    span
        The two ends in the picture.
    low, high
        The values at them.
    names
        Of categories, whose values are 0, 1, …
    labels
        Texts for numbers; without them round numbers are shown.
    """

    span: tuple[float, float]
    low: float
    high: float
    names: Sequence[str] = ()
    labels: Mapping[Any, Any] = field(default_factory=dict)

    def __call__(self, value: Any) -> float:
        """Return where `value` lies; what is outside lies at the edge."""
        number = self.names.index(str(value)) if self.names else float(value)
        share = (number - self.low) / (self.high - self.low)
        a, b = self.span
        return a + (b - a) * min(max(share, 0.0), 1.0)

    @property
    def step(self) -> float:
        """How much room one category, or one unit, has."""
        return abs(self.span[1] - self.span[0]) / (self.high - self.low)

    def ticks(self) -> list[tuple[Any, str]]:
        """Return the values of the tick marks and their texts."""
        if self.names:
            every = max(1, math.ceil(len(self.names) / 14))
            return [(name, name) for name in self.names[::every]]
        if self.labels:
            return [(value, str(text)) for value, text in self.labels.items()]
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(i * step, f"{i * step:.10g}") for i in range(first, last + 1)]


def category_scale(names: Sequence[str], span: tuple[float, float]) -> Scale:
    """Return a scale with equal room for each name."""
    return Scale(span, -0.5, len(names) - 0.5, names)


def number_scale(
    values: Sequence[float],
    span: tuple[float, float],
    *,
    exact: bool = False,
    labels: Mapping[Any, Any] | None = None,
) -> Scale:
    """Return a scale that holds `values`.

    Parameters
    ----------
    exact
        Whether the ends are the least and the largest value.
    labels
        Texts for some values.
    """
    low, high = min(values), max(values)
    if not exact:
        margin = (high - low) / 20 or 0.5
        low, high = low - margin if low else 0.0, high + margin
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return Scale(span, low, high, labels=labels or {})


def _round_step(wanted: float) -> float:
    size = 10 ** math.floor(math.log10(wanted))
    return float(next(step * size for step in (1, 2, 5, 10) if step * size >= wanted * 0.999))
