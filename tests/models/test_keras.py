"""Models of Keras 3 train as modules, and go back with what was learned."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.graphs.agreement import SCHEMA, check_sums
from workbench.errors import InvalidArgument, LayersConverted, MissingPackage
from workbench.graphs.export.training import export
from workbench.models.keras import from_keras
from workbench.models.modules import load_into

# Keras reads both when it is imported, and writes a file there.
os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": tempfile.mkdtemp()}
keras = pytest.importorskip("keras", reason="the extra keras is not installed")


def dense():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "relu"), layers.Dropout(0.2), layers.Dense(3)]
    )


def attending():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    given = keras.Input((4,))
    x = layers.Dense(6)(layers.Reshape((4, 1))(given))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(given, layers.Dense(3)(layers.LSTM(4)(x)))


def loss(m, r):
    return F.cross_entropy(m(r["x"].unsqueeze(0))[0], r["y"])


@pytest.mark.parametrize("make", [dense, attending])
def test_a_keras_model_has_the_gradients_of_autograd(make):
    def module():
        return from_keras(make()).eval()

    graph = export(loss, module(), SCHEMA)
    assert graph.facts.trainable == make().count_params()
    check_sums(loss, module, graph)


def test_its_dropout_draws_from_the_record_in_training_mode_only():
    assert any("noise" in name for name in export(loss, from_keras(dense()), SCHEMA).inputs)
    assert export(loss, from_keras(dense()).eval(), SCHEMA).inputs == ("x", "y")


def test_equal_models_are_equal_bytes_however_many_were_made_before():
    first, second = (export(loss, from_keras(dense()), SCHEMA).digest for _ in range(2))
    assert first == second


def test_it_gives_what_the_keras_model_gives_and_goes_back():
    model = dense()
    module = from_keras(model).eval()
    x = torch.rand(7, 4)
    given = model(x, training=False)
    assert torch.allclose(module(x), given)
    changed = {name: value + 1 for name, value in module.named_parameters()}
    loaded = load_into(module, changed)
    back = loaded.to_keras()
    assert torch.allclose(back(x, training=False), loaded(x))
    assert torch.allclose(model(x, training=False), given)
    assert all(
        np.allclose(new, old + 1)
        for new, old in zip(back.get_weights(), model.get_weights(), strict=True)
    )


def normalized(trainable):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Reshape((2, 2, 1)),
            layers.Conv2D(8, 1),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    model.get_layer("norm").trainable = trainable
    return model


def test_trained_batch_normalization_becomes_group_normalization_with_a_notice():
    with pytest.warns(LayersConverted, match="'norm' became group normalization"):
        module = from_keras(normalized(True))
    one, both = torch.rand(1, 4), torch.rand(2, 4)
    both[0] = one[0]
    assert torch.allclose(module(one)[0], module(both)[0], atol=1e-6)
    assert isinstance(module.to_keras().get_layer("norm"), keras.layers.GroupNormalization)


def test_frozen_batch_normalization_keeps_its_statistics():
    model = normalized(False)
    module = from_keras(model)
    x = torch.rand(5, 4)
    assert torch.allclose(module(x), model(x, training=False), atol=1e-6)


@pytest.mark.parametrize("wrong", [torch.nn.Linear(2, 2), None])
def test_what_is_no_keras_model_is_refused(wrong):
    with pytest.raises(InvalidArgument, match="expected a keras.Model"):
        from_keras(wrong)


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(InvalidArgument, match="built") as caught:
        from_keras(keras.Sequential([keras.layers.Dense(2)]))
    assert "Input" in caught.value.hint


def test_another_backend_is_named_with_what_to_set(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(MissingPackage, match="runs on tensorflow") as caught:
        from_keras(dense())
    assert "KERAS_BACKEND=torch" in caught.value.hint


def test_workbench_does_not_import_keras():
    code = "import sys, workbench, workbench.models.keras; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
