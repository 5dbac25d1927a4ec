"""DP-SGD over a record graph (Abadi et al. 2016, arXiv:1607.00133), and its rehearsal.

Each round: draw units (Poisson), sum their clipped gradients, add noise to every coordinate, divide
by the expected batch size, hand the result to the optimizer. Everything that sets a scale comes
from the plan and the published record count, never from the data. Metrics on the hold-out part are
released along the way, and a plan with patience stops by them alone.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch

from workbench.documents.plans import Plan
from workbench.documents.release import Evaluation, Metric
from workbench.engine import SEED_BYTES
from workbench.engine.metrics import exact_sums, noisy_metrics
from workbench.engine.optimizers import joined, optimizer_of, schedule_of
from workbench.engine.postprocessing import private_part
from workbench.engine.program.program import noted
from workbench.engine.rounds import NoisedRounds
from workbench.engine.sampling.batches import UnitTable, chunk_size
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.stopping import kept, stops
from workbench.engine.sums.distributed import ALONE, Ranks
from workbench.engine.timing.costs import Chunks, Cost, Enough, Filling, Measured, units_at_most
from workbench.engine.timing.pace import Pace
from workbench.engine.timing.pace import Progress as Progress
from workbench.engine.timing.slowest import slowest
from workbench.errors import RequestFailed
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

Watch = Callable[[int, int, tuple[Metric, ...]], None]
Parameters = dict[str, torch.Tensor]
_EVALUATED_AT_ONCE = 256
_WATCHED_SHARE = 20.0
_MANY = 1_000_000


@dataclass(frozen=True)
class TrainingResult:
    """What a run gives.

    Attributes
    ----------
    parameters
        All parameters by the name they have in the model, float32, tied ones under each name.
    metrics
        One entry per metric of the graph, for these parameters.
    steps
        How many rounds were run.
    history
        All evaluations in order; empty if the graph has no metric.
    """

    parameters: Parameters
    metrics: tuple[Metric, ...]
    steps: int
    history: tuple[Evaluation, ...] = ()


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
        Rounds, sampling, clipping, noise, optimizer and evaluations.
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
        Called with (rounds done, all rounds) after every round.
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
        With the word ``not-finite`` if the noised parameters overflow; the cost stays.
    OverTime
        If the run would take longer than `pace` allows; no record was computed on then.
    RankLost
        If another rank has died.
    """
    torch.set_num_threads(1)
    units = record_count * (1 - holdout_fraction)
    expected = plan.sample_rate * units
    size = chunk_size(graph, _EVALUATED_AT_ONCE, max_records_per_unit)
    random = SealedRandom(seed)
    own, measured = (
        # Each rank draws for its own records: no draw may serve two.
        random.stream(f"{label}/{ranks.rank}")
        for label in ("record-noise", "record-noise-metrics")
    )
    stream = random.stream("metrics")
    if pace is not None:
        filling = Filling(graph, round(units), max_records_per_unit)
        trained = units_at_most(record_count, 1 - holdout_fraction)
        held = units_at_most(record_count, holdout_fraction)
        step = _cost_of_steps(graph, plan, filling, expected, trained, ranks)
        evaluation = _cost_of_evaluations(graph, plan, filling, held, ranks)
        at = plan.evaluated_at
        pace.plan(plan.steps, lambda done: step(done) + evaluation(bisect_right(at, done)))

    def run() -> TrainingResult:
        table = UnitTable(training, graph.inputs, max_records_per_unit, own)
        held_out = UnitTable(holdout, graph.inputs, max_records_per_unit, measured)
        mine = ranks.share(np.arange(held_out.units), size)

        def evaluate(parameters: Parameters) -> tuple[Metric, ...]:
            sums = ranks.reduced(exact_sums(graph, parameters, held_out, size, mine))
            # One seed: all ranks draw the same noise for the same sums.
            agreed = ranks.agreed(sums)
            return noisy_metrics(graph.metrics, agreed, plan.metrics_noise_multiplier, stream)

        if pace is not None:
            # All ranks have their data then.
            ranks.reduced(torch.zeros(1))
            pace.start()
        return _descend(graph, plan, table, expected, random, evaluate, after, ranks)

    def after(done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        if pace is not None:
            pace.wait(done)
        if found is not None and evaluated is not None:
            evaluated(Evaluation(step=done, metrics=found))
        if progress is not None:
            progress(done, plan.steps)

    if pace is None:
        return run()
    with pace.kept(progress):
        return run()


def train_on_filling(
    graph: RecordGraph,
    plan: Plan,
    filling: Filling,
    expected: float,
    ranks: Ranks = ALONE,
    after: Callable[[int], None] | None = None,
) -> None:
    """Do all that rounds of a run do, with filling instead of records.

    Parameters
    ----------
    graph, plan, ranks
        As for `train`.
    filling
        What stands for the training part.
    expected
        The expected number of units per round, as of a run.
    after
        Called with the number of rounds done after every round, until it raises `Enough`; by
        default one round is done.
    """

    def told(done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        if after is None:
            raise Enough
        after(done)

    endless = {"steps": _MANY, "evaluations": 1, "warmup_steps": 0, "patience": None}
    with suppress(Enough):
        # The seed is no secret: what is drawn from it covers nobody.
        random, long = SealedRandom(bytes(SEED_BYTES)), plan.model_copy(update=endless)
        _descend(graph, long, filling, expected, random, lambda _: (), told, ranks)


def evaluate_on_filling(graph: RecordGraph, filling: Filling) -> None:
    """Do all that an evaluation does, with filling instead of records."""
    size = chunk_size(graph, _EVALUATED_AT_ONCE, filling.records_per_unit)
    exact_sums(graph, graph.parameters, filling, size)


def _cost_of_steps(
    graph: RecordGraph, plan: Plan, filling: Filling, expected: float, units: float, ranks: Ranks
) -> Callable[[int], Cost]:
    """Return what so many rounds take, measured on filling by rounds of one chunk and of none."""

    def chunks(size: int) -> Chunks:
        return Chunks.of(units, plan.sample_rate, size, ranks.size)

    rounds = Measured(filling, chunks, plan.steps, ranks)
    with noted() as programs:
        train_on_filling(graph, plan, filling, expected, ranks, rounds)
    return rounds.costs(slowest(programs))


def _cost_of_evaluations(
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


def _descend(
    graph: RecordGraph,
    plan: Plan,
    table: UnitTable,
    expected: float,
    random: SealedRandom,
    evaluate: Callable[[Parameters], tuple[Metric, ...]],
    after: Callable[[int, Parameters, tuple[Metric, ...] | None], None],
    ranks: Ranks,
) -> TrainingResult:
    parameters = {name: value.clone() for name, value in graph.parameters.items()}
    graph, follow = private_part(graph, plan, random, parameters)
    trained = sorted(graph.trainable)
    whole, parameters = joined(parameters, trained)
    rounds = NoisedRounds(graph, plan, table, expected, random, ranks)
    evaluations = set(plan.evaluated_at) if graph.metrics else set()
    history: list[Evaluation] = []
    released = parameters
    optimizer = optimizer_of(plan, [whole]) if trained else None
    schedule = schedule_of(plan, optimizer) if optimizer is not None else None
    done = 0
    while done < plan.steps and not (history and stops(history, plan.patience)):
        whole.grad = rounds.gradient(parameters)
        if optimizer is not None and schedule is not None:
            optimizer.step()
            schedule.step()
        follow(parameters)
        done += 1
        found = evaluate(parameters) if done in evaluations else None
        if found is not None:
            history.append(Evaluation(step=done, metrics=found))
            if kept(history, plan.patience) == len(history) - 1:
                released = {name: value.clone() for name, value in parameters.items()}
        after(done, parameters, found)
    if not all(bool(torch.isfinite(value).all()) for value in released.values()):
        raise RequestFailed("the noised parameters are not finite", failure="not-finite")
    metrics = history[kept(history, plan.patience)].metrics if history else ()
    tied = {name: released[other] for name, other in graph.ties.items()}
    result = {name: value.detach().clone() for name, value in (released | tied).items()}
    return TrainingResult(result, metrics, done, tuple(history))


def rehearse(
    graph: RecordGraph,
    plan: Plan,
    records: Records,
    *,
    seed: bytes,
    record_count: float,
    private: bool = True,
    watch: Watch | None = None,
) -> TrainingResult:
    """Run the same code on a synthetic snippet, at no privacy cost.

    Trains and measures on the same records, with exact metrics; with `private` false also
    without clipping and noise, to see what privacy costs. Never for a domain's own data.

    Parameters
    ----------
    graph, plan
        As for `train`.
    records
        A decoded snippet.
    seed
        32 bytes.
    record_count
        The expected number of units that the domain will train on. The noise is scaled to the
        snippet's size, so that a round's gradient is as noisy here as it will be there.
    private
        Whether to clip and add noise.
    watch
        Called now and then with (rounds done, all rounds, the exact metrics); measuring for it
        takes a twentieth of the time at most.
    """
    random = SealedRandom(seed)
    table = UnitTable(records, graph.inputs, 1, random.stream("record-noise/0"))
    scale = table.units / record_count
    changes: dict[str, object] = {"noise_multiplier": 0.0, "max_grad_norm": 1e6, "clipping": "flat"}
    if private:
        changes = {
            "noise_multiplier": plan.noise_multiplier * scale,
            "count_noise_multiplier": plan.count_noise_multiplier * scale,
        }
    plan = plan.model_copy(update=changes)
    size = chunk_size(graph, _EVALUATED_AT_ONCE, 1)
    stream = random.stream("metrics")

    def evaluate(parameters: Parameters) -> tuple[Metric, ...]:
        return noisy_metrics(graph.metrics, exact_sums(graph, parameters, table, size), 0.0, stream)

    def measure(parameters: Parameters) -> tuple[Metric, ...]:
        # With draws of its own: watching changes nothing.
        return noisy_metrics(graph.metrics, exact_sums(graph, parameters, watched, size), 0.0, own)

    watched = UnitTable(records, graph.inputs, 1, random.stream("record-noise-watched"))
    own = random.stream("metrics-watched")
    share = _Share()

    def after(done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        if watch is not None and graph.metrics and (done == plan.steps or share.due()):
            with share.measured():
                watch(done, plan.steps, measure(parameters))

    expected = plan.sample_rate * table.units
    return _descend(graph, plan, table, expected, random, evaluate, after, ALONE)


class _Share:
    """Lets something take a share of the time and no more."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._spent = 0.0

    def due(self) -> bool:
        return self._spent * _WATCHED_SHARE <= time.monotonic() - self._began

    @contextmanager
    def measured(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._spent += time.monotonic() - began
