"""Principal components of a noisy covariance (Dwork et al. 2014, "Analyze Gauss")."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from workbench.errors import InvalidArgument
from workbench.graphs.export.features import features
from workbench.space.estimators.base import Array, Estimator, bounds_of, width_of
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.summaries import covariance, products, symmetric

_SHARE = 0.5


class PCA(Estimator):
    """Principal component analysis, as `sklearn.decomposition.PCA`.

    Parameters
    ----------
    n_components
        How many components to keep; all if not given.

    Attributes
    ----------
    components_, mean_, explained_variance_, explained_variance_ratio_
        In the units of the data, as in scikit-learn.
    """

    components_: Array
    mean_: Array
    explained_variance_: Array
    explained_variance_ratio_: Array

    @public_call
    def __init__(self, n_components: int | None = None) -> None:
        if n_components is not None:
            check_number("n_components", n_components, 1, whole=True)
        self.n_components = n_components

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`.

        Raises
        ------
        InvalidArgument
            If `n_components` is not from 1 to the number of features.
        """
        schema = self._start(ds)
        width = width_of(schema)
        kept = width if self.n_components is None else self.n_components
        if not 1 <= kept <= width:
            raise InvalidArgument(f"n_components is {kept}; expected a number from 1 to {width}")
        asked = products(features, width, "principal_components", _SHARE)
        result = self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        n, means, spread = covariance(symmetric(result.sums[0], 1 + width))
        middle, half = bounds_of(schema)
        spread = spread * np.outer(half, half) * n / max(n - 1, 1.0)
        values, vectors = np.linalg.eigh(spread)
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
        # The sign of a component is free; as in scikit-learn its largest entry is positive.
        largest = np.abs(vectors).argmax(1)
        vectors = vectors * np.sign(vectors[np.arange(width), largest])[:, None]
        self.mean_ = middle + half * means
        self.components_ = vectors[:kept]
        self.explained_variance_ = values[:kept]
        self.explained_variance_ratio_ = values[:kept] / max(float(values.sum()), 1e-12)
        return self

    def transform(self, X: Any) -> Array:
        """Return the coordinates of local records along the components, shape ``(n, kept)``."""
        z = self._features(X)
        middle, half = bounds_of(self._schema)
        found: Array = (middle + half * z - self.mean_) @ self.components_.T
        return found

    def inverse_transform(self, X: Any) -> Array:
        """Return records for coordinates, shape ``(n, features)``."""
        found: Array = np.asarray(X) @ self.components_ + self.mean_
        return found
