"""Linear and logistic regression, and the multi-layer perceptron, on tables."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer, load_diabetes
from torch import nn

from tests.engine.families.common import (
    Study,
    assert_sum_is_that_of_autograd,
    category,
    metric,
    number,
    schema,
    trained,
)
from workbench.graphs.export.features import features


def _cancer() -> Study:
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    # Round figures, as a steward would write them.
    lower, upper = np.zeros(x.shape[1]), 10 ** np.ceil(np.log10(x.max(0)))
    columns = {f"x{i}": x[:, i].astype(np.float32) for i in range(x.shape[1])}

    def classify(model, record):
        logits = model(features(record) * 2 + 1)
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    fields = [number(f"x{i}", lower[i], upper[i]) for i in range(x.shape[1])]
    return Study(classify, schema(*fields, category("y", 2)), columns | {"y": y.astype(np.int64)})


def _diabetes() -> Study:
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    columns = {f"x{i}": x[order, i].astype(np.float32) for i in range(10)}

    def regress(model, record):
        target = (record["y"] - 185) / 160
        error = (model(features(record) * 4)[0] - target) ** 2
        return error, {"squared_error": error.clamp(max=1)}

    fields = [number(f"x{i}", -0.2, 0.2) for i in range(10)]
    data = columns | {"y": y[order].astype(np.float32)}
    return Study(regress, schema(*fields, number("y", 25, 346, "target")), data)


def test_linear_regression():
    study = _diabetes()
    torch.manual_seed(0)
    model = nn.Linear(10, 1)
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(
        study, model, learning_rate=0.2, steps=80, sample_rate=0.5, noise_multiplier=2.0
    )
    target = (study.columns["y"] - 185) / 160
    # The best constant has the variance as its error.
    assert metric(result, "squared_error") < 0.8 * target.var()


@pytest.mark.parametrize("inner", [(), (16,)], ids=["logistic_regression", "mlp"])
def test_classification(inner):
    study = _cancer()
    torch.manual_seed(0)
    widths = (30, *inner)
    hidden = [p for a, b in pairwise(widths) for p in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*hidden, nn.Linear(widths[-1], 2))
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(study, model, learning_rate=1.0, noise_multiplier=2.0)
    assert metric(result, "accuracy") > 0.85
