"""``aten.layer_norm`` and ``aten.group_norm``: ``y = normalized(x) * w + b``."""

from __future__ import annotations

import torch.nn.functional as F

from workbench.engine.sums.layers.factors import Call, Factors, Whole, over_positions


def layer_norm(call: Call) -> tuple[Factors, Factors]:
    """Return the gradients of weight and bias, both of the normalized shape."""
    shape = call.args["normalized_shape"]
    records = call.gradient.shape[0]
    normalized = F.layer_norm(call.recorded, shape, eps=call.args.get("eps", 1e-5))
    weight = over_positions((normalized * call.gradient).reshape(records, -1, *shape))
    return Whole(weight), Whole(over_positions(call.gradient.reshape(records, -1, *shape)))


def group_norm(call: Call) -> tuple[Factors, Factors]:
    """Return the gradients of weight and bias, both ``(channels,)``.

    The recorded input is ``(records, images, channels, ...)``.
    """
    records, images, channels = call.recorded.shape[:3]
    flat = call.recorded.reshape(records * images, channels, -1)
    normalized = F.group_norm(flat, call.args["num_groups"], eps=call.args.get("eps", 1e-5))
    gradient = call.gradient.reshape(records, images, channels, -1)
    weight = (normalized.reshape(gradient.shape) * gradient).sum((1, 3))
    return Whole(weight), Whole(gradient.sum((1, 3)))
