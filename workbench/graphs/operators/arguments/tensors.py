"""Arguments that are tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workbench.graphs.operators.arguments.base import FLOATS, MOST_DIMENSIONS, Arguments
from workbench.graphs.record_graph import TensorSpec


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
