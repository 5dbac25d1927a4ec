"""Compare what the engine adds up for each record with plain autograd."""

from __future__ import annotations

import torch

from tests.graphs.torch_nn.together import SCHEMA, loss
from tests.graphs.torch_nn.ways import CLASSES, NUMBERS
from workbench.documents.inputs import NoiseInput
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.normalization import without_batch_norm

WIDE = 1e6
"""A bound that clips nothing."""


def check_records(model, rows=1):
    """Check that the sum of each record, alone, is its gradient by plain autograd.

    Export compares three others with the graph.
    """
    graph = model.exported()
    summing = ClippedSum(graph, WIDE)
    plain = without_batch_norm(model, quiet=True)
    named = {n: p for n, p in plain.named_parameters() if p.requires_grad and n in graph.trainable}
    random = torch.Generator().manual_seed(1)
    for row in range(rows):
        record = {
            "x": torch.rand(NUMBERS, generator=random) * 2 - 1,
            "y": torch.tensor((row + 1) % CLASSES),
        }
        for name in graph.inputs:
            noise = NoiseInput.parse(name)
            if noise is not None:
                record[name] = torch.randn(noise.shape, generator=random)
        view = RecordView(SCHEMA, record)
        with drawing_from(view):
            found = torch.autograd.grad(loss(plain, view), list(named.values()), allow_unused=True)
        inputs = tuple(record[name][None] for name in graph.inputs)
        sums = summing(graph.parameters, inputs, torch.ones(1, dtype=torch.bool))
        for (name, parameter), gradient in zip(named.items(), found, strict=True):
            wanted = torch.zeros_like(parameter) if gradient is None else gradient.to_dense()
            assert torch.isfinite(wanted).all(), f"{name}: nothing is compared"
            assert torch.allclose(sums[name].float(), wanted, rtol=2e-3, atol=2e-5), name
