"""What the hyper-parameters of a scikit-learn estimator mean for training by gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from workbench.errors import InvalidArgument

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes outputs and target of one record and gives its loss, floating, of shape ``()``."""


@dataclass(frozen=True)
class Recipe:
    """What an estimator's hyper-parameters say.

    `weight_decay` is that of the mean loss; `settings` are arguments of `training_function`.
    """

    name: str
    classifies: bool
    loss: Loss
    weight_decay: float = 0.0
    hidden: tuple[int, ...] = ()
    activation: str = "identity"
    bias: bool = True
    settings: dict[str, Any] = field(default_factory=dict)


def _cross_entropy(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(scores, target)


def _hinge(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the hinge loss of each class against the rest, as ``SGDClassifier`` does."""
    sign = torch.where(torch.arange(scores.shape[-1]) == target, 1.0, -1.0)
    return (1 - sign * scores).clamp_min(0).mean()


def _squared(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (predicted - target).square()


def _only(estimator: Any, **allowed: tuple[Any, ...]) -> None:
    """Check that each setting has one of the values that have a counterpart."""
    settings = estimator.get_params()
    for name, values in allowed.items():
        if name in settings and not any(settings[name] is v or settings[name] == v for v in values):
            raise InvalidArgument(
                f"{type(estimator).__name__}: {name}={settings[name]!r} has no counterpart here",
                f"Use {' or '.join(f'{name}={value!r}' for value in values)}.",
            )


def _decay(estimator: Any, value: float) -> float:
    if not value <= 1:
        raise InvalidArgument(
            f"{type(estimator).__name__}: its penalty is a weight decay of {value:g}; at most 1",
            "Regularise less: a larger C or a smaller alpha.",
        )
    return value


def _linear_regression(estimator: Any, records: float) -> Recipe:
    _only(estimator, positive=(False,))
    return Recipe("linear_regression", False, _squared, bias=estimator.fit_intercept)


def _ridge(estimator: Any, records: float) -> Recipe:
    _only(estimator, positive=(False,))
    decay = _decay(estimator, 2 * float(estimator.alpha) / records)
    return Recipe("ridge", False, _squared, decay, bias=estimator.fit_intercept)


def _logistic_regression(estimator: Any, records: float) -> Recipe:
    _only(
        estimator,
        class_weight=(None,),
        penalty=("l2", None, "deprecated"),
        l1_ratio=(0, None),
        dual=(False,),
    )
    decay = 0.0 if estimator.penalty is None else 1 / (float(estimator.C) * records)
    return Recipe(
        "logistic_regression",
        True,
        _cross_entropy,
        _decay(estimator, decay),
        bias=estimator.fit_intercept,
    )


def _sgd_classifier(estimator: Any, records: float) -> Recipe:
    _only(
        estimator,
        loss=("log_loss", "hinge"),
        penalty=("l2", None),
        class_weight=(None,),
        average=(False,),
        early_stopping=(False,),
    )
    decay = 0.0 if estimator.penalty is None else float(estimator.alpha)
    settings: dict[str, Any] = {}
    if estimator.learning_rate == "constant":
        settings = {"optimizer": "sgd", "learning_rate": float(estimator.eta0)}
    loss = _hinge if estimator.loss == "hinge" else _cross_entropy
    return Recipe(
        "sgd_classifier",
        True,
        loss,
        _decay(estimator, decay),
        bias=estimator.fit_intercept,
        settings=settings,
    )


def _mlp(estimator: Any, records: float) -> Recipe:
    _only(
        estimator,
        solver=("adam", "sgd"),
        early_stopping=(False,),
        learning_rate=("constant",),
        loss=("squared_error", "log_loss"),
    )
    classifies = type(estimator).__name__ == "MLPClassifier"
    batch = estimator.batch_size
    batch = int(min(200, max(1, records))) if batch == "auto" else int(batch)
    settings: dict[str, Any] = {
        "learning_rate": float(estimator.learning_rate_init),
        "batch_size": batch,
    }
    if estimator.solver == "sgd":
        settings |= {"optimizer": "sgd"}
    if estimator.solver == "sgd" and estimator.momentum:
        settings |= {"optimizer": "momentum", "momentum": float(estimator.momentum)}
    return Recipe(
        "mlp_classifier" if classifies else "mlp_regressor",
        classifies,
        _cross_entropy if classifies else _squared,
        _decay(estimator, float(estimator.alpha) / batch),
        tuple(int(n) for n in np.atleast_1d(estimator.hidden_layer_sizes)),
        estimator.activation,
        settings=settings,
    )


_READERS: dict[str, Callable[[Any, float], Recipe]] = {
    "LinearRegression": _linear_regression,
    "Ridge": _ridge,
    "LogisticRegression": _logistic_regression,
    "SGDClassifier": _sgd_classifier,
    "MLPClassifier": _mlp,
    "MLPRegressor": _mlp,
}


def read_estimator(estimator: Any, records: float) -> Recipe:
    """Return the recipe of `estimator` when it is trained on `records` records.

    Raises
    ------
    InvalidArgument
        If it, or one of its settings, has no counterpart here.
    """
    kind = type(estimator).__name__
    known = type(estimator).__module__.startswith("sklearn.") and kind in _READERS
    if not known:
        raise InvalidArgument(
            f"{kind} has no counterpart that is trained by gradients under differential privacy",
            "Pipeline: give its last step, wb.features scales already. "
            f"Otherwise use {', '.join(_READERS)}, or write a training function.",
        )
    return _READERS[kind](estimator, records)
