"""Training under differential privacy: DP-SGD over a record graph, measured on the hold-out part.

The steps are those of `workbench.engine.descent`. Metrics on the hold-out part are released along
the way. A run that has a schedule (`workbench.engine.timing.pace`) tells what it tells at public
times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from workbench.documents.plans import Plan
from workbench.documents.release import Evaluation, Metric
from workbench.engine.descent import Parameters, TrainingResult, descend
from workbench.engine.metrics import evaluated_at_once, exact_sums, noisy_metrics
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import StreamName
from workbench.engine.sums.distributed import ALONE, Ranks
from workbench.engine.timing.costs import Cost, units_at_most
from workbench.engine.timing.measured import Filling
from workbench.engine.timing.pace import Pace, Progress
from workbench.engine.training_costs import cost_of_evaluations, cost_of_steps
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records


def train(
    graph: RecordGraph,
    plan: Plan,
    training: Records,
    holdout: Records,
    *,
    record_count: int,
    holdout_fraction: float,
    max_records_per_unit: int,
    seed: bytes,
    progress: Progress | None = None,
    evaluated: Callable[[Evaluation], None] | None = None,
    pace: Pace | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult:
    """Train under differential privacy and measure on the hold-out part.

    Parameters
    ----------
    graph
        The record graph with `inputs` and `metrics` named.
    plan
        Steps, sampling, clipping, noise, optimizer and evaluations.
    training, holdout
        Disjoint parts of the data.
    record_count
        The published number of privacy units of both parts together.
    holdout_fraction
        The published expected share of the hold-out part.
    max_records_per_unit
        The published bound on records of one unit.
    seed
        32 secret bytes, used for no other request. Equal arguments and seed give equal results
        on one machine.
    progress
        Called with (steps done, all steps) after every step.
    evaluated
        Called with each evaluation, noised, as `history` will hold it.
    pace
        When to tell those, and how long the run may take; by default at once, and for ever.
    ranks
        This process's place among those that share the run; all get the same arguments and
        return the same result.

    Raises
    ------
    RequestFailed
        If the noised parameters overflow; its `failure` is ``not-finite`` and the cost stays.
    OverTime
        If the run would take longer than `pace` allows; no record was computed on then.
    RankLost
        If another rank has died.
    """
    torch.set_num_threads(1)
    figures = _Figures(record_count, holdout_fraction, max_records_per_unit)
    run = _Run(graph, plan, figures, SealedRandom(seed), pace, progress, evaluated, ranks)
    if pace is None:
        return run.descend(training, holdout)
    pace.plan(plan.steps, run.schedule())
    with pace.kept(progress):
        return run.descend(training, holdout)


@dataclass(frozen=True)
class _Figures:
    """The published figures of a dataset."""

    record_count: int
    holdout_fraction: float
    max_records_per_unit: int

    @property
    def training_units(self) -> float:
        """How many units the training part is expected to have."""
        return self.record_count * (1 - self.holdout_fraction)


@dataclass(frozen=True)
class _Run:
    """One run on records; see `train`."""

    graph: RecordGraph
    plan: Plan
    figures: _Figures
    random: SealedRandom
    pace: Pace | None
    progress: Progress | None
    evaluated: Callable[[Evaluation], None] | None
    ranks: Ranks

    @property
    def expected(self) -> float:
        """The expected number of units per step."""
        return self.plan.sample_rate * self.figures.training_units

    def schedule(self) -> Callable[[int], Cost]:
        """Return what so many steps take, with the evaluations until then, measured on filling."""
        graph, plan, figures, ranks = self.graph, self.plan, self.figures, self.ranks
        filling = Filling(graph, round(figures.training_units), figures.max_records_per_unit)
        trained = units_at_most(figures.record_count, 1 - figures.holdout_fraction)
        held = units_at_most(figures.record_count, figures.holdout_fraction)
        step = cost_of_steps(graph, plan, filling, self.expected, trained, ranks)
        evaluation = cost_of_evaluations(graph, plan, filling, held, ranks)
        at = plan.evaluated_at
        return lambda done: step(done) + evaluation(bisect_right(at, done))

    def descend(self, training: Records, holdout: Records) -> TrainingResult:
        """Train on records and measure on others."""
        graph, plan, per_unit = self.graph, self.plan, self.figures.max_records_per_unit
        rank = self.ranks.rank
        # Each rank draws for its own records: no draw may serve two.
        own = self.random.stream(StreamName.RECORD_NOISE, rank)
        measured = self.random.stream(StreamName.RECORD_NOISE_METRICS, rank)
        stream = self.random.stream(StreamName.METRICS)
        table = UnitTable(training, graph.inputs, per_unit, own)
        held_out = UnitTable(holdout, graph.inputs, per_unit, measured)
        size = evaluated_at_once(graph, per_unit)
        mine = self.ranks.share(np.arange(held_out.units), size)

        def evaluate(parameters: Parameters) -> tuple[Metric, ...]:
            sums = self.ranks.reduced(exact_sums(graph, parameters, held_out, size, mine))
            # One seed: all ranks draw the same noise for the same sums.
            agreed = self.ranks.agreed(sums)
            return noisy_metrics(graph.metrics, agreed, plan.metrics_noise_multiplier, stream)

        if self.pace is not None:
            # All ranks have their data then.
            self.ranks.reduced(torch.zeros(1))
            self.pace.start()
        return descend(
            graph, plan, table, self.expected, self.random, evaluate, self._after, self.ranks
        )

    def _after(self, done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        """Tell the evaluation and the progress of a step, at its time."""
        if self.pace is not None:
            self.pace.wait(done)
        if found is not None and self.evaluated is not None:
            self.evaluated(Evaluation(step=done, metrics=found))
        if self.progress is not None:
            self.progress(done, self.plan.steps)
