"""Padding, joining and sliding windows by slices laid beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F


def pad(
    self: torch.Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> torch.Tensor:
    """Return what ``torch.nn.functional.pad`` returns, for whole numbers and truth values as well.

    Any shape and dtype; `pad` has two numbers for each dimension, from the last.
    """
    if self.dtype.is_floating_point or mode != "constant" or min(pad) < 0:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    for number in range(0, len(pad), 2):
        dim = self.dim() - 1 - number // 2
        edges = []
        for count in pad[number : number + 2]:
            shape = [count if axis == dim else size for axis, size in enumerate(self.shape)]
            edges.append([self.new_full(shape, value or 0)] if count else [])
        self = torch.cat([*edges[0], self, *edges[1]], dim)
    return self


def cat(tensors: Sequence[torch.Tensor], dim: int = 0) -> torch.Tensor:
    """Return what ``torch.cat`` returns, of any shapes and dtypes; empty tensors add nothing."""
    some = [tensor for tensor in tensors if tensor.numel()]
    if len(some) in (0, len(tensors)):
        return NotImplemented  # type: ignore[no-any-return]
    return torch.cat(some, dim)


def unfold(self: torch.Tensor, dimension: int, size: int, step: int) -> torch.Tensor:
    """Return what ``Tensor.unfold`` returns: windows along `dimension`, in a new last dimension.

    Any shape and dtype; a window has `size` entries, and the next one starts `step` entries later.
    """
    count = (self.shape[dimension] - size) // step + 1
    reach = (count - 1) * step + 1
    dim = dimension % self.dim()
    cut = [slice(None)] * dim
    return torch.stack([self[(*cut, slice(i, i + reach, step))] for i in range(size)], -1)


def im2col(
    self: torch.Tensor,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> torch.Tensor:
    """Return what ``torch.nn.functional.unfold`` returns.

    ``(n, channels, height, width)``, of any dtype, to ``(n, channels * kernel, windows)``; ``n``
    may be left out. `kernel_size` and all others: how many entries, of height and width.
    """
    (high, wide), (gap, aside), (step, pace) = kernel_size, dilation, stride
    padded = F.pad(self, (padding[1], padding[1], padding[0], padding[0]))
    rows = (padded.shape[-2] - gap * (high - 1) - 1) // step + 1
    columns = (padded.shape[-1] - aside * (wide - 1) - 1) // pace + 1
    parts = [
        padded[
            ...,
            i * gap : i * gap + step * (rows - 1) + 1 : step,
            j * aside : j * aside + pace * (columns - 1) + 1 : pace,
        ]
        for i in range(high)
        for j in range(wide)
    ]
    return torch.stack(parts, -3).reshape(*self.shape[:-3], -1, rows * columns)


def col2im(
    self: torch.Tensor,
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> torch.Tensor:
    """Return what ``torch.nn.functional.fold`` returns, which adds windows up.

    ``(n, channels * kernel, windows)``, floating, to ``(n, channels, height, width)``: shapes and
    settings as for `im2col`. `output_size` and `kernel_size`: how many entries.
    """
    (high, wide), (gap, aside), (step, pace) = kernel_size, dilation, stride
    tall, broad = (size + 2 * margin for size, margin in zip(output_size, padding, strict=True))
    rows = (tall - gap * (high - 1) - 1) // step + 1
    columns = (broad - aside * (wide - 1) - 1) // pace + 1
    parts = self.reshape(*self.shape[:-2], -1, high * wide, rows, columns)
    # Each part is laid out with gaps by a transposed convolution of one weight, then moved there.
    total = None
    for i in range(high):
        for j in range(wide):
            part = _spread(parts.select(-3, i * wide + j), step, pace)
            top, left = i * gap, j * aside
            margins = (left, broad - left - part.shape[-1], top, tall - top - part.shape[-2])
            moved = F.pad(part, margins)
            total = moved if total is None else total + moved
    assert total is not None
    up, side = padding
    return total[..., up : up + output_size[0], side : side + output_size[1]].clone()


def _spread(value: torch.Tensor, step: int, pace: int) -> torch.Tensor:
    """Lay rows `step` and columns `pace` apart, with zeros between."""
    *lead, rows, columns = value.shape
    apart = F.pad(value.reshape(*lead, rows, 1, columns, 1), (0, pace - 1, 0, 0, 0, step - 1))
    spread = apart.reshape(*lead, rows * step, columns * pace)
    return spread[..., : (rows - 1) * step + 1, : (columns - 1) * pace + 1]
