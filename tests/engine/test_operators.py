"""Each operator of a record graph, as the engine runs it: right, checkable, and all of it written.

Arguments are drawn at random, of every form that the operator's signature allows
(`tests.engine.operator_samples`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from torch.func import vmap

from tests import poison
from tests.engine.operator_samples import (
    CALLS,
    KINKS,
    SPECIAL,
    Draw,
    batched,
    filled,
    leaves,
    lowered,
    mixed,
    one_by_one,
    operands_of,
    operator_of,
)
from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.program import Program
from workbench.graphs.operators.allowed import ALLOWED
from workbench.graphs.operators.signatures import FIRST_ONLY

A = torch.ops.aten
SEEDS = range(4)


def test_every_allowed_operator_is_drawn():
    assert set(CALLS) == ALLOWED


def same(one, two, close=1e-5):
    assert (one.dtype, one.shape) == (two.dtype, two.shape)
    assert torch.allclose(one.double(), two.double(), rtol=10 * close, atol=close, equal_nan=True)


def compare(name, draw, gradients=True):
    call = CALLS[name](draw)
    values, expected = batched(name, call), one_by_one(name, call)
    some = slice(1 if name in FIRST_ONLY or (draw.special and "topk" in name) else None)
    for one, two in zip(values[0][some], expected[0][some], strict=True):
        same(one, two)
    for one, two in zip(values[1], expected[1], strict=True):
        if gradients:
            same(one, two)


@pytest.mark.parametrize("name", CALLS)
def test_for_all_records_together_it_gives_what_pytorch_gives_for_each(name):
    for seed in SEEDS:
        compare(name, Draw(seed))


EQUAL_ONES = {"topk"}
"""Of equal entries the first is taken, where PyTorch takes any: the gradient goes there."""
VECTORS = {"logit"}
"""PyTorch's gradient at -0.0 is another for 8 numbers at a time than for one."""


@pytest.mark.parametrize("name", [n for n in CALLS if n.split(".")[1] not in EQUAL_ONES | VECTORS])
def test_gradients_are_pytorchs_where_they_jump_and_where_entries_are_equal(name):
    for seed in SEEDS:
        compare(name, Draw(seed, special=KINKS))


NOT_EXACT = {
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "_adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "convolution",
    "linear",
    "matmul",
    "mm",
    "bmm",
    "addmm",
    "baddbmm",
    "mv",
    "addmv",
    "dot",
    "einsum",
    "layer_norm",
    "native_layer_norm",
    "group_norm",
    "native_group_norm",
    "rms_norm",
    "std",
    "var",
    "logsumexp",
    "cosine_similarity",
    "cosine_embedding_loss",
    "pairwise_distance",
    "norm",
    "linalg_vector_norm",
    "cumsum",
    "cumprod",
    "mean",
    "sum",
}
"""Sums and products, in which infinite and NaN entries meet in another order."""
CONVERSIONS = {"to", "_to_copy", "type_as"}


@pytest.mark.parametrize(
    "name", [n for n in CALLS if n.split(".")[1] not in NOT_EXACT | CONVERSIONS]
)
def test_values_are_pytorchs_for_infinite_nan_and_subnormal_entries(name):
    for seed in SEEDS:
        compare(name, Draw(seed, special=SPECIAL), gradients=False)


def flattened(name, call, rows):
    """Return the program of a call and its gradients, which the checker has found right."""
    operands = operands_of(call)

    def function(number, *values):
        values = [
            value.detach().requires_grad_(operand.has_gradient)
            for value, operand in zip(values, operands, strict=True)
        ]

        def one(number, *tensors):
            args, kwargs = filled(call, iter(tensors))
            found = leaves(lowered(operator_of(name), *args, **kwargs))
            some = found[:1] if name in FIRST_ONLY else found
            # What no record has a part in has no place for the records.
            return tuple(value + (number > 2).to(value.dtype) for value in some)

        outputs = vmap(one, in_dims=(0, *(0 if o.mapped else None for o in operands)))(
            number, *values
        )
        wanted = [value for value in values if value.requires_grad]
        total = mixed(outputs, rows, number.reshape(-1, 1))
        found = () if total is None else torch.autograd.grad(total, wanted, allow_unused=True)
        return (*(o.detach() for o in outputs), *(g for g in found if g is not None))

    inputs = [Value((rows,), torch.float32, Place(0))] + [
        Value(tuple(o.value.shape), o.value.dtype, Place(0) if o.mapped else None) for o in operands
    ]
    return Program(function, inputs, rows)


@pytest.mark.parametrize("name", CALLS)
def test_its_program_is_one_that_the_checker_knows(name):
    rows = 7
    call = CALLS[name](Draw(zlib.crc32(name.encode()), rows))
    flattened(name, call, rows)


# --- memory


def poisoned(fill, tmp_path):
    path = tmp_path / f"{fill}.json"
    tunables = f"glibc.malloc.perturb={fill}:glibc.malloc.tcache_count=0"
    environment = os.environ | {"GLIBC_TUNABLES": tunables, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.poison", str(path)]
    return path, subprocess.Popen(command, env=environment)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc fills memory")
def test_no_operator_gives_memory_that_was_never_written(tmp_path):
    started = [poisoned(fill, tmp_path) for fill in (85, 170)]
    assert [process.wait() for _, process in started] == [0, 0]
    one, two = (json.loads(path.read_text()) for path, _ in started)
    assert set(one) == {*CALLS, *poison.OFFENDERS}
    different = {name for name in one if one[name] != two[name]}
    # The harness sees what PyTorch itself leaves unwritten.
    assert different == set(poison.OFFENDERS)


# --- some by name


def per_record(operator, *values, **named):
    return vmap(lambda *one: lowered(operator, *one, **named))(*values)


@pytest.mark.parametrize("shift", [0, 1, -3])
def test_a_number_that_is_rolled_stays_with_its_record(shift):
    x = torch.arange(5.0)
    assert torch.equal(vmap(lambda one: lowered(A.roll.default, one, [shift]))(x), x)


@pytest.mark.parametrize("amounts", [[2, -2], [-1, 2], [1, -1], [0, 2]])
def test_circular_padding_with_amounts_of_both_signs_goes_around_what_is_left(amounts):
    x = torch.randn(5, 2, 4)
    found = vmap(lambda one: lowered(A.pad.default, one, amounts, "circular"))(x)
    left = x[..., max(-amounts[0], 0) : 4 - max(-amounts[1], 0)].numpy()
    around = [(0, 0), (0, 0), (max(amounts[0], 0), max(amounts[1], 0))]
    assert np.array_equal(found.numpy(), np.pad(left, around, mode="wrap"))


@pytest.mark.parametrize("index", [-7, 9, 1 << 40])
@pytest.mark.parametrize("own", [True, False])
def test_an_index_outside_of_a_table_is_moved_to_its_end(index, own):
    tables, wild = torch.randn(3, 5, 2), torch.full((3, 1), index)
    end = 0 if index < 0 else 4
    dims = (0 if own else None, 0)
    given = tables if own else tables[0]
    found = vmap(lambda table, i: lowered(A.embedding.default, table, i), in_dims=dims)(given, wild)
    assert torch.equal(found[:, 0], given[:, end] if own else given[end].expand(3, 2))


@pytest.mark.parametrize(
    ("dtype", "ends"),
    [
        (torch.int64, (2**38 - 2**62, 2**62 - 2**38)),
        (torch.int32, (-(2**31), 2**31 - 2**7)),
        (torch.uint8, (0, 255)),
    ],
)
def test_a_number_that_a_whole_type_cannot_hold_becomes_its_end_and_nan_zero(dtype, ends):
    x = torch.tensor([float("nan"), float("-inf"), -1e30, 1e30, float("inf"), 2.7])
    found = per_record(A._to_copy.default, x, dtype=dtype)
    assert found.tolist() == [0, ends[0], ends[0], ends[1], ends[1], 2]


def test_a_layers_bias_of_each_records_own_goes_to_its_channels_whatever_the_stride_is_written_as():
    """PyTorch's batched form adds it along another axis if the stride is one number for several."""
    x, weight, bias = torch.randn(3, 2, 2, 6, 6), torch.randn(3, 2, 2, 3, 3), torch.randn(3, 2)
    for stride in ([1], [1, 1]):
        found = per_record(
            lambda *one, s=stride: lowered(A.conv2d.default, *one, s), x, weight, bias
        )
        for row in range(3):
            same(found[row], A.conv2d.default(x[row], weight[row], bias[row]))


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction is 7"):
        lowered(A.mse_loss.default, torch.zeros(2), torch.zeros(2), 7)
