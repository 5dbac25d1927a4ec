"""Small plans, graphs and records that tests of schedules and of domains run."""

from __future__ import annotations

import numpy as np
import torch

from tests.engine.models import MODELS
from workbench.documents import Plan, Schema
from workbench.graphs.export.training import export
from workbench.records import Records

SEED = bytes(range(32))
PLAN = Plan(
    learning_rate=0.1,
    steps=6,
    sample_rate=0.5,
    max_grad_norm=1.0,
    noise_multiplier=1.0,
    metrics_noise_multiplier=1.0,
    evaluations=3,
)
COLUMNS = ("a", "b", "c")
SCHEMA = Schema.read(
    {"columns": [{"name": n, "kind": "number", "lower": -1, "upper": 1} for n in COLUMNS]}
)


def values(record):
    return torch.stack([record[name] for name in COLUMNS])


def graph_and_records(name="mlp", count=60):
    make, function, schema = MODELS[name]
    graph = export(function, make(), schema)
    random = np.random.default_rng(0)
    columns = {}
    for column in schema.usable:
        if column.kind == "category":
            columns[column.name] = random.integers(0, len(column.categories), count)
        else:
            drawn = random.uniform(column.lower, column.upper, (count, *column.shape))
            columns[column.name] = drawn.astype(np.float32)
    return graph, Records.each_its_own(columns)
