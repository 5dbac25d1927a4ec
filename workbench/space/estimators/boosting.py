"""Gradient boosting from noisy sums of gradients and curvatures in public bins.

Second-order boosting (Chen and Guestrin 2016, arXiv:1603.02754, equations 5 to 7), each tree grown
level by level (`workbench.space.estimators.splits`): ``n_estimators * max_depth`` rounds.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Column
from workbench.errors import InvalidArgument
from workbench.space.estimators.base import Array, Estimator, target_column, width_of
from workbench.space.estimators.linear import r2
from workbench.space.estimators.splits import Splits
from workbench.space.estimators.tree import check_trees, checked_splits
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.sums import SumFunction, norm_of


class _Boosting(Estimator):
    """What both boosting estimators share; `GradientBoostingClassifier` has the parameters."""

    _kinds: tuple[str, ...]
    _name: str
    # The curvature of a record is multiplied by this, so that it is about as large as the gradient.
    _weight: float
    # The largest L2 norm of (gradient, weighted curvature).
    _norm: float

    @public_call
    def __init__(
        self,
        n_estimators: int = 20,
        *,
        max_depth: int = 2,
        learning_rate: float = 0.3,
        min_samples_leaf: int = 20,
        bins: int = 16,
        reg_lambda: float = 1.0,
        target: str | None = None,
    ) -> None:
        check_trees(max_depth, bins, min_samples_leaf)
        check_number("n_estimators", n_estimators, 1, 1000, whole=True)
        check_number("learning_rate", learning_rate, 0)
        check_number("reg_lambda", reg_lambda, 0)
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.min_samples_leaf = min_samples_leaf
        self.bins = bins
        self.reg_lambda = reg_lambda
        self.target = target

    def _derivatives(self, score: Any, column: Column, record: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`."""
        schema = self._start(ds)
        column = self._column = target_column(schema, self.target, self._kinds)
        width = width_of(schema)
        splits = Splits(self.n_estimators, self.max_depth, width, self.bins, 2, 1)
        self._splits = checked_splits(splits)

        def vector(state: Any, record: Any) -> Any:
            import torch

            from workbench.graphs.export.features import features

            levels, place = splits.walk(state, features(record))
            score = splits.leaves(state, levels).sum()
            gradient, curvature = self._derivatives(score, column, record)
            channels = torch.stack([gradient, self._weight * curvature])
            return splits.histogram(state, levels, place, channels)

        def gain(side: Any) -> Any:
            curvature = (side[..., 1] / self._weight).clamp_min(0.0)
            return side[..., 0] ** 2 / (curvature + self.reg_lambda)

        def leaf(side: Any) -> Any:
            curvature = (side[:, 1:] / self._weight).clamp_min(0.0)
            step = -side[:, :1] / (curvature + self.reg_lambda)
            return self.learning_rate * step.clamp(-4.0, 4.0)

        # In the weighted curvature's units; for the classifier that of undecided records.
        least = self.min_samples_leaf * self._weight * self._curvature

        def update(state: Any, total: Any) -> Any:
            return splits.grown(state, total, gain, leaf, least)

        bound = norm_of([self._norm] * width)
        asked = SumFunction(self._name, vector, bound, splits.start(), update, splits.rounds)
        self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        return self

    # The curvature that one record can have at most.
    _curvature: float

    def decision_function(self, X: Any) -> Array:
        """Return the sum of all trees for local records, shape ``(n,)``."""
        found: Array = self._splits.predict(self.result_.state, self._features(X)).sum((1, 2))
        return found


class GradientBoostingRegressor(_Boosting):
    """Boosted trees for numbers, as `sklearn.ensemble.GradientBoostingRegressor`.

    Parameters as for `GradientBoostingClassifier`. The target is scaled by its public bounds to
    [-1, 1], and the loss is half the squared error, with gradients clamped to [-1, 1].
    """

    _kinds = ("number", "integer")
    _name = "gradient_boosting_regressor"
    _weight = 0.5
    _norm = float(np.sqrt(1.0 + 0.5**2))
    _curvature = 1.0

    def _derivatives(self, score: Any, column: Column, record: Any) -> tuple[Any, Any]:
        import torch

        middle, half = self._scale(column)
        residual = score - (record[column.name] - middle) / half
        return residual.clamp(-1.0, 1.0), torch.ones(())

    @staticmethod
    def _scale(column: Column) -> tuple[float, float]:
        lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
        return (lower + upper) / 2, (upper - lower) / 2

    def predict(self, X: Any) -> Array:
        """Return predictions for local records, shape ``(n,)``."""
        middle, half = self._scale(self._column)
        found: Array = middle + half * self.decision_function(X)
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the coefficient of determination R2 on local records."""
        return r2(np.asarray(y, dtype=np.float64), self.predict(X))


class GradientBoostingClassifier(_Boosting):
    """Boosted trees for two classes, as `sklearn.ensemble.GradientBoostingClassifier`.

    Parameters
    ----------
    n_estimators, max_depth
        How many trees, and how deep: their product is the number of rounds.
    learning_rate
        The share of each tree.
    min_samples_leaf
        How many records each side of a split must have, by noisy sums.
    bins
        Into how many equal parts the bounds of a feature are cut.
    reg_lambda
        Added to the curvature in each leaf.
    target
        The column to predict; the schema's only target if not given.
    """

    _kinds = ("category",)
    _name = "gradient_boosting_classifier"
    _weight = 4.0
    # The largest of q**2 + (4 q (1 - q))**2 over q in [0, 1] is 1.28616, at q = 0.5732.
    _norm = 1.1341
    _curvature = 0.25

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`.

        Raises
        ------
        InvalidArgument
            If the target has not two categories.
        """
        column = target_column(self._start(ds), self.target, self._kinds)
        if len(column.categories) != 2:
            raise InvalidArgument(
                f"target '{column.name}' has {len(column.categories)} categories; this needs two",
                "Use DecisionTreeClassifier or GaussianNB.",
            )
        return super().fit(ds, epsilon=epsilon, purpose=purpose, **options)

    def _derivatives(self, score: Any, column: Column, record: Any) -> tuple[Any, Any]:
        import torch

        share = torch.sigmoid(score)
        return share - record[column.name].to(torch.float32), share * (1 - share)

    @property
    def classes_(self) -> NDArray[Any]:
        """The two categories of the target: any dtype, shape ``(2,)``."""
        return np.array(self._column.categories)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, shape ``(n, 2)``."""
        second = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.stack([1 - second, second], axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of local records, dtype of `classes_`, ``(n,)``."""
        found: NDArray[Any] = self.classes_[(self.decision_function(X) > 0).astype(np.int64)]
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy on local records."""
        return float(np.mean(self.predict(X).astype(str) == np.asarray(y).astype(str)))
