"""``aten.linear``: ``y[..., o] = sum_i x[..., i] w[o, i] + b[o]``."""

from __future__ import annotations

import torch

from workbench.engine.contributions import Contribution, PerUnit, outer
from workbench.engine.layers import Call, rule


@rule(torch.ops.aten.linear.default, recorded="input", weight="weight")
def linear(call: Call) -> tuple[Contribution, Contribution]:
    """Return the contributions of weight ``(outputs, inputs)`` and bias ``(outputs,)``."""
    outputs, inputs = call.weight_shape
    records = call.gradient.shape[0]
    left = call.by_unit(call.recorded.reshape(records, -1, inputs))
    right = call.by_unit(call.gradient.reshape(records, -1, outputs))
    return outer(left, right), PerUnit(right.sum(1))
