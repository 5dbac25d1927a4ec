"""The engine's clipped sums equal those of vmap(grad), and of Opacus where it knows the layer."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from opacus import GradSampleModule
from torch import nn
from torch.nn import functional as F

from tests.engine.models import CLASSES, MODELS
from tests.engine.support import (
    BATCH,
    assert_close,
    batch,
    clipped,
    clipped_sum,
    exported,
    per_record_gradients,
)
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.training import export, outputs_of
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import Limits


@pytest.fixture(params=MODELS, scope="module")
def case(request):
    make, function, schema = MODELS[request.param]
    torch.manual_seed(0)
    model = make()
    if request.param in ("gru", "lstm"):
        # torch.func cannot map the fused recurrent operators; the reference takes turns instead.
        model.one_by_one = True
    return model, function, schema, export(function, model, schema)


def reference(model, function, schema, columns):
    if not getattr(model, "one_by_one", False):
        return per_record_gradients(model, function, schema, columns)
    rows = []
    for row in range(BATCH):
        model.zero_grad()
        record = RecordView(schema, {n: v[row] for n, v in columns.items()})
        outputs_of(function(model, record))[0].backward()
        rows.append({n: p.grad.clone() for n, p in model.named_parameters()})
    return {n: torch.stack([r[n] for r in rows]) for n in rows[0]}


@pytest.mark.parametrize("bound", [1e-3, 0.1, 1.0, 1e3])
def test_clipped_sum_is_that_of_vmap_grad(case, bound):
    model, function, schema, graph = case
    columns = batch(schema)
    expected = clipped(reference(model, function, schema, columns), bound)
    expected = {n: v for n, v in expected.items() if n not in graph.ties}
    got = clipped_sum(graph, columns, bound)
    assert set(got) == set(expected) == set(graph.trainable)
    assert_close(got, expected)


@pytest.mark.parametrize("units", [8, 64, 256])
def test_float32_sums_stay_within_the_share_that_the_limit_leaves_for_them(case, units):
    """Measured on the same floats: what rounding adds, against what was taken off C for it."""
    _, _, schema, graph = case
    columns = batch(schema, units)
    inputs = tuple(columns[name] for name in graph.inputs)
    present = torch.ones(units, dtype=torch.bool)
    for bound in (1e-3, 10.0):
        summing = ClippedSum(graph, bound)
        summing.allow_float32(units, units + 100)
        assert not summing.exact
        assert bound * (1 - 2.0**-6) < summing.limit < bound
        exact, rounded = (summing(graph.parameters, inputs, present, e) for e in (True, False))
        error = sum(float((exact[n] - rounded[n].double()).square().sum()) for n in exact) ** 0.5
        assert error <= (bound - summing.limit) / 2


@pytest.mark.parametrize(("large", "small"), [(1e30, 1e-25), (1e37, 1e-30), (1e18, 1e-20)])
def test_float32_sums_hold_the_bound_where_factors_are_huge_and_tiny(large, small):
    """A clipped factor may be below what float32 can hold, and the other one magnify its error."""

    def unbalanced(model, record):
        return (model(record["x"][:1] * large) * small).sum()

    schema = MODELS["linear"][2]
    torch.manual_seed(0)
    # The norm of a single number is that number, also where its square is out of range.
    graph = export(unbalanced, nn.Linear(1, CLASSES, bias=False), schema)
    columns = batch(schema, 32)
    inputs = tuple(columns[name] for name in graph.inputs)
    for bound in (*(1e-9 * 1.2**step for step in range(24)), 1e-3, 1.0):
        summing = ClippedSum(graph, bound)
        summing.allow_float32(32, 50)
        assert not summing.exact
        for row in range(2):
            alone = torch.arange(32) == row
            found = summing(graph.parameters, inputs, alone, False).values()
            assert sum(float(v.double().square().sum()) for v in found) ** 0.5 <= bound


def test_large_batches_are_summed_in_float64():
    make, function, schema = MODELS["mlp"]
    graph = export(function, make(), schema)
    summing = ClippedSum(graph, 1.0)
    assert summing.exact
    summing.allow_float32(256, 10_000)
    assert summing.exact


@pytest.mark.parametrize("units", [1000, 300_000])
def test_the_limit_leaves_room_for_the_rounding_of_as_many_float64_sums_in_any_order(units):
    make, function, schema = MODELS["linear"]
    summing = ClippedSum(export(function, make(), schema), 1.0)
    summing.allow_float32(units, units)
    left = 1 - Fraction(summing.limit)
    # Higham 2002, section 4.2: at most one rounding per addition, for each of two neighbours.
    assert left >= 2 * units * units * Fraction(1, 2**53)
    # Measured on the worst of orders that is easy to have: one after the other.
    value, found = torch.tensor(0.1).double() * summing.limit, 0.0
    for _ in range(units):
        found += float(value)
    assert abs(Fraction(found) - units * Fraction(float(value))) <= left / 2


OPACUS = ("linear", "mlp", "cnn", "group_norm_cnn", "embedding", "causal_attention")


@pytest.mark.parametrize("name", OPACUS)
def test_clipped_sum_is_that_of_opacus(name):
    make, function, schema = MODELS[name]
    torch.manual_seed(0)
    model = make()
    graph = export(function, model, schema)
    columns = batch(schema)
    sampled = GradSampleModule(model, batch_first=True, loss_reduction="sum")
    logits = sampled(columns["x"])
    F.cross_entropy(logits, columns["y"], reduction="sum").backward()
    gradients = {n.removeprefix("_module."): p.grad_sample for n, p in sampled.named_parameters()}
    assert_close(clipped_sum(graph, columns, 0.1), clipped(gradients, 0.1))


class Doubled(nn.Module):
    """Uses a matrix that is trained, and beside it one that is not."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 6))
        self.register_buffer("fixed", torch.randn(2, 6))

    def forward(self, x):
        return F.linear(x, self.weight) + F.linear(2 * x, self.fixed)


def test_a_constant_that_is_bound_by_a_parameters_name_is_no_use_of_the_parameter():
    honest = exported(lambda model, record: model(record["x"]).square().sum(), Doubled())
    content = pt2.read(honest.archive, Limits())
    renamed = json.dumps(content.graph).replace('"buffer_name": "fixed"', '"buffer_name": "weight"')
    assert renamed != json.dumps(content.graph)
    graph = load(pt2.write(replace(content, graph=json.loads(renamed))))
    graph = replace(graph, inputs=honest.inputs)
    columns = {"x": torch.rand(BATCH, 6) * 2 - 1}
    got = clipped_sum(graph, columns, 1e3)
    weight = graph.parameters["weight"]
    outputs = columns["x"] @ weight.T + 2 * columns["x"] @ weight.T
    assert_close(got, {"weight": (2 * outputs).T @ columns["x"]})
