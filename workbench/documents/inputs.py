"""What a record graph takes: columns of the record, and random numbers drawn for each record."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

MAX_NOISE_NUMBERS = 1 << 20
"""How many random numbers one record may take in one step, all inputs together."""

_SIZES = r"([1-9][0-9]{0,6}(x[1-9][0-9]{0,6}){0,7})?"
_INDEX = r"(0|[1-9][0-9]{0,2})"
_NOISE = re.compile(rf"noise:{_INDEX}:{_SIZES}")

GraphInput = Annotated[
    str, StringConstraints(pattern=rf"^([A-Za-z_][A-Za-z0-9_]{{0,127}}|noise:{_INDEX}:{_SIZES})$")
]
"""A column's name, or ``noise:<index>:<sizes>`` such as ``noise:0:16x3``: no column has a colon."""


@dataclass(frozen=True)
class NoiseInput:
    """Standard normal numbers, drawn afresh for each record in each step.

    Attributes
    ----------
    index
        Which draw of the function it is, from 0.
    shape
        For one record.
    """

    index: int
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """How a request names it."""
        return f"noise:{self.index}:{'x'.join(map(str, self.shape))}"

    @property
    def numbers(self) -> int:
        """How many numbers one record takes."""
        return math.prod(self.shape)

    @classmethod
    def parse(cls, name: str) -> NoiseInput | None:
        """Return the input called `name`, or None if that is a column's name."""
        if not _NOISE.fullmatch(name):
            return None
        _, index, sizes = name.split(":")
        return cls(int(index), tuple(int(size) for size in sizes.split("x") if size))


def noise_numbers(inputs: Iterable[str]) -> int:
    """Return how many random numbers one record takes in one step."""
    parsed = (NoiseInput.parse(name) for name in inputs)
    return sum(noise.numbers for noise in parsed if noise is not None)
