"""The rule of each operator whose parameters need no copy per record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from workbench.engine.sums.layers.conv2d import conv2d
from workbench.engine.sums.layers.embedding import embedding
from workbench.engine.sums.layers.factors import Call, Factors
from workbench.engine.sums.layers.linear import linear
from workbench.engine.sums.layers.normalization import group_norm, layer_norm

A = torch.ops.aten


@dataclass(frozen=True)
class LayerRule:
    """Tells how to find the gradients of an operator's parameters.

    Attributes
    ----------
    factors
        Gives the factors of weight and bias for one call.
    recorded, weight
        The names of the recorded input and of the weight in the operator's schema.
    """

    factors: Callable[[Call], tuple[Factors | None, Factors | None]]
    recorded: str
    weight: str = "weight"


RULES: dict[object, LayerRule] = {
    A.linear.default: LayerRule(linear, "input"),
    A.conv2d.default: LayerRule(conv2d, "input"),
    A.embedding.default: LayerRule(embedding, "indices"),
    A.layer_norm.default: LayerRule(layer_norm, "input"),
    A.group_norm.default: LayerRule(group_norm, "input"),
}
"""Operator to its rule; whatever is not here falls back to copies per record."""
