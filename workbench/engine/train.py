"""DP-SGD over a record graph (Abadi et al. 2016, arXiv:1607.00133), and its rehearsal.

Each round: draw units (Poisson), sum their clipped gradients, add noise to every coordinate, divide
by the expected batch size, hand the result to the optimizer. Everything that sets a scale comes
from the plan and the published record count, never from the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from workbench.documents.errors import RequestFailed
from workbench.documents.release import Metric
from workbench.documents.request import Plan
from workbench.engine.batches import UnitTable, chunk_size
from workbench.engine.clipping import ClippedSum
from workbench.engine.metrics import exact_sums, noisy_metrics
from workbench.engine.noise import SealedRandom
from workbench.engine.postprocessing import private_part
from workbench.engine.records import Records
from workbench.graphs.record_graph import RecordGraph

Progress = Callable[[int, int], None]
_EVALUATED_AT_ONCE = 256


@dataclass(frozen=True)
class TrainingResult:
    """What a run gives.

    Attributes
    ----------
    parameters
        All parameters by the name they have in the model, float32, tied ones under each name.
    metrics
        One entry per metric of the graph.
    steps
        How many rounds were run.
    """

    parameters: dict[str, torch.Tensor]
    metrics: tuple[Metric, ...]
    steps: int


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
    threads: int = 1,
) -> TrainingResult:
    """Train under differential privacy and measure on the hold-out part.

    Parameters
    ----------
    graph
        The record graph with `inputs` and `metrics` named.
    plan
        Rounds, sampling, clipping, noise and optimizer.
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
    threads
        How many threads torch may use.

    Raises
    ------
    RequestFailed
        With the word ``not-finite`` if the noised parameters overflow; the cost stays.
    """
    torch.set_num_threads(threads)
    random = SealedRandom(seed)
    expected = plan.sample_rate * record_count * (1 - holdout_fraction)
    table = UnitTable(training, graph.inputs, max_records_per_unit, random.stream("record-noise"))
    parameters = _descend(graph, plan, table, expected, random, progress)
    metrics: tuple[Metric, ...] = ()
    if graph.metrics:
        held_out = UnitTable(
            holdout, graph.inputs, max_records_per_unit, random.stream("record-noise-metrics")
        )
        size = chunk_size(graph, _EVALUATED_AT_ONCE, max_records_per_unit, 0)
        sums = exact_sums(graph, parameters, held_out, size)
        stream = random.stream("metrics")
        metrics = noisy_metrics(graph.metrics, sums, plan.metrics_noise_multiplier, stream)
    tied = {name: parameters[other] for name, other in graph.ties.items()}
    return TrainingResult(parameters | tied, metrics, plan.steps)


def _descend(
    graph: RecordGraph,
    plan: Plan,
    table: UnitTable,
    expected: float,
    random: SealedRandom,
    progress: Progress | None,
) -> dict[str, torch.Tensor]:
    parameters = {name: value.clone() for name, value in graph.parameters.items()}
    graph, follow = private_part(graph, plan, random, parameters)
    trained = sorted(graph.trainable)
    optimizer = _optimizer(plan, [parameters[name] for name in trained]) if trained else None
    clipped_sum = ClippedSum(graph, plan.max_grad_norm, table.records_per_unit)
    copied = sum(graph.parameters[name].numel() for name in clipped_sum.fallback)
    size = chunk_size(graph, expected, table.records_per_unit, copied)
    sampling, noise = random.stream("sampling"), random.stream("noise")
    for step in range(plan.steps):
        chosen = np.flatnonzero(sampling.bernoulli(plan.sample_rate, table.units))
        sums = {n: torch.zeros(parameters[n].shape, dtype=torch.float64) for n in trained}
        for columns, present in table.chunks(chosen, size):
            for name, part in clipped_sum(parameters, columns, present).items():
                sums[name] += part
        for name in trained:
            drawn = torch.from_numpy(noise.gaussian(sums[name].numel())).reshape(sums[name].shape)
            noised = sums[name] + plan.noise_multiplier * plan.max_grad_norm * drawn
            parameters[name].grad = (noised / expected).float()
        if optimizer is not None:
            optimizer.step()
        follow(parameters)
        if progress is not None:
            progress(step + 1, plan.steps)
    for value in parameters.values():
        value.grad = None
    if not all(bool(torch.isfinite(value).all()) for value in parameters.values()):
        raise RequestFailed("not-finite")
    return parameters


def _optimizer(plan: Plan, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    if plan.optimizer == "adam":
        return torch.optim.Adam(
            parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, foreach=False
        )
    momentum = plan.momentum if plan.optimizer == "momentum" else 0.0
    return torch.optim.SGD(
        parameters,
        lr=plan.learning_rate,
        momentum=momentum,
        weight_decay=plan.weight_decay,
        foreach=False,
    )


def rehearse(
    graph: RecordGraph,
    plan: Plan,
    records: Records,
    *,
    seed: bytes,
    record_count: float,
    private: bool = True,
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
    """
    random = SealedRandom(seed)
    table = UnitTable(records, graph.inputs, 1, random.stream("record-noise"))
    expected = plan.sample_rate * table.units
    scaled = plan.noise_multiplier * table.units / record_count
    changes = (
        {"noise_multiplier": scaled} if private else {"noise_multiplier": 0.0, "max_grad_norm": 1e6}
    )
    plan = plan.model_copy(update=changes)
    parameters = _descend(graph, plan, table, expected, random, None)
    metrics: tuple[Metric, ...] = ()
    if graph.metrics:
        size = chunk_size(graph, _EVALUATED_AT_ONCE, 1, 0)
        sums = exact_sums(graph, parameters, table, size)
        metrics = noisy_metrics(graph.metrics, sums, 0.0, random.stream("metrics"))
    tied = {name: parameters[other] for name, other in graph.ties.items()}
    return TrainingResult(parameters | tied, metrics, plan.steps)
