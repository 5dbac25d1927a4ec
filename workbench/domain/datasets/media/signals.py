"""Fit the channels of a signal to the public rate, length and unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData

_VOLTS = {"v": 1.0, "mv": 1e-3, "uv": 1e-6, "µv": 1e-6, "μv": 1e-6, "nv": 1e-9}
_MARGIN = 1.0
"""Seconds that are read beyond the length, so that its end is resampled as its middle."""
_FINEST = 1000


@dataclass(frozen=True)
class Channel:
    """One channel of a recording.

    Attributes
    ----------
    values
        float64, of shape ``(n,)``, in `unit`.
    rate
        Samples a second.
    unit
        As the file writes it.
    """

    values: NDArray[np.float64]
    rate: float
    unit: str = ""


Pick = Callable[[Sequence[str]], list[int]]
"""From the names of a file's channels to the places of those that are wanted."""


def picker(wanted: Wanted) -> Pick:
    """Return what picks the channels of a file.

    Parameters
    ----------
    wanted
        Names the channels; if it names none, a file has just as many as the shape.
    """

    def pick(names: Sequence[str]) -> list[int]:
        if not wanted.channels:
            if len(names) != wanted.shape[0]:
                raise InvalidData(
                    f"its file has another number of channels than {wanted.shape[0]}",
                    "Name those that are published (files: {channels: [...]}).",
                )
            return list(range(len(names)))
        known = [name.strip().casefold() for name in names]
        places = []
        for channel in wanted.channels:
            if known.count(channel.casefold()) != 1:
                raise InvalidData(
                    f"its file has no channel '{channel}', or two of them",
                    "Name channels as the files do (files: {channels: [...]}).",
                )
            places.append(known.index(channel.casefold()))
        return places

    return pick


def seconds_of(wanted: Wanted) -> float:
    """Return how many seconds of a file are needed."""
    return wanted.shape[1] / wanted.rate + _MARGIN


def count_of(seconds: float, rate: float, most: int) -> int:
    """Return how many samples of a rate some seconds are, at most `most`.

    Raises
    ------
    InvalidData
        If the rate is no rate.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise InvalidData("its file has no rate of samples")
    return min(math.ceil(seconds * rate), most)


def fitted(channels: Sequence[Channel], wanted: Wanted) -> NDArray[np.float32]:
    """Return channels as one tensor.

    Parameters
    ----------
    channels
        In the wanted order.
    wanted
        The rate, length and unit.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, samples)``; NaN behind the end of the recording.

    Raises
    ------
    InvalidData
        If a unit cannot be converted, or a value is no number.
    """
    found = np.full(wanted.shape, np.nan, dtype=np.float32)
    for place, channel in enumerate(channels):
        values = channel.values * _factor(channel.unit, wanted.unit)
        if not len(values):
            raise InvalidData("its file holds nothing")
        if not np.isfinite(values).all():
            raise InvalidData(
                "its file has gaps: samples that are no numbers",
                "Cut such recordings before they are published.",
            )
        values = _resampled(values, channel.rate, wanted.rate)[: wanted.shape[1]]
        found[place, : len(values)] = values
    return found


def _factor(own: str, wanted: str) -> float:
    """Return by what values are multiplied; units that are no volts are taken as they are."""
    if wanted.strip().casefold() not in _VOLTS:
        return 1.0
    if own.strip().casefold() not in _VOLTS:
        raise InvalidData(
            f"the unit of its channels is not one of volts, and that of the column is {wanted}"
        )
    return _VOLTS[own.strip().casefold()] / _VOLTS[wanted.strip().casefold()]


def _resampled(values: NDArray[np.float64], own: float, wanted: float) -> NDArray[np.float64]:
    ratio = Fraction(wanted / own).limit_denominator(_FINEST)
    if ratio == 1:
        return values
    if not 1 / _FINEST <= ratio <= _FINEST:
        raise InvalidData("its rate of samples is too far from that of the column")
    from scipy.signal import resample_poly

    found: Any = resample_poly(values, ratio.numerator, ratio.denominator, padtype="line")
    return np.asarray(found, dtype=np.float64)
