"""The factors of a parameter's gradients, and what each unit adds from them.

Shapes and dtypes: gradients and inputs are float32, indices int64; the first axis is the record,
and which follow, each class says. `present` is bool, ``(records,)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from workbench.engine.sums.contributions.forms import Contribution, PerUnit, Rows, outer, selected


@dataclass(frozen=True)
class Call:
    """One call of an operator for a batch of records.

    Attributes
    ----------
    args
        Its arguments by schema name, without tensors that depend on the record.
    weight_shape
        The shape of the weight.
    recorded
        The input (or the indices), shape ``(records, *shape)``.
    gradient
        The gradient of the loss with respect to the output, ``(records, *output shape)``.
    """

    args: dict[str, Any]
    weight_shape: tuple[int, ...]
    recorded: torch.Tensor
    gradient: torch.Tensor


@dataclass(frozen=True)
class Outer:
    """The gradient is ``sum_t outer(right[t], left[t])``, then reshaped to the weight's shape.

    `left` has shape ``(records, positions, inputs)``, `right` ``(records, positions, outputs)``.
    """

    left: torch.Tensor
    right: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """What it is made of, in order."""
        return (self.left, self.right)

    def kept(self, present: torch.Tensor) -> Outer:
        """Return it with zeros for the records that are not present."""
        return Outer(selected(self.left, present), selected(self.right, present))


@dataclass(frozen=True)
class Lookup:
    """The gradient adds ``gradients[t]`` to row ``indices[t]`` of a table.

    `indices` has shape ``(records, positions)``, `gradients` ``(records, positions, width)``.
    """

    indices: torch.Tensor
    gradients: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """What it is made of, in order."""
        return (self.indices, self.gradients)

    def kept(self, present: torch.Tensor) -> Lookup:
        """Return it with zeros for the records that are not present."""
        return Lookup(self.indices, selected(self.gradients, present))


@dataclass(frozen=True)
class Whole:
    """The gradient itself: ``(records, *shape)``."""

    gradient: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """What it is made of, in order."""
        return (self.gradient,)

    def kept(self, present: torch.Tensor) -> Whole:
        """Return it with zeros for the records that are not present."""
        return Whole(selected(self.gradient, present))


Factors = Outer | Lookup | Whole


def contribution(uses: list[Factors], shape: tuple[int, ...], per_unit: int) -> Contribution:
    """Return what each unit adds to one parameter, over all of its uses.

    Parameters
    ----------
    uses
        The factors of each use: a parameter that is used again at other positions has more
        positions, and so gets its cross terms. Where the whole gradient of one use is there, those
        of the others are made.
    shape
        The parameter's shape.
    per_unit
        How many consecutive records make one privacy unit.
    """
    if any(isinstance(use, Whole) for use in uses):
        uses = [_whole(use, shape) for use in uses]
    first = uses[0]
    if isinstance(first, Outer):
        left, right = (_together(uses, side, per_unit) for side in ("left", "right"))
        return outer(left, right)
    if isinstance(first, Lookup):
        indices, gradients = (_together(uses, part, per_unit) for part in ("indices", "gradients"))
        return Rows(indices, gradients, shape[0])
    total = sum_of([use.gradient for use in uses if isinstance(use, Whole)])
    # A single number is a list of one.
    parts = total.reshape(-1, per_unit, *(shape or (1,)))
    return PerUnit(parts.sum(1) if per_unit > 1 else parts.squeeze(1))


def _whole(use: Factors, shape: tuple[int, ...]) -> Factors:
    # ``(records, positions, out)`` and ``(records, positions, in)`` to ``(records, *shape)``.
    if not isinstance(use, Outer):
        return use
    return Whole((use.right.mT @ use.left).reshape(-1, *shape))


def sum_of(values: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum of tensors of one shape."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _together(uses: list[Factors], part: str, per_unit: int) -> torch.Tensor:
    """Return a part of all uses as ``(units, per_unit * all positions, ...)``."""
    values = [getattr(use, part) for use in uses]
    joined: torch.Tensor = values[0] if len(values) == 1 else torch.cat(values, 1)
    if per_unit == 1:
        return joined
    return joined.reshape(-1, per_unit * joined.shape[1], *joined.shape[2:])


def over_positions(gradient: torch.Tensor) -> torch.Tensor:
    """Return ``(records, positions, ...)`` summed over the positions."""
    return gradient.squeeze(1) if gradient.shape[1] == 1 else gradient.sum(1)
