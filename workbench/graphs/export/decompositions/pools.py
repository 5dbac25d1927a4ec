"""Pooling over three dimensions and to given sizes, as pooling over fewer and by slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from workbench.errors import GraphRefused

A = torch.ops.aten
Sizes = Sequence[int]


def _each(sizes: Sizes | int | None, count: int, default: Sizes) -> list[int]:
    """Return `count` sizes, of which one may stand for all."""
    if isinstance(sizes, int):
        return [sizes] * count
    given = list(sizes or default)
    return given * count if len(given) == 1 else given


def _planes(value: torch.Tensor, pool: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Pool over the last two dimensions."""
    pooled = pool(value.reshape(-1, *value.shape[-2:]))
    return pooled.reshape(*value.shape[:-2], *pooled.shape[-2:])


def _depths(value: torch.Tensor, pool: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Pool over the last dimension but two."""
    last = value.movedim(-3, -1)
    pooled = pool(last.reshape(-1, last.shape[-1]))
    return pooled.reshape(*last.shape[:-1], pooled.shape[-1]).movedim(-1, -3)


def max_pool3d(
    self: torch.Tensor,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = (0,),
    dilation: Sizes = (1,),
    ceil_mode: bool = False,
) -> torch.Tensor:
    """Return what ``aten.max_pool3d`` returns: the largest of planes, then of depths.

    Shape ``(..., depth, height, width)``, floating. Of equal entries both have the first one.
    """
    kernel = _each(kernel_size, 3, ())
    steps, margins, gaps = (
        _each(sizes, 3, default)
        for sizes, default in ((stride, kernel), (padding, [0]), (dilation, [1]))
    )
    planes = _planes(
        self,
        lambda x: F.max_pool2d(x, kernel[1:], steps[1:], margins[1:], gaps[1:], ceil_mode),
    )
    return _depths(
        planes, lambda x: F.max_pool1d(x, kernel[0], steps[0], margins[0], gaps[0], ceil_mode)
    )


def max_pool3d_with_indices(
    self: torch.Tensor,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = (0,),
    dilation: Sizes = (1,),
    ceil_mode: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what ``aten.max_pool3d_with_indices`` returns; shapes and dtypes as `max_pool3d`.

    The indices, int64, count the entries of an image of three dimensions.
    """
    kernel = _each(kernel_size, 3, ())
    steps, margins, gaps = (
        _each(sizes, 3, default)
        for sizes, default in ((stride, kernel), (padding, [0]), (dilation, [1]))
    )
    depth, height, width = self.shape[-3:]
    lead = self.shape[:-3]
    images = self.reshape(-1, height, width)
    across = [kernel[1:], steps[1:], margins[1:], gaps[1:], ceil_mode]
    values, within = A.max_pool2d_with_indices.default(images, *across)
    # Depths last: (images, height, width, depth).
    values, within = (x.reshape(-1, depth, *x.shape[-2:]).movedim(1, -1) for x in (values, within))
    sizes = values.shape[:-1]
    along = [[1, n] for n in (kernel[0], steps[0])]
    beside = [[0, margins[0]], [1, gaps[0]]]
    rows = values.reshape(-1, 1, depth)
    found, at = A.max_pool2d_with_indices.default(rows, *along, *beside, ceil_mode)
    plane = within.reshape(-1, 1, depth).gather(2, at)
    parts = (x.reshape(*sizes, -1).movedim(-1, 1) for x in (found, at * (height * width) + plane))
    values, places = (x.reshape(*lead, *x.shape[1:]) for x in parts)
    return values, places


def avg_pool3d(
    self: torch.Tensor,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """Return what ``aten.avg_pool3d`` returns: the mean of planes, then of depths.

    Shape ``(..., depth, height, width)``, floating.

    Raises
    ------
    GraphRefused
        If `divisor_override` is given.
    """
    if divisor_override is not None:
        raise GraphRefused(
            "avg_pool3d with divisor_override is not allowed", "Multiply its result instead."
        )
    kernel = _each(kernel_size, 3, ())
    steps, margins = _each(stride, 3, kernel), _each(padding, 3, [0])
    options = (ceil_mode, count_include_pad)
    planes = _planes(self, lambda x: F.avg_pool2d(x, kernel[1:], steps[1:], margins[1:], *options))
    return _depths(planes, lambda x: F.avg_pool1d(x, kernel[0], steps[0], margins[0], *options))


def adaptive_avg_pool2d(self: torch.Tensor, output_size: Sizes) -> torch.Tensor:
    """Return what ``aten.adaptive_avg_pool2d`` returns, of one entry: the mean of a plane.

    Shape ``(..., height, width)``, floating. PyTorch's own form of it sets strides in memory, if
    channels come last there.
    """
    if list(output_size) != [1, 1]:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    return self.mean((-2, -1), keepdim=True)


def adaptive_avg_pool3d(self: torch.Tensor, output_size: Sizes) -> torch.Tensor:
    """Return what ``aten.adaptive_avg_pool3d`` returns; for shapes see `avg_pool3d`."""
    depth, *plane = _each(output_size, 3, ())
    planes = _planes(self, lambda x: F.adaptive_avg_pool2d(x, (plane[0], plane[1])))
    return _depths(planes, lambda x: F.adaptive_avg_pool1d(x, depth))


def adaptive_max_pool1d(
    self: torch.Tensor, output_size: Sizes
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what ``aten.adaptive_max_pool1d`` returns, of shape ``(..., length)``, floating."""
    return _largest(self, _each(output_size, 1, ()))


def adaptive_max_pool2d(
    self: torch.Tensor, output_size: Sizes
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what ``aten.adaptive_max_pool2d`` returns, of ``(..., height, width)``, floating."""
    return _largest(self, _each(output_size, 2, ()))


def adaptive_max_pool3d(
    self: torch.Tensor, output_size: Sizes
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what ``aten.adaptive_max_pool3d`` returns; for shapes see `max_pool3d`."""
    return _largest(self, _each(output_size, 3, ()))


def _largest(value: torch.Tensor, out: Sizes) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the largest of each window, and where it stands in the flattened positions.

    One dimension after the other, from the last: of equal entries the first one has it.
    """
    space = value.shape[-len(out) :]
    places = torch.arange(space.numel()).reshape(space).expand(value.shape)
    for back, (size, wanted) in enumerate(zip(reversed(space), reversed(out), strict=True), 1):
        largest, at = [], []
        for cell in range(wanted):
            start, end = cell * size // wanted, -(-(cell + 1) * size // wanted)
            window = value.narrow(-back, start, end - start).max(dim=-back, keepdim=True)
            largest.append(window.values)
            at.append(places.narrow(-back, start, end - start).gather(-back, window.indices))
        value, places = torch.cat(largest, -back), torch.cat(at, -back)
    return value, places
