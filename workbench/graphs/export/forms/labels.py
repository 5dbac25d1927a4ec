"""Let a label be an index: ``weights[y]``, ``table[:, y]``, ``hot[y] = 1``, ``hot[0, y] = 1``.

A category is an index of shape ``()``. Python would make a number of it, and a record graph has no
numbers of Python that depend on a record; so it becomes an index of shape ``(1,)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench.errors import GraphRefused
from workbench.graphs.export.forms.mode import Mode

_LABELS = (torch.int64, torch.int32, torch.int16, torch.int8)


class LabelsAsIndices(Mode):
    """Look up and write by whole numbers of shape ``()`` as by indices of shape ``(1,)``."""

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `func`, or look up by index what it would look up by a number.

        Raises
        ------
        GraphRefused
            If a whole number of dtype uint8 is an index: PyTorch takes it for a mask.
        """
        if func not in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            return func(*args, **kwargs)
        items = args[1] if isinstance(args[1], tuple) else (args[1],)
        if any(_is_number(item) and item.dtype == torch.uint8 for item in items):
            raise GraphRefused(
                "an index of dtype uint8 is a mask, and what it chooses has a shape that depends "
                "on the record's values",
                "For a label as index write y.to(torch.int64).",
            )
        if any(map(_is_label, items)):
            if func is torch.Tensor.__getitem__:
                return _looked_up(*args)
            if all(map(_is_simple, items)):
                return _written(args[0], items, args[2])
        return func(*args, **kwargs)


def _is_number(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.dim() == 0


def _is_label(item: Any) -> bool:
    return _is_number(item) and item.dtype in _LABELS


def _without_ellipsis(value: torch.Tensor, items: list[Any]) -> list[Any]:
    """Return the items of an index of `value`, with as many slices as an ellipsis stands for."""
    places = [place for place, item in enumerate(items) if item is Ellipsis]
    if not places:
        return items
    left_out = value.dim() - sum(map(_dimensions, items))
    return [*items[: places[0]], *[slice(None)] * left_out, *items[places[0] + 1 :]]


def _looked_up(value: torch.Tensor, index: Any) -> torch.Tensor:
    """Return ``value[index]``: labels choose first, as numbers do, then the rest of the index."""
    items = _without_ellipsis(value, list(index) if isinstance(index, tuple) else [index])
    taken = [_dimensions(item) for item in items]
    for place in reversed(range(len(items))):
        if _is_label(items[place]):
            axis = sum(taken[:place])
            at = (*[slice(None)] * axis, items.pop(place).to(torch.int64).reshape(1))
            value = value[at].squeeze(axis)
    return value[tuple(items)] if items else value


def _dimensions(item: Any) -> int:
    """Return how many dimensions an item of an index takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    mask = isinstance(item, torch.Tensor) and item.dtype == torch.bool
    return item.dim() if mask else 1


def _is_simple(item: Any) -> bool:
    whole = isinstance(item, int) and not isinstance(item, bool)
    return whole or item is None or item is Ellipsis or isinstance(item, slice) or _is_label(item)


def _written(target: torch.Tensor, index: tuple[Any, ...], value: Any) -> None:
    """Write `value` where ``target[index]`` is; beside labels are numbers, slices and None."""
    items = _without_ellipsis(target, list(index))
    part = target[tuple(slice(None) if _is_label(item) else item for item in items)]
    # A number takes its dimension away.
    left = [item for item in items if not isinstance(item, int)]
    labels = {axis: label for axis, label in enumerate(left) if _is_label(label)}
    rest = [size for axis, size in enumerate(part.shape) if axis not in labels]
    new = torch.as_tensor(value, dtype=target.dtype)
    # Leading dimensions of 1 may be too many.
    new = new.reshape(new.shape[max(0, new.dim() - len(rest)) :]).expand(rest)
    chosen = torch.ones((), dtype=torch.bool)
    for axis, label in labels.items():
        size = part.shape[axis]
        place = torch.where(label < 0, label + size, label)
        shape = [size if one == axis else 1 for one in range(part.dim())]
        chosen = chosen & (torch.arange(size) == place).reshape(shape)
        new = new.unsqueeze(axis)
    part.copy_(torch.where(chosen, new, part))
