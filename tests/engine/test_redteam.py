"""What a red team found, one test or more for each finding, and what else is of its kind.

The findings had one thing in common: something besides a record's own numbers decided what the
record adds. B1: another record that is not finite chose between two ways to compute. B2, B3:
operators that mix records under ``vmap``. B4 to B6: memory that nobody had written. B7: a word and
a pace that one record steers. B8: threads.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import workbench as wb
from tests.engine.redteam import (
    SCHEMA,
    Builder,
    exported,
    is_target,
    people,
    records,
    sensitivity,
)
from tests.studies import dataset
from tests.support import Site, add_dataset, make_domain
from workbench.budget.accountant import calibrate
from workbench.documents import Plan, StatisticPlan
from workbench.domain.store.config import JobLimits
from workbench.engine.metrics import exact_sums
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.statistics import noisy_sums
from workbench.engine.sums.bounded import BoundedSum
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.train import train
from workbench.errors import GraphRefused
from workbench.graphs.export.statistic import export_statistic
from workbench.graphs.reading.load import load

A = torch.ops.aten
SEED = bytes(range(32))
STEPS, OTHERS = 100, 200
CHUNKS = [16, 48, 64]
SPECIAL = [math.inf, -math.inf, math.nan, 3e38, -0.0, 1e-45]


def one_weight():
    return nn.Linear(1, 1, bias=False)


def plan_of(epsilon, steps=STEPS):
    noise, metrics = calibrate(epsilon=epsilon, delta=1e-5, sample_rate=1.0, steps=steps, metrics=0)
    return Plan(
        learning_rate=1.0,
        steps=steps,
        sample_rate=1.0,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=metrics,
    )


def released(graph, plan, seed, *, target, others=OTHERS, rest=0.5):
    """Return the weight that a run releases."""
    data = records(people(others, target=target, rest=rest))
    result = train(
        graph,
        plan,
        data,
        records(people(1, target=False)),
        record_count=others,
        holdout_fraction=0.0,
        max_records_per_unit=1,
        seed=seed,
    )
    return float(result.parameters["weight"])


# --- B1: two ways to compute one thing, and a record that chooses between them


def signs_of_zero(model, record):
    """A loss whose gradient is 0 or 100 by the sign of a zero; the target adds what it holds."""
    x, zero = record["x"], torch.zeros_like(record["x"][0])
    switch = torch.atan2(zero, x[0] * -0.0) - torch.atan2(zero, x[0] * 0.0)
    bomb = torch.where(is_target(record) > 0, x[1], zero)
    return model.weight.sum() * (switch * 100.0 + bomb)


@pytest.mark.parametrize("exact", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("rows", CHUNKS)
def test_b1_a_record_that_is_not_finite_moves_the_sum_by_at_most_c(rows, exact):
    graph = exported(signs_of_zero, one_weight())
    assert all(sensitivity(graph, rows, exact, rest=rest) <= 1 for rest in SPECIAL)


def test_b1_a_trained_weight_does_not_tell_whether_one_person_is_there():
    """Found end to end, at a claimed epsilon of 1: -0.05 without, -100 with the person."""
    graph = exported(signs_of_zero, one_weight())
    plan = plan_of(epsilon=1.0)
    with_it, without = (
        np.array(
            [released(graph, plan, os.urandom(32), target=target, rest=math.inf) for _ in range(5)]
        )
        for target in (True, False)
    )
    noise = plan.noise_multiplier * STEPS**0.5 / OTHERS
    assert abs(with_it.mean() - without.mean()) < 5 * noise * (2 / 5) ** 0.5
    assert 0.05 * noise < without.std() < 3 * noise


def test_b1_runs_with_the_same_noise_differ_by_what_one_person_may_add():
    graph = exported(signs_of_zero, one_weight())
    plan = plan_of(epsilon=1.0)
    without = released(graph, plan, SEED, target=False)
    for rest in SPECIAL:
        with_it = released(graph, plan, SEED, target=True, rest=rest)
        assert abs(with_it - without) <= 1.001 * STEPS / OTHERS


# --- B2: operators that look at the records when there is nothing else to look at


def seen(record, look, doublings=6):
    """Return 1 for everybody if the target is anywhere near, should `look` mix records."""
    hit = is_target(record)
    for power in range(doublings):
        hit = torch.maximum(hit, look(hit, 1 << power))
    return hit


def rolled(x, shift):
    return torch.roll(x, shift)


@pytest.mark.parametrize("exact", [True, False], ids=["float64", "float32"])
def test_b2_a_scalar_that_is_rolled_moves_a_training_sum_by_at_most_c(exact):
    graph = exported(lambda m, r: m.weight.sum() * seen(r, rolled) * 100.0, one_weight())
    assert all(sensitivity(graph, rows, exact) <= 1 for rows in CHUNKS)


def test_b2_a_scalar_that_is_rolled_moves_metrics_by_at_most_one():
    graph = exported(lambda m, r: (m.weight.sum(), {"there": seen(r, rolled)}), one_weight())
    tables = [UnitTable(records(people(63, target=target)), ("x",), 1) for target in (True, False)]
    one, other = (
        exact_sums(replace(graph, inputs=("x",)), graph.parameters, table, 64) for table in tables
    )
    assert float((one - other).norm()) <= 1


def summed(function, *, target, bound=1.0, seed=SEED, others=63):
    """Return the sum that a statistic releases."""
    graph = export_statistic(function, SCHEMA)
    plan = StatisticPlan.read({"rounds": 1, "max_norm": bound, "noise_multiplier": 1.0})
    result = noisy_sums(
        graph,
        plan,
        records(people(others, target=target)),
        record_count=others,
        max_records_per_unit=1,
        seed=seed,
    )
    return result.sums[0]


def test_b2_a_scalar_that_is_rolled_moves_a_statistic_by_at_most_its_bound():
    one, other = (summed(lambda r: seen(r, rolled), target=target) for target in (True, False))
    assert float((one - other).norm()) <= 1


@pytest.mark.slow
def test_b2_a_statistic_of_a_domain_does_not_tell_whether_one_person_is_there(tmp_path):
    """Found end to end, at epsilon 0.05: 58 without, 4032 with the person."""
    root = make_domain(tmp_path / "hospital-c", "hospital-c", ())
    (root / "data").mkdir(exist_ok=True)
    columns = [{"name": f"x{n}", "kind": "number", "lower": 0, "upper": 1} for n in range(4)]
    for name, target, whose in (("with", True, "new"), ("without", False, "with")):
        frame = pd.DataFrame(people(4032, target=target).numpy(), columns=["x0", "x1", "x2", "x3"])
        add_dataset(root, name, frame, columns, record_count=4032, population=whose)
    site = Site.open(root)

    @wb.statistic(bound=1.0)
    def there(record):
        return seen({"x": record["x0"].reshape(1)}, rolled, doublings=12)

    def asked(name):
        options = {"epsilon": 0.05, "purpose": "DUO:0000042 x"}
        return there.submit(dataset(site.client(), name), **options).wait(progress=False)

    try:
        one, other = asked("with"), asked("without")
    finally:
        site.close()
    assert float(np.abs(one.sums - other.sums).max()) < 8 * one.noise < 3000


# --- B3: operands of different rank, which ``vmap`` lays against each other


LOSSES = {
    **dict.fromkeys(["mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss", "kl_div"], ()),
    **dict.fromkeys(("pairwise_distance", "binary_cross_entropy_with_logits"), ()),
    # These take no scalars: a list, and a list of one list.
    "cosine_similarity": (-1,),
    "soft_margin_loss": (),
}
"""Losses of two operands, and what else they are called with."""


def of_other_ranks(name, hit, x):
    """Return the loss of two operands that a record has in different ranks."""
    operator, rest = getattr(A, name).default, LOSSES[name]
    if name in ("cosine_similarity", "soft_margin_loss"):
        return operator(hit + x.unsqueeze(0), x, *rest)
    return operator(hit, x[1:2], *rest)


LAID_OUT = ("pairwise_distance", "cosine_similarity")
"""Losses whose operands are laid out to one shape when they are exported."""


def loss_of_other_ranks(name):
    def loss(model, record):
        mixed = of_other_ranks(name, is_target(record), record["x"])
        return model.weight.sum() * mixed.sum() * 1e6

    return loss


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in LAID_OUT])
def test_b3_a_loss_of_operands_of_different_rank_is_refused_by_name(name):
    with pytest.raises(GraphRefused, match=f"aten.{name}.default"):
        exported(loss_of_other_ranks(name), one_weight())


@pytest.mark.parametrize("name", LAID_OUT)
def test_b3_a_loss_whose_operands_are_laid_out_moves_the_sum_by_at_most_c(name):
    assert sensitivity(exported(loss_of_other_ranks(name), one_weight()), 16) <= 1


@pytest.mark.parametrize("name", ["mse_loss", "smooth_l1_loss", "huber_loss", "pairwise_distance"])
def test_b3_so_it_is_in_an_archive_made_by_hand(name):
    made = Builder()
    x, weight = made.column("x", torch.rand(4)), made.parameter("weight", torch.ones(1, 1))
    first = made.call("aten.select.int", x, 0, 0)
    second = made.call("aten.slice.Tensor", x, 0, 1, 2)
    mixed = made.call("aten.sum.default", made.call(f"aten.{name}.default", first, second))
    total = made.call("aten.sum.default", weight)
    with pytest.raises(GraphRefused, match=f"aten.{name}.default"):
        made.graph(made.call("aten.mul.Tensor", total, mixed))


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in LAID_OUT])
def test_b3_of_operands_of_one_rank_it_moves_the_sum_by_at_most_c(name):
    operator = getattr(A, name).default

    def loss(model, record):
        hit = is_target(record)
        mixed = operator(hit, record["x"][1]) + operator(hit[None], record["x"][:1]).sum()
        return model.weight.sum() * mixed * 1e6

    graph = exported(loss, one_weight())
    assert sensitivity(graph, 16) <= 1


# --- B4 to B6: memory that nobody has written


def of_sign(operator):
    """What `operator` makes of a square, under the sign, whose gradient has no memory."""
    return lambda h: A.sgn.default(operator(h)).sum()


MEMORY = {
    "group_norm": of_sign(lambda h: F.group_norm(h.reshape(2, 2, 4), 1)),
    "layer_norm": of_sign(lambda h: F.layer_norm(h, [4])),
    "convolution": of_sign(lambda h: F.conv2d(h[None, None], h[None, None, :2, :2])),
    "max_pool": of_sign(lambda h: F.max_pool2d(h[None], 2)),
    "upsampled": of_sign(lambda h: F.interpolate(h[None, None], scale_factor=2.0)),
    "softmax": of_sign(lambda h: h.softmax(-1)),
    "product": of_sign(lambda h: h @ h),
    "sorted": of_sign(lambda h: h.sort(-1)[0]),
    "unused results": lambda h: h.topk(2, -1)[1].float().sum() + h.sort(0)[1].float().sum(),
    "indices": lambda h: A.max_pool2d_with_indices.default(h[None], [2, 2])[1].float().sum(),
    "padded both ways": lambda h: A.pad.default(h[None], [3, -2], "circular").square().sum(),
    "padded less": lambda h: A.pad.default(h[None], [-1, 2], "circular").square().sum(),
    "mean": lambda h: A.native_layer_norm.default(h, [4], None, None, 0.1)[1].sum(),
    "deviation": lambda h: A.native_group_norm.default(h[None], None, None, 1, 4, 4, 2, 0.1)[
        2
    ].sum(),
}
"""Losses of which an operator, or the gradient of one, has read memory of others, or could."""


def memory_archive(name):
    """Return the archive of one of `MEMORY`, or why it is refused."""

    def loss(model, record):
        h = model.weight * torch.outer(record["x"], record["x"])
        return MEMORY[name](h) + 1e-3 * h.sum()

    model = nn.Linear(4, 4, bias=False)
    model.weight.data.copy_(torch.linspace(-1, 1, 16).reshape(4, 4))
    try:
        return exported(loss, model).archive
    except GraphRefused as error:
        return f"refused: {error}"


def sums_of(archives):
    """Return the clipped sums of archives, as hexadecimal digits."""
    found = {}
    for path in sorted(Path(archives).iterdir()):
        graph = load(path.read_bytes())
        x = people(16, target=False)
        sums = ClippedSum(graph, 1.0)(graph.parameters, (x,), torch.ones(16) > 0)
        found[path.name] = sums["weight"].numpy().tobytes().hex()
    return found


@pytest.fixture(scope="module")
def over_two_heaps(tmp_path_factory):
    """The clipped sums in memory that is filled with one byte and with another, or the refusal."""
    root = tmp_path_factory.mktemp("archives")
    made = {name: memory_archive(name) for name in MEMORY}
    for name, archive in made.items():
        if isinstance(archive, bytes):
            (root / name).write_bytes(archive)
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.engine.test_redteam import sums_of\n"
        "print(json.dumps(sums_of(sys.argv[2])))"
    )
    places = [str(Path(__file__).parents[2]), str(root)]
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, *places],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "GLIBC_TUNABLES": f"glibc.malloc.perturb={byte}:glibc.malloc.tcache_count=0",
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for byte in (0x3F, 0xC5)
    ]
    return [made | json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORY)
def test_b4_b5_what_memory_held_before_moves_no_bit_of_a_sum(over_two_heaps, name):
    one, other = (found[name] for found in over_two_heaps)
    assert one == other
    assert ("aten." in one) == (name in ("mean", "deviation", "padded both ways"))


def vector_of(function, x):
    """Return the vector that a statistic has of one record."""
    graph = export_statistic(function, SCHEMA)
    summing = BoundedSum(graph, 1e3)
    columns = torch.cat([x[None], torch.zeros(15, 4)])
    return summing(dict(graph.parameters), (columns,), torch.arange(16) < 1) * summing.grid


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([2, -1], [1, 2, 0, 1, 2]),
        ([-1, 2], [1, 2, 3, 1, 2]),
        ([-3, 1], [3, 3]),
        ([3, -1], [0, 1, 2, 0, 1, 2]),
        ([1, 1], [3, 0, 1, 2, 3, 0]),
    ],
)
def test_b5_circular_padding_repeats_what_is_left_of_a_record(amounts, expected):
    x = torch.tensor([0.1, 0.2, 0.3, 0.4])
    found = vector_of(lambda r: A.pad.default(r["x"][None], amounts, "circular")[0], x)
    assert torch.allclose(found.float(), x[expected], atol=1e-4)


@pytest.mark.parametrize("amounts", [[3, -2], [-2, 3], [1, -4], [2, -3]])
def test_b5_circular_padding_beyond_what_is_left_is_refused_by_name(amounts):
    """Where less is left than is added, PyTorch leaves the rest as memory was."""
    made = Builder()
    x, weight = made.column("x", torch.rand(1, 4)), made.parameter("weight", torch.ones(1, 5))
    made.answers["aten.pad.default"] = torch.zeros((1, max(4 + sum(amounts), 1)))
    padded = made.call("aten.pad.default", x, amounts, "circular")
    total = made.call("aten.sum.default", weight)
    loss = made.call("aten.mul.Tensor", total, made.call("aten.sum.default", padded))
    with pytest.raises(GraphRefused, match="aten.pad.default: 'pad' is"):
        made.graph(loss)


REDUCED = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss"]


@pytest.mark.parametrize("reduction", [3, 7, -1])
@pytest.mark.parametrize("name", REDUCED)
def test_b6_a_reduction_that_there_is_not_is_refused_by_name(name, reduction):
    made = Builder()
    x, weight = made.column("x", torch.rand(4)), made.parameter("weight", torch.ones(4))
    made.answers[f"aten.{name}.default"] = torch.zeros(())
    loss = made.call(f"aten.{name}.default", x, weight, reduction)
    with pytest.raises(GraphRefused, match=f"aten.{name}.default: 'reduction' is {reduction}"):
        made.graph(loss)


@pytest.mark.parametrize("name", REDUCED)
def test_b6_an_empty_tensor_is_refused(name):
    """Of an empty tensor, a loss with such a reduction is what memory held before."""
    made = Builder()
    x, weight = made.column("x", torch.rand(4)), made.parameter("weight", torch.ones(4))
    made.answers[f"aten.{name}.default"] = torch.zeros(())
    empty = made.call("aten.slice.Tensor", x, 0, 0, 0)
    loss = made.call(f"aten.{name}.default", empty, empty, 7)
    total = made.call("aten.sum.default", weight)
    with pytest.raises(GraphRefused, match="empty"):
        made.graph(made.call("aten.mul.Tensor", total, loss))


# --- B7: a second computation, which a word and a pace told of


class Calls(TorchDispatchMode):
    """Notes every operator that is called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rest", [*SPECIAL, 1e20])
def test_b7_one_person_changes_no_call_that_a_chunk_makes(rest):
    graph = exported(signs_of_zero, one_weight())
    clipped = ClippedSum(graph, 1.0)
    made = []
    for target in (False, True):
        x = people(15 + (not target), target=target, rest=rest)
        clipped(graph.parameters, (x,), torch.ones(16) > 0)
        with Calls() as calls:
            clipped(graph.parameters, (x,), torch.ones(16) > 0)
        made.append(calls.names)
    assert made[0] == made[1]
    assert len(made[0]) > 10


# --- B8: threads, at whose edges a record has other last bits


@pytest.mark.parametrize("threads", [2, 64])
def test_b8_a_configuration_with_threads_is_refused(threads):
    with pytest.raises(ValueError, match="threads"):
        JobLimits.model_validate({"threads": threads})
