"""Let a label be an index: ``weights[y]``, ``probabilities[y]``, ``table[:, y]``, ``hot[y] = 1``.

A category is an index of shape ``()``. Python would make a number of it, and a record graph has no
numbers of Python that depend on a record; so it becomes an index of shape ``(1,)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench.graphs.export.forms.mode import Mode

_LABELS = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.int8)


class LabelsAsIndices(Mode):
    """Look up and write by whole numbers of shape ``()`` as by indices of shape ``(1,)``."""

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `func`, or look up by index what it would look up by a number."""
        if func is torch.Tensor.__getitem__ and _has_label(args[1]):
            return _looked_up(*args)
        if func is torch.Tensor.__setitem__ and _is_label(args[1]):
            return _written(*args)
        return func(*args, **kwargs)


def _is_label(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.dim() == 0 and item.dtype in _LABELS


def _has_label(index: Any) -> bool:
    return any(map(_is_label, index)) if isinstance(index, tuple) else _is_label(index)


def _looked_up(value: torch.Tensor, index: Any) -> torch.Tensor:
    """Return ``value[index]``: labels choose first, as numbers do, then the rest of the index."""
    items = list(index) if isinstance(index, tuple) else [index]
    taken = [_dimensions(item) for item in items]
    if Ellipsis in (item for item in items if not isinstance(item, torch.Tensor)):
        where = next(i for i, item in enumerate(items) if item is Ellipsis)
        left_out = value.dim() - sum(taken)
        items[where : where + 1] = [slice(None)] * left_out
        taken[where : where + 1] = [1] * left_out
    for place in reversed(range(len(items))):
        if _is_label(items[place]):
            axis = sum(taken[:place])
            at = (*[slice(None)] * axis, items.pop(place).reshape(1))
            value = value[at].squeeze(axis)
    return value[tuple(items)] if items else value


def _dimensions(item: Any) -> int:
    """Return how many dimensions an item of an index takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    mask = isinstance(item, torch.Tensor) and item.dtype == torch.bool
    return item.dim() if mask else 1


def _written(target: torch.Tensor, label: torch.Tensor, value: Any) -> None:
    """Write `value` into the row of `target` that `label` names."""
    rows = target.shape[0]
    place = torch.where(label < 0, label + rows, label)
    chosen = (torch.arange(rows) == place).reshape(rows, *[1] * (target.dim() - 1))
    new = torch.as_tensor(value, dtype=target.dtype)
    target.copy_(torch.where(chosen, new, target))
