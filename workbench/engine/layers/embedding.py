"""``aten.embedding``: ``y[...] = w[indices[...]]``."""

from __future__ import annotations

import torch

from workbench.engine.contributions import Contribution, PerUnit, Rows
from workbench.engine.layers import Call, rule


@rule(torch.ops.aten.embedding.default, recorded="indices", weight="weight")
def embedding(call: Call) -> tuple[Contribution, Contribution]:
    """Return the contribution of the table ``(rows, width)``; there is no bias."""
    rows, width = call.weight_shape
    records = call.gradient.shape[0]
    indices = call.recorded.reshape(records, -1, 1).clamp(0, rows - 1)
    gradient = call.gradient.reshape(records, -1, width)
    padding = call.args.get("padding_idx", -1)
    if padding >= 0:
        gradient = torch.where(indices == padding, torch.zeros(()), gradient)
    contribution = Rows(call.by_unit(indices).squeeze(2), call.by_unit(gradient), rows)
    return contribution, PerUnit(gradient.new_zeros((contribution.indices.shape[0], 0)))
