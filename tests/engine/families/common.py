"""What every family of models must show: it learns under DP, and its clipped sum is the right one.

The reference for the sum is plain autograd on the Python function, one record after the other: it
shares no code with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from workbench.documents import Plan, Schema
from workbench.documents.inputs import NoiseInput
from workbench.engine.descent import TrainingResult
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.train import train
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.training import export, outputs_of
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

HELD_OUT = 0.25
COMPARED = 6


@dataclass(frozen=True)
class Study:
    """A training function with small data of its own."""

    function: Callable[..., Any]
    schema: Schema
    columns: dict[str, np.ndarray]
    units: np.ndarray | None = None

    def records(self) -> Records:
        rows = len(next(iter(self.columns.values())))
        units = np.arange(rows) if self.units is None else self.units
        return Records(self.columns, units.astype(np.int64))

    def parts(self) -> tuple[Records, Records]:
        """Training and hold-out part, disjoint in privacy units."""
        records = self.records()
        last = records.units >= (1 - HELD_OUT) * (records.units.max() + 1)
        return records.select(~last), records.select(last)


def number(name: str, lower: float, upper: float, role: str = "feature") -> dict[str, Any]:
    return {"name": name, "kind": "number", "lower": lower, "upper": upper, "role": role}


def tensor(name: str, shape: tuple[int, ...], lower: float, upper: float) -> dict[str, Any]:
    return {"name": name, "kind": "tensor", "shape": list(shape), "lower": lower, "upper": upper}


def category(name: str, count: int, role: str = "target") -> dict[str, Any]:
    return {"name": name, "kind": "category", "categories": list(range(count)), "role": role}


def schema(*columns: dict[str, Any], **options: Any) -> Schema:
    return Schema.read({"columns": list(columns)} | options)


def plan(**changes: Any) -> Plan:
    base = {
        "learning_rate": 0.5,
        "steps": 60,
        "sample_rate": 0.3,
        "max_grad_norm": 1.0,
        "noise_multiplier": 1.0,
        "metrics_noise_multiplier": 1.0,
    }
    return Plan.read(base | changes)


def trained(
    study: Study, model: nn.Module, seed: bytes = bytes(32), **changes: Any
) -> tuple[RecordGraph, TrainingResult]:
    """Train under DP with the engine's own loop; noise multiplier 1 unless changed."""
    graph = export(study.function, model, study.schema)
    training, holdout = study.parts()
    result = train(
        graph,
        plan(**changes),
        training,
        holdout,
        record_count=study.records().unit_count,
        holdout_fraction=HELD_OUT,
        max_records_per_unit=study.schema.max_records_per_unit,
        seed=seed,
    )
    return graph, result


def metric(result: TrainingResult, name: str) -> float:
    return next(m.value for m in result.metrics if m.name == name)


def drawn(graph: RecordGraph, columns: Mapping[str, np.ndarray], rows: int = COMPARED):
    """The graph's inputs for the first rows of the data."""
    generator = torch.Generator().manual_seed(7)
    found = {}
    for name in graph.inputs:
        noise = NoiseInput.parse(name)
        found[name] = (
            torch.from_numpy(np.ascontiguousarray(columns[name][:rows]))
            if noise is None
            else torch.randn((rows, *noise.shape), generator=generator)
        )
    return found


def gradients_one_by_one(
    function: Callable[..., Any], model: nn.Module, schema: Schema, values: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """One gradient per record, by autograd on the Python function."""
    rows = []
    for row in range(len(next(iter(values.values())))):
        model.zero_grad()
        record = RecordView(schema, {n: v[row] for n, v in values.items()})
        with drawing_from(record):
            outputs_of(function(model, record))[0].backward()
        rows.append(
            {
                n: torch.zeros_like(p) if p.grad is None else p.grad.clone()
                for n, p in model.named_parameters()
                if p.requires_grad
            }
        )
    model.zero_grad()
    return {n: torch.stack([row[n] for row in rows]) for n in rows[0]}


def assert_sum_is_that_of_autograd(study: Study, model: nn.Module, bound: float = 0.1) -> None:
    """The engine's clipped sum equals ``sum_i clip(autograd gradient of record i)``."""
    graph = export(study.function, model, study.schema)
    values = drawn(graph, study.columns)
    gradients = {
        graph.ties.get(name, name): gradient
        for name, gradient in gradients_one_by_one(
            study.function, model, study.schema, values
        ).items()
    }
    norms = torch.stack([g.flatten(1).double().square().sum(1) for g in gradients.values()])
    weights = (bound / norms.sum(0).sqrt()).clamp(max=1.0)
    present = torch.ones(COMPARED, dtype=torch.bool)
    inputs = tuple(values[name] for name in graph.inputs)
    got = ClippedSum(graph, bound)(graph.parameters, inputs, present)
    largest = 0.0
    expected = {}
    for name, gradient in gradients.items():
        expected[name] = torch.einsum("u,u...->...", weights, gradient.double())
        largest = max(largest, float(expected[name].abs().max()))
    assert largest > 0
    assert set(got) == set(expected) == set(graph.trainable)
    for name, value in expected.items():
        assert float((got[name] - value).abs().max()) <= 2e-5 * largest, name
