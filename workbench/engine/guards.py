"""Make look-ups total and the same for every record, whatever its place in the batch.

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


def _embedding(
    weight: torch.Tensor, indices: torch.Tensor, padding_idx: int = -1, *_: Any, **__: Any
) -> Any:
    found = A.embedding.default(weight, _clamp(indices, weight.shape[0]))
    if padding_idx < 0:
        return found
    # Where each record has its own copy of the table, vmap lays them end to end and PyTorch would
    # leave out the row `padding_idx` of that long table: of one record's copy, for its place alone.
    padding = (indices == padding_idx).unsqueeze(-1)
    return torch.where(padding, found.detach(), found)


def _class_target(operator: Any) -> Callable[..., Any]:
    names = [argument.name for argument in operator._schema.arguments]
    place = names.index("ignore_index") - 2

    def guarded(scores: torch.Tensor, target: torch.Tensor, *rest: Any, **named: Any) -> Any:
        if not target.is_floating_point():
            classes = scores.shape[0 if scores.dim() == 1 else 1]
            given = rest[place] if len(rest) > place else named.get("ignore_index", _IGNORED)
            target = torch.where(target == given, target, _clamp(target, classes))
        return operator(scores, target, *rest, **named)

    return guarded


def _cross_entropy(
    scores: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = _IGNORED,
    label_smoothing: float = 0.0,
) -> Any:
    plain = weight is None and reduction == 1 and label_smoothing == 0.0
    if target.is_floating_point() or scores.dim() > 2 or not plain:
        return _any_cross_entropy(scores, target, weight, reduction, ignore_index, label_smoothing)
    # The usual case, in a third of the steps that vmap makes of the operator.
    counted = target != ignore_index
    index = torch.where(counted, _clamp(target, scores.shape[-1]), torch.zeros_like(target))
    picked = scores.log_softmax(-1).gather(-1, index.unsqueeze(-1)).squeeze(-1)
    if scores.dim() == 1:
        return -torch.where(counted, picked, torch.full_like(picked, torch.nan))
    total = torch.where(counted, picked, torch.zeros_like(picked)).sum()
    return -total / counted.sum()


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


_any_cross_entropy = _class_target(A.cross_entropy_loss.default)

GUARDS: dict[object, Callable[..., Any]] = {
    A.embedding.default: _embedding,
    A.cross_entropy_loss.default: _cross_entropy,
    A.nll_loss.default: _class_target(A.nll_loss.default),
    A.nll_loss_nd.default: _class_target(A.nll_loss_nd.default),
    A.nll_loss_forward.default: _class_target(A.nll_loss_forward.default),
    A.gather.default: _along(A.gather.default),
    A.index_select.default: _along(A.index_select.default),
    A.index.Tensor: _index,
}
"""Operator to the function that runs in its place; one for each of `graphs.operators.INDEXED`."""
