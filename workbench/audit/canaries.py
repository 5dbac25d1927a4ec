"""Canaries: records whose gradients meet in no coordinate, and what a run with them lets out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.optimizer import register_optimizer_step_pre_hook

from workbench.documents import Plan, Schema
from workbench.engine.timing.pace import Progress
from workbench.engine.train import train
from workbench.graphs.export.training import export
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records


@dataclass(frozen=True)
class Observation:
    """All that a run lets out, and what the auditor wants to know.

    Attributes
    ----------
    included
        The coins, shape ``(m,)``.
    gradients
        The noised gradient of every step, shape ``(steps, m)``: coordinate i is canary i's.
    change
        By how much the released parameters differ from the initial ones, shape ``(m,)``.
    """

    included: NDArray[np.bool_]
    gradients: NDArray[np.float64]
    change: NDArray[np.float64]


def canary_graph(count: int, norm: float) -> RecordGraph:
    """Return a linear model of `count` inputs; canary i has only input i, and it is `norm`.

    The loss is the model's output, so a canary's gradient is its own record whatever the
    parameters are: of length `norm`, in a direction that no other canary shares.
    """
    model = torch.nn.Linear(count, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    column = {"name": "x", "kind": "tensor", "shape": [count], "lower": 0.0, "upper": norm}
    return export(
        lambda made, record: made(record["x"]).sum(), model, Schema.read({"columns": [column]})
    )


def observe(
    plan: Plan, count: int, norm: float, seed: int, progress: Progress | None = None
) -> Observation:
    """Flip the coins, train on the canaries that they include, and keep what comes out.

    Parameters
    ----------
    plan
        Of `train`; the optimizer must be plain SGD for `Observation.change` to be of use.
    count
        How many canaries there are; about half are included.
    norm
        The length of a canary's gradient.
    seed
        Repeats the coins and the run.
    progress
        As for `train`.
    """
    graph = canary_graph(count, norm)
    included = np.random.default_rng(seed).random(count) < 0.5
    units = np.flatnonzero(included)
    columns: dict[str, NDArray[np.generic]] = {
        "x": norm * np.eye(count, dtype=np.float32)[included]
    }
    training = Records(columns, units)
    seen: list[NDArray[np.float64]] = []

    def keep(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradient = optimizer.param_groups[0]["params"][0].grad
        seen.append(gradient.double().reshape(-1).numpy().copy())

    watching = register_optimizer_step_pre_hook(keep)
    try:
        result = train(
            graph,
            plan,
            training,
            training.select(np.zeros(len(training), dtype=bool)),
            record_count=count // 2,
            holdout_fraction=0.0,
            max_records_per_unit=1,
            seed=hashlib.sha256(f"audit {seed}".encode()).digest(),
            progress=progress,
        )
    finally:
        watching.remove()
    (name,) = graph.trainable
    change = (result.parameters[name] - graph.parameters[name]).double().reshape(-1).numpy()
    return Observation(included, np.stack(seen), change)
