"""Make look-ups total: an index from a record is brought into range instead of failing.

A run that fails for one record's index tells that the record is there, which no noise covers. So
an index outside the table is moved to its nearest end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

A = torch.ops.aten
_IGNORED = -100


def _clamp(index: torch.Tensor, size: int, lowest: int = 0) -> torch.Tensor:
    return index.clamp(lowest, max(size - 1, 0))


def _embedding(weight: torch.Tensor, indices: torch.Tensor, *rest: Any, **named: Any) -> Any:
    return A.embedding.default(weight, _clamp(indices, weight.shape[0]), *rest, **named)


def _class_target(operator: Any) -> Callable[..., Any]:
    def guarded(scores: torch.Tensor, target: torch.Tensor, *rest: Any, **named: Any) -> Any:
        if not target.is_floating_point():
            classes = scores.shape[0 if scores.dim() == 1 else 1]
            target = torch.where(target == _IGNORED, target, _clamp(target, classes))
        return operator(scores, target, *rest, **named)

    return guarded


def _along(operator: Any) -> Callable[..., Any]:
    def guarded(
        values: torch.Tensor, dim: int, index: torch.Tensor, *rest: Any, **named: Any
    ) -> Any:
        return operator(values, dim, _clamp(index, values.shape[dim]), *rest, **named)

    return guarded


def _index(values: torch.Tensor, indices: list[torch.Tensor | None]) -> Any:
    if any(index is not None and index.dtype == torch.bool for index in indices):
        raise ValueError("boolean masks give shapes that depend on the record")
    bounded = [
        None if index is None else _clamp(index, size, -size)
        for index, size in zip(indices, values.shape, strict=False)
    ]
    return A.index.Tensor(values, bounded)


GUARDS: dict[object, Callable[..., Any]] = {
    A.embedding.default: _embedding,
    A.cross_entropy_loss.default: _class_target(A.cross_entropy_loss.default),
    A.nll_loss.default: _class_target(A.nll_loss.default),
    A.nll_loss_nd.default: _class_target(A.nll_loss_nd.default),
    A.nll_loss_forward.default: _class_target(A.nll_loss_forward.default),
    A.gather.default: _along(A.gather.default),
    A.index_select.default: _along(A.index_select.default),
    A.index.Tensor: _index,
}
"""Operator to the function that runs in its place; one for each of `graphs.operators.INDEXED`."""
