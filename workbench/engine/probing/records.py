"""Draw made-up records: ordinary ones, and hostile ones that no schema allows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from workbench.graphs.record_graph import TensorSpec

Bounds = Sequence[tuple[float, float]]
Parameters = Mapping[str, torch.Tensor]
"""Parameter name to value: float32, each of its parameter's shape."""
_MAX = torch.finfo(torch.float32).max
_INTEGERS = torch.iinfo(torch.int64)


@dataclass(frozen=True)
class Kind:
    """Says how a made-up record looks.

    Attributes
    ----------
    name
        In words.
    number, index
        What its entries are, where they are not ordinary: a float, and an index of a category,
        each a number or ``lower`` or ``upper`` for a bound.
    share
        Which share of its entries.
    """

    name: str
    number: float | str = 0.0
    index: int | str = "lower"
    share: float = 1.0


TAME = (
    Kind("an ordinary record", share=0.0),
    Kind("zeros", 0.0),
    Kind("an ordinary record", share=0.0),
    Kind("zeros of negative sign", -0.0),
    Kind("subnormal numbers", 1e-40),
    Kind("upper bounds", "upper", "upper"),
    Kind("some zeros of negative sign", -0.0, share=0.3),
    Kind("lower bounds", "lower", "lower"),
    Kind("some subnormal numbers", -1e-40, share=0.3),
    Kind("an ordinary record", share=0.0),
    Kind("some zeros", 0.0, share=0.3),
)
_EXTREMES: tuple[tuple[str, float, int | str], ...] = (
    ("NaN", math.nan, "beyond"),
    ("infinity", math.inf, _INTEGERS.max),
    ("huge numbers", 1e30, 1 << 62),
    ("negative infinity", -math.inf, _INTEGERS.min),
    ("huge negative numbers", -1e30, -(1 << 31)),
    ("the largest numbers", _MAX, -1),
)
HOSTILE = (
    *(Kind(f"some of {name}", number, index, 0.3) for name, number, index in _EXTREMES),
    *(Kind(name, number, index) for name, number, index in _EXTREMES),
)


class Drawn:
    """Draws made-up records.

    Shapes and dtypes: records have those of `specs`, behind one more axis; parameters are float32.

    Parameters
    ----------
    specs
        Shape and dtype of each input of one record.
    bounds
        For each input its smallest and largest number.
    generator
        Gives the random numbers.
    """

    def __init__(
        self, specs: Sequence[TensorSpec], bounds: Bounds, generator: torch.Generator
    ) -> None:
        self.specs, self.bounds, self.generator = specs, bounds, generator

    def records(self, kinds: Sequence[Kind]) -> tuple[torch.Tensor, ...]:
        """Return one record of each kind as columns, each of shape ``(len(kinds), *shape)``."""
        return tuple(
            self._column(spec, lower, upper, kinds)
            for spec, (lower, upper) in zip(self.specs, self.bounds, strict=True)
        )

    def _column(
        self, spec: TensorSpec, lower: float, upper: float, kinds: Sequence[Kind]
    ) -> torch.Tensor:
        shape = (len(kinds), *spec.shape)
        ends = {"lower": lower, "upper": upper, "beyond": upper + 1}
        floating = spec.dtype.is_floating_point
        uniform = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        if floating:
            ordinary = lower + (upper - lower) * uniform
        else:
            ordinary = torch.floor(lower + (upper + 1 - lower) * uniform).clamp_(lower, upper)
        wanted = [kind.number if floating else kind.index for kind in kinds]
        numbers = [ends[one] if isinstance(one, str) else one for one in wanted]
        # Whole numbers up to 64 bits do not fit through a float64.
        special = torch.tensor(numbers if floating else [int(n) for n in numbers], dtype=spec.dtype)
        across = (len(kinds), *[1] * len(spec.shape))
        shares = torch.tensor([kind.share for kind in kinds]).reshape(across)
        there = torch.rand(shape, generator=self.generator) < shares
        return torch.where(there, special.reshape(across), ordinary.to(spec.dtype))

    def near(self, parameters: Parameters) -> dict[str, torch.Tensor]:
        """Return other parameters: each moved by half of its usual size, or of 0.1 if it is 0.

        float32, of the same shapes.
        """
        found = {}
        for name, value in parameters.items():
            size = float(value.double().square().mean().sqrt()) or 0.1
            moves = torch.randn(value.shape, generator=self.generator)
            found[name] = value + 0.5 * size * moves
        return found

    def permutation(self, count: int) -> torch.Tensor:
        """Return the numbers below `count` in some order: int64 of shape ``(count,)``."""
        return torch.randperm(count, generator=self.generator)
