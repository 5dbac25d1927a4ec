"""The nine soundness rules, each against a graph or data that try to break it.

The measure is always the same: on the floats that are actually summed, adding or removing one unit
changes the sum before noise by at most C.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import CLASSES, MODELS, Net, classify, schema_of
from tests.engine.support import (
    C,
    batch,
    clipped_sum,
    exported,
    flat,
    records,
    sensitivity,
    trained,
)
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.contributions.forms import OuterProduct, OuterProducts, PerUnit, Rows
from workbench.errors import RequestFailed
from workbench.graphs.export.training import export


@pytest.mark.parametrize("name", MODELS)
def test_removing_a_record_moves_the_sum_by_at_most_c(name):
    make, function, schema = MODELS[name]
    torch.manual_seed(0)
    graph = export(function, make(), schema)
    columns = batch(schema)
    for row in range(3):
        assert sensitivity(graph, columns, row) <= C


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e18, 1e30])
def test_exploding_and_vanishing_gradients_stay_within_c(scale):
    def scaled(model, record):
        return model(record["x"]).sum() * scale

    graph = exported(scaled, nn.Linear(6, CLASSES))
    assert sensitivity(graph, batch(schema_of((6,))), 0) <= C


def test_rule_1_cancelling_terms_cannot_hide_their_rounding_noise():
    """Two positions whose gradients are huge and opposite: the exact sum is zero or tiny."""

    def cancelling(model, record):
        x = record["x"].reshape(1, 6) * 1e7
        pair = torch.cat([x, -x * (1 + 1e-7)] * 20)
        return (model(pair) * 1e7).sum()

    graph = exported(cancelling, nn.Linear(6, CLASSES))
    columns = batch(schema_of((6,)))
    for row in range(9):
        assert sensitivity(graph, columns, row) <= C


@settings(max_examples=60, deadline=None)
@given(
    positions=st.integers(1, 40),
    width=st.integers(1, 5),
    exponent=st.integers(-15, 15),
    cancel=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_rule_1_a_computed_norm_is_never_below_that_of_what_is_summed(
    positions, width, exponent, cancel, seed
):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn((3, positions, width), generator=generator) * 10.0**exponent
    right = torch.randn((3, positions, width), generator=generator)
    if cancel:
        left, right = torch.cat([left, left], 1), torch.cat([right, -right], 1)
    indices = torch.randint(0, 3, left.shape[:2], generator=generator)
    for made in (
        OuterProducts(left, right),
        Rows(indices, left, 3),
        PerUnit(left),
        OuterProduct(left[:, 0], right[:, 0]),
    ):
        bounds = made.norms().double() * (1 + made.error)
        for unit in range(3):
            alone = torch.zeros(3, dtype=torch.float64)
            alone[unit] = 1.0
            summed = made.weighted_sum(alone)
            assert float(summed.norm()) <= float(bounds[unit])


@pytest.mark.parametrize(("value", "after"), [(math.inf, 0.0), (math.inf, 1.0), (-math.inf, 1.0)])
def test_rule_2_a_record_that_is_not_finite_adds_exactly_nothing(value, after):
    """The graph turns one record's loss into NaN or infinity; the others must not notice."""

    def poisoned(model, record):
        logits = model(record["x"])
        loss = F.cross_entropy(logits, record["y"])
        return torch.where(record["x"][0] > 0.999, loss * value * after, loss)

    graph = exported(poisoned, nn.Linear(6, CLASSES))
    columns = batch(schema_of((6,)))
    columns["x"] = columns["x"].clamp(-0.99, 0.99)
    columns["x"][4, 0] = 1.0
    kept = torch.arange(9) != 4
    without = clipped_sum(graph, {n: v[kept] for n, v in columns.items()}, C)
    with_it = clipped_sum(graph, columns, C)
    assert torch.isfinite(flat(with_it)).all()
    assert torch.allclose(flat(with_it), flat(without), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["tied", "scaled", "group_norm_cnn", "gru"])
def test_rule_2_holds_however_a_gradient_is_found(name):
    """Also where each record has its own copy of a parameter, or one is used again and again."""
    make, function, schema = MODELS[name]

    def poisoned(model, record):
        loss = function(model, record)[0]
        marked = record["x"].flatten()[0] == schema["x"].upper
        return torch.where(marked, loss * math.inf * 0.0, loss)

    torch.manual_seed(0)
    graph = export(poisoned, make(), schema)
    columns = batch(schema)
    columns["x"][4].view(-1)[0] = schema["x"].upper
    kept = torch.arange(9) != 4
    without = clipped_sum(graph, {n: v[kept] for n, v in columns.items()}, C)
    together = clipped_sum(graph, columns, C)
    assert torch.isfinite(flat(together)).all()
    assert torch.allclose(flat(together), flat(without), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(1e25, 1e20), (1e20, 1e25), (1e30, 1e30)])
def test_rule_2_holds_where_only_the_product_of_two_finite_factors_is_not(size):
    """One record's inputs and output gradients are finite; what they make together is not."""

    def overflowing(model, record):
        pair = torch.stack([record["x"], record["x"]]) * size[0]
        return model(pair).sum() * torch.where(record["x"][0] > 0.5, size[1], 1e-25)

    graph = exported(overflowing, nn.Linear(6, CLASSES))
    columns = batch(schema_of((6,)))
    columns["x"] = columns["x"].clamp(-0.4, 0.4)
    columns["x"][4, 0] = 0.9
    kept = torch.arange(9) != 4
    together = clipped_sum(graph, columns, C)
    without = clipped_sum(graph, {n: v[kept] for n, v in columns.items()}, C)
    assert torch.isfinite(flat(together)).all()
    assert float((flat(together) - flat(without)).norm()) <= C


def test_rule_3_a_graph_cannot_carry_anything_from_record_to_record():
    """One record's term is the same alone and among others: nothing is kept or shared."""
    graph = exported(classify, MODELS["mlp"][0]())
    columns = batch(schema_of((6,)))
    together = flat(clipped_sum(graph, columns, C))
    alone = sum(
        flat(clipped_sum(graph, {n: v[row : row + 1] for n, v in columns.items()}, C))
        for row in range(9)
    )
    assert torch.allclose(together, alone, atol=1e-6)


def test_look_ups_out_of_range_do_not_fail_for_one_record():
    """An index made from a private value must not be able to end the run."""

    def looked_up(model, record):
        index = (record["x"] * 1e6).long()
        table = torch.arange(12.0).reshape(4, 3)
        picked = table[index[:1]][0] + table.gather(0, index[:3].reshape(1, 3))[0]
        target = (record["x"][1] * 1e6).long()
        return F.cross_entropy(model(model.table(index)).mean(0) + picked, target)

    model = Net(lambda m, x: m.out(x), table=nn.Embedding(5, 4), out=nn.Linear(4, CLASSES))
    graph = exported(looked_up, model)
    sums = clipped_sum(graph, batch(schema_of((6,))), C)
    assert torch.isfinite(flat(sums)).all()


@pytest.fixture(scope="module")
def graph():
    made = exported(classify, MODELS["mlp"][0]())
    from dataclasses import replace

    return replace(made, metrics=("accuracy",))


def test_rule_4_scales_come_from_the_published_count_not_from_the_data(graph):
    """With huge noise and no learning signal the step's size tells the divisor."""
    few = trained(graph, records(5), noise_multiplier=1e4, steps=1)
    many = trained(graph, records(500), noise_multiplier=1e4, steps=1)
    for name in graph.trainable:
        moved = [run.parameters[name] - graph.parameters[name] for run in (few, many)]
        assert torch.allclose(moved[0], moved[1], rtol=0.2, atol=1.0)


def test_rule_5_an_empty_batch_still_adds_noise(graph):
    run = trained(graph, sample_rate=1e-9, steps=1)
    for name in graph.trainable:
        assert bool((run.parameters[name] != graph.parameters[name]).all())


def test_rule_7_a_unit_with_many_records_is_clipped_once():
    graph = exported(classify, MODELS["cnn"][0](), (2, 8, 8))
    schema = schema_of((2, 8, 8))
    columns = batch(schema, 12)
    inputs = tuple(columns[name] for name in graph.inputs)
    summing = ClippedSum(graph, C, records_per_unit=4)
    present = torch.ones(12, dtype=torch.bool)
    whole = flat(summing(graph.parameters, inputs, present))
    for unit in range(3):
        mask = present.clone()
        mask[4 * unit : 4 * unit + 4] = False
        without = flat(summing(graph.parameters, inputs, mask))
        assert float((whole - without).norm()) <= C
    single = ClippedSum(graph, 1e9, records_per_unit=1)(graph.parameters, inputs, present)
    grouped = ClippedSum(graph, 1e9, records_per_unit=4)(graph.parameters, inputs, present)
    assert torch.allclose(flat(single), flat(grouped), rtol=1e-5, atol=1e-6)


def test_rule_8_noise_is_drawn_for_every_coordinate_and_with_the_right_variance(graph):
    """Also for a layer that the loss does not see."""
    model = MODELS["scaled"][0]()
    unseen = exported(classify, model)
    sigma, bound, expected = 3.0, 1.0, 0.5 * 40
    moves = []
    for number in range(200):
        run = trained(
            unseen, seed=bytes([number]) * 32, noise_multiplier=sigma, steps=1, learning_rate=1.0
        )
        moves.append(run.parameters["unseen.weight"] - unseen.parameters["unseen.weight"])
    measured = torch.stack(moves).double()
    wanted = (sigma * bound / expected) ** 2
    count = measured.numel()
    assert abs(float(measured.var()) / wanted - 1) < 5 * (2 / count) ** 0.5
    assert bool((measured != 0).all())


def test_rule_8_one_seed_repeats_a_run_bit_for_bit_and_two_seeds_differ(graph):
    first, again, other = trained(graph), trained(graph), trained(graph, seed=bytes([1]) * 32)
    for name in graph.trainable:
        assert torch.equal(first.parameters[name], again.parameters[name])
        assert not torch.equal(first.parameters[name], other.parameters[name])
    assert first.metrics == again.metrics != other.metrics


def test_rule_9_tied_parameters_are_clipped_with_their_cross_terms():
    make, function, schema = MODELS["tied"]
    torch.manual_seed(0)
    graph = export(function, make(), schema)
    assert "table.weight" in ClippedSum(graph, C).fallback
    assert sensitivity(graph, batch(schema), 0) <= C


def test_metrics_lie_in_bounds_and_their_noise_has_its_variance(graph):
    from workbench.engine.metrics import noisy_metrics
    from workbench.engine.sampling.noise import SealedRandom

    sums = torch.tensor([[30.0, 10.0], [20.0, 20.0]], dtype=torch.float64)
    drawn = [
        noisy_metrics(("a", "b"), sums, 2.0, SealedRandom(n.to_bytes(32, "big")).stream("metrics"))
        for n in range(2000)
    ]
    totals = np.array([[m.total, m.complement] for run in drawn for m in run])
    noise = totals.reshape(2000, 2, 2) - sums.numpy()
    assert abs(noise.var() / (4.0 * 2) - 1) < 5 * (2 / noise.size) ** 0.5
    assert all(0 <= m.value <= 1 for run in drawn for m in run)


def test_a_run_that_overflows_is_closed_with_one_word(graph):
    with pytest.raises(RequestFailed, match="diverged") as failed:
        trained(graph, learning_rate=1e4, noise_multiplier=1e6, steps=200, weight_decay=1.0)
    assert failed.value.failure == "not-finite"
