"""Say what a run takes, and how many chunks it has at most, by public figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from workbench.engine.sums.distributed import Ranks

_MORE_UNITS = 1.05
"""How many times the published number of units there may be."""
_SPLIT_DEVIATIONS = 4.0
_DRAW_DEVIATIONS = 7.0
_RARE = 20.0
"""Minus the logarithm of the probability with which passes have more chunks than is said."""


@dataclass(frozen=True)
class Chunks:
    """How many chunks the passes of a run have, from public figures.

    Attributes
    ----------
    mean, deviation
        Expectation and standard deviation for one pass.
    most
        What one pass has at most, but in one case in a billion.
    """

    mean: float
    deviation: float
    most: int

    @classmethod
    def of(cls, units: float, sample_rate: float, size: int, ranks: int = 1) -> Chunks:
        """Return the chunks of Poisson drawn units.

        Parameters
        ----------
        units
            Of how many units at most is drawn (`units_at_most`).
        sample_rate
            With which probability each.
        size
            How many units a chunk has.
        ranks
            Among how many processes the chunks of a pass are dealt out; the busiest counts.
        """
        number = max(1, math.ceil(units))
        expected = number * sample_rate
        reach = _DRAW_DEVIATIONS * math.sqrt(expected * (1 - sample_rate)) + 1
        least, most = max(0, math.floor(expected - reach)), min(number, math.ceil(expected + reach))
        drawn = np.arange(least, most + 1)
        # Binomial, by the ratio of one probability to the one before.
        with np.errstate(divide="ignore"):
            odds = np.log(np.float64(sample_rate)) - np.log1p(-np.float64(sample_rate))
            steps = np.log((number - drawn[:-1]) / drawn[1:]) + odds
        logarithms = np.concatenate([[0.0], np.cumsum(steps)])
        weights = np.exp(logarithms - logarithms.max()) if sample_rate < 1 else drawn == number
        chunks = np.ceil(drawn / (size * ranks))
        mean = np.average(chunks, weights=weights)
        deviation = math.sqrt(np.average((chunks - mean) ** 2, weights=weights))
        return cls(float(mean), deviation, max(1, int(chunks[-1])))

    def until(self, passes: int) -> float:
        """Return how many chunks so many passes have together, but in one case in a billion.

        By Bernstein's inequality for sums of bounded variables.
        """
        usual = self.mean * passes + self.deviation * math.sqrt(2 * _RARE * passes)
        return min(usual + (self.most - self.mean) * _RARE / 3, float(self.most * passes))


def units_at_most(record_count: int, share: float) -> float:
    """Return how many units a part of the data has at most, but in one case in thirty thousand.

    Parameters
    ----------
    record_count
        The published number of units.
    share
        With which probability a unit is in this part.
    """
    spread = math.sqrt(record_count * share * (1 - share))
    return _MORE_UNITS * record_count * share + _SPLIT_DEVIATIONS * spread


@dataclass(frozen=True)
class Cost:
    """What something takes: seconds by the clock, and seconds of processor time."""

    wall: float = 0.0
    processor: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.processor + other.processor)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.wall * times, self.processor * times)

    def beyond(self, other: Cost) -> Cost:
        """Return what this takes more than `other`, at least nothing."""
        wall, processor = self.wall - other.wall, self.processor - other.processor
        return Cost(max(wall, 0.0), max(processor, 0.0))

    def agreed(self, ranks: Ranks) -> Cost:
        """Return rank 0's cost on all ranks: they must come to the same decision."""
        wall, processor = ranks.agreed(torch.tensor([self.wall, self.processor]).double()).tolist()
        return Cost(wall, processor)
