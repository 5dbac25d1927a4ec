"""``aten.embedding``: ``y[...] = w[indices[...]]``."""

from __future__ import annotations

import torch

from workbench.engine.sums.layers.factors import Call, Factors, Lookup


def embedding(call: Call) -> tuple[Factors, None]:
    """Return the factors of the table ``(rows, width)``; there is no bias."""
    rows, width = call.weight_shape
    records = call.gradient.shape[0]
    indices = call.recorded.reshape(records, -1).clamp(0, rows - 1)
    gradients = call.gradient.reshape(records, -1, width)
    padding = call.args.get("padding_idx", -1)
    if padding >= 0:
        here = (indices == padding).unsqueeze(2)
        gradients = torch.where(here, gradients.new_zeros(()), gradients)
    return Lookup(indices, gradients), None
