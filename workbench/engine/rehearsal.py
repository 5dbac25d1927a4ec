"""Rehearse a training run on a synthetic snippet, at no privacy cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.documents.plans import Plan
from workbench.documents.release import Metric
from workbench.engine.descent import Parameters, TrainingResult, descend
from workbench.engine.metrics import evaluated_at_once, exact_sums, noisy_metrics
from workbench.engine.preflight import check_learning, check_on_snippet
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import StreamName
from workbench.engine.sums.distributed import ALONE
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

Watch = Callable[[int, int, tuple[Metric, ...]], None]
_WATCHED_SHARE = 20.0
"""Of how many seconds one may go into what is shown on the way."""


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
    """Train with the same code on a synthetic snippet, at no privacy cost.

    Trains and measures on the same records, with exact metrics; with `private` false also
    without clipping and noise, to see what privacy costs. Never for a domain's own data.

    Parameters
    ----------
    graph, plan
        As for `workbench.engine.train.train`.
    records
        A decoded snippet.
    seed
        32 bytes.
    record_count
        The expected number of units that the domain will train on. The noise is scaled to the
        snippet's size, so that a step's gradient is as noisy here as it will be there.
    private
        Whether to clip and add noise.
    watch
        Called now and then with (steps done, all steps, the exact metrics); measuring for it
        takes a twentieth of the time at most.

    Raises
    ------
    GraphRefused
        If it can be known from graph and snippet that nothing would be learned; see
        `workbench.engine.preflight`.
    """
    if private:
        check_learning(graph, plan)
        check_on_snippet(graph, plan, records)
    random = SealedRandom(seed)
    table = UnitTable(records, graph.inputs, 1, random.stream(StreamName.RECORD_NOISE, 0))
    scale = table.units / record_count
    changes: dict[str, object] = {"noise_multiplier": 0.0, "max_grad_norm": 1e6, "clipping": "flat"}
    if private:
        changes = {
            "noise_multiplier": plan.noise_multiplier * scale,
            "count_noise_multiplier": plan.count_noise_multiplier * scale,
        }
    plan = plan.model_copy(update=changes)
    size = evaluated_at_once(graph, 1)
    stream = random.stream(StreamName.METRICS)

    def evaluate(parameters: Parameters) -> tuple[Metric, ...]:
        return noisy_metrics(graph.metrics, exact_sums(graph, parameters, table, size), 0.0, stream)

    def measure(parameters: Parameters) -> tuple[Metric, ...]:
        # With draws of its own: watching changes nothing.
        return noisy_metrics(graph.metrics, exact_sums(graph, parameters, watched, size), 0.0, own)

    watched = UnitTable(records, graph.inputs, 1, random.stream(StreamName.RECORD_NOISE_WATCHED))
    own = random.stream(StreamName.METRICS_WATCHED)
    share = _Share()

    def after(done: int, parameters: Parameters, found: tuple[Metric, ...] | None) -> None:
        if watch is not None and graph.metrics and (done == plan.steps or share.due()):
            with share.measured():
                watch(done, plan.steps, measure(parameters))

    expected = plan.sample_rate * table.units
    return descend(graph, plan, table, expected, random, evaluate, after, ALONE)


class _Share:
    """Lets something take a small share of the time and no more."""

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
