"""Read arrays of NumPy, and signals that are written as CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.domain.datasets.media.signals import Channel, picker
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData


def array(path: Path, wanted: Wanted) -> NDArray[np.float32]:
    """Return a picture or a volume.

    Parameters
    ----------
    path
        A ``.npy`` file with an array of the shape's axes, with or without that of channels.
    wanted
        The shape, and what is too large.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, depth, height, width)``.

    Raises
    ------
    InvalidData
        If it is another array.
    """
    found = _opened(path, wanted, len(wanted.shape)).astype(np.float32)
    return found[:, None] if found.ndim == 3 else found


def array_of_signals(path: Path, wanted: Wanted) -> list[Channel]:
    """Return the channels of a ``.npy`` file of shape ``(channels, n)``, at the wanted rate.

    Raises
    ------
    InvalidData
        If it is another array, or channels are named.
    """
    found = _opened(path, wanted, 2)
    if wanted.channels:
        raise InvalidData(
            "an array has no names of channels", "Leave channels: out, and give just those."
        )
    picked = picker(wanted)([""] * len(found))
    return [Channel(found[place].astype(np.float64), wanted.rate, wanted.unit) for place in picked]


def _opened(path: Path, wanted: Wanted, axes: int) -> NDArray[np.generic]:
    """Return an array that stays in its file, with an axis of channels."""
    found: NDArray[np.generic] = np.lib.format.open_memmap(path, mode="r")
    if found.ndim not in (axes, axes - 1) or found.dtype.kind not in "iufb":
        raise InvalidData("the array of its file has other axes than the shape, or no numbers")
    wanted.check_values(*found.shape)
    return found if found.ndim == axes else found[None]


def table_of_signals(path: Path, wanted: Wanted) -> list[Channel]:
    """Return the columns of a CSV or TSV file with headings as channels, at the wanted rate.

    Parameters
    ----------
    path
        The file.
    wanted
        Names the columns.

    Raises
    ------
    InvalidData
        If a value is no number.
    """
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    names = [str(name) for name in pd.read_csv(path, sep=separator, nrows=0).columns]
    picked = picker(wanted)(names)
    rows = wanted.most_values // len(names)
    try:
        table = pd.read_csv(
            path, sep=separator, usecols=picked, dtype=np.float64, nrows=rows, memory_map=True
        )
    except ValueError:
        raise InvalidData("its file holds values that are no numbers") from None
    return [
        Channel(table[names[place]].to_numpy(np.float64), wanted.rate, wanted.unit)
        for place in picked
    ]
