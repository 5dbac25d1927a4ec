"""Several layers as one model, each of which takes its part of a record."""

from __future__ import annotations

import torch
from torch import nn

from tests.graphs.torch_nn.ways import CLASSES, NUMBERS
from workbench.documents.schema import Schema
from workbench.graphs.export.training import export

SCHEMA = Schema.read(
    {
        "columns": [
            {"name": "x", "kind": "tensor", "shape": [NUMBERS], "lower": -1, "upper": 1},
            {
                "name": "y",
                "kind": "category",
                "categories": list(range(CLASSES)),
                "role": "target",
            },
        ]
    }
)


class Together(nn.Module):
    """Some ways to call layers; each multiplies what it takes by numbers that are learned.

    So a layer without parameters has a gradient too: that of its input.
    """

    def __init__(self, ways):
        super().__init__()
        self.calls = [(way.shape, way.call) for way in ways]
        self.layers = nn.ModuleList([way.make() for way in ways])
        self.scales = nn.ParameterList([torch.rand(way.shape) + 0.5 for way in ways])

    def exported(self):
        """Return the record graph."""
        return export(loss, self, SCHEMA)


def loss(model, record):
    """Return one number that depends on every entry of all results."""
    total = 0.0 * record["x"].sum() + 0.0 * record["y"]
    for (shape, call), layer, scale in zip(model.calls, model.layers, model.scales, strict=True):
        part = record["x"][: scale.numel()].reshape(shape) * scale
        total = total + number_of(call(layer, part, record["y"]))
    return total


def number_of(found):
    tensors = [found] if isinstance(found, torch.Tensor) else found
    flat = torch.cat([value.reshape(-1).to(torch.float32) for value in tensors])
    return (flat * torch.linspace(0.3, 1.7, flat.numel())).sum()
