"""Measure what steps and evaluations of a training run take, on filling instead of records."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from workbench.documents.plans import Plan
from workbench.documents.release import Metric
from workbench.engine.descent import Parameters, descend
from workbench.engine.metrics import evaluated_at_once, exact_sums
from workbench.engine.program.program import noted
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import SEED_BYTES
from workbench.engine.sums.distributed import ALONE, Ranks
from workbench.engine.timing.costs import Chunks, Cost
from workbench.engine.timing.measured import Enough, Filling, Measured
from workbench.engine.timing.slowest import slowest
from workbench.graphs.record_graph import RecordGraph

_MANY = 1_000_000
"""More steps than it takes to measure one."""


def train_on_filling(
    graph: RecordGraph,
    plan: Plan,
    filling: Filling,
    expected: float,
    ranks: Ranks = ALONE,
    after: Callable[[int], None] | None = None,
) -> None:
    """Do all that the steps of a run do, with filling instead of records.

    Parameters
    ----------
    graph, plan, ranks
        As for `workbench.engine.train.train`.
    filling
        What stands for the training part.
    expected
        The expected number of units per step, as of a run.
    after
        Called with the number of steps done after every step, until it raises `Enough`; by
        default one step is done.
    """

    def told(done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        if after is None:
            raise Enough
        after(done)

    endless = {"steps": _MANY, "evaluations": 1, "warmup_steps": 0, "patience": None}
    with suppress(Enough):
        # The seed is no secret: what is drawn from it covers nobody.
        random, long = SealedRandom(bytes(SEED_BYTES)), plan.model_copy(update=endless)
        descend(graph, long, filling, expected, random, lambda _: (), told, ranks)


def evaluate_on_filling(graph: RecordGraph, filling: Filling) -> None:
    """Do all that an evaluation does, with filling instead of records."""
    size = evaluated_at_once(graph, filling.records_per_unit)
    exact_sums(graph, graph.parameters, filling, size)


def cost_of_steps(
    graph: RecordGraph, plan: Plan, filling: Filling, expected: float, units: float, ranks: Ranks
) -> Callable[[int], Cost]:
    """Return what so many steps take, measured on filling by steps of one chunk and of none."""

    def chunks(size: int) -> Chunks:
        return Chunks.of(units, plan.sample_rate, size, ranks.size)

    steps = Measured(filling, chunks, plan.steps, ranks)
    with noted() as programs:
        train_on_filling(graph, plan, filling, expected, ranks, steps)
    return steps.costs(slowest(programs))


def cost_of_evaluations(
    graph: RecordGraph, plan: Plan, filling: Filling, units: float, ranks: Ranks
) -> Callable[[int], Cost]:
    """Return what so many evaluations take together, measured on filling."""
    if not graph.metrics:
        return lambda evaluations: Cost()

    def chunks(size: int) -> Chunks:
        return Chunks.of(units, 1.0, size, ranks.size)

    evaluations = Measured(filling, chunks, plan.evaluations, ranks)
    with suppress(Enough), noted() as programs:
        while True:
            evaluate_on_filling(graph, filling)
            evaluations()
    return evaluations.costs(slowest(programs))
