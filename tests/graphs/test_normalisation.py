"""Batch normalisation is replaced on a copy, with a notice, by what keeps records apart."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from tests.engine.models import MODELS, classify
from workbench.documents.errors import LayersConverted
from workbench.graphs.export import export
from workbench.graphs.normalisation import RecordNorm, groups_for, without_batch_norm
from workbench.space.results import load_into

SCHEMA = MODELS["cnn"][2]


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 16, 3), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Sequential(nn.Conv2d(16, 3, 6), nn.BatchNorm2d(3)), nn.Flatten(-3),
    )  # fmt: skip


def test_the_notice_names_the_layers_and_the_callers_model_is_left_as_it_is():
    model = cnn()
    with pytest.warns(LayersConverted, match=r"'1', '3\.1' became group"):
        graph = export(classify, model, SCHEMA)
    assert isinstance(model[1], nn.BatchNorm2d)
    assert "aten.group_norm.default" in graph.facts.operators


def test_scale_shift_eps_and_frozen_state_are_kept():
    model = cnn()
    nn.init.normal_(model[1].weight)
    nn.init.normal_(model[1].bias)
    model[1].eps = 0.1
    model[1].bias.requires_grad_(False)
    found = without_batch_norm(model, quiet=True)[1]
    assert torch.equal(found.weight, model[1].weight)
    assert torch.equal(found.bias, model[1].bias)
    assert found.eps == 0.1
    assert (found.weight.requires_grad, found.bias.requires_grad) == (True, False)
    assert "1.bias" not in export(classify, without_batch_norm(model, quiet=True), SCHEMA).trainable


def test_a_released_model_fits_into_the_callers_module_and_computes_what_was_trained():
    """With the batch layer's running statistics the released numbers would mean something else."""
    model = cnn()
    converted = without_batch_norm(model, quiet=True)
    graph = export(classify, converted, SCHEMA)
    released = {name: value + 0.1 for name, value in graph.parameters.items()}
    loaded = load_into(model, released)
    image = torch.randn(2, 8, 8)
    expected = torch.func.functional_call(converted, released, (image,))
    assert torch.allclose(loaded(image), expected)
    assert torch.allclose(loaded(image.unsqueeze(0))[0], expected, atol=1e-6)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in loaded.modules())


def test_each_record_is_normalised_by_itself():
    layer = without_batch_norm(nn.BatchNorm1d(16), quiet=True)
    rows = torch.randn(4, 16)
    alone = torch.stack([layer(row) for row in rows])
    assert torch.allclose(layer(rows), alone, atol=1e-6)
    others = torch.cat([rows[:1], 100 * torch.randn(3, 16)])
    assert torch.equal(layer(others)[0], layer(rows)[0])


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 8, 12, 16, 20, 24, 64, 100, 320, 1280, 2048])
def test_groups_divide_the_channels_and_hold_several(channels):
    groups = groups_for(channels)
    assert channels % groups == 0
    assert groups <= 32
    assert channels // groups >= min(channels, 8)
    RecordNorm(groups, channels, 4)


def test_a_layer_used_under_two_names_is_replaced_under_both():
    shared = nn.BatchNorm1d(8)
    found = without_batch_norm(nn.ModuleDict({"a": shared, "b": shared}), quiet=True)
    assert isinstance(found["a"], RecordNorm)
    assert found["a"] is found["b"]


def test_a_model_without_batch_norm_is_returned_as_it_is():
    model = nn.Linear(3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert without_batch_norm(model) is model
