"""Measure what the passes of a run take, on filling and from public figures alone.

A pass is a step of training, an evaluation or a round of a statistic. It takes what one with no
chunk takes, and for each chunk as much more as one with a chunk takes. How many chunks there are
depends on how many units are drawn; how many there are at most, in so many passes, follows from
published figures. All of it is measured before any record is looked at.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import SEED_BYTES, StreamName
from workbench.engine.sums.distributed import ALONE, Ranks
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

_MORE_UNITS = 1.05
"""How many times the published number of units there may be."""
_SPLIT_DEVIATIONS = 4.0
_DRAW_DEVIATIONS = 7.0
_RARE = 20.0
"""Minus the logarithm of the probability with which passes have more chunks than is said."""

_FEWEST = 3
_SHORTEST, _LONGEST, _SHARE = 0.01, 0.06, 0.05
"""How many seconds of calls are measured: a share of those of the run, within limits."""
_LEAST = 1e-5


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


class Enough(Exception):
    """Raised when what was measured is enough."""


class Trial:
    """Measures calls that follow each other: first to warm up, then until a mean is worth it.

    Where a call is short, other processes disturb it by many times its length. So as many are
    measured as take some time together, and the larger mean of two halves counts. All ranks
    measure equally many.

    Parameters
    ----------
    times
        How often a run makes the call: for more of them, more are measured.
    ranks
        This process's place among those that make the calls together.
    """

    def __init__(self, times: int, ranks: Ranks = ALONE) -> None:
        self._times, self._ranks = times, ranks
        self._costs: list[Cost] = []
        self._last = self._now()
        self._wanted = _FEWEST

    def lap(self) -> bool:
        """Note what was taken since the last lap, or the beginning; return whether it is enough."""
        now = self._now()
        self._costs.append(now.beyond(self._last))
        if len(self._costs) == _FEWEST:
            once = min(cost.wall for cost in self._costs[1:])
            most = max(_SHORTEST, min(_LONGEST, _SHARE * self._times * once))
            count = torch.tensor([most / max(once, _LEAST)], dtype=torch.float64)
            self._wanted = max(_FEWEST, 1 + math.ceil(float(self._ranks.agreed(count))))
        self._last = self._now()
        return len(self._costs) >= self._wanted

    @staticmethod
    def _now() -> Cost:
        return Cost(time.monotonic(), time.process_time())

    def _halves(self) -> tuple[Cost, Cost]:
        costs = self._costs[1:]
        middle = len(costs) // 2
        first, second = (
            sum(part, Cost()) * (1 / len(part)) for part in (costs[:middle], costs[middle:])
        )
        return first, second

    @property
    def most(self) -> Cost:
        """What one call takes, as rank 0 found it: the larger of two means."""
        one, other = self._halves()
        largest = Cost(max(one.wall, other.wall), max(one.processor, other.processor))
        return largest.agreed(self._ranks)

    @property
    def least(self) -> Cost:
        """What one call takes, as rank 0 found it: the smaller of two means."""
        one, other = self._halves()
        smallest = Cost(min(one.wall, other.wall), min(one.processor, other.processor))
        return smallest.agreed(self._ranks)


class Filling(UnitTable):
    """Stands for a table of units, but all that it gives are rows of zeros.

    Parameters
    ----------
    graph
        Its inputs' shapes and types, and the noise that it takes.
    units
        How many units to claim: the published number.
    records_per_unit
        Rows per unit.

    Attributes
    ----------
    given
        How many chunks to give, whichever units are asked for.
    size
        How many units the chunks had that were given last.
    """

    def __init__(self, graph: RecordGraph, units: int, records_per_unit: int) -> None:
        columns: dict[str, NDArray[np.generic]] = {
            name: torch.zeros((records_per_unit, *spec.shape), dtype=spec.dtype).numpy()
            for name, spec in zip(graph.inputs, graph.input_specs, strict=True)
        }
        records = Records(columns, np.zeros(records_per_unit, dtype=np.int64))
        # The seed is no secret: what is drawn from it covers nobody.
        drawn = SealedRandom(bytes(SEED_BYTES)).stream(StreamName.FILLING)
        super().__init__(records, graph.inputs, records_per_unit, drawn)
        self.units = units
        self.given, self.size = 1, 1

    def chunks(
        self, chosen: NDArray[np.int64], size: int
    ) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
        """Yield `given` chunks of filling, as a real table would; see `UnitTable.chunks`."""
        self.size = size
        return super().chunks(np.zeros(self.given * size, dtype=np.int64), size)


class Measured:
    """Measures passes over filling: some of one chunk and, if a run has more, some of none.

    To be called after each pass; raises `Enough`.

    Parameters
    ----------
    filling
        What the passes are over.
    chunks
        Given the number of units of a chunk, returns how many chunks a pass has.
    times
        How many passes a run makes.
    ranks
        This process's place among those that share the run.
    """

    def __init__(
        self, filling: Filling, chunks: Callable[[int], Chunks], times: int, ranks: Ranks = ALONE
    ) -> None:
        self._filling, self._chunks_of, self._ranks = filling, chunks, ranks
        self._one, self._none = Trial(times, ranks), Trial(times, ranks)
        filling.given = 1

    def __call__(self, done: int = 0) -> None:
        """Note that one more pass is done."""
        filling = self._filling
        if filling.given:
            if self._one.lap():
                filling.given = 0
                if self._chunks.most == 1:
                    raise Enough
        elif self._none.lap():
            raise Enough

    @property
    def _chunks(self) -> Chunks:
        return self._chunks_of(self._filling.size)

    def costs(self, more: Cost) -> Callable[[int], Cost]:
        """Return what gives the cost of so many passes together, as rank 0 found it.

        Parameters
        ----------
        more
            What a chunk of records takes at most beyond one of filling.
        """
        one, chunks = self._one.most + more.agreed(self._ranks), self._chunks
        if chunks.most == 1:
            return lambda passes: one * passes
        none = self._none.least
        return lambda passes: none * passes + one.beyond(none) * chunks.until(passes)
