"""Each operator rule gives the gradients of vmap(grad), whatever the shapes and options."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import CLASSES, Net, schema_of
from tests.engine.support import assert_close, batch, clipped, clipped_sum, per_record_gradients
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.contributions.forms import MATERIALISED
from workbench.graphs.export.training import export

pytestmark = pytest.mark.slow
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mixed(model, record):
    """Weigh all outputs differently, so that no two of them have the same gradient."""
    output = model(record["x"]).reshape(-1)
    return (torch.tanh(output) * torch.arange(1.0, output.numel() + 1)).sum()


def check(model, shape, *, bound, rows=5, lower=-1.0, upper=1.0, own_rule=True):
    schema = schema_of(shape, lower, upper)
    columns = batch(schema, rows)
    graph = export(mixed, model, schema)
    if own_rule:
        assert ClippedSum(graph, bound).fallback == ()
    expected = clipped(per_record_gradients(model, mixed, schema, columns), bound)
    assert_close(clipped_sum(graph, columns, bound), expected)


bounds = st.sampled_from([1e-3, 1.0, 1e3])
seeds = st.integers(0, 10**6)


@FEW
@given(
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    bias=st.booleans(),
    bound=bounds,
    positions=st.lists(st.integers(1, 4), max_size=3),
    seed=seeds,
)
def test_linear(inputs, outputs, bias, bound, positions, seed):
    torch.manual_seed(seed)
    check(nn.Linear(inputs, outputs, bias=bias), (*positions, inputs), bound=bound)


@FEW
@given(
    groups=st.integers(1, 3),
    inputs=st.integers(1, 2),
    outputs=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 1)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
    bound=bounds,
    seed=seeds,
    large=st.booleans(),
)
def test_conv2d(
    groups, inputs, outputs, kernel, stride, padding, dilation, bias, bound, seed, large
):
    torch.manual_seed(seed)
    model = nn.Conv2d(
        groups * inputs, groups * outputs, kernel, stride, padding, dilation, groups, bias=bias
    )
    # Of large weights no record's gradient is made whole.
    most = 0 if large else MATERIALISED
    with mock.patch("workbench.engine.sums.layers.conv2d.MATERIALISED", most):
        check(model, (groups * inputs, 7, 6), bound=bound)


def test_a_convolution_of_millions_of_weights_is_taken():
    model = nn.Sequential(nn.Conv2d(512, 512, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert model[0].weight.numel() > MATERIALISED
    # Unclipped: a norm of so many entries is enlarged by a little more than what is compared.
    check(model, (512, 3, 3), bound=1e6)


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        (nn.Conv1d(2, 4, 2, padding=3, stride=2), (5,)),
        (nn.Conv2d(2, 4, 1, padding=1), (5, 4)),
        (nn.Conv2d(2, 4, (1, 3), padding=(0, 5), dilation=2), (5, 4)),
        (nn.Conv3d(2, 3, 1, padding=1), (3, 3, 3)),
        (nn.ConvTranspose1d(2, 4, 2, stride=3, padding=3, dilation=2), (7,)),
        (nn.ConvTranspose2d(2, 4, 1, padding=1), (5, 4)),
        (nn.ConvTranspose2d(2, 4, 2, stride=2, padding=2, output_padding=1, groups=2), (5, 4)),
    ],
    ids=str,
)
def test_a_window_may_lie_in_the_margin_alone(layer, sizes):
    """PyTorch reads foreign memory there, for some orders of channels: the margin is made first."""
    check(layer, (2, *sizes), bound=1.0, own_rule=False)


@FEW
@given(
    rows=st.integers(2, 9),
    width=st.integers(1, 5),
    looked_up=st.integers(1, 6),
    bound=bounds,
    padding=st.booleans(),
    seed=seeds,
)
def test_embedding(rows, width, looked_up, bound, padding, seed):
    torch.manual_seed(seed)
    table = nn.Embedding(rows, width, padding_idx=seed % rows if padding else None)
    model = Net(
        lambda m, x: m.out(m.table((x * rows).long())), table=table, out=nn.Linear(width, CLASSES)
    )
    check(model, (looked_up,), bound=bound, lower=0.0, upper=0.99)
