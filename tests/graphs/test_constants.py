"""Constants with infinite and very large entries, as masks of attention have them, travel."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tests.graphs.torch_nn.agreement import check_records
from tests.graphs.torch_nn.together import SCHEMA, Together, loss
from tests.graphs.torch_nn.ways import Way, called
from workbench.errors import GraphRefused
from workbench.graphs.export.training import export

D = torch.distributions
CAUSAL = nn.Transformer.generate_square_subsequent_mask(3)
LARGE = torch.tensor([0.0, -1e9, 2.0, math.inf])


class Masked(nn.Module):
    """A layer with a mask as a buffer, as many models have it."""

    def __init__(self, persistent):
        super().__init__()
        mask = torch.full((3, 3), -math.inf).triu(1)
        self.register_buffer("mask", mask, persistent=persistent)

    def forward(self, x):
        return (x + self.mask).softmax(-1)


def written(number):
    def call(x, y):
        x = x.clone()
        x[x > 0] = number
        return x.softmax(0)

    return call


WAYS = [
    called((3, 3), lambda x, y: (x + CAUSAL).softmax(-1)),
    called((4,), lambda x, y: (x * 0.1 - LARGE).tanh()),
    called((6,), written(-math.inf)),
    called((6,), written(-1e9)),
    called((6,), lambda x, y: torch.where(x > 0, x, torch.tensor(-math.inf)).softmax(0)),
    called(
        (6,),
        lambda x, y: D.kl_divergence(D.Categorical(logits=x), D.Categorical(logits=0.5 * x.cos())),
    ),
    *(Way(lambda p=p: Masked(p), (3, 3), lambda m, x, y: m(x)) for p in (True, False)),
]


def test_their_results_and_gradients_are_those_of_plain_autograd():
    check_records(Together(WAYS))


def test_the_tensors_of_the_caller_are_left_as_they_are():
    model = Together(WAYS[-2:])
    model.exported()
    assert all(bool(torch.isneginf(layer.mask).any()) for layer in model.layers)
    assert bool(torch.isneginf(CAUSAL).any())


@pytest.mark.parametrize("number", [math.nan, torch.linspace(1e7, 1e8, 9)])
def test_what_is_not_a_number_or_holds_many_large_ones_is_refused(number):
    constant = torch.as_tensor(number)
    model = Together([called((1,), lambda x, y: x + constant)])
    with pytest.raises(GraphRefused, match=r"NaN or infinite|above 1e\+06"):
        export(loss, model, SCHEMA)
