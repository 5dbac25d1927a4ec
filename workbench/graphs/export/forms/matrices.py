"""Covariances, counts and indices of triangles, whose shapes follow from shapes alone.

Shapes and dtypes: observations are floating, of shape ``(n,)`` or ``(variables, n)``; what is
counted is int64.
"""

from __future__ import annotations

from typing import Any

import torch

from workbench.errors import GraphRefused


def cov(
    input: torch.Tensor,
    *,
    correction: int = 1,
    fweights: torch.Tensor | None = None,
    aweights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what ``torch.cov`` returns, of shape ``(variables, variables)`` or ``()``."""
    value = input.reshape(-1, input.shape[-1]) if input.dim() else input.reshape(1, 1)
    weights = fweights if aweights is None else aweights
    if fweights is not None and aweights is not None:
        weights = fweights * aweights
    if weights is None:
        weights = torch.ones(value.shape[1])
    weights = weights.to(value.dtype)
    whole = weights.sum()
    centered = value - ((value * weights).sum(1) / whole).unsqueeze(1)
    lost = correction if aweights is None else correction * (weights * aweights).sum() / whole
    products = (centered * weights) @ centered.mT / (whole - lost).clamp(min=0)
    return products if input.dim() > 1 else products.reshape(())


def corrcoef(input: torch.Tensor) -> torch.Tensor:
    """Return what ``torch.corrcoef`` returns; shapes as for `cov`."""
    found = cov(input)
    if found.dim() == 0:
        return found / found
    scale = found.diagonal().sqrt()
    return (found / scale.unsqueeze(1) / scale).clamp(-1, 1)


def bincount(
    input: torch.Tensor, weights: torch.Tensor | None = None, minlength: int = 0
) -> torch.Tensor:
    """Return what ``torch.bincount`` returns for numbers below `minlength`, of that shape.

    Raises
    ------
    GraphRefused
        Without `minlength`.
    """
    if minlength < 1:
        raise GraphRefused(
            "bincount without minlength: its shape would depend on the record",
            "Say how many numbers there are: torch.bincount(x, minlength=n).",
        )
    equal = input.unsqueeze(-1) == torch.arange(minlength)
    if weights is None:
        return equal.to(torch.int64).sum(0)
    return torch.where(equal, weights.unsqueeze(-1), 0.0).sum(0)


def tril_indices(row: int, col: int, offset: int = 0, **options: Any) -> torch.Tensor:
    """Return what ``torch.tril_indices`` returns: int64 of shape ``(2, count)``."""
    return _indices([(i, j) for i in range(row) for j in range(col) if j - i <= offset], options)


def triu_indices(row: int, col: int, offset: int = 0, **options: Any) -> torch.Tensor:
    """Return what ``torch.triu_indices`` returns; see `tril_indices`."""
    return _indices([(i, j) for i in range(row) for j in range(col) if j - i >= offset], options)


def _indices(pairs: list[tuple[int, int]], options: dict[str, Any]) -> torch.Tensor:
    columns = [list(column) for column in zip(*pairs, strict=True)]
    return torch.tensor(columns, dtype=options.get("dtype", torch.int64))
