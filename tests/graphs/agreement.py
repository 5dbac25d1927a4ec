"""Compare what the engine adds up for a record with what plain autograd gives."""

from __future__ import annotations

import torch

from workbench.documents.schema import Schema
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.features import RecordView

SCHEMA = Schema.read(
    {
        "columns": [
            {"name": "x", "kind": "tensor", "shape": [4], "lower": -1, "upper": 1},
            {"name": "y", "kind": "category", "categories": [0, 1, 2], "role": "target"},
        ]
    }
)


def records(schema, count):
    random = torch.Generator().manual_seed(1)
    shape = next(column.shape for column in schema.usable if column.name == "x")
    return [
        {
            "x": torch.rand(shape, generator=random) * 2 - 1,
            "y": torch.randint(3, (), generator=random),
        }
        for _ in range(count)
    ]


def plain(function, model, view):
    loss = function(model, view)
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def check_sums(function, make, graph, schema=SCHEMA, count=5):
    """Compare what the engine adds up for each record with what plain autograd gives."""
    for record in records(schema, count):
        wanted = plain(function, make(), RecordView(schema, record))
        inputs = tuple(record[name][None] for name in graph.inputs)
        kept = torch.ones(1, dtype=torch.bool)
        got = ClippedSum(graph, 1e6)(graph.parameters, inputs, kept)
        for name, gradient in wanted.items():
            zero = torch.zeros_like(dict(make().named_parameters())[name])
            given = zero if gradient is None else gradient
            found = got.get(graph.ties.get(name, name), zero).float()
            assert torch.allclose(found, given, rtol=1e-3, atol=1e-5), name
