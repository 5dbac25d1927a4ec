"""Noisy sums of a bounded vector per record, in one round or in several.

    for round in rounds:  s = sum_units clip(f(record; state), C) + noise;  state = update(state, s)

`f` and `update` are graphs of the researcher. Only `f` sees records; the update computes with what
is released anyway. Rounds, shapes, chunk sizes and the noise follow from the plan and published
figures. The noisy sum is rounded to the grid of the exact one (`workbench.engine.sums.bounded`), so
no digit below the grid tells what the sum was before the noise (Mironov 2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.documents.plans import StatisticPlan
from workbench.engine.program.program import noted
from workbench.engine.program.runner import Runner
from workbench.engine.program.tiles import TILE
from workbench.engine.sampling.batches import roomy, within_memory
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.sources import Reader, Source
from workbench.engine.sampling.streams import SEED_BYTES, StreamName
from workbench.engine.sums.bounded import BoundedSum
from workbench.engine.timing.costs import Chunks, Cost, units_at_most
from workbench.engine.timing.measured import Enough, Filling, Measured
from workbench.engine.timing.pace import Pace, Progress
from workbench.engine.timing.slowest import slowest
from workbench.graphs.record_graph import RecordGraph

_CHUNK_BYTES = 64 << 20
_MANY = 1_000_000


@dataclass(frozen=True)
class StatisticResult:
    """All that a statistic gives.

    Attributes
    ----------
    sums
        The noisy sum of every round, float64, shape ``(rounds, d)``.
    state
        The state after the last round, float32, by name; empty without one.
    """

    sums: torch.Tensor
    state: dict[str, torch.Tensor]


def noisy_sums(
    graph: RecordGraph,
    plan: StatisticPlan,
    source: Source,
    *,
    record_count: int,
    max_records_per_unit: int,
    seed: bytes,
    update: RecordGraph | None = None,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> StatisticResult:
    """Compute the noisy sums of a plan.

    Parameters
    ----------
    graph
        The record graph with `inputs` named; it gives one vector.
    plan
        Rounds, sampling, bound and noise.
    source
        The records. Chunks must be in the order of their units, and no unit may have records in
        two chunks.
    record_count
        The published number of privacy units; sets the size of chunks.
    max_records_per_unit
        The published bound on records of one unit; of more the first ones count.
    seed
        32 secret bytes, used for no other request. Equal arguments and seed give equal results.
    update
        Makes the next state from the noisy sum.
    progress
        Called with (rounds done, all rounds) after every round.
    pace
        When to tell that, and how long the run may take; by default at once, and for ever.

    Raises
    ------
    InvalidData
        If chunks are not in the order of their units, or there are over 2**27 units.
    OverTime
        If the run would take longer than `pace` allows; no record was computed on then.
    """
    torch.set_num_threads(1)
    bounded = BoundedSum(graph, plan.max_norm, max_records_per_unit)
    size = _chunk_size(bounded, plan, record_count)
    summing = _Summing(plan, bounded, update)
    if pace is not None:
        filling = Filling(graph, record_count, max_records_per_unit)
        pace.plan(plan.rounds, _cost_of_rounds(summing, filling, size))

    def run() -> StatisticResult:
        repeated, sampled = plan.rounds > 1, plan.sample_rate < 1
        reader = Reader(
            source, graph.inputs, max_records_per_unit, size, repeated=repeated, sampled=sampled
        )
        if pace is not None:
            pace.start()
        return summing.run(plan.rounds, reader, SealedRandom(seed), after)

    def after(done: int) -> None:
        if pace is not None:
            pace.wait(done)
        if progress is not None:
            progress(done, plan.rounds)

    if pace is None:
        return run()
    with pace.kept(progress):
        return run()


@dataclass(frozen=True)
class _Summing:
    """Sums up, adds noise and updates the state, round by round."""

    plan: StatisticPlan
    bounded: BoundedSum
    update: RecordGraph | None

    def run(
        self, count: int, reader: Reader, random: SealedRandom, after: Callable[[int], None]
    ) -> StatisticResult:
        plan, bounded, graph = self.plan, self.bounded, self.bounded.graph
        sampling, noise = (
            random.stream(name)
            for name in (StreamName.STATISTIC_SAMPLING, StreamName.STATISTIC_NOISE)
        )
        state = dict(graph.parameters)
        released: list[NDArray[np.float64]] = []
        for position in range(count):
            total = torch.zeros(bounded.length, dtype=torch.float64)
            for columns, present in reader.chunks(plan.sample_rate, sampling):
                total += bounded(state, columns, present)
            scale = plan.noise_multiplier * plan.max_norm / bounded.grid
            noisy = (total + noise.gaussian(bounded.length).mul_(scale).round_()).numpy()
            released.append(noisy * bounded.grid)
            if self.update is not None:
                state = _updated(self.update, graph, state, released[-1])
            after(position + 1)
        return StatisticResult(torch.from_numpy(np.stack(released)), state)


def sum_on_filling(
    graph: RecordGraph, plan: StatisticPlan, filling: Filling, update: RecordGraph | None = None
) -> None:
    """Do all that a round of a run does, with filling instead of records."""
    per_unit = filling.records_per_unit
    bounded = BoundedSum(graph, plan.max_norm, per_unit)
    size = _chunk_size(bounded, plan, filling.units)

    def after(done: int) -> None:
        raise Enough

    _on_filling(_Summing(plan, bounded, update), filling, size, after)


def _chunk_size(bounded: BoundedSum, plan: StatisticPlan, record_count: int) -> int:
    """Return how many units to run at once, from public figures only."""
    wanted = roomy(max(1.0, plan.sample_rate * record_count))
    per_unit, copied = bounded.records_per_unit, 4 * bounded.length
    size = within_memory(bounded.graph, wanted, per_unit, copied, _CHUNK_BYTES)
    return TILE * math.ceil(size / TILE)


def _on_filling(
    summing: _Summing, filling: Filling, size: int, after: Callable[[int], None]
) -> None:
    """Do all that rounds of a run do, on filling, until `after` raises `Enough`."""
    inputs, per_unit = summing.bounded.graph.inputs, filling.records_per_unit
    reader = Reader([filling], inputs, per_unit, size, repeated=True, sampled=True)
    # The seed is no secret: what is drawn from it covers nobody.
    random = SealedRandom(bytes(SEED_BYTES))
    with suppress(Enough):
        summing.run(_MANY, reader, random, after)


def _cost_of_rounds(summing: _Summing, filling: Filling, size: int) -> Callable[[int], Cost]:
    """Return what so many rounds take, measured on filling by rounds of one chunk and of none."""
    plan, units = summing.plan, units_at_most(filling.units, 1.0)

    def chunks(size: int) -> Chunks:
        return Chunks.of(units, plan.sample_rate, size)

    rounds = Measured(filling, chunks, plan.rounds)
    with noted() as programs:
        _on_filling(summing, filling, size, rounds)
    return rounds.costs(slowest(programs))


@torch.no_grad()
def _updated(
    update: RecordGraph,
    graph: RecordGraph,
    state: dict[str, torch.Tensor],
    noisy: NDArray[np.float64],
) -> dict[str, torch.Tensor]:
    """Return the next state, from the noisy sum and the state before."""
    inputs = (torch.from_numpy(noisy.copy()), *(state[name] for name in graph.state))
    values = [
        binding.chosen(inputs, update.parameters, update.constants)
        for binding in update.bindings.values()
    ]
    found = Runner(update.graph).run(*values)
    return {name: value.clone() for name, value in zip(graph.state, found, strict=True)}
