"""Naive Bayes from one noisy sum: counts, sums and squares by class."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidArgument
from workbench.space.estimators.base import Array, Estimator, bounds_of, target_column, width_of
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.columns import one_hot
from workbench.space.statistics.sums import SumFunction, norm_of


class GaussianNB(Estimator):
    """Naive Bayes, as `sklearn.naive_bayes.GaussianNB`; categories count by their frequency.

    Parameters
    ----------
    var_smoothing
        The share of the largest variance that is added to all.
    target
        The column to predict; the schema's only target if not given.

    Attributes
    ----------
    classes_, class_count_, class_prior_
        The categories of the target, and how many records each has, with noise.
    theta_, var_
        Mean and variance of each feature by class, in the units of the data.
    """

    classes_: NDArray[Any]
    class_count_: Array
    class_prior_: Array
    theta_: Array
    var_: Array

    @public_call
    def __init__(self, *, var_smoothing: float = 1e-9, target: str | None = None) -> None:
        check_number("var_smoothing", var_smoothing, 0)
        self.var_smoothing = var_smoothing
        self.target = target

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`.

        Raises
        ------
        InvalidArgument
            If the target is one of the features.
        """
        schema = self._start(ds)
        column = target_column(schema, self.target, ("category",))
        if column.name in {feature.name for feature in schema.features}:
            raise InvalidArgument(f"target '{column.name}' is one of the features")
        classes, width = len(column.categories), width_of(schema)
        categorical = np.concatenate(
            [
                np.full(
                    len(c.categories) if c.kind == "category" else int(np.prod(c.shape)),
                    c.kind == "category",
                )
                for c in schema.features
            ]
        )
        numbers = np.flatnonzero(~categorical)

        def vector(record: Any) -> Any:
            import torch

            from workbench.graphs.export.features import features

            z = features(record)
            squares = z[torch.tensor(numbers)] ** 2
            row = torch.cat([torch.ones(1), z, squares])
            hot = one_hot(record[column.name], classes)
            return (hot.unsqueeze(1) * row.unsqueeze(0)).reshape(-1)

        # One of a categorical column's 0/1 entries is 1.
        hot_columns = sum(c.kind == "category" for c in schema.features)
        bound = norm_of([1.0] * (1 + hot_columns + 2 * len(numbers)))
        asked = SumFunction("naive_bayes", vector, bound)
        result = self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        sums = result.sums[0].reshape(classes, 1 + width + len(numbers))
        count = np.maximum(sums[:, :1], 1.0)
        means = np.clip(sums[:, 1 : 1 + width] / count, -1.0, 1.0)
        spread = np.ones((classes, width))
        spread[:, numbers] = sums[:, 1 + width :] / count - means[:, numbers] ** 2
        # A variance that is smaller than its noise is not known.
        floor = np.minimum(2 * result.noise / count, 1.0)
        spread = np.maximum(spread, np.maximum(floor, self.var_smoothing * spread.max()))
        middle, half = bounds_of(schema)
        self.classes_ = np.array(column.categories)
        self.class_count_ = count[:, 0]
        self.class_prior_ = self.class_count_ / self.class_count_.sum()
        self.theta_ = middle + half * means
        self.var_ = spread * half**2
        self._categorical = categorical
        self._log_share = np.log(np.maximum(means, floor))
        return self

    def _joint(self, X: Any) -> Array:
        z = self._features(X)
        middle, half = bounds_of(self._schema)
        numbers, hot = ~self._categorical, self._categorical
        x = (middle + half * z)[:, None, numbers]
        theta, var = self.theta_[:, numbers], self.var_[:, numbers]
        likelihood = -0.5 * (np.log(2 * np.pi * var) + (x - theta) ** 2 / var).sum(2)
        shares = z[:, hot] @ self._log_share[:, hot].T
        joint: Array = np.log(self.class_prior_) + likelihood + shares
        return joint

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most likely class of local records, dtype of `classes_`, ``(n,)``."""
        found: NDArray[Any] = self.classes_[self._joint(X).argmax(1)]
        return found

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, shape ``(n, classes)``."""
        joint = self._joint(X)
        shifted = np.exp(joint - joint.max(1, keepdims=True))
        found: Array = shifted / shifted.sum(1, keepdims=True)
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy on local records."""
        return float(np.mean(self.predict(X).astype(str) == np.asarray(y).astype(str)))
