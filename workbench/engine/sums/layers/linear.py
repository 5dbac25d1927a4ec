"""``aten.linear``: ``y[..., o] = sum_i x[..., i] w[o, i] + b[o]``."""

from __future__ import annotations

from workbench.engine.sums.layers.factors import Call, Factors, Outer, Whole, over_positions


def linear(call: Call) -> tuple[Factors, Factors]:
    """Return the factors of weight ``(outputs, inputs)`` and bias ``(outputs,)``."""
    outputs, inputs = call.weight_shape
    records = call.gradient.shape[0]
    right = call.gradient.reshape(records, -1, outputs)
    return Outer(call.recorded.reshape(records, -1, inputs), right), Whole(over_positions(right))
