"""Operators that take each entry by itself."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import torch

A = torch.ops.aten

_LARGEST: dict[torch.dtype, tuple[float, float]] = {
    torch.int64: (2.0**38 - 2.0**62, 2.0**62 - 2.0**38),
    torch.int32: (-(2.0**31), 2.0**31 - 2.0**7),
    torch.uint8: (0.0, 255.0),
}
"""Ends inside of each integer type's range that are numbers of float32 too."""

_SATURATED = 50.0
"""Above, ``log(1 + exp(x))`` is ``x`` in float64 too, and ``exp(x)`` still finite in float32."""


def with_number(operator: Any) -> Any:
    """Return the operator that takes a Python number instead, where it is given one."""

    def chosen(x: torch.Tensor, other: Any, *rest: Any, **named: Any) -> torch.Tensor:
        overload = operator.Tensor if isinstance(other, torch.Tensor) else operator.Scalar
        return overload(x, other, *rest, **named)

    return chosen


def converted(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return `x` as `dtype`; floats that an integer type cannot hold as its end, NaN as 0.

    What a processor makes of those differs between one entry and eight at a time.
    """
    if x.is_floating_point() and dtype is torch.bool:
        return A.ne.Scalar(x, 0)
    if x.is_floating_point() and dtype in _LARGEST:
        x = x.detach().nan_to_num(0.0).clamp(*_LARGEST[dtype])
    return A._to_copy.default(x, dtype=dtype)


def to_copy(x: torch.Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> torch.Tensor:
    """``aten._to_copy``."""
    return converted(x, x.dtype if dtype is None else dtype)


def to_dtype(x: torch.Tensor, dtype: torch.dtype, *_: Any, **__: Any) -> torch.Tensor:
    """``aten.to.dtype``."""
    return x if x.dtype is dtype else converted(x, dtype)


def type_as(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """``aten.type_as``."""
    return to_dtype(x, other.dtype)


def sgn(x: torch.Tensor) -> torch.Tensor:
    """``aten.sgn``, whose gradient is zero."""
    return A.sgn.default(x.detach())


def clamp(x: torch.Tensor, min: Any = None, max: Any = None) -> torch.Tensor:
    """``aten.clamp`` with numbers; of crossed bounds, `max` holds."""
    if not x.is_floating_point():
        return A.clamp.default(x, min, max)
    if min is not None:
        x = A.clamp_min.default(x, min)
    return x if max is None else A.clamp_max.default(x, max)


def _extreme(larger: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return `x` where it is the `larger` or the smaller, as asked; of two equal ones the middle.

    So both get half of the gradient. What is neither equal nor ordered is NaN, as the sum is.
    """
    other = larger.logical_not() & x.ne(y) & x.eq(x) & y.eq(y)
    ordered = torch.where(larger, x, torch.where(other, y, x + y))
    middle = A.mul.Scalar(x, 0.5) + A.mul.Scalar(y, 0.5)
    return torch.where(x == y, middle, ordered)


def maximum(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.maximum``."""
    if not (x.is_floating_point() and y.is_floating_point()):
        return A.maximum.default(x, y)
    return _extreme(x > y, x, y)


def minimum(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.minimum``."""
    if not (x.is_floating_point() and y.is_floating_point()):
        return A.minimum.default(x, y)
    return _extreme(x < y, x, y)


def fmax(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.fmax``: the larger one; what is not NaN, if one is."""
    return torch.where((x >= y) | y.isnan(), x, y)


def fmin(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``aten.fmin``: the smaller one; what is not NaN, if one is."""
    return torch.where((x <= y) | y.isnan(), x, y)


def rsub(x: torch.Tensor, other: torch.Tensor, *, alpha: float = 1) -> torch.Tensor:
    """``aten.rsub.Tensor``: ``other - alpha * x``."""
    return A.sub.Tensor(other, x, alpha=alpha)


def lerp(start: torch.Tensor, end: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``aten.lerp.Tensor``, from whichever end is nearer."""
    step = end - start
    near = start + weight * step
    far = end - step * A.rsub.Scalar(weight, 1)
    return torch.where(weight.abs() < 0.5, near, far)


def addcdiv(
    x: torch.Tensor, first: torch.Tensor, second: torch.Tensor, *, value: float = 1
) -> torch.Tensor:
    """``aten.addcdiv``: ``x + value * first / second``."""
    return x + A.div.Tensor(A.mul.Scalar(first, value), second)


def masked_fill(x: torch.Tensor, mask: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """``aten.masked_fill.Tensor`` with a `value` of shape ()."""
    return torch.where(mask, to_dtype(value, x.dtype), x)


def log_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """``aten.log_sigmoid``: ``-log(1 + exp(-x))``."""
    return A.neg.default(A.softplus.default(A.neg.default(x), 1, _SATURATED))


def celu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """``aten.celu``."""
    return A.elu.default(x, alpha, 1.0, 1.0 / alpha)


def prelu(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``aten.prelu``: one slope, or one for each channel (the second axis)."""
    if weight.dim() == 1 and x.dim() > 1:
        weight = weight.reshape(-1, *[1] * (x.dim() - 2))
    elif weight.dim() == 1:
        weight = weight.reshape([1] * x.dim())
    above = x > 0
    return torch.where(above, x, weight * torch.where(above, A.zeros_like.default(x), x))


def glu(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """``aten.glu``: half of `dim`, times the sigmoid of the other half."""
    first, second = A.split.Tensor(x, x.shape[dim] // 2, dim)
    return first * second.sigmoid()
