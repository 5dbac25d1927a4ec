"""Calls of operators on images: pooling and enlarging."""

from __future__ import annotations

import torch

from workbench.engine.program.trials.draws import Draw
from workbench.engine.program.trials.samples import Result, Samples

A = torch.ops.aten
SAMPLES = Samples()

_WINDOW = ([3, 2], [2, 1], [1, 1])


def _pooled(d: Draw, channels: int) -> Result:
    """Return the gradient of max pooling."""
    image = d(channels, 9, 7)
    after, where = A.max_pool2d_with_indices(image, *_WINDOW)
    gradient = d(*after.shape[1:])
    return [A.max_pool2d_with_indices_backward(gradient, image, *_WINDOW, [1, 1], False, where)]


for _channels in (3, 16):
    SAMPLES.add(
        "max_pool2d_with_indices",
        lambda d, c=_channels: A.max_pool2d_with_indices(d(c, 9, 7), *_WINDOW),
        lambda d, c=_channels: A.max_pool2d_with_indices(_inner(d(c, 9, 7)), *_WINDOW),
    )
    SAMPLES.add("max_pool2d_with_indices_backward", lambda d, c=_channels: _pooled(d, c))
    SAMPLES.add("avg_pool2d", lambda d, c=_channels: A.avg_pool2d(d(c, 9, 7), *_WINDOW))
    SAMPLES.add(
        "avg_pool2d_backward",
        lambda d, c=_channels: A.avg_pool2d_backward(
            d(c, 5, 8), d(c, 9, 7), *_WINDOW, False, True, None
        ),
    )
    SAMPLES.add(
        "_adaptive_avg_pool2d",
        lambda d, c=_channels: A._adaptive_avg_pool2d(d(c, 9, 7), [3, 2]),
        lambda d, c=_channels: A._adaptive_avg_pool2d(d(c, 9, 7), [1, 1]),
    )
    SAMPLES.add(
        "_adaptive_avg_pool2d_backward",
        lambda d, c=_channels: A._adaptive_avg_pool2d_backward(d(c, 3, 2), d(c, 9, 7)),
    )
    SAMPLES.add(
        "upsample_nearest2d", lambda d, c=_channels: A.upsample_nearest2d(d(c, 5, 7), [9, 11])
    )
    SAMPLES.add(
        "upsample_nearest2d_backward",
        lambda d, c=_channels: A.upsample_nearest2d_backward(
            d(c, 9, 11), [9, 11], [d.rows, c, 5, 7]
        ),
    )


def _inner(image: torch.Tensor) -> torch.Tensor:
    """Return an image whose channels lie innermost in memory."""
    return image.movedim(1, -1).contiguous().movedim(-1, 1)
