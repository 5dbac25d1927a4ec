"""Searches that try to break the bound: one unit moves the sum before noise by at most C.

`distance` is how far the sum moves, in units of C, on the floats that are summed. Records and
parameters are drawn far outside of what training meets: the graph and its weights are a stranger's.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import CLASSES, MODELS, Net, schema_of
from tests.engine.support import batch, exported, flat
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.training import export

FAMILIES = ("mlp", "cnn", "embedding", "tied", "called_twice", "gru", "causal_attention", "scaled")


@pytest.fixture(scope="module")
def graphs():
    torch.manual_seed(0)
    made = {}
    for name in FAMILIES:
        make, function, schema = MODELS[name]
        made[name] = (export(function, make(), schema), schema)
    return made


def distance(graph, columns, unit, bound=1.0, per_unit=1, present=None):
    """Return how far the sum moves when `unit` is removed and all others stay where they are."""
    inputs = tuple(columns[name] for name in graph.inputs)
    present = torch.ones(len(inputs[0]), dtype=torch.bool) if present is None else present
    without = present.clone()
    without[unit * per_unit : (unit + 1) * per_unit] = False
    summing = ClippedSum(graph, bound, per_unit)
    sums = [flat(summing(graph.parameters, inputs, mask)) for mask in (present, without)]
    assert all(torch.isfinite(found).all() for found in sums)
    return float((sums[0] - sums[1]).norm()) / bound


def scaled_up(graph, exponent, seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        name: torch.randn(value.shape, generator=generator) * 10.0**exponent
        for name, value in graph.parameters.items()
    }
    return replace(graph, parameters=drawn)


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(FAMILIES),
    rows=st.integers(1, 12),
    seed=st.integers(0, 10**6),
    weights=st.integers(-20, 18),
    values=st.integers(-30, 30),
    bound=st.integers(-30, 6),
)
def test_random_models_and_records_of_any_size(graphs, family, rows, seed, weights, values, bound):
    graph, schema = graphs[family]
    columns = batch(schema, rows, seed)
    columns["x"] = columns["x"] * 10.0**values
    graph = scaled_up(graph, weights, seed)
    assert distance(graph, columns, seed % rows, 10.0**bound) <= 1


@settings(max_examples=25, deadline=None)
@given(
    family=st.sampled_from(("cnn", "tied", "gru")),
    units=st.integers(1, 4),
    per_unit=st.integers(1, 4),
    missing=st.lists(st.integers(0, 15)),
    seed=st.integers(0, 10**6),
)
def test_units_of_several_records_of_which_some_are_missing(
    graphs, family, units, per_unit, missing, seed
):
    graph, schema = graphs[family]
    rows = units * per_unit
    present = torch.ones(rows, dtype=torch.bool)
    present[[row for row in missing if row < rows]] = False
    columns = batch(schema, rows, seed)
    columns["x"][~present] = float("nan")
    graph = scaled_up(graph, seed % 4, seed)
    assert distance(graph, columns, seed % units, 1.0, per_unit, present) <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_columns_that_are_views_give_the_same_sums(graphs, family):
    graph, schema = graphs[family]
    plain = batch(schema, 8)
    summing, present = ClippedSum(graph, 1e-2), torch.ones(8, dtype=torch.bool)
    strided = {
        "x": torch.stack([plain["x"], -plain["x"]], -1)[..., 0],
        "y": torch.stack([plain["y"], plain["y"]], -1)[..., 1],
    }
    sums = [
        flat(summing(graph.parameters, tuple(found[n] for n in graph.inputs), present))
        for found in (plain, strided)
    ]
    assert not strided["x"].is_contiguous()
    assert torch.allclose(sums[0], sums[1], rtol=1e-5, atol=1e-8)
    assert distance(graph, strided, 3) <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_in_which_nobody_is_present_sums_to_exactly_zero(graphs, family):
    graph, schema = graphs[family]
    inputs = tuple(batch(schema, 2)[name] for name in graph.inputs)
    nobody = torch.zeros(2, dtype=torch.bool)
    assert not flat(ClippedSum(graph, 1.0)(graph.parameters, inputs, nobody)).any()


def _state(model, record):
    """Reads what an earlier record would have left, if anything could be left."""
    first = model(record["x"])
    return (first * first.detach().sum()).sum() + model(record["x"] + first.sum()).sum()


def _batch_size(model, record):
    """Would divide by the size of the batch, which a graph for one record cannot see."""
    return model(record["x"]).sum() / record["x"].shape[0]


def _chaos(model, record):
    value = model(record["x"]).sum()
    for _ in range(30):
        value = torch.sin(1e8 * value)
    return value * model(record["x"]).sum()


def _cliff(model, record):
    return torch.where(record["x"][0] > 0, 1e38, 1e-38) * model(record["x"]).sum()


def _cancelling(model, record):
    pair = torch.cat([record["x"][None], -record["x"][None]]) * 1e15
    return model(pair).sum() * 1e15 + model(record["x"]).sum()


def _denormal(model, record):
    return (model(record["x"]) * 1e-38 * 1e-4).sum()


def _infinite_gradient(model, record):
    return torch.sqrt(model(record["x"]) * 0).sum()


def _half_not_a_number(model, record):
    return torch.log(model(record["x"])[0]) + model(record["x"])[1]


HOSTILE = (
    _state,
    _batch_size,
    _chaos,
    _cliff,
    _cancelling,
    _denormal,
    _infinite_gradient,
    _half_not_a_number,
)


@pytest.mark.parametrize("loss", HOSTILE, ids=lambda loss: loss.__name__.strip("_"))
def test_a_hostile_graph_moves_nobody_elses_term(loss):
    """One record's size and signs change, and it comes and goes: the others' terms stay."""
    graph = exported(loss, nn.Linear(6, CLASSES))
    for seed in range(6):
        columns = batch(schema_of((6,)), 32, seed)
        assert distance(graph, columns, 0) <= 1
        summing, everybody = ClippedSum(graph, 1.0), torch.ones(32, dtype=torch.bool)
        others = everybody.clone()
        others[0] = False
        terms = []
        for factor in (1.0, -1e20, 0.0, float("nan")):
            columns["x"][0] = columns["x"][0] * factor
            inputs = tuple(columns[name] for name in graph.inputs)
            terms.append(flat(summing(graph.parameters, inputs, others)))
        assert all(torch.equal(term, terms[0]) for term in terms)


def _step(loss, names, tensors):
    gradients = torch.autograd.grad(loss, [tensors[name] for name in names])
    return {n: g.nan_to_num() for n, g in zip(names, gradients, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("restart", range(3))
def test_climbing_towards_larger_gradients_never_gets_past_the_bound(restart):
    """Ascends a record's gradient norm over its values and the weights, measuring on the way."""

    def loss(model, record):
        return F.cross_entropy(model(record["x"]), record["y"])

    torch.manual_seed(restart)
    made = Net(lambda m, x: m.b(torch.tanh(m.a(x)) ** 2), a=nn.Linear(6, 8), b=nn.Linear(8, 3))
    graph = export(loss, made, schema_of((6,)))
    columns = batch(schema_of((6,)), 8, restart)
    names, found = list(graph.parameters), 0.0
    for _ in range(25):
        at = {n: p.detach().requires_grad_() for n, p in graph.parameters.items()}
        x = columns["x"][0].detach().requires_grad_()
        value = F.cross_entropy(torch.func.functional_call(made, at, x), columns["y"][0])
        inner = torch.autograd.grad(value, list(at.values()), create_graph=True)
        norm = sum(g.square().sum() for g in inner).sqrt()
        uphill = _step(norm, [*names, "x"], at | {"x": x})
        rate = 0.5 / (1e-9 + float(sum(g.norm() for g in uphill.values())))
        graph = replace(
            graph, parameters={n: (p + rate * uphill[n]).detach() for n, p in at.items()}
        )
        columns["x"][0] = (x + rate * uphill["x"]).detach()
        moved = distance(graph, columns, 0, bound=norm.item() * 0.9)
        assert moved <= 1
        found = max(found, moved)
    assert found > 1 - 1e-5
