"""``aten.conv2d``: a linear map of every patch of the image, one map per group of channels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from workbench.engine.program.lowered.products import with_margins
from workbench.engine.sums.contributions.forms import MATERIALISED
from workbench.engine.sums.layers.factors import Call, Factors, Outer, Whole


def conv2d(call: Call) -> tuple[Factors, Factors]:
    """Return the factors of weight ``(out, in / groups, height, width)`` and bias ``(out,)``."""
    outputs, inputs, *kernel = call.weight_shape
    groups = call.args.get("groups", 1)
    stride, padding, dilation = (
        _pair(call.args.get(name, default))
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    image, margins = with_margins(call.recorded, kernel, padding, dilation)
    records = image.shape[0]
    # (records, images of one record, channels, height, width)
    left = image.reshape(records, -1, *image.shape[-3:])
    right = call.gradient.reshape(records, left.shape[1], *call.gradient.shape[-3:])
    bias = Whole(right.sum((1, 3, 4)))
    if (kernel, margins, groups) == ([1, 1], [0, 0], 1):
        seen = left[..., :: stride[0], :: stride[1]]
        return Outer(_positions(seen.flatten(3)), _positions(right.flatten(3))), bias
    if groups == 1 and outputs * inputs * kernel[0] * kernel[1] > MATERIALISED:
        around = F.pad(left, (margins[1], margins[1], margins[0], margins[0]))
        patches = _patches(around, kernel, right.shape[3:], stride, dilation)
        return Outer(_positions(patches), _positions(right.flatten(3))), bias
    # One convolution in which each record is a group of channels, and its images are the batch.
    gradient = torch.ops.aten.convolution_backward.default(
        right.transpose(0, 1).flatten(1, 2),
        left.transpose(0, 1).flatten(1, 2),
        # Only its shape counts.
        left.new_zeros((records * outputs, inputs, *kernel)),
        None,
        stride,
        margins,
        dilation,
        False,
        (0, 0),
        records * groups,
        (False, True, False),
    )[1]
    return Whole(gradient.reshape(records, *call.weight_shape)), bias


def _patches(
    image: torch.Tensor,
    kernel: Sequence[int],
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> torch.Tensor:
    """Return what the kernel sees at each position.

    Of images ``(records, images, channels, height, width)`` it is ``(records, images, channels *
    height * width of the kernel, positions)``.
    """
    seen = []
    for row, column in itertools.product(range(kernel[0]), range(kernel[1])):
        first = (row * dilation[0], column * dilation[1])
        rows, columns = (
            slice(start, start + step * (count - 1) + 1, step)
            for start, step, count in zip(first, stride, size, strict=True)
        )
        seen.append(image[..., rows, columns])
    return torch.stack(seen, 3).flatten(4).flatten(2, 3)


def _positions(values: torch.Tensor) -> torch.Tensor:
    """Return ``(records, images, width, positions)`` as ``(records, all positions, width)``."""
    return values.mT.reshape(values.shape[0], -1, values.shape[2])


def _pair(value: int | list[int]) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else value
    return (values[0], values[-1])
