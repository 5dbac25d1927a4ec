"""One file per operator whose parameters need no gradient per record, registered by operator.

A rule takes what the operator was called with and the gradient of the loss with respect to its
output, and returns the contributions of its weight and its bias. Whatever has no rule falls back
to gradients per record, which is always right and only slower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from workbench.engine.contributions import Contribution


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
    per_unit
        How many consecutive records make one privacy unit.
    """

    args: dict[str, Any]
    weight_shape: tuple[int, ...]
    recorded: torch.Tensor
    gradient: torch.Tensor
    per_unit: int

    def by_unit(self, values: torch.Tensor) -> torch.Tensor:
        """Fold ``(records, positions, width)`` into ``(units, per_unit * positions, width)``."""
        return values.reshape(-1, self.per_unit * values.shape[1], values.shape[2])


Rule = Callable[[Call], tuple[Contribution, Contribution]]

RULES: dict[object, tuple[Rule, str, str]] = {}
"""Operator to its rule and the schema names of the recorded input and the weight."""


def rule(operator: object, recorded: str, weight: str) -> Callable[[Rule], Rule]:
    """Register a rule for `operator`."""

    def register(function: Rule) -> Rule:
        RULES[operator] = (function, recorded, weight)
        return function

    return register
