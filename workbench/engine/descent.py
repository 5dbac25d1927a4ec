"""The steps of DP-SGD (Abadi et al. 2016, arXiv:1607.00133), as a run and a rehearsal take them.

Each step: draw units (Poisson), sum their clipped gradients, add noise to every coordinate, divide
by the expected batch size, hand the result to the optimizer. Everything that sets a scale comes
from the plan and the published record count, never from the data. A plan with patience stops by
released metrics alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from workbench.documents.plans import Plan
from workbench.documents.release import Evaluation, Metric, kept, stops
from workbench.engine.gradients import NoisedGradients
from workbench.engine.optimizers import joined, optimizer_of, schedule_of
from workbench.engine.postprocessing import private_part
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sums.distributed import Ranks
from workbench.errors import RequestFailed
from workbench.graphs.record_graph import RecordGraph

Parameters = dict[str, torch.Tensor]
"""Parameter name to value: float32, each of its parameter's shape."""
Evaluate = Callable[[Parameters], tuple[Metric, ...]]
After = Callable[[int, Parameters, tuple[Metric, ...] | None], None]


@dataclass(frozen=True)
class TrainingResult:
    """All that a training run gives.

    Attributes
    ----------
    parameters
        All parameters by the name they have in the model, float32, tied ones under each name.
    metrics
        One entry per metric of the graph, for these parameters.
    steps
        How many steps were run.
    history
        All evaluations in order; empty if the graph has no metric.
    """

    parameters: Parameters
    metrics: tuple[Metric, ...]
    steps: int
    history: tuple[Evaluation, ...] = ()


def descend(
    graph: RecordGraph,
    plan: Plan,
    table: UnitTable,
    expected: float,
    random: SealedRandom,
    evaluate: Evaluate,
    after: After,
    ranks: Ranks,
) -> TrainingResult:
    """Take the steps of DP-SGD.

    Parameters
    ----------
    graph, plan, ranks
        As for `workbench.engine.train.train`.
    table
        The training units.
    expected
        The expected number of units per step, from public figures; the divisor.
    random
        Gives the streams of the gradients and of the public loss.
    evaluate
        Returns the noised metrics of parameters.
    after
        Called after each step with the number of steps done, the parameters, and the metrics if
        this step was evaluated.

    Raises
    ------
    RequestFailed
        If a released parameter is NaN or infinite; its `failure` is ``not-finite``.
    """
    parameters = {name: value.clone() for name, value in graph.parameters.items()}
    graph, follow = private_part(graph, plan, random, parameters)
    trained = sorted(graph.trainable)
    whole, parameters = joined(parameters, trained)
    gradients = NoisedGradients(graph, plan, table, expected, random, ranks)
    evaluations = set(plan.evaluated_at if graph.metrics else ())
    history: list[Evaluation] = []
    released = parameters
    optimizer = optimizer_of(plan, [whole]) if trained else None
    schedule = schedule_of(plan, optimizer) if optimizer is not None else None
    done = 0
    while done < plan.steps and not (history and stops(history, plan.patience)):
        whole.grad = gradients.gradient(parameters)
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
        raise RequestFailed(
            "training diverged: the noised parameters are NaN or infinite",
            "Use a smaller learning rate.",
            failure="not-finite",
        )
    metrics = history[kept(history, plan.patience)].metrics if history else ()
    tied = {name: released[other] for name, other in graph.ties.items()}
    result = {name: value.detach().clone() for name, value in (released | tied).items()}
    return TrainingResult(result, metrics, done, tuple(history))
