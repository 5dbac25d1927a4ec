"""Operators that move, repeat or drop entries."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

import torch

A = torch.ops.aten


def squeeze(x: torch.Tensor) -> torch.Tensor:
    """``aten.squeeze``: without the axes of size 1."""
    single = [axis for axis, size in enumerate(x.shape) if size == 1]
    return A.squeeze.dims(x, single) if single else x


def roll(x: torch.Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> torch.Tensor:
    """``aten.roll``: along `dims`, or through the flattened tensor; never over records."""
    if not dims:
        (shift,) = shifts
        return roll(x.reshape(-1), [shift], [0]).reshape(x.shape)
    for shift, dim in zip(shifts, dims, strict=True):
        size = x.shape[dim]
        start = -shift % size
        if start:
            parts = [A.slice.Tensor(x, dim, start, size), A.slice.Tensor(x, dim, 0, start)]
            x = A.cat.default(parts, dim)
    return x


def repeat(x: torch.Tensor, repeats: Sequence[int]) -> torch.Tensor:
    """``aten.repeat``; ``aten.tile`` with as many or fewer numbers."""
    missing = len(repeats) - x.dim()
    times = [*[1] * -missing, *repeats]
    shape = [*[1] * missing, *x.shape]
    spread = x.reshape([n for size in shape for n in (1, size)])
    spread = spread.expand([n for pair in zip(times, shape, strict=True) for n in pair])
    return spread.reshape([count * size for count, size in zip(times, shape, strict=True)])


def repeat_interleave(
    x: torch.Tensor, repeats: int, dim: int | None = None, *, output_size: int | None = None
) -> torch.Tensor:
    """``aten.repeat_interleave.self_int``; `output_size`, the number of entries, is not needed."""
    if dim is None:
        x, dim = x.reshape(-1), 0
    axis = dim % x.dim()
    shape = [*x.shape]
    spread = x.unsqueeze(axis + 1).expand(*shape[: axis + 1], repeats, *shape[axis + 1 :])
    shape[axis] *= repeats
    return spread.reshape(shape)


def _cropped(x: torch.Tensor, pad: Sequence[int]) -> tuple[torch.Tensor, list[int]]:
    """Return `x` without what amounts below zero take away, and the amounts that are left."""
    for number, amount in enumerate(pad):
        dim = x.dim() - 1 - number // 2
        size = x.shape[dim]
        if amount < 0 and number % 2 == 0:
            x = A.slice.Tensor(x, dim, -amount, size)
        elif amount < 0:
            x = A.slice.Tensor(x, dim, 0, size + amount)
    return x, [max(amount, 0) for amount in pad]


def constant_pad_nd(x: torch.Tensor, pad: Sequence[int], value: float = 0) -> torch.Tensor:
    """``aten.constant_pad_nd``; an amount below zero takes entries away."""
    x, amounts = _cropped(x, pad)
    return A.constant_pad_nd.default(x, amounts, value) if any(amounts) else x


def pad(
    x: torch.Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> torch.Tensor:
    """``aten.pad``: for each axis from the last, how much before and how much after.

    Raises
    ------
    ValueError
        If `mode` is unknown.
    """
    if mode == "constant":
        return constant_pad_nd(x, pad, 0 if value is None else value)
    x, amounts = _cropped(x, pad)
    for number in range(0, len(amounts), 2):
        dim = x.dim() - 1 - number // 2
        size = x.shape[dim]
        before, after = amounts[number : number + 2]
        if mode == "circular":
            first, last = _part(x, dim, size - before, size), _part(x, dim, 0, after)
        elif mode == "reflect":
            first = A.flip.default(_part(x, dim, 1, before + 1), [dim])
            last = A.flip.default(_part(x, dim, size - 1 - after, size - 1), [dim])
        elif mode == "replicate":
            first = _copies(_part(x, dim, 0, 1), dim, before)
            last = _copies(_part(x, dim, size - 1, size), dim, after)
        else:
            raise ValueError(f"mode '{mode[:20]}' of pad is not known")
        parts = [part for part, n in ((first, before), (x, size), (last, after)) if n]
        x = A.cat.default(parts, dim) if len(parts) > 1 else x
    return x


def _part(x: torch.Tensor, dim: int, start: int, end: int) -> torch.Tensor:
    return A.slice.Tensor(x, dim, start, end)


def _copies(x: torch.Tensor, dim: int, count: int) -> torch.Tensor:
    shape = [*x.shape]
    shape[dim] = count
    return x.expand(shape)
