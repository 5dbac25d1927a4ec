"""Linear regression from one noisy sum: the products of features and target.

The normal equations need the products ``u_i * u_j`` of ``u = (1, features, target)`` alone, summed
over records (sufficient statistics perturbation: Vu and Slavkovic 2009). With little privacy
budget the noisy covariance of the features may be no covariance any more; a ridge of the size of
the noise is added then (AdaSSP: Wang 2018, arXiv:1803.02596).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from workbench.space.estimators.base import (
    Array,
    Estimator,
    bounds_of,
    target_column,
    width_of,
)
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.summaries import covariance, products, symmetric

_SHARE = 0.5


class Ridge(Estimator):
    """Linear least squares with an L2 penalty, as `sklearn.linear_model.Ridge`.

    Parameters
    ----------
    alpha
        The penalty on the squared coefficients, beside the sum of squared errors.
    target
        The column to predict; the schema's only target if not given.

    Attributes
    ----------
    coef_, intercept_
        In the units of the data, shape ``(features,)`` and a number.
    ridge_
        What the noise made necessary beside `alpha`, on features scaled to [-1, 1]; 0 for enough
        privacy budget.
    """

    coef_: Array
    intercept_: float
    ridge_: float

    @public_call
    def __init__(self, alpha: float = 1.0, *, target: str | None = None) -> None:
        check_number("alpha", alpha, 0)
        self.alpha = alpha
        self.target = target

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`."""
        schema = self._start(ds)
        column = target_column(schema, self.target, ("number", "integer"))
        lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
        centre, scale = (lower + upper) / 2, (upper - lower) / 2

        def vector(record: Any) -> Any:
            import torch

            from workbench.graphs.export.features import features

            y = (record[column.name] - centre) / scale
            return torch.cat([features(record), y.reshape(1)])

        width = width_of(schema)
        asked = products(vector, width + 1, "linear_regression", _SHARE)
        result = self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        n, means, spread = covariance(symmetric(result.sums[0], width + 2))
        middle, half = bounds_of(schema)
        gram, cross = spread[:-1, :-1], spread[:-1, -1]
        # The norm of a symmetric matrix of Gaussian noise is about 2 sqrt(width) deviations.
        noise = 2 * np.sqrt(width) * result.noise / n
        smallest = float(np.linalg.eigvalsh(gram)[0])
        self.ridge_ = max(0.0, noise - smallest)
        penalty = self.alpha / (n * half**2) + self.ridge_
        weights = np.linalg.lstsq(gram + np.diag(penalty), cross, rcond=None)[0]
        self.coef_ = scale * weights / half
        self.intercept_ = float(
            centre + scale * (means[-1] - weights @ means[:-1]) - self.coef_ @ middle
        )
        return self

    def predict(self, X: Any) -> Array:
        """Return predictions for local records, shape ``(n,)``."""
        z = self._features(X)
        middle, half = bounds_of(self._schema)
        found: Array = (middle + half * z) @ self.coef_ + self.intercept_
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the coefficient of determination R2 on local records."""
        return r2(np.asarray(y, dtype=np.float64), self.predict(X))


class LinearRegression(Ridge):
    """Ordinary least squares, as `sklearn.linear_model.LinearRegression`; see `Ridge`."""

    @public_call
    def __init__(self, *, target: str | None = None) -> None:
        super().__init__(0.0, target=target)


def r2(y: Array, predicted: Array) -> float:
    """Return ``1 - squared errors / squared deviations from the mean``."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))
