"""Operators that reduce, sort or accumulate, along axes of the record that are always named."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from workbench.engine.program.lowered.pointwise import to_dtype

A = torch.ops.aten
Dims = int | Sequence[int] | None


def axes(x: torch.Tensor, dim: Dims) -> list[int]:
    """Return `dim` as axes counted from the front; all axes if it names none."""
    given = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    return [axis % x.dim() for axis in given] if x.dim() else []


def total(
    x: torch.Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """``aten.sum.dim_IntList``."""
    if dtype is None and not x.is_floating_point():
        dtype = torch.int64
    x = _as(x, dtype)
    return A.sum.dim_IntList(x, axes(x, dim), keepdim) if x.dim() else x


def full_total(x: torch.Tensor, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """``aten.sum``."""
    return total(x, dtype=dtype)


def mean(
    x: torch.Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """``aten.mean.dim``."""
    x = _as(x, dtype)
    return A.mean.dim(x, axes(x, dim), keepdim) if x.dim() else x


def full_mean(x: torch.Tensor, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """``aten.mean``."""
    return mean(x, dtype=dtype)


def _as(x: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    return x if dtype is None else to_dtype(x, dtype)


def amax(x: torch.Tensor, dim: Dims = (), keepdim: bool = False) -> torch.Tensor:
    """``aten.amax``; also ``aten.max`` without an axis."""
    return A.amax.default(x, axes(x, dim), keepdim) if x.dim() else x


def amin(x: torch.Tensor, dim: Dims = (), keepdim: bool = False) -> torch.Tensor:
    """``aten.amin``; also ``aten.min`` without an axis."""
    return A.amin.default(x, axes(x, dim), keepdim) if x.dim() else x


def _position(operator: Any) -> Callable[..., torch.Tensor]:
    def position(x: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> torch.Tensor:
        if dim is not None:
            return operator(x, dim, keepdim)
        found = operator(x.reshape(-1), 0, False)
        return found.reshape([1] * x.dim()) if keepdim else found

    return position


argmax = _position(A.argmax.default)
argmin = _position(A.argmin.default)


def _truth(operator: Any) -> Callable[..., torch.Tensor]:
    def truth(x: torch.Tensor, dim: int | None = None, keepdim: bool = False) -> torch.Tensor:
        mask = x if x.dtype is torch.bool else A.ne.Scalar(x, 0)
        return operator(mask.reshape(-1), 0) if dim is None else operator(mask, dim, keepdim)

    return truth


any_of = _truth(A.any.dim)
all_of = _truth(A.all.dim)


def picked(x: torch.Tensor, dim: int, index: torch.Tensor) -> torch.Tensor:
    """Return the entries of `x` at `index` along `dim`, an index that cannot leave it."""
    return A.gather.default(x, dim, index.clamp(0, x.shape[dim] - 1))


def _extreme(operator: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def extreme(
        x: torch.Tensor, dim: int, keepdim: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        _, index = operator(x.detach(), dim, True)
        value = picked(x, dim, index)
        return (value, index) if keepdim else (value.squeeze(dim), index.squeeze(dim))

    return extreme


max_along = _extreme(A.max.dim)
min_along = _extreme(A.min.dim)


def sort(
    x: torch.Tensor, dim: int = -1, descending: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """``aten.sort``; equal entries keep their order."""
    _, index = A.sort.stable(x.detach(), stable=True, dim=dim, descending=descending)
    return picked(x, dim, index), index


def topk(
    x: torch.Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``aten.topk``, always sorted; of equal entries the first."""
    _, index = A.sort.stable(x.detach(), stable=True, dim=dim, descending=largest)
    index = A.slice.Tensor(index, dim, 0, k)
    return picked(x, dim, index), index


def cumprod(x: torch.Tensor, dim: int, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """``aten.cumprod``, step by step: PyTorch's own gradient asks where there are zeros."""
    parts = list(A.unbind.int(_as(x, dtype), dim))
    for place in range(1, len(parts)):
        parts[place] = parts[place - 1] * parts[place]
    return A.stack.default(parts, dim)


def var(
    x: torch.Tensor,
    dim: Dims = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> torch.Tensor:
    """``aten.var.correction``."""
    unbiased = 1 if correction is None else correction
    if x.dim() == 0:
        return A.var.correction(x.reshape(1), [0], correction=unbiased)
    return A.var.correction(x, axes(x, dim), correction=unbiased, keepdim=keepdim)


def std(
    x: torch.Tensor,
    dim: Dims = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> torch.Tensor:
    """``aten.std.correction``."""
    return root(var(x, dim, correction=correction, keepdim=keepdim))


def var_unbiased(
    x: torch.Tensor, dim: Dims, unbiased: bool = True, keepdim: bool = False
) -> torch.Tensor:
    """``aten.var.dim``."""
    return var(x, dim, correction=int(unbiased), keepdim=keepdim)


def std_unbiased(
    x: torch.Tensor, dim: Dims, unbiased: bool = True, keepdim: bool = False
) -> torch.Tensor:
    """``aten.std.dim``."""
    return std(x, dim, correction=int(unbiased), keepdim=keepdim)


def root(x: torch.Tensor, exponent: float = 0.5) -> torch.Tensor:
    """Return a power of numbers that are not negative; at 0 it is 0 and has no gradient."""
    zero = A.eq.Scalar(x, 0)
    safe = torch.where(zero, A.ones_like.default(x), x)
    power = A.sqrt.default(safe) if exponent == 0.5 else A.pow.Tensor_Scalar(safe, exponent)
    return torch.where(zero, A.zeros_like.default(x), power)


def norm(
    x: torch.Tensor,
    p: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """``aten.linalg_vector_norm``; 0 has no gradient."""
    x = _as(x, dtype)
    if p == math.inf:
        return amax(x.abs(), dim, keepdim)
    if p == -math.inf:
        return amin(x.abs(), dim, keepdim)
    if p == 0:
        return total(to_dtype(A.ne.Scalar(x, 0), x.dtype), dim, keepdim)
    if p == 1:
        return total(x.abs(), dim, keepdim)
    powers = x * x if p == 2 else root(x.abs(), p)
    return root(total(powers, dim, keepdim), 1 / p)


def full_norm(x: torch.Tensor, p: float = 2) -> torch.Tensor:
    """``aten.norm.Scalar``."""
    return norm(x, p)


def norm_along(x: torch.Tensor, p: float | None, dim: Dims, keepdim: bool = False) -> torch.Tensor:
    """``aten.norm.ScalarOpt_dim``."""
    return norm(x, 2 if p is None else p, dim, keepdim)


def rms_norm(
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    eps: float | None = None,
) -> torch.Tensor:
    """``aten.rms_norm``: divided by the root of the mean square of the last axes."""
    dims = list(range(-len(normalized_shape), 0))
    floor = torch.finfo(x.dtype).eps if eps is None else eps
    scaled = x * A.rsqrt.default(A.add.Scalar(mean(x * x, dims, True), floor))
    return scaled if weight is None else scaled * weight
