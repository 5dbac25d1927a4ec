"""Low-rank adaptation: a frozen copy, the same function at first, and plain layers again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.errors import InvalidArgument, NotFound
from workbench.models.lora import LoraLinear, lora, merge_lora


def model():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8))
    return nn.ModuleDict({"body": body, "head": nn.Linear(8, 3)})


def call(m, x):
    return m["head"](m["body"](x))


def test_the_callers_model_is_left_as_it_is_and_the_copy_computes_the_same_at_first():
    before = model()
    adapted = lora(before, rank=2)
    x = torch.randn(5, 6)
    assert torch.equal(call(adapted, x), call(before, x))
    assert isinstance(before["head"], nn.Linear)
    assert all(p.requires_grad for p in before.parameters())


def test_only_the_low_rank_matrices_and_named_layers_are_trained():
    adapted = lora(model(), rank=2, train=("head",))
    trained = {n for n, p in adapted.named_parameters() if p.requires_grad}
    assert trained == {
        "body.0.down.weight",
        "body.0.up.weight",
        "body.2.down.weight",
        "body.2.up.weight",
        "head.weight",
        "head.bias",
    }


def test_targets_are_names_or_their_last_parts():
    for targets in (("body.2",), ("2",)):
        adapted = lora(model(), targets=targets)
        assert isinstance(adapted["body"][2], LoraLinear)
        assert type(adapted["body"][0]) is nn.Linear
    with pytest.raises(NotFound, match="no layer called 'query'"):
        lora(model(), targets=("query",))


def test_merging_gives_plain_layers_that_compute_the_same():
    adapted = lora(model(), rank=2, scale=0.5)
    with torch.no_grad():
        for parameter in adapted.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    merged = merge_lora(adapted)
    x = torch.randn(5, 6)
    assert torch.allclose(call(merged, x), call(adapted, x), atol=1e-5)
    assert set(merged.state_dict()) == set(model().state_dict())
    assert all(p.requires_grad for p in merged.parameters())


def test_a_single_layer_can_be_adapted_and_merged():
    layer = nn.Linear(4, 2)
    adapted = lora(layer, rank=1)
    assert isinstance(adapted, LoraLinear)
    assert torch.equal(merge_lora(adapted).weight, layer.weight)


def test_layers_inside_attention_that_are_read_and_not_called_stay_frozen_and_whole():
    block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    adapted = lora(block, rank=2)
    x = torch.randn(1, 4, 8)
    assert torch.allclose(adapted(x), block(x), atol=1e-6)
    assert isinstance(adapted.linear1, LoraLinear)
    assert not isinstance(adapted.self_attn.out_proj, LoraLinear)


@pytest.mark.parametrize("rank", [0, -1, 2.5])
def test_a_rank_that_trains_nothing_is_refused(rank):
    with pytest.raises(InvalidArgument, match="rank is"):
        lora(nn.Linear(2, 2), rank=rank)
