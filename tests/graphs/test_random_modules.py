"""Layers in any order and with any settings have the gradients of plain autograd, record by record.

``WORKBENCH_EXAMPLES=300`` tries more of them than the suite does.
"""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.graphs.torch_nn.agreement import check_records
from tests.graphs.torch_nn.together import Together
from tests.graphs.torch_nn.ways import Way

EXAMPLES = int(os.environ.get("WORKBENCH_EXAMPLES", "6"))
ENTRIES = (
    nn.ReLU,
    nn.GELU,
    nn.Tanh,
    nn.SiLU,
    nn.Softsign,
    nn.ELU,
    nn.Hardswish,
    nn.Softplus,
    nn.Mish,
)
FEW, SIZE = st.integers(1, 3), st.integers(1, 4)


class First(nn.Module):
    """A recurrent or attending layer, of whose results the first one counts."""

    def __init__(self, layer, times):
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, x):
        return self.layer(*[x] * self.times)[0]


def of_space(space):
    """Return the class ``nn.<name>1d`` or ``2d``."""
    return lambda name: getattr(nn, f"{name}{space}d")


def windows(draw):
    return {
        "kernel_size": draw(FEW),
        "stride": draw(FEW),
        "padding": draw(st.integers(0, 1)),
    }


def convolution(draw, shape, named):
    groups = draw(st.sampled_from([g for g in (1, 2) if shape[1] % g == 0]))
    options = windows(draw) | {"dilation": draw(st.integers(1, 2)), "bias": draw(st.booleans())}
    if draw(st.booleans()):
        mode = draw(st.sampled_from(("zeros", "circular", "reflect", "replicate")))
        return named("Conv")(shape[1], 2 * draw(FEW), groups=groups, padding_mode=mode, **options)
    extra = draw(st.integers(0, max(options["stride"], options["dilation"]) - 1))
    return named("ConvTranspose")(
        shape[1], 2 * draw(FEW), groups=groups, output_padding=extra, **options
    )


def pooling(draw, shape, named):
    kind = draw(st.sampled_from(("Max", "Avg", "AdaptiveMax", "AdaptiveAvg", "LP")))
    if kind.startswith("Adaptive"):
        return named(f"{kind}Pool")(draw(SIZE))
    options = windows(draw) | {"ceil_mode": draw(st.booleans())}
    if kind == "LP":
        del options["padding"]
        return named("LPPool")(2.0, **options)
    if kind == "Max":
        options["dilation"] = draw(st.integers(1, 2))
    else:
        options["count_include_pad"] = draw(st.booleans())
    return named(f"{kind}Pool")(**options)


def normalization(draw, shape, named):
    channels = shape[1]
    kind = draw(st.sampled_from(("batch", "statistics", "instance", "group", "layer", "response")))
    if kind in ("batch", "statistics"):
        made = named("BatchNorm")(channels, affine=draw(st.booleans()))
        made.running_mean.uniform_(-1, 1)
        return made.eval() if kind == "statistics" else made
    if kind == "instance":
        return named("InstanceNorm")(channels, affine=draw(st.booleans()))
    if kind == "group":
        return nn.GroupNorm(
            draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0])), channels
        )
    if kind == "layer":
        return nn.LayerNorm(
            shape[-draw(st.integers(1, len(shape) - 1)) :], bias=draw(st.booleans())
        )
    return nn.LocalResponseNorm(draw(FEW))


def shaping(draw, shape, named):
    space = len(shape) - 2
    kind = draw(st.sampled_from(("flatten", "pad", "upsample", "drop", "shuffle")))
    if kind == "pad":
        name = draw(st.sampled_from(("ReflectionPad", "ReplicationPad", "ZeroPad", "CircularPad")))
        return named(name)(tuple(draw(st.integers(0, 2)) for _ in range(2 * space)))
    if kind == "upsample":
        modes = ("nearest", "linear") if space == 1 else ("nearest", "bilinear", "bicubic")
        mode = draw(st.sampled_from(modes))
        if draw(st.booleans()):
            return nn.Upsample(size=draw(SIZE), mode=mode)
        corners = None if mode == "nearest" else draw(st.booleans())
        return nn.Upsample(
            scale_factor=draw(st.sampled_from((0.5, 1.5, 2.0))), mode=mode, align_corners=corners
        )
    if kind == "drop":
        return draw(st.sampled_from((nn.Dropout, named("Dropout"), nn.AlphaDropout)))(0.3)
    return (
        nn.Flatten(1 + draw(st.integers(0, 1)))
        if kind == "flatten"
        else nn.ChannelShuffle(shape[1])
    )


def sequence(draw, shape, named):
    """Return a layer that takes positions along the second dimension."""
    width = shape[-1]
    kind = draw(st.sampled_from((nn.RNN, nn.GRU, nn.LSTM, nn.MultiheadAttention, nn.Linear)))
    if kind is nn.Linear:
        return nn.Linear(width, draw(SIZE))
    if kind is nn.MultiheadAttention:
        heads = draw(st.sampled_from([h for h in (1, 2) if width % h == 0]))
        return First(kind(width, heads, bias=draw(st.booleans()), batch_first=True), 3)
    return First(kind(width, draw(FEW), bidirectional=draw(st.booleans()), batch_first=True), 1)


def flat(draw, shape, named):
    width = shape[-1]
    kind = draw(st.sampled_from(("linear", "norm", "softmax", "unflatten", "glu")))
    if kind == "norm":
        return nn.RMSNorm(width)
    if kind == "softmax":
        return draw(st.sampled_from((nn.Softmax, nn.LogSoftmax, nn.Softmin)))(dim=-1)
    if kind == "unflatten" and width % 2 == 0:
        return nn.Unflatten(-1, (2, width // 2))
    return nn.GLU() if kind == "glu" and width % 2 == 0 else nn.Linear(width, 2 * draw(FEW))


KINDS = {
    2: [flat],
    3: [convolution, pooling, normalization, shaping, sequence],
    4: [convolution, pooling, normalization, shaping],
}


@st.composite
def modules(draw):
    """Draw some layers after each other that PyTorch itself runs, and the shape that they take."""
    shape = draw(st.sampled_from(((6,), (2, 6), (2, 4, 5), (4, 3, 3))))
    torch.manual_seed(draw(st.integers(0, 9)))
    layers, value = [], torch.rand(1, *shape)
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.integers(0, 3)) == 0:
            layers.append(draw(st.sampled_from(ENTRIES))())
            continue
        kind = draw(st.sampled_from(KINDS[value.dim()]))
        made = kind(draw, tuple(value.shape), of_space(value.dim() - 2))
        try:
            # In evaluation mode: batch normalization takes no single record else.
            training = made.training
            found = made.eval()(value)
            made.train(training)
        except (RuntimeError, ValueError):
            continue
        if 0 < found.numel() <= 200 and found.dim() in KINDS:
            layers.append(made)
            value = found.detach()
    assume(layers)
    return shape, layers


@pytest.mark.timeout(300 + 3 * EXAMPLES)
@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 20,
    suppress_health_check=list(HealthCheck),
)
@given(modules())
def test_random_layers_after_each_other_have_the_gradients_of_plain_autograd(drawn):
    shape, layers = drawn
    torch.manual_seed(0)
    way = Way(lambda: nn.Sequential(*layers), shape, lambda m, x, y: m(x[None]))
    check_records(Together([way]))
