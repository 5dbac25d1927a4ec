"""Products with vectors as products with matrices, and convolutions with weights of one's own."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch._C._functorch import is_batchedtensor

from workbench.engine.program.lowered.shapes import constant_pad_nd

A = torch.ops.aten


def dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.dot``."""
    return A.sum.dim_IntList(x * y, [0])


def mv(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """``aten.mv``."""
    return A.mm.default(matrix, vector.unsqueeze(1)).squeeze(1)


def addmv(
    x: torch.Tensor,
    matrix: torch.Tensor,
    vector: torch.Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
) -> torch.Tensor:
    """``aten.addmv``: ``beta * x + alpha * (matrix @ vector)``."""
    return A.add.Tensor(A.mul.Scalar(x, beta), mv(matrix, vector), alpha=alpha)


def matmul(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.matmul``."""
    if x.dim() == 1 and y.dim() == 1:
        return dot(x, y)
    if x.dim() == 1:
        return A.matmul.default(x.unsqueeze(0), y).squeeze(-2)
    if y.dim() == 1:
        return A.matmul.default(x, y.unsqueeze(1)).squeeze(-1)
    return A.matmul.default(x, y)


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """``aten.linear``; the usual case, vectors of records and weights for all, as it is."""
    if x.dim() == 1 and (is_batchedtensor(weight) or not is_batchedtensor(x)):
        return A.linear.default(x.unsqueeze(0), weight, bias).squeeze(0)
    return A.linear.default(x, weight, bias)


def _each(numbers: Sequence[int], space: int) -> list[int]:
    return list(numbers) * (space if len(numbers) == 1 else 1)


def convolved(operator: Any) -> Any:
    """Return a convolution whose batched form is right whatever each record has of its own.

    An input without a batch of images gets one: else records could be taken for it. One input for
    all and weights for each would be laid across each other: so each record gets the input. One
    number for several axes would put a bias to the wrong one. An image gets a margin of its own
    where a window lies in the margin alone: there PyTorch reads what is not the image's.
    """

    def layer(
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Sequence[int] = (1,),
        padding: Sequence[int] | str = (0,),
        dilation: Sequence[int] = (1,),
        groups: int = 1,
    ) -> torch.Tensor:
        space = weight.dim() - 2
        margins = padding if isinstance(padding, str) else _each(padding, space)
        if is_batchedtensor(weight) and not is_batchedtensor(x):
            x = x + A.new_zeros.default(weight, x.shape)
        steps = _each(dilation, space)
        if not isinstance(margins, str):
            x, margins = with_margins(x, weight.shape[2:], margins, steps)
        single = x.dim() == space + 1
        batch = x.unsqueeze(0) if single else x
        found = operator(batch, weight, bias, _each(stride, space), margins, steps, groups)
        return found.squeeze(0) if single else found

    return layer


def with_margins(
    x: torch.Tensor, kernel: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[torch.Tensor, list[int]]:
    """Return an image and the padding that is left, so that each window has some of the image."""
    most = _reach(kernel, dilation)
    left = [min(wanted, reach) for wanted, reach in zip(padding, most, strict=True)]
    beyond = [wanted - kept for wanted, kept in zip(padding, left, strict=True)]
    return constant_pad_nd(x, [more for more in reversed(beyond) for _ in range(2)]), left


def _reach(kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Return how many entries a window has beside its first, for each of its axes."""
    return [step * (size - 1) for step, size in zip(dilation, kernel, strict=True)]


def _plain(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> torch.Tensor:
    ends = [0] * len(stride)
    return A.convolution.default(x, weight, bias, stride, padding, dilation, False, ends, groups)


def convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> torch.Tensor:
    """``aten.convolution``, of which the transposed form may be `_transposed`."""
    space = weight.dim() - 2
    stride, padding, dilation, ends = (
        _each(given, space) for given in (stride, padding, dilation, output_padding)
    )
    if not transposed:
        return convolved(_plain)(x, weight, bias, stride, padding, dilation, groups)
    reach = _reach(weight.shape[2:], dilation)
    beside = any(margin > most for margin, most in zip(padding, reach, strict=True))
    if is_batchedtensor(weight) or beside:
        x = _spread(x, weight, stride, padding, dilation, ends)
        weight = _turned(weight, groups)
        ones, zeros = [1] * space, [0] * space
        return A.convolution.default(x, weight, bias, ones, zeros, dilation, False, zeros, groups)
    return A.convolution.default(x, weight, bias, stride, padding, dilation, True, ends, groups)


def conv_transpose(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> torch.Tensor:
    """``aten.conv_transpose2d`` (and 1d, 3d)."""
    space = weight.dim() - 2
    single = x.dim() == space + 1
    batch = x.unsqueeze(0) if single else x
    found = convolution(
        batch, weight, bias, stride, padding, dilation, True, output_padding, groups
    )
    return found.squeeze(0) if single else found


def _spread(
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> torch.Tensor:
    """Return the input between whose entries lie zeros, so that a plain convolution is left."""
    amounts: list[int] = []
    for axis, step in enumerate(stride, start=2):
        if step > 1:
            gaps = [0] * (2 * (x.dim() - axis) - 1) + [step - 1]
            shape = [*x.shape]
            shape[axis] *= step
            x = A.constant_pad_nd.default(x.unsqueeze(axis + 1), gaps).reshape(shape)
        reach = _reach(weight.shape[2:], dilation)[axis - 2] - padding[axis - 2]
        amounts = [reach, reach + output_padding[axis - 2] - (step - 1), *amounts]
    return constant_pad_nd(x, amounts)


def _turned(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Return the weight ``(in, out / groups, ...)`` as ``(out, in / groups, ...)``, reversed."""
    inner, outer, *kernel = weight.shape
    weight = A.flip.default(weight, list(range(2, weight.dim())))
    parts = weight.reshape(groups, inner // groups, outer, *kernel).transpose(1, 2)
    return parts.reshape(groups * outer, inner // groups, *kernel)
