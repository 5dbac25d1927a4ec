"""A decision tree from noisy class counts in public bins, one round for each level."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidArgument
from workbench.space.estimators.base import Array, Estimator, target_column, width_of
from workbench.space.estimators.splits import MOST_NUMBERS, Splits
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import check_number
from workbench.space.requests.target import Targeted
from workbench.space.statistics.columns import one_hot
from workbench.space.statistics.sums import SumFunction, norm_of


def check_trees(max_depth: Any, bins: Any, min_samples_leaf: Any) -> None:
    """Check the settings that all trees have; how many numbers are too many follows from the data.

    Raises
    ------
    InvalidArgument
        If one is out of range.
    """
    check_number("max_depth", max_depth, 1, 12, whole=True)
    check_number("bins", bins, 2, 256, whole=True)
    check_number("min_samples_leaf", min_samples_leaf, 0)


def checked_splits(splits: Splits) -> Splits:
    """Check that a domain would accept the sums of these trees, and return `splits`.

    Raises
    ------
    InvalidArgument
        If there are too many rounds, or too many numbers in one.
    """
    if not 1 <= splits.depth <= 12 or not 2 <= splits.bins <= 256 or splits.rounds > 1000:
        raise InvalidArgument(
            "trees have a max_depth from 1 to 12, bins from 2 to 256 and at most 1000 levels"
        )
    if splits.length > MOST_NUMBERS:
        raise InvalidArgument(
            f"each level would be {splits.length} numbers; at most {MOST_NUMBERS}",
            "Use a smaller max_depth or fewer bins.",
        )
    return splits


class DecisionTreeClassifier(Estimator):
    """A decision tree, as `sklearn.tree.DecisionTreeClassifier` with the Gini criterion.

    Parameters
    ----------
    max_depth
        How many splits lie above each leaf; each level is a round.
    min_samples_leaf
        How many records, by the noisy counts, each side of a split must have.
    bins
        Into how many equal parts the bounds of a feature are cut: splits lie between them.
    target
        The column to predict; the schema's only target if not given.

    Attributes
    ----------
    classes_
        The categories of the target.
    """

    classes_: NDArray[Any]

    @public_call
    def __init__(
        self,
        max_depth: int = 3,
        *,
        min_samples_leaf: int = 20,
        bins: int = 16,
        target: str | None = None,
    ) -> None:
        check_trees(max_depth, bins, min_samples_leaf)
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.bins = bins
        self.target = target

    @public_call
    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; see `Estimator.fit`."""
        schema = self._start(ds)
        column = target_column(schema, self.target, ("category",))
        classes, width = len(column.categories), width_of(schema)
        # One channel for each class, and the number of records.
        splits = Splits(1, self.max_depth, width, self.bins, classes + 1, classes)
        self._splits = checked_splits(splits)

        def vector(state: Any, record: Any) -> Any:
            import torch

            from workbench.graphs.export.features import features

            levels, place = splits.walk(state, features(record))
            hot = one_hot(record[column.name], classes)
            channels = torch.cat([hot, torch.ones(1)])
            return splits.histogram(state, levels, place, channels)

        def gini(side: Any) -> Any:
            counts = side[..., :classes].clamp_min(0.0)
            return (counts**2).sum(-1) / counts.sum(-1).clamp_min(1.0)

        def update(state: Any, total: Any) -> Any:
            return splits.grown(
                state, total, gini, lambda side: side[:, :classes], self.min_samples_leaf
            )

        bound = norm_of([1.0] * (2 * width))
        asked = SumFunction("decision_tree", vector, bound, splits.start(), update, splits.rounds)
        self._fit(ds, asked, epsilon=epsilon, purpose=purpose, **options)
        self.classes_ = np.array(column.categories)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the share of each class in the leaf of local records, ``(n, classes)``."""
        z = self._features(X)
        counts = np.maximum(self._splits.predict(self.result_.state, z)[:, 0], 0.0) + 1e-9
        found: Array = counts / counts.sum(1, keepdims=True)
        return found

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of local records, dtype of `classes_`, ``(n,)``."""
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(1)]
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy on local records."""
        return float(np.mean(self.predict(X).astype(str) == np.asarray(y).astype(str)))
