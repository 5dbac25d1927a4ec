"""Tensors that a function or its modules bring along are constants of its graph."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.graphs.agreement import SCHEMA, check_sums
from workbench.errors import GraphRefused
from workbench.graphs.export.statistic import export_statistic
from workbench.graphs.export.training import export

EDGES = torch.tensor([[0, 1, 2, 3, 1, 2], [1, 2, 3, 0, 1, 2]])
SCALES = torch.tensor([1.0, 2.0, 3.0])


class Layer(nn.Module):
    """A linear layer whose result goes through what a subclass does."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.through(self.linear(x), x)


class MadeInForward(Layer):
    def through(self, h, x):
        return h * torch.tensor([1.0, 2.0, 3.0])


class PlainAttribute(Layer):
    def __init__(self):
        super().__init__()
        self.scale = torch.tensor([1.0, 2.0, 3.0])

    def through(self, h, x):
        return h * self.scale


class OfTheSameNameAsAParameter(Layer):
    def __init__(self):
        super().__init__()
        self.lifted_tensor_0 = nn.Parameter(torch.full((3,), 2.0))

    def through(self, h, x):
        return h * torch.tensor([1.0, 2.0, 3.0]) * self.lifted_tensor_0


class BufferWithInfinities(Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.triu(torch.full((3, 3), -torch.inf), 1))

    def through(self, h, x):
        return (h.unsqueeze(0) + self.mask).softmax(-1) @ h


class LargeBuffer(Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("low", torch.finfo(torch.float32).min * torch.eye(3))

    def through(self, h, x):
        return (h + self.low).softmax(-1).sum(0) * h


class FilledWithALargeNumber(Layer):
    def through(self, h, x):
        return h.masked_fill(torch.tensor([True, False, False]), -1e9).softmax(-1)


class Written(Layer):
    def through(self, h, x):
        made = torch.zeros(2, 3)
        made[0] = h
        made[1, 1:] = x[:2]
        made[:, 0] = 0.5
        return made.sum(0)


class NotPersistent(Layer):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0]), persistent=False)

    def through(self, h, x):
        return h * self.scale


class OverEdges(Layer):
    """Adds up over the edges of a graph, without loops, as message passing does."""

    def through(self, h, x):
        edges = EDGES[:, EDGES[0] != EDGES[1]]
        sent = (h.sum() * x)[edges[0]]
        received = torch.zeros(4).index_add(0, edges[1], sent)
        degree = torch.zeros(4).scatter_add(0, edges[1], torch.ones(edges.shape[1]))
        largest = torch.zeros(4).scatter_reduce(0, edges[1], sent, "amax", include_self=False)
        return (received / degree.clamp(min=1) + largest)[:3] * h


class OfAFunction(Layer):
    def through(self, h, x):
        unique = EDGES.unique()
        return h[unique[unique < 3]] * SCALES


MODELS = [
    MadeInForward, PlainAttribute, OfTheSameNameAsAParameter, BufferWithInfinities, LargeBuffer,
    FilledWithALargeNumber, Written, NotPersistent, OverEdges, OfAFunction,
]  # fmt: skip


def loss(m, r):
    return F.cross_entropy(m(r["x"]), r["y"])


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_with_constants_has_the_gradients_of_autograd(kind):
    check_sums(loss, kind, export(loss, kind(), SCHEMA))


def test_a_constant_that_the_function_writes_stays_as_it_was_for_the_next_record():
    kept = torch.zeros(3)

    def adding(m, r):
        kept.add_(1.0)
        return loss(m, r) * kept.sum()

    with pytest.raises(GraphRefused):
        export(adding, MadeInForward(), SCHEMA)


def test_a_statistic_may_be_counted_at_the_edges_of_a_graph():
    def counted(record):
        edges = EDGES[:, EDGES[0] != EDGES[1]]
        return torch.zeros(4).index_add(0, edges[1], record["x"][edges[0]])

    graph = export_statistic(counted, SCHEMA)
    assert graph.output_specs[0].shape == (4,)
