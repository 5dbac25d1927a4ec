"""Resizing as products with matrices of public weights, one for each dimension.

Bilinear, bicubic and the like are linear in the image and act on one dimension after the other. The
weights are PyTorch's (``torch.nn.functional.interpolate``): hat functions, and Keys' cubic with
a = -0.75 (Keys 1981, doi:10.1109/TASSP.1981.1163711), a = -0.5 where it is antialiased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Kernel = Callable[[torch.Tensor], torch.Tensor]
"""Takes distances of any shape, float64; gives weights of the same shape."""


def _hat(distance: torch.Tensor) -> torch.Tensor:
    return (1 - distance.abs()).clamp(min=0)


def _cubic(a: float) -> Kernel:
    def weight(distance: torch.Tensor) -> torch.Tensor:
        x = distance.abs()
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * a
        return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))

    return weight


def _numbers(count: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.float64)


def _centers(size: int, out: int, align_corners: bool, scale: float | None) -> torch.Tensor:
    """Return where each entry of the result lies among the entries of the image."""
    if align_corners:
        return _numbers(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return (_numbers(out) + 0.5) * (size / out if scale is None else 1 / scale) - 0.5


def _linear(size: int, out: int, align_corners: bool, scale: float | None) -> torch.Tensor:
    centers = _centers(size, out, align_corners, scale).clamp(0, size - 1)
    return _hat(centers.unsqueeze(1) - _numbers(size))


def _bicubic(size: int, out: int, align_corners: bool, scale: float | None) -> torch.Tensor:
    centers = _centers(size, out, align_corners, scale)
    # What lies beyond the image has the value of its edge.
    beyond = 2
    places = _numbers(size + 2 * beyond) - beyond
    weights = _cubic(-0.75)(centers.unsqueeze(1) - places)
    edges = places.clamp(0, size - 1).unsqueeze(1) == _numbers(size)
    return weights @ edges.to(torch.float64)


def _antialiased(kernel: Kernel) -> Callable[..., torch.Tensor]:
    def weights(size: int, out: int, align_corners: bool, scale: float | None) -> torch.Tensor:
        ratio = size / out if scale is None else 1 / scale
        if align_corners:
            ratio = (size - 1) / (out - 1) if out > 1 else 0.0
        # As PyTorch has it: aligned corners change the distances, but not where the first one is.
        centers = (_numbers(out) + 0.5) * ratio - 0.5
        found = kernel((_numbers(size) - centers.unsqueeze(1)) / max(ratio, 1.0))
        return found / found.sum(1, keepdim=True)

    return weights


def _nearest(exact: bool) -> Callable[..., torch.Tensor]:
    def weights(size: int, out: int, align_corners: bool, scale: float | None) -> torch.Tensor:
        ratio = size / out if scale is None else 1 / scale
        places = ((_numbers(out) + (0.5 if exact else 0.0)) * ratio).floor().clamp(0, size - 1)
        return (places.unsqueeze(1) == _numbers(size)).to(torch.float64)

    return weights


def _resized(
    value: torch.Tensor,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scales: Sequence[float] | None,
    weights: Callable[..., torch.Tensor],
) -> torch.Tensor:
    space = value.shape[2:]
    each: Sequence[float | None] = scales or [None] * len(space)
    out = output_size or [int(n * s) for n, s in zip(space, scales or (), strict=True)]
    for axis, (size, wanted, scale) in enumerate(zip(space, out, each, strict=True), 2):
        matrix = weights(size, wanted, align_corners, scale).to(value.dtype)
        value = (value.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return value


def _with_corners(weights: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def resized(
        input: torch.Tensor,
        output_size: Sequence[int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None,
    ) -> torch.Tensor:
        return _resized(input, output_size, align_corners, scale_factors, weights)

    return resized


def _without_corners(weights: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def resized(
        input: torch.Tensor,
        output_size: Sequence[int] | None,
        scale_factors: Sequence[float] | None,
    ) -> torch.Tensor:
        return _resized(input, output_size, False, scale_factors, weights)

    return resized


linear = _with_corners(_linear)
"""Linear, bilinear, trilinear: ``(n, channels, *sizes)``, floating, to ``(n, channels, *out)``."""
bicubic = _with_corners(_bicubic)
"""Bicubic; shapes as `linear`."""
linear_antialiased = _with_corners(_antialiased(_hat))
"""Bilinear with antialiasing; shapes as `linear`."""
bicubic_antialiased = _with_corners(_antialiased(_cubic(-0.5)))
"""Bicubic with antialiasing; shapes as `linear`."""
nearest = _without_corners(_nearest(exact=False))
"""The nearest entry; shapes as `linear`."""
nearest_exact = _without_corners(_nearest(exact=True))
"""The nearest entry by centers; shapes as `linear`."""
