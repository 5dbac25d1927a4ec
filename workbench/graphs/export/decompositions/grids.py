"""Look up an image at places between its entries (``torch.nn.functional.grid_sample``).

Each place is a weighted sum of the entries around it, which are gathered by their number in the
flattened image (Jaderberg et al. 2015, arXiv:1506.02025).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch

_BILINEAR, _NEAREST, _BICUBIC = 0, 1, 2
_ZEROS, _BORDER, _REFLECTION = 0, 1, 2
_KEYS = -0.75
"""The free number of Keys' cubic (Keys 1981, doi:10.1109/TASSP.1981.1163711), as in PyTorch."""


def grid_sampler(
    input: torch.Tensor,
    grid: torch.Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> torch.Tensor:
    """Return what ``aten.grid_sampler`` returns.

    Parameters
    ----------
    input
        Images ``(n, channels, *sizes)`` of two or three sizes, floating.
    grid
        Places ``(n, *out, dimensions)`` from -1 to 1, the last dimension of the image first.
    interpolation_mode
        0 for bilinear, 1 for nearest, 2 for bicubic.
    padding_mode
        What lies beyond: 0 for zeros, 1 for the border, 2 for reflection.
    align_corners
        Whether -1 and 1 are the centers of the corners, else their outer edges.

    Returns
    -------
    torch.Tensor
        ``(n, channels, *out)``.
    """
    sizes = input.shape[2:]
    places = [
        _unnormalized(grid[..., len(sizes) - 1 - axis], size, align_corners)
        for axis, size in enumerate(sizes)
    ]
    if interpolation_mode != _BICUBIC:
        places = [
            _kept_inside(place, size, padding_mode, align_corners)
            for place, size in zip(places, sizes, strict=True)
        ]
    total: torch.Tensor | None = None
    axes = [_neighbours(place, interpolation_mode) for place in places]
    for chosen in itertools.product(*axes):
        index, weight = [at for at, _ in chosen], _product([by for _, by in chosen])
        if interpolation_mode == _BICUBIC:
            index = [
                _kept_inside(at, size, padding_mode, align_corners)
                for at, size in zip(index, sizes, strict=True)
            ]
        found = _looked_up(input, index)
        part = found if weight is None else found * weight.unsqueeze(1)
        total = part if total is None else total + part
    assert total is not None
    return total


def _unnormalized(place: torch.Tensor, size: int, align_corners: bool) -> torch.Tensor:
    return (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2


def _kept_inside(place: torch.Tensor, size: int, padding: int, align_corners: bool) -> torch.Tensor:
    """Return a place that padding moves into the image; at its edges there is no gradient."""
    if padding == _ZEROS:
        return place
    if padding == _REFLECTION:
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        place = _reflected(place, low, high)
    inside = (place > 0) & (place < size - 1)
    return torch.where(inside, place, place.detach().clamp(0, size - 1))


def _reflected(place: torch.Tensor, low: float, high: float) -> torch.Tensor:
    span = high - low
    if span == 0:
        return torch.zeros_like(place)
    beyond = (place - low).abs()
    extra = torch.fmod(beyond, span)
    even = torch.remainder((beyond.detach() / span).floor(), 2) == 0
    return torch.where(even, extra + low, span - extra + low)


Neighbours = list[tuple[torch.Tensor, torch.Tensor | None]]
"""Whole places along one dimension and the weight of each (None for 1), of shape ``(n, *out)``
and a floating dtype."""


def _neighbours(place: torch.Tensor, mode: int) -> Neighbours:
    if mode == _NEAREST:
        return [(place.detach().round(), None)]
    first = place.detach().floor()
    part = place - first
    if mode == _BILINEAR:
        return [(first, 1 - part), (first + 1, part)]
    return [(first - 1 + n, by) for n, by in enumerate(_cubic(part))]


def _cubic(part: torch.Tensor) -> list[torch.Tensor]:
    def near(x: torch.Tensor) -> torch.Tensor:
        return ((_KEYS + 2) * x - (_KEYS + 3)) * x * x + 1

    def far(x: torch.Tensor) -> torch.Tensor:
        return ((_KEYS * x - 5 * _KEYS) * x + 8 * _KEYS) * x - 4 * _KEYS

    return [far(part + 1), near(part), near(1 - part), far(2 - part)]


def _product(weights: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    found: torch.Tensor | None = None
    for weight in weights:
        if weight is not None:
            found = weight if found is None else found * weight
    return found


def _looked_up(images: torch.Tensor, index: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the entries at whole places; zero beyond the image."""
    number, channels, *sizes = images.shape
    flat: torch.Tensor | None = None
    inside: torch.Tensor | None = None
    for at, size in zip(index, sizes, strict=True):
        there = (at >= 0) & (at <= size - 1)
        place = at.clamp(0, size - 1).to(torch.int64)
        flat = place if flat is None else flat * size + place
        inside = there if inside is None else inside & there
    assert flat is not None
    assert inside is not None
    rows = flat.reshape(number, 1, -1).expand(number, channels, -1)
    found = images.reshape(number, channels, -1).gather(2, rows)
    shaped = found.reshape(number, channels, *flat.shape[1:])
    return torch.where(inside.unsqueeze(1), shaped, 0.0)
