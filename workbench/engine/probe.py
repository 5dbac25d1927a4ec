"""Run a program on made-up records before it is given any that are real.

`workbench.engine.program.checker` proves that a program keeps records apart, as far as operators do
what they say. Here the same program runs in chunks of the same size as it will, and what it says of
a record must be the same, bit for bit,

- over memory that was filled with something else before,
- with other records beside it: ordinary ones, hostile ones, and none,
- at another place of the chunk,

and it may fail for none. Records are drawn within the schema's bounds or are hostile: zeros of both
signs, subnormal, huge and infinite numbers, NaN, categories that do not exist. Parameters are the
graph's own, and others near them, so that a weight of zero hides nothing. What is drawn can't be
foreseen.

What this does not find: what a program does for other values only.
"""

from __future__ import annotations

import secrets

import torch

from workbench.documents.plans import Plan, StatisticPlan
from workbench.engine.postprocessing import private_part
from workbench.engine.preflight import check_learning
from workbench.engine.probing.compare import probe
from workbench.engine.probing.records import Bounds, Drawn
from workbench.engine.program.record_program import values_program
from workbench.engine.program.tiles import whole_tiles
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import SEED_BYTES
from workbench.engine.statistics import sum_on_filling
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.distributed import Ranks
from workbench.engine.timing.measured import Filling
from workbench.engine.training_costs import evaluate_on_filling, train_on_filling
from workbench.graphs.record_graph import RecordGraph


def check_training(
    graph: RecordGraph,
    plan: Plan,
    bounds: Bounds,
    *,
    record_count: int,
    holdout_fraction: float,
    max_records_per_unit: int,
    ranks: int = 1,
) -> None:
    """Check that a training's programs keep records apart, in the sizes in which a domain runs it.

    Parameters
    ----------
    graph
        With its inputs and metrics named.
    plan
        What would be run.
    bounds
        For each input its smallest and largest number, or index of a category.
    record_count, holdout_fraction, max_records_per_unit
        The published figures.
    ranks
        Among how many processes a run is divided.

    Raises
    ------
    GraphRefused
        If not: the checker's reason, or what was seen here and what to do. Also if records would
        train no parameter.
    """
    check_learning(graph, plan)
    units = record_count * (1 - holdout_fraction)
    filling = Filling(graph, record_count, max_records_per_unit)
    case = _Case(graph, filling, bounds)
    # First all that a run does, on filling: what cannot be run at all is told before it is charged.
    train_on_filling(graph, plan, filling, plan.sample_rate * units, _Imagined(0, ranks))
    case.probe_gradient(plan)
    if graph.metrics:
        evaluate_on_filling(graph, filling)
        case.probe_values(1, 1 + len(graph.metrics), "a metric")


def check_statistic(
    graph: RecordGraph,
    plan: StatisticPlan,
    bounds: Bounds,
    *,
    record_count: int,
    max_records_per_unit: int,
    update: RecordGraph | None = None,
) -> None:
    """Check that a statistic's program keeps records apart, in the size in which a domain runs it.

    Parameters
    ----------
    graph
        With its inputs named.
    plan, bounds, record_count, max_records_per_unit
        As for `check_training`.
    update
        What makes the next state.

    Raises
    ------
    GraphRefused
        If not: the checker's reason, or what was seen here and what to do.
    """
    filling = Filling(graph, record_count, max_records_per_unit)
    case = _Case(graph, filling, bounds)
    sum_on_filling(graph, plan, filling, update)
    case.probe_values(0, 1, "the vector")


class _Case:
    """Probes the programs of one graph, each in the size that filling was last asked for."""

    def __init__(self, graph: RecordGraph, filling: Filling, bounds: Bounds) -> None:
        self._graph, self._filling = graph, filling
        generator = torch.Generator().manual_seed(secrets.randbits(63))
        self._drawn = Drawn(graph.input_specs, bounds, generator)

    def probe_values(self, first: int, last: int, what: str) -> None:
        """Probe the program of the outputs from `first` on, before `last`."""
        program = values_program(self._graph, slice(first, last), self._rows)
        probe(program, self._graph.parameters, self._drawn, what)

    def probe_gradient(self, plan: Plan) -> None:
        """Probe the program of the gradient, of the parameters that records train."""
        seed, parameters = SealedRandom(bytes(SEED_BYTES)), self._graph.parameters
        trained = private_part(self._graph, plan, seed, parameters)[0]
        if trained.trainable:
            head = ClippedSum(trained, plan.max_grad_norm, self._filling.records_per_unit)
            probe(head.program(self._rows), parameters, self._drawn, "the gradient")

    @property
    def _rows(self) -> int:
        per_unit = self._filling.records_per_unit
        return whole_tiles(self._filling.size * per_unit, per_unit)


class _Imagined(Ranks):
    """Stands for one of several ranks, of which the others are not there."""

    def reduced(self, value: torch.Tensor) -> torch.Tensor:
        return value

    def agreed(self, value: torch.Tensor) -> torch.Tensor:
        return value
