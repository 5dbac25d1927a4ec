"""A flattened function gives the same bits as the function, every time."""

from __future__ import annotations

import pytest
import torch

from workbench.engine.flat import flatten


def loss_gradient(x, y):
    def loss(x, y):
        return torch.nn.functional.cross_entropy(x.unsqueeze(0), y.unsqueeze(0))

    return torch.func.vmap(torch.func.grad(loss))(x, y)


def written(x, y):
    zeros = torch.zeros_like(x)
    zeros[1:].add_(x[1:])
    ones = torch.ones_like(x)
    return zeros + ones.mul_(2), torch.zeros_like(x), y


def of_shapes_alone(x, y):
    return torch.ones_like(x).sum() * 2, torch.full_like(x, 3).neg(), x.new_zeros(3), y + 0


@pytest.mark.parametrize("function", [loss_gradient, written, of_shapes_alone])
def test_it_gives_the_same_bits_and_changes_nothing_from_call_to_call(function):
    flat = None
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        x, y = torch.randn((8, 5), generator=generator), torch.arange(8) % 5
        flat = flat or flatten(function, (x, y))
        expected, found = function(x, y), flat(x, y)
        for a, b in zip(*(v if isinstance(v, tuple) else (v,) for v in (expected, found)),
                        strict=True):  # fmt: skip
            assert torch.equal(a, b)
            assert a.dtype == b.dtype


def test_what_only_the_loss_needed_is_left_out():
    x, y = torch.randn(8, 5), torch.arange(8) % 5
    kinds = [node.kind() for node in flatten(loss_gradient, (x, y)).graph.nodes()]
    assert "aten::_log_softmax" in kinds
    assert not {"aten::ones_like", "aten::new_zeros", "aten::gather"} & set(kinds)


def test_what_it_gives_may_be_written_to():
    x, y = torch.randn(8, 5), torch.arange(8) % 5
    flat = flatten(of_shapes_alone, (x, y))
    for value in flat(x, y)[:3]:
        value.zero_()
    assert torch.equal(flat(x, y)[1], of_shapes_alone(x, y)[1])
