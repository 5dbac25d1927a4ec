"""Turn scikit-learn estimators into training functions: the same model, trained under privacy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from workbench.documents import Column, Schema
from workbench.errors import InvalidArgument
from workbench.graphs.export.features import features
from workbench.space.requests.calls import public_call
from workbench.space.requests.target import Targeted, target_of
from workbench.space.training.functions import TrainingFunction, training_function
from workbench.space.training.recipes import Recipe, read_estimator

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weights ``(outputs, inputs)`` and biases ``(outputs,)``, float64."""

_ACTIVATIONS = {"identity": nn.Identity, "logistic": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


class InTargetUnits(nn.Module):
    """A regression whose inner model works on a target scaled to [-1, 1] by its public bounds."""

    def __init__(self, inner: nn.Module, middle: float, half: float) -> None:
        super().__init__()
        self.inner = inner
        self.centre, self.scale = middle, half

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return predictions in the target's units: floating, ``(..., width)`` to ``(...)``."""
        predicted: torch.Tensor = self.inner(x).squeeze(-1) * self.scale + self.centre
        return predicted


@public_call
def from_sklearn(
    estimator: Any,
    dataset: Targeted,
    *,
    epochs: float = 20,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    max_grad_norm: float = 1.0,
) -> tuple[TrainingFunction, nn.Module]:
    """Return a training function and a module that train `estimator`'s model under privacy.

    The model reads `wb.features`: all feature columns, scaled by their public bounds. A classifier
    gives one number per category and the metric ``accuracy``; a regression predicts in the
    target's units and has the metric ``scaled_squared_error``, in units of half the target's
    range, at most 1.

    Parameters
    ----------
    estimator
        LinearRegression, Ridge, LogisticRegression, SGDClassifier, MLPClassifier or MLPRegressor.
        If it was fitted, on the feature columns in the schema's order and units (categories as
        0/1 entries), training starts from what it learned.
    dataset
        What to train on: its schema gives the shapes, its record count the regularisation.
    epochs
        Expected passes over the data; the estimator's ``max_iter`` would cost too much privacy.
    learning_rate, batch_size
        Instead of the estimator's, where it has one; the expected number of records in a batch.
    max_grad_norm
        The clipping bound on each record's gradient.

    Raises
    ------
    InvalidArgument
        If the estimator, one of its settings, or what it was fitted on has no counterpart here;
        names it and says what to do.
    """
    card = target_of(dataset).card
    schema = card.data_schema
    records = card.record_count * (1 - card.holdout_fraction)
    recipe = read_estimator(estimator, records)
    target = _target(schema, recipe.classifies)
    classes = len(target.categories) if recipe.classifies else 1
    widths = [sum(_width(c) for c in schema.features), *recipe.hidden, classes]
    layers = _layers(widths, recipe)
    fitted = _fitted(estimator)
    if fitted:
        _check_fitted(estimator, schema, widths)
        fitted = _in_our_units(fitted, estimator, schema, target)
        with torch.no_grad():
            for layer, (weight, bias) in zip(layers[::2], fitted, strict=True):
                _fill(layer, weight, bias)
    model: nn.Module = nn.Sequential(*layers) if len(layers) > 1 else layers[0]
    if not recipe.classifies:
        model = InTargetUnits(model, *_middle_and_half(target))
    settings: dict[str, Any] = {
        "epochs": epochs,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": max_grad_norm,
        "optimizer": "adam",
        "learning_rate": 0.05,
        "batch_size": max(1, round(records / 4)),
    } | recipe.settings
    if learning_rate is not None:
        settings["learning_rate"] = learning_rate
    if batch_size is not None:
        settings["batch_size"] = batch_size
    return training_function(**settings)(_function(recipe, target)), model


def _function(recipe: Recipe, target: Column) -> Callable[..., Any]:
    name = target.name

    def classify(model: nn.Module, record: Mapping[str, torch.Tensor]) -> Any:
        scores = model(features(record))
        return recipe.loss(scores, record[name]), {"accuracy": scores.argmax() == record[name]}

    def regress(model: nn.Module, record: Mapping[str, torch.Tensor]) -> Any:
        half = _middle_and_half(target)[1]
        error = recipe.loss(model(features(record)) / half, record[name] / half)
        return error, {"scaled_squared_error": error.clamp(max=1)}

    function = classify if recipe.classifies else regress
    function.__name__ = recipe.name
    return function


def _target(schema: Schema, classifies: bool) -> Column:
    wanted = ("category",) if classifies else ("number", "integer")
    found = [column for column in schema.targets if column.kind in wanted]
    if len(found) != 1:
        raise InvalidArgument(
            f"the dataset has {len(found)} targets of kind {' or '.join(wanted)}; expected one",
            "Write a training function of your own for it.",
        )
    return found[0]


def _width(column: Column) -> int:
    return len(column.categories) if column.kind == "category" else math.prod(column.shape)


def _middle_and_half(column: Column) -> tuple[float, float]:
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    return (upper + lower) / 2, (upper - lower) / 2


def _layers(widths: list[int], recipe: Recipe) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for position, width in enumerate(widths[1:]):
        if layers:
            layers.append(_ACTIVATIONS[recipe.activation]())
        layers.append(nn.Linear(widths[position], width, bias=recipe.bias))
    if len(layers) == 1:
        # A convex problem: where to start does not matter, and 0 tells nothing.
        nn.init.zeros_(layers[0].weight)  # type: ignore[arg-type]
        if recipe.bias:
            nn.init.zeros_(layers[0].bias)  # type: ignore[arg-type]
    return layers


# What a fitted estimator learned, moved to features and targets scaled by public bounds.


def _fitted(estimator: Any) -> list[Layer]:
    """Return the layers' weights ``(outputs, inputs)`` and biases; none if it is not fitted."""
    if hasattr(estimator, "coefs_"):
        pairs = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        return [(weight.T.astype(float), bias.astype(float)) for weight, bias in pairs]
    if hasattr(estimator, "coef_"):
        weight = np.atleast_2d(estimator.coef_).astype(float)
        return [(weight, np.broadcast_to(estimator.intercept_, len(weight)).astype(float))]
    return []


def _check_fitted(estimator: Any, schema: Schema, widths: list[int]) -> None:
    if estimator.n_features_in_ != widths[0]:
        raise InvalidArgument(
            f"the estimator was fitted on {estimator.n_features_in_} columns; the dataset's "
            f"features are {widths[0]}",
            "Fit it on the feature columns in the schema's order, or give it unfitted.",
        )
    names = [column.name for column in schema.features]
    seen = list(getattr(estimator, "feature_names_in_", names))
    if len(seen) == len(names) and seen != names:
        raise InvalidArgument(
            f"the estimator was fitted on columns {', '.join(seen[:5])}, …; the schema has "
            f"{', '.join(names[:5])}, … in this order",
            "Fit it on the feature columns in the schema's order, or give it unfitted.",
        )


def _in_our_units(
    layers: list[Layer], estimator: Any, schema: Schema, target: Column
) -> list[Layer]:
    found = list(layers)
    # x = middle + half * scaled: the first layer takes the scaled x.
    scales = [
        (0.0, 1.0) if column.kind == "category" else _middle_and_half(column)
        for column in schema.features
        for _ in range(_width(column))
    ]
    middle, half = np.array(scales).T
    weight, bias = found[0]
    found[0] = (weight * half, bias + weight @ middle)
    weight, bias = found[-1]
    if target.kind == "category":
        if len(weight) == 1:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.array([-bias[0], bias[0]]) / 2
        order = _class_order(list(estimator.classes_), target)
        found[-1] = (weight[order], bias[order])
    else:
        middle_of, half_of = _middle_and_half(target)
        found[-1] = (weight / half_of, (bias - middle_of) / half_of)
    return found


def _class_order(classes: list[Any], target: Column) -> list[int]:
    """Return the place of each category of the schema among the estimator's classes."""
    plain = [c.item() if isinstance(c, np.generic) else c for c in classes]
    for wanted in (list(target.categories), list(range(len(target.categories)))):
        if sorted(map(str, plain)) == sorted(map(str, wanted)):
            return [list(map(str, plain)).index(str(category)) for category in wanted]
    raise InvalidArgument(
        f"the estimator knows the classes {plain[:5]}; the schema has "
        f"{list(target.categories)[:5]}",
        "Fit it on the schema's categories or on their positions, or give it unfitted.",
    )


def _fill(layer: Any, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    layer.weight.copy_(torch.from_numpy(weight))
    if layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(bias))
    elif float(np.abs(bias).max()) > 1e-6:
        raise InvalidArgument(
            "the estimator has no intercept, but needs one for scaled features",
            "Fit it with fit_intercept=True, or give it unfitted.",
        )
