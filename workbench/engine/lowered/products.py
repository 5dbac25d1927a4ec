"""Products with vectors, as products with matrices of one row or column."""

from __future__ import annotations

import torch

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
    return x * beta + mv(matrix, vector) * alpha


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
    """``aten.linear``."""
    if x.dim() == 1:
        return A.linear.default(x.unsqueeze(0), weight, bias).squeeze(0)
    return A.linear.default(x, weight, bias)
