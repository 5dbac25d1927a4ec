"""Relations of the arguments of convolutions, pooling and enlarging."""

from __future__ import annotations

import math
from collections.abc import Sequence

from workbench.graphs.operators.arguments.base import Arguments, Relation


def convolved(call: Arguments) -> str | None:
    """Check that a convolution's channels, groups and sizes fit."""
    transposed = call.get("transposed", "output_padding" in call)
    value, weight, bias = call["input"], call["weight"], call["bias"]
    space, groups = len(weight.shape) - 2, call["groups"]
    if len(value.shape) not in (space + 1, space + 2):
        return (
            f"'input' has {len(value.shape)} dimensions; it has to have {space + 1} or {space + 2}"
        )
    first, second, *kernel = weight.shape
    channels, *sizes = value.shape[-space - 1 :]
    given, made = (first, second * groups) if transposed else (second * groups, first)
    if channels != given:
        return f"'input' has {channels} channels; 'weight' and 'groups' need {given}"
    if first % groups:
        return f"'groups' is {groups}; it has to divide {first}"
    if bias is not None and bias.shape != (made,):
        return f"'bias' has shape {bias.shape}; it has to be {(made,)}"
    padding = call["padding"]
    if isinstance(padding, str):
        if padding == "same" and set(call["stride"]) != {1}:
            return "'stride' has to be 1 with padding 'same'"
        return None if padding == "same" else _windows(sizes, kernel, call["dilation"], [0])
    if transposed:
        return _transposed(call, space)
    return _windows(sizes, kernel, call["dilation"], padding)


def _transposed(call: Arguments, space: int) -> str | None:
    stride, dilation, extra = (
        _each(call[name], space) for name in ("stride", "dilation", "output_padding")
    )
    if all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        return None
    return "'output_padding' has to be less than 'stride' or 'dilation'"


def _each(values: Sequence[int], count: int) -> Sequence[int]:
    return list(values) * count if len(values) == 1 else values


def _windows(
    sizes: Sequence[int], kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int]
) -> str | None:
    dilation, padding = _each(dilation, len(sizes)), _each(padding, len(sizes))
    for size, width, step, margin in zip(sizes, kernel, dilation, padding, strict=True):
        reach = step * (width - 1) + 1
        if reach > size + 2 * margin:
            return f"the kernel reaches over {reach} entries; there are {size + 2 * margin}"
    return None


def pooled(space: int) -> Relation:
    """Check that a pooling's windows fit."""

    def relation(call: Arguments) -> str | None:
        sizes = call["self"].shape[-space:]
        kernel, padding = _each(call["kernel_size"], space), _each(call["padding"], space)
        if any(2 * margin > width for margin, width in zip(padding, kernel, strict=True)):
            return "'padding' has to be at most half of 'kernel_size'"
        return _windows(sizes, kernel, call.get("dilation") or [1], padding)

    return relation


def enlarged(call: Arguments) -> str | None:
    """Check that the scales of ``upsample_nearest2d`` are those of its sizes."""
    sizes = (call["self"] if "self" in call else call["input"]).shape[-2:]
    out = call["output_size"]
    if "scale_factors" in call:
        scales = call["scale_factors"]
        if (out is None) == (scales is None):
            return "one of 'output_size' and 'scale_factors' has to be given"
    else:
        scales = (call["scales_h"], call["scales_w"])
        for size, scale, wanted in zip(sizes, scales, out, strict=True):
            if scale is not None and math.floor(size * scale) != wanted:
                return f"a scale of {scale} makes {size} no {wanted}"
    for size, scale in zip(sizes, scales or (), strict=False):
        if scale is not None and math.floor(size * scale) < 1:
            return f"a scale of {scale} leaves nothing of {size}"
    return None
