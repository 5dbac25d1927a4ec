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

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import SEED_BYTES, StreamName
from workbench.engine.sums.distributed import ALONE, Ranks
from workbench.engine.timing.costs import Chunks, Cost
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

_FEWEST = 3
_SHORTEST, _LONGEST, _SHARE = 0.01, 0.06, 0.05
"""How many seconds of calls are measured: a share of those of the run, within limits."""
_LEAST = 1e-5


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
        """Yield `given` chunks of filling, made as real ones are; see `UnitTable.chunks`."""
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
