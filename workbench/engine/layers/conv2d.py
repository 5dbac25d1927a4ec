"""``aten.conv2d``: a linear map of every patch of the image, one map per group of channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from workbench.engine.contributions import Contribution, PerUnit, Reshaped, outer
from workbench.engine.layers import Call, rule


@dataclass(frozen=True)
class Stacked:
    """Contributions side by side along the first axis of the gradient: one per group."""

    parts: tuple[Contribution, ...]

    def squared_norms(self) -> torch.Tensor:
        """See `Contribution`."""
        return torch.stack([part.squared_norms() for part in self.parts]).sum(0)

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Contribution`."""
        return torch.cat([part.weighted_sum(weights) for part in self.parts])


@rule(torch.ops.aten.conv2d.default, recorded="input", weight="weight")
def conv2d(call: Call) -> tuple[Contribution, Contribution]:
    """Return the contributions of weight ``(out, in / groups, height, width)`` and bias."""
    outputs, _, *kernel = call.weight_shape
    groups = call.args.get("groups", 1)
    records = call.gradient.shape[0]
    images = call.recorded.reshape(-1, *call.recorded.shape[-3:])
    # (images, channels * height * width of the kernel, positions)
    patches = F.unfold(
        images,
        tuple(kernel),
        dilation=_pair(call.args.get("dilation", 1)),
        padding=_pair(call.args.get("padding", 0)),
        stride=_pair(call.args.get("stride", 1)),
    )
    left = patches.mT.reshape(records, -1, patches.shape[1])
    gradient = call.gradient.reshape(images.shape[0], outputs, -1)
    right = gradient.mT.reshape(records, -1, outputs)
    pairs = zip(left.chunk(groups, 2), right.chunk(groups, 2), strict=True)
    parts = tuple(outer(call.by_unit(a), call.by_unit(g)) for a, g in pairs)
    weight = Reshaped(parts[0] if groups == 1 else Stacked(parts), call.weight_shape)
    return weight, PerUnit(call.by_unit(right).sum(1))


def _pair(value: int | list[int]) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else value
    return (values[0], values[-1])
