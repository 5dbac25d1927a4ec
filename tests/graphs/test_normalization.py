"""Batch normalization is replaced on a copy, with a notice, by what keeps records apart."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.models import MODELS, classify
from workbench.documents.schema import Schema
from workbench.errors import GraphRefused, LayersConverted
from workbench.graphs.export.normalization import (
    FixedNorm,
    RecordNorm,
    groups_for,
    without_batch_norm,
)
from workbench.graphs.export.training import export
from workbench.models.modules import load_into

SCHEMA = MODELS["cnn"][2]


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(16, 3, 6), nn.BatchNorm2d(3)),
        nn.Flatten(-3),
    )


def test_the_notice_names_the_layers_and_the_callers_model_is_left_as_it_is():
    model = cnn()
    with pytest.warns(LayersConverted, match=r"'1', '3\.1' became group"):
        graph = export(classify, model, SCHEMA)
    assert isinstance(model[1], nn.BatchNorm2d)
    assert "aten.group_norm.default" in graph.facts.operators


@pytest.mark.filterwarnings("ignore::workbench.errors.LayersConverted")
def test_layers_of_the_model_that_was_given_are_refused_where_a_copy_is_trained():
    model = cnn()
    first = model[0]

    def function(m, r):
        return F.cross_entropy(m[1:](first(r["x"].unsqueeze(0)))[0], r["y"])

    with pytest.raises(GraphRefused, match="uses parameter '0.weight' from outside"):
        export(function, model, SCHEMA)
    assert "0.weight" in export(classify, model, SCHEMA).trainable


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


def test_each_record_is_normalized_by_itself():
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


def pretrained():
    """A network that has seen other data, frozen, with a new head."""
    torch.manual_seed(0)
    body = cnn()[:4]
    for _ in range(20):
        body(3 + 2 * torch.randn(16, 2, 8, 8))
    nn.init.normal_(body[1].weight)
    body.requires_grad_(False)
    return nn.Sequential(body, nn.Flatten(-3), nn.Linear(3, 3))


def test_a_frozen_layer_keeps_its_statistics_so_a_pretrained_network_computes_what_it_did():
    model = pretrained()
    with pytest.warns(LayersConverted, match="running statistics"):
        found = without_batch_norm(model)
    assert isinstance(found[0][1], FixedNorm)
    images = torch.randn(5, 2, 8, 8)
    assert torch.allclose(found(images), model.eval()(images), atol=1e-5)
    assert torch.allclose(found(images[0]), model.eval()(images)[0], atol=1e-5)


def test_only_the_head_of_a_frozen_network_is_trained_and_the_release_fits():
    model = pretrained()
    with pytest.warns(LayersConverted):
        graph = export(classify, model, SCHEMA)
    assert graph.trainable == {"2.weight", "2.bias"}
    released = {n: v + 0.1 if n in graph.trainable else v for n, v in graph.parameters.items()}
    loaded = load_into(model, released)
    model[2].load_state_dict({"weight": released["2.weight"], "bias": released["2.bias"]})
    image = torch.randn(2, 8, 8)
    assert torch.allclose(loaded(image), model.eval()(image.unsqueeze(0))[0], atol=1e-5)


def test_a_model_without_batch_norm_is_returned_as_it_is():
    model = nn.Linear(3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert without_batch_norm(model) is model


def evaluated():
    """Return layers that have seen other data, in evaluation mode, and not frozen."""
    torch.manual_seed(0)
    model = cnn()
    for _ in range(5):
        model(3 + 2 * torch.randn(16, 2, 8, 8))
    return model.eval()


def test_a_layer_in_evaluation_mode_keeps_its_statistics_and_trains_scale_and_shift():
    model = evaluated()
    with pytest.warns(LayersConverted, match=r"'1', '3\.1' computes? by the running statistics"):
        graph = export(classify, model, SCHEMA)
    images = torch.randn(5, 2, 8, 8)
    assert torch.allclose(without_batch_norm(model, quiet=True)(images), model(images), atol=1e-5)
    assert {"1.weight", "1.bias"} <= graph.trainable
    assert not {"1.running_mean", "1.running_var"} & graph.trainable


@pytest.mark.parametrize("mode", [True, False])
def test_a_release_is_loaded_into_the_layers_that_were_trained_whatever_mode_the_module_is_in(mode):
    for trained in (evaluated(), cnn()):
        converted = without_batch_norm(trained, quiet=True)
        graph = export(classify, converted, SCHEMA)
        fresh = cnn().train(mode)
        loaded = load_into(fresh, graph.parameters)
        kinds = [type(layer) for layer in (converted[1], converted[3][1])]
        assert [type(layer) for layer in (loaded[1], loaded[3][1])] == kinds
        image = torch.randn(2, 2, 8, 8)
        assert torch.allclose(loaded(image), converted.eval()(image), atol=1e-6)


def test_a_release_without_statistics_is_loaded_with_those_of_a_frozen_module():
    """So were frozen layers released before their statistics travelled with them."""
    model = pretrained()
    parameters = {n: p.detach() for n, p in model.named_parameters()}
    loaded = load_into(model, parameters)
    images = torch.randn(5, 2, 8, 8)
    assert torch.allclose(loaded(images), model.eval()(images), atol=1e-5)


def test_the_notice_says_which_layers_became_what():
    model = cnn()
    model[3].eval()
    with pytest.warns(LayersConverted) as told:
        without_batch_norm(model)
    words = str(told[0].message)
    assert "'1' became group normalization" in words
    assert "'3.1' computes by the running statistics that it has" in words


@pytest.mark.parametrize("layer", [nn.SyncBatchNorm(8), nn.BatchNorm1d(8)])
def test_lines_of_channels_are_normalized_too(layer):
    for mode in (RecordNorm, FixedNorm):
        found = without_batch_norm(layer.train(mode is RecordNorm), quiet=True)
        assert isinstance(found, mode)
        assert found(torch.randn(2, 8, 5)).shape == (2, 8, 5)


def test_a_lazy_layer_learns_its_size_when_it_is_exported():
    layers = nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(3)
    model = nn.Sequential(*layers)
    with pytest.warns(LayersConverted, match="'1' became group normalization"):
        graph = export(lambda m, r: m(r["x"][None]).sum(), model, SCHEMA)
    assert {"0.weight", "1.weight", "3.weight"} <= graph.trainable
    assert isinstance(model[1], nn.BatchNorm2d)
    assert model[1].training


def test_a_lazy_layer_that_is_not_called_is_refused_by_name():
    model = nn.Sequential(nn.Linear(128, 3), nn.LazyLinear(3))
    with pytest.raises(GraphRefused, match=r"layer '1' \(LazyLinear\) does not know its sizes"):
        export(lambda m, r: m[0](r["x"].flatten()).sum(), model, SCHEMA)


def test_a_layer_that_meets_one_number_a_group_is_refused_with_a_way_that_trains():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 2))
    model(torch.rand(8, 1, 2, 2))
    table = Schema.read(
        {
            "columns": [
                {"name": "x", "kind": "tensor", "shape": [1, 2, 2], "lower": 0, "upper": 1},
                {"name": "y", "kind": "category", "categories": [0, 1], "role": "target"},
            ]
        }
    )

    def function(m, r):
        return F.cross_entropy(m(r["x"][None])[0], r["y"])

    with pytest.raises(GraphRefused, match="1 channels meets one position") as caught:
        export(function, model, table)
    assert ".eval()" in caught.value.hint
    model[1].eval()
    assert export(function, model, table).facts.trainable > 0
