"""Resize pictures to the public shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidData


def resized(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a picture in the public shape: means where it shrinks, between points where it grows.

    Parameters
    ----------
    values
        float32, of shape ``(channels, depth, height, width)``.
    shape
        The same four sizes, or without the depth, which has to be 1 then.

    Returns
    -------
    ndarray
        float32, of shape `shape`.

    Raises
    ------
    InvalidData
        If it has another number of channels, several pictures where one is wanted, or entries
        that are no numbers.
    """
    if len(shape) == 3 and values.shape[1] != 1:
        raise InvalidData(
            "its file holds several pictures, and the shape is that of one",
            "Write the shape of a volume: [channels, depth, height, width].",
        )
    if not np.isfinite(values).all():
        raise InvalidData("its file holds entries that are no numbers")
    if len(values) == 1 and shape[0] > 1:
        values = np.broadcast_to(values, (shape[0], *values.shape[1:]))
    if len(values) != shape[0]:
        raise InvalidData(f"its file has another number of channels than {shape[0]}")
    sizes = (1, *shape[1:]) if len(shape) == 3 else shape[1:]
    if values.shape[1:] == sizes:
        return np.ascontiguousarray(values).reshape(shape)
    import torch
    import torch.nn.functional as F

    tensor = torch.from_numpy(np.ascontiguousarray(values))[None]
    least = tuple(min(pair) for pair in zip(values.shape[1:], sizes, strict=True))
    tensor = F.interpolate(tensor, least, mode="area")
    if least != sizes:
        tensor = F.interpolate(tensor, sizes, mode="trilinear", align_corners=False)
    found: NDArray[np.float32] = tensor.numpy().reshape(shape)
    return found
