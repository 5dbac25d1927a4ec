"""No record can reach another one's term: every allowed operator, its value and its gradient.

`torch.func.vmap` turns one call for a record into one call for the batch, and autograd then takes
the gradient of that. Either may look at the batch as a whole: the gradient of `prod` did, and that
of a table with padding that each record had a copy of. So each operator is asked, by its bits.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.models import CLASSES, Net
from tests.engine.operator_samples import (
    CALLS,
    KINKS,
    SPECIAL,
    Draw,
    batched,
    lowered,
    operands_of,
)
from tests.engine.support import C, exported, flat, sensitivity
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import ALLOWED

A = torch.ops.aten
ROWS, TARGET = 5, 2
NEIGHBOURS = (0.0, -5.0, 1e30, 1e-40, float("nan"), float("inf"))


def others_replaced(operand, seed, value):
    """Return an operand's tensor with other numbers for all records but one."""
    tensor = operand.value.clone()
    if not operand.mapped:
        return tensor
    others = [row for row in range(ROWS) if row != TARGET]
    if value is not None and tensor.is_floating_point():
        tensor[others] = value
    else:
        order = torch.randperm(ROWS - 1, generator=torch.Generator().manual_seed(seed))
        tensor[others] = tensor[others][order].flip(-1)
    return tensor


def assert_same_bits(one, two):
    assert torch.equal(one.isnan(), two.isnan())
    assert torch.equal(one.nan_to_num(), two.nan_to_num())


@pytest.mark.parametrize("name", CALLS)
def test_neighbours_change_no_bit_of_a_record(name):
    for seed, special in ((0, ()), (1, ()), (2, KINKS), (3, SPECIAL)):
        call = CALLS[name](Draw(seed, ROWS, special))
        operands = operands_of(call)
        if not operands:
            return
        before = [t for part in batched(name, call) for t in part]
        for value in (None, *NEIGHBOURS):
            moved = [others_replaced(operand, seed, value) for operand in operands]
            after = [t for part in batched(name, call, moved) for t in part]
            for one, two in zip(before, after, strict=True):
                assert_same_bits(one[TARGET], two[TARGET])


@pytest.mark.parametrize("name", CALLS)
def test_a_records_place_changes_no_more_than_its_last_bits(name):
    call = CALLS[name](Draw(4, ROWS))
    operands = operands_of(call)
    if not operands:
        return
    before = [t for part in batched(name, call) for t in part]
    for step in range(1, ROWS):
        moved = [o.value.roll(step, 0) if o.mapped else o.value for o in operands]
        after = [t for part in batched(name, call, moved) for t in part]
        for one, two in zip(before, after, strict=True):
            assert torch.allclose(
                one.double(), two.roll(-step, 0).double(), rtol=1e-4, atol=1e-5, equal_nan=True
            )


def columns(rows=50):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((rows, 6), generator=generator) * 0.5 + 0.25
    x[0, 0] = 0.0
    return {"x": x, "y": torch.zeros(rows, dtype=torch.int64)}


@pytest.mark.parametrize("flat_product", [True, False])
def test_a_product_asks_nobody_else_for_zeros(flat_product):
    """One record with a zero turned everybody's gradient from 0 into 1: 47 times C for 50 records.

    PyTorch takes ``result / input`` where no entry is zero, which underflows here, and the exact
    products of the others where one is. So its operator is not allowed; a product is taken apart.
    """

    def product(model, record):
        output = model(record["x"])[0]
        tiny = torch.full_like(output, 1e-30)
        factors = torch.stack([output - output.detach() + tiny, tiny, record["x"][0]])
        return (factors.prod() if flat_product else factors.prod(0)) * 1e30

    assert not {"aten.prod.default", "aten.prod.dim_int"} & ALLOWED
    # Plain PyTorch underflows here, so that it is told as another gradient.
    with pytest.raises(GraphRefused, match="gradient of 'bias' would be another"):
        exported(product, nn.Linear(6, CLASSES))

    def ordinary(model, record):
        factors = torch.stack([model(record["x"])[0], record["x"][0], record["x"][1]])
        return factors.prod() if flat_product else factors.prod(0)

    graph = exported(ordinary, nn.Linear(6, CLASSES))
    assert sensitivity(graph, columns(), 0) <= C
    table, others = columns(), torch.arange(50) > 0
    given = tuple(table[name] for name in graph.inputs)
    with_zero = ClippedSum(graph, C)(graph.parameters, given, others)
    table["x"][0, 0] = 0.3
    without = ClippedSum(graph, C)(graph.parameters, given, others)
    assert all(torch.equal(with_zero[name], without[name]) for name in without)


def test_a_padded_table_used_twice_is_clipped_alike_at_every_place():
    """Only the first record's padding had no gradient, so removing it moved the next one's term."""

    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 4, padding_idx=0)

    def loss(model, record):
        present = (record["x"][0] > 0.1).reshape(1)
        padding = model.table(torch.zeros_like(present).long()) * present
        other = model.table(torch.ones_like(present).long())
        return padding.sum() * 1e3 + torch.where(present, other, -other).sum()

    graph = exported(loss, Table())
    for row in (0, 1, 5):
        assert sensitivity(graph, columns(), row) <= C


def test_padding_has_no_gradient_in_a_table_used_twice():
    def forward(model, x):
        return model.out(model.table((x * 2).long()).mean(0) + model.table.weight[1])

    def loss(model, record):
        return F.cross_entropy(model(record["x"]), record["y"])

    torch.manual_seed(0)
    made = Net(forward, table=nn.Embedding(5, 4, padding_idx=0), out=nn.Linear(4, CLASSES))
    graph = exported(loss, made)
    assert "table.weight" in ClippedSum(graph, C).fallback
    inputs = tuple(columns(3)[name] for name in graph.inputs)
    sums = ClippedSum(graph, 1e6)(graph.parameters, inputs, torch.ones(3, dtype=torch.bool))
    made.zero_grad()
    for row in range(3):
        loss(made, {name: values[row] for name, values in columns(3).items()}).backward()
    assert torch.allclose(sums["table.weight"].float(), made.table.weight.grad, atol=1e-6)
    assert not sums["table.weight"][0].any()


@pytest.mark.parametrize("ignored", [-100, 1, 7])
@pytest.mark.parametrize("lookup", [F.cross_entropy, F.nll_loss])
def test_a_class_out_of_range_never_ends_a_run_whichever_class_is_ignored(lookup, ignored):
    def loss(model, record):
        wild = torch.where(record["x"][0] < 0.5, 2, -100)
        return lookup(model(record["x"]), wild, ignore_index=ignored)

    graph = exported(loss, nn.Linear(6, CLASSES))
    inputs = tuple(columns()[name] for name in graph.inputs)
    sums = ClippedSum(graph, C)(graph.parameters, inputs, torch.ones(50, dtype=torch.bool))
    assert torch.isfinite(flat(sums)).all()
    assert float(flat(sums).norm()) > 0


def test_the_guard_of_a_table_keeps_its_values():
    weight, indices = torch.randn(5, 4), torch.tensor([0, 3, 9, -2])
    clamped = indices.clamp(0, 4)
    for padding in (-1, 0, 3):
        assert torch.equal(lowered(A.embedding.default, weight, indices, padding), weight[clamped])
