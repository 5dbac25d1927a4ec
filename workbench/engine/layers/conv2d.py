"""``aten.conv2d``: a linear map of every patch of the image, one map per group of channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from workbench.engine.layers import Call, Factors, Outer, Whole, rule


@rule(torch.ops.aten.conv2d.default, recorded="input", weight="weight")
def conv2d(call: Call) -> tuple[Factors, Factors]:
    """Return the factors of weight ``(out, in / groups, height, width)`` and bias ``(out,)``."""
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
    several = images.shape[0] // records
    right = call.gradient.reshape(records, several, outputs, -1)
    bias = Whole(right.sum((1, 3)))
    if groups > 1:
        left = patches.reshape(records, several, groups, patches.shape[1] // groups, -1)
        split = right.reshape(records, several, groups, outputs // groups, -1)
        return Whole((split @ left.mT).sum(1).reshape(records, *call.weight_shape)), bias
    left = patches.reshape(records, several, patches.shape[1], -1)
    return Outer(_positions(left), _positions(right)), bias


def _positions(values: torch.Tensor) -> torch.Tensor:
    """Return ``(records, images, width, positions)`` as ``(records, all positions, width)``."""
    return values.mT.reshape(values.shape[0], -1, values.shape[2])


def _pair(value: int | list[int]) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else value
    return (values[0], values[-1])
