"""Look-ups and distances by plain operators.

Shapes and dtypes: indices are int64, what is computed with is floating; shapes are PyTorch's.
"""

from __future__ import annotations

import torch

A = torch.ops.aten


def one_hot(self: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    """Return what ``torch.nn.functional.one_hot`` returns: int64 of shape ``(..., num_classes)``.

    For values of any shape, int64. `num_classes` is given; see `workbench.graphs.export.functions`.
    """
    return (self.unsqueeze(-1) == torch.arange(num_classes)).to(torch.int64)


def isin(
    elements: torch.Tensor,
    test_elements: torch.Tensor,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> torch.Tensor:
    """Return what ``torch.isin`` returns: bool of the shape of `elements`, of any dtype."""
    found = (elements.unsqueeze(-1) == test_elements.reshape(-1)).any(-1)
    return ~found if invert else found


def embedding(
    weight: torch.Tensor,
    indices: torch.Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> torch.Tensor:
    """Return what ``aten.embedding`` returns; `sparse` says only how a gradient is stored.

    Shapes ``(rows, width)``, floating, and any, int64; to that shape and ``width``.
    """
    if not sparse:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    return A.embedding.default(weight, indices, padding_idx, scale_grad_by_freq)  # type: ignore[no-any-return]


def bilinear(
    input1: torch.Tensor,
    input2: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what ``torch.nn.functional.bilinear`` returns (``x1 @ W @ x2`` for each output).

    Shapes ``(..., n)``, ``(..., m)``, ``(out, n, m)`` and ``(out,)`` to ``(..., out)``, floating.
    """
    out, first, second = weight.shape
    half = input1 @ weight.transpose(0, 1).reshape(first, out * second)
    product = half.reshape(*half.shape[:-1], out, second) * input2.unsqueeze(-2)
    return product.sum(-1) if bias is None else product.sum(-1) + bias


def cdist(
    x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0, compute_mode: int | None = None
) -> torch.Tensor:
    """Return the distances of all rows of `x1` and `x2`, by the norm of order `p`.

    Shapes ``(..., n, d)`` and ``(..., m, d)`` to ``(..., n, m)``, floating.
    """
    return torch.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)  # type: ignore[no-any-return]


def cosine_similarity(
    x1: torch.Tensor, x2: torch.Tensor, dim: int = 1, eps: float = 1e-8
) -> torch.Tensor:
    """Return what ``torch.nn.functional.cosine_similarity`` returns of shapes that broadcast."""
    if x1.shape == x2.shape:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    one, two = A.broadcast_tensors.default([x1, x2])
    return A.cosine_similarity.default(one, two, dim, eps)  # type: ignore[no-any-return]


def pairwise_distance(
    x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> torch.Tensor:
    """Return what ``torch.nn.functional.pairwise_distance`` returns of shapes that broadcast."""
    if x1.shape == x2.shape:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    one, two = A.broadcast_tensors.default([x1, x2])
    return A.pairwise_distance.default(one, two, p, eps, keepdim)  # type: ignore[no-any-return]


def pdist(self: torch.Tensor, p: float = 2.0) -> torch.Tensor:
    """Return the distances of all pairs of rows of `self`, ``(n, d)``, by the norm of order `p`."""
    rows = range(self.shape[0] - 1)
    return torch.cat([torch.linalg.vector_norm(self[i] - self[i + 1 :], p, -1) for i in rows])


def take_along_dim(
    self: torch.Tensor, indices: torch.Tensor, dim: int | None = None
) -> torch.Tensor:
    """Return what ``torch.take_along_dim`` returns; without `dim` of the flattened tensors.

    Shapes that broadcast but for `dim`, of any dtype, and int64.
    """
    if dim is None:
        return take_along_dim(self.reshape(-1), indices.reshape(-1), 0)
    axis = dim % self.dim()
    size = self.shape[axis]
    table = [n for place, n in enumerate(self.shape) if place != axis]
    wanted = [n for place, n in enumerate(indices.shape) if place != axis]
    common = torch.broadcast_shapes(tuple(table), tuple(wanted))  # type: ignore[no-untyped-call]

    def spread(value: torch.Tensor) -> torch.Tensor:
        shape = [*common]
        shape.insert(axis, value.shape[axis])
        return value.expand(shape)

    index = torch.where(indices < 0, indices + size, indices)
    return spread(self).gather(axis, spread(index))


def cross(self: torch.Tensor, other: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Return what ``torch.cross`` returns: along `dim`, or the first dimension of size 3.

    Shapes that broadcast, floating.
    """
    axis = list(self.shape).index(3) - self.dim() if dim is None else dim
    one, two = A.broadcast_tensors.default([self, other])
    first, second = one.roll(-1, axis) * two.roll(-2, axis), one.roll(-2, axis) * two.roll(-1, axis)
    return first - second  # type: ignore[no-any-return]


def linalg_cross(self: torch.Tensor, other: torch.Tensor, *, dim: int = -1) -> torch.Tensor:
    """Return what ``torch.linalg.cross`` returns; see `cross`."""
    return cross(self, other, dim)
