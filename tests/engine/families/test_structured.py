"""Graph networks, recommenders, and low-rank adaptation of a frozen base."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.engine.families.common import (
    Study,
    assert_sum_is_that_of_autograd,
    category,
    metric,
    schema,
    tensor,
    trained,
)
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.training import export
from workbench.models.lora import lora, merge_lora
from workbench.models.modules import load_into

NODES, KINDS = 10, 4


def _molecules() -> Study:
    """Padded graphs: rings and chains with the same kinds of nodes; only the edges tell."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1000)
    features = np.zeros((1000, NODES, KINDS + 1), np.float32)
    adjacency = np.zeros((1000, NODES, NODES), np.float32)
    for row, ring in enumerate(y):
        size = int(rng.integers(5, NODES + 1))
        order = rng.permutation(size)
        features[row, np.arange(size), rng.integers(0, KINDS, size)] = 1
        features[row, :size, KINDS] = 1  # this is a node and no filling
        edges = [*pairwise(order), *([(order[-1], order[0])] if ring else [])]
        for a, b in edges:
            adjacency[row, a, b] = adjacency[row, b, a] = 1

    def classify(model, record):
        logits = model(record["nodes"], record["edges"])
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    fields = (
        tensor("nodes", (NODES, KINDS + 1), 0, 1),
        tensor("edges", (NODES, NODES), 0, 1),
        category("y", 2),
    )
    return Study(classify, schema(*fields), {"nodes": features, "edges": adjacency, "y": y})


class GraphNetwork(nn.Module):
    """Message passing by matrix products (Gilmer et al. 2017, arXiv:1704.01212)."""

    def __init__(self, width=16, rounds=2):
        super().__init__()
        self.embed = nn.Linear(KINDS + 1, width)
        self.own = nn.ModuleList(nn.Linear(width, width) for _ in range(rounds))
        self.others = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(rounds))
        self.out = nn.Linear(width, 2)

    def forward(self, nodes, edges):
        mask = nodes[:, -1:]
        h = torch.relu(self.embed(nodes)) * mask
        for own, others in zip(self.own, self.others, strict=True):
            h = torch.relu(own(h) + edges @ others(h)) * mask
        return self.out(h.sum(0) / mask.sum())


@pytest.mark.slow
def test_graph_network():
    study = _molecules()
    torch.manual_seed(0)
    model = GraphNetwork()
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(study, model, optimizer="adam", learning_rate=0.01, steps=80)
    assert metric(result, "accuracy") > 0.8


PEOPLE, FILMS, RATED = 120, 12, 8


def _ratings() -> Study:
    """Each person likes the films of their own genre: 8 records of one person are one unit."""
    rng = np.random.default_rng(0)
    taste = rng.integers(0, 2, PEOPLE)
    person = np.repeat(np.arange(PEOPLE), RATED)
    film = np.concatenate([rng.permutation(FILMS)[:RATED] for _ in range(PEOPLE)])
    liked = (film % 2 == taste[person]) ^ (rng.random(len(film)) < 0.05)
    group = taste[person]  # what is known of a person: the site they came from

    def rate(model, record):
        score = model(record["group"], record["film"])
        target = record["liked"].float()
        right = (score > 0) == (record["liked"] == 1)
        return F.binary_cross_entropy_with_logits(score, target), {"accuracy": right}

    unit = {"name": "person", "kind": "integer", "role": "unit"}
    fields = schema(
        category("group", 2, "feature"),
        category("film", FILMS, "feature"),
        category("liked", 2),
        unit,
        privacy_unit="person",
        max_records_per_unit=RATED,
    )
    columns = {"group": group, "film": film, "liked": liked.astype(np.int64)}
    return Study(rate, fields, columns, person)


class Factors(nn.Module):
    """Matrix factorisation with biases (Koren, Bell and Volinsky 2009)."""

    def __init__(self, users, items, width=4):
        super().__init__()
        self.users, self.items = nn.Embedding(users, width), nn.Embedding(items, width)
        self.bias = nn.Embedding(items, 1)

    def forward(self, user, item):
        return (self.users(user) * self.items(item)).sum() + self.bias(item)[0]


@pytest.mark.slow
def test_recommender_with_one_person_as_the_unit():
    study = _ratings()
    torch.manual_seed(0)
    model = Factors(2, FILMS)
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(
        study, model, optimizer="adam", learning_rate=0.05, steps=60, sample_rate=0.5
    )
    assert metric(result, "accuracy") > 0.8
    # One person's eight records move the sum by at most C together.
    values = tuple(torch.from_numpy(study.columns[n][: 3 * RATED]) for n in graph.inputs)
    summing = ClippedSum(graph, 0.5, records_per_unit=RATED)
    present = torch.ones(3 * RATED, dtype=torch.bool)
    whole = summing(result.parameters, values, present)
    present[:RATED] = False
    without = summing(result.parameters, values, present)
    moved = sum(float((whole[n] - without[n]).square().sum()) for n in whole) ** 0.5
    assert 0 < moved <= 0.5


@pytest.mark.slow
def test_low_rank_adaptation_of_a_model_trained_elsewhere():
    """A base that knows the digits 0 to 4 learns 5 to 9 from a few trained numbers."""
    x, y = load_digits(return_X_y=True)
    x = (x / 8 - 1).astype(np.float32)
    torch.manual_seed(0)
    base = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5)
    )
    public = y < 5
    optimizer = torch.optim.Adam(base.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(base(torch.from_numpy(x[public])), torch.from_numpy(y[public]))
        loss.backward()
        optimizer.step()

    def classify(model, record):
        logits = model(record["x"])
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    columns = {"x": x[~public], "y": y[~public] - 5}
    study = Study(classify, schema(tensor("x", (64,), -1, 1), category("y", 5)), columns)
    model = lora(base, rank=4, train=("4",))
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(study, model, optimizer="adam", learning_rate=0.02, steps=50)
    assert graph.facts.trainable < 0.2 * sum(p.numel() for p in base.parameters())
    assert metric(result, "accuracy") > 0.75
    assert torch.equal(result.parameters["0.base.weight"], base[0].weight)
    adapted = load_into(model, result.parameters)
    image = torch.from_numpy(columns["x"][0])
    assert torch.allclose(merge_lora(adapted)(image), adapted(image), atol=1e-5)
    assert export(classify, merge_lora(adapted), study.schema).facts.trainable > 6000
