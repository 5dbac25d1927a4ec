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
from tests.engine.operator_samples import LOWERED, SAMPLES
from tests.engine.test_soundness import C, exported, flat, sensitivity
from workbench.documents.errors import GraphRefused
from workbench.engine.clipping import ClippedSum
from workbench.graphs.operators import ALLOWED

BATCH, TARGET = 5, 2
NEIGHBOURS = (0.0, 1.0, -5.0, 1e30, 1e-40, float("nan"), float("inf"))


def leaves(value):
    return [value] if isinstance(value, torch.Tensor) else [t for v in value for t in leaves(v)]


def values_and_gradients(sample, x, z, p, shared):
    """Return, for each record, all outputs and the gradients of a fixed mix of them."""
    x, z = x.clone().requires_grad_(), z.clone().requires_grad_()
    p = p.clone().requires_grad_(not shared)
    outputs = torch.func.vmap(lambda *record: tuple(leaves(sample(LOWERED, *record))),
                              in_dims=(0, 0, None if shared else 0))(x, z, p)  # fmt: skip
    losses = torch.zeros(len(x))
    for output in outputs:
        if output.requires_grad:
            mixed = torch.cos(torch.arange(float(output[0].numel())) + 1)
            losses = losses + (output.reshape(len(x), -1) * mixed).sum(1)
    wanted = [tensor for tensor in (x, z, p) if tensor.requires_grad]
    found = (
        torch.autograd.grad(losses.sum(), wanted, allow_unused=True) if losses.requires_grad else ()
    )
    return [*(o.detach() for o in outputs), *(g for g in found if g is not None)]


def batches(seed, special=None):
    generator = torch.Generator().manual_seed(seed)
    made = [torch.randn((BATCH, 4, 6), generator=generator) for _ in range(3)]
    for tensor in made:
        if special is not None:
            tensor[TARGET, 1] = special
    return made


CASES = [
    pytest.param(f, id=f"{name}-{n}") for name, fs in SAMPLES.items() for n, f in enumerate(fs)
]


def test_every_allowed_operator_is_asked():
    assert set(SAMPLES) == ALLOWED


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "copied"])
@pytest.mark.parametrize("sample", CASES)
def test_neighbours_change_no_bit_of_a_record(sample, shared):
    for special in (None, 0.0, 1e-30):
        base = batches(3, special)
        if shared:
            base[2] = base[2][0]
        before = values_and_gradients(sample, *base, shared)
        for value in (*NEIGHBOURS, None):
            other = [tensor.clone() for tensor in base]
            for tensor, fresh in zip(other[: 2 if shared else 3], batches(4), strict=False):
                for row in set(range(BATCH)) - {TARGET}:
                    tensor[row] = fresh[row] if value is None else value
            after = values_and_gradients(sample, *other, shared)
            for one, two in zip(before, after, strict=True):
                assert torch.equal(one[TARGET].isnan(), two[TARGET].isnan()), value
                assert torch.equal(one[TARGET].nan_to_num(), two[TARGET].nan_to_num()), value


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "copied"])
@pytest.mark.parametrize("sample", CASES)
def test_a_records_place_changes_no_more_than_its_last_bits(sample, shared):
    base = batches(3)
    if shared:
        base[2] = base[2][0]
    before = values_and_gradients(sample, *base, shared)
    for step in range(1, BATCH):
        moved = [t.roll(step, 0) if t.dim() == 3 else t for t in base]
        after = values_and_gradients(sample, *moved, shared)
        for one, two in zip(before, after, strict=True):
            assert torch.allclose(one.double(), two.roll(-step, 0).double(), rtol=1e-4, atol=1e-5,
                                  equal_nan=True)  # fmt: skip


def columns(rows=50):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((rows, 6), generator=generator) * 0.5 + 0.25
    x[0, 0] = 0.0
    return {"x": x, "y": torch.zeros(rows, dtype=torch.int64)}


@pytest.mark.parametrize("flat_product", [True, False])
def test_a_product_whose_gradient_asks_the_whole_batch_for_zeros_is_refused(flat_product):
    """One record with a zero turned everybody's gradient from 0 into 1: 47 times C for 50 records.

    PyTorch takes ``result / input`` where no entry is zero, which underflows here, and the exact
    products of the others where one is.
    """

    def product(model, record):
        output = model(record["x"])[0]
        tiny = torch.full_like(output, 1e-30)
        factors = torch.stack([output - output.detach() + tiny, tiny, record["x"][0]])
        return (factors.prod() if flat_product else factors.prod(0)) * 1e30

    with pytest.raises(GraphRefused, match="prod"):
        exported(product, nn.Linear(6, CLASSES))


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
        assert torch.equal(LOWERED.embedding.default(weight, indices, padding), weight[clamped])
