"""What all estimators share: a fit at a domain, and the same features for local records."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Column, PrivacySpent, Schema
from workbench.errors import Conflict, InvalidArgument
from workbench.space.requests.target import Targeted, target_of
from workbench.space.results.statistic import StatisticResult
from workbench.space.statistics.columns import column_of
from workbench.space.statistics.sums import SumFunction

Array = NDArray[np.float64]
"""float64; whoever takes or gives one says its shape."""


class Estimator:
    """An estimator that `fit` fits at a domain; all else runs here, on arrays and DataFrames.

    After `fit`, `result_` is the release (with evidence and privacy) and `feature_names_in_` has
    the names of the features, one for each category of a categorical column.
    """

    result_: StatisticResult
    feature_names_in_: NDArray[np.str_]
    _schema: Schema

    @property
    def privacy_(self) -> PrivacySpent:
        """What the fit cost by itself."""
        return self.result_.privacy

    def _start(self, dataset: Targeted) -> Schema:
        schema = target_of(dataset).schema
        names = [name for column in schema.features for name in _names(column)]
        self.feature_names_in_ = np.array(names)
        self._schema = schema
        return schema

    def _fit(self, dataset: Targeted, asked: SumFunction, **options: Any) -> StatisticResult:
        self.result_ = asked.run(dataset.target, **options)
        return self.result_

    def _features(self, X: Any) -> Array:
        """Return the scaled features of local records, shape ``(n, width)``."""
        if not hasattr(self, "_schema"):
            raise Conflict(f"this {type(self).__name__} is not fitted", "Call fit(ds, ...) first.")
        return scaled_features(self._schema, X)

    def fit(self, ds: Targeted, *, epsilon: float, purpose: str, **options: Any) -> Self:
        """Fit at the domain of `ds`; options are ``delta``, ``repeat`` and ``progress``.

        Raises
        ------
        WorkbenchError
            If the dataset does not suit, or the domain releases nothing.
        """
        raise NotImplementedError


def target_column(schema: Schema, target: str | None, kinds: tuple[str, ...]) -> Column:
    """Return the target: the column of that name, or the schema's only target.

    Raises
    ------
    UnknownColumn
        If there is no such column.
    InvalidArgument
        If the schema has no target or several, or the column is of none of `kinds`.
    """
    targets = schema.targets
    if target is None and len(targets) != 1:
        raise InvalidArgument(
            f"the dataset has {len(targets)} target columns", "Name one: target='...'."
        )
    column = targets[0] if target is None else column_of(schema, target)
    if column.kind not in kinds:
        raise InvalidArgument(
            f"target '{column.name}' is a {column.kind}; this needs {' or '.join(kinds)}"
        )
    return column


def _names(column: Column) -> list[str]:
    if column.kind == "category":
        return [f"{column.name}={category}" for category in column.categories]
    if column.kind == "tensor":
        return [f"{column.name}[{i}]" for i in range(int(np.prod(column.shape)))]
    return [column.name]


def width_of(schema: Schema) -> int:
    """Return how many features there are after categories became 0/1 entries."""
    return sum(len(_names(column)) for column in schema.features)


def bounds_of(schema: Schema) -> tuple[Array, Array]:
    """Return the middle and half width of every feature: ``x = middle + half * z``."""
    middle: list[float] = []
    half: list[float] = []
    for column in schema.features:
        count = len(_names(column))
        lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
        category = column.kind == "category"
        middle += [0.0 if category else (lower + upper) / 2] * count
        half += [1.0 if category else (upper - lower) / 2] * count
    return np.array(middle), np.array(half)


def codes(column: Column, values: Any) -> NDArray[np.int64]:
    """Return the index of each value among the column's categories, int64 ``(n,)``.

    Raises
    ------
    InvalidArgument
        If a value is not one of them.
    """
    known = {str(category): code for code, category in enumerate(column.categories)}
    found = np.array([known.get(str(value), -1) for value in np.asarray(values)], dtype=np.int64)
    if (found < 0).any():
        wrong = np.asarray(values)[found < 0][0]
        raise InvalidArgument(f"column '{column.name}': '{wrong}' is not one of its categories")
    return found


def scaled_features(schema: Schema, X: Any) -> Array:
    """Return features as `workbench.features` gives them at the domain, shape ``(n, width)``.

    Parameters
    ----------
    schema
        The dataset's.
    X
        A DataFrame with the feature columns, or an array with one column for each (each entry of
        a tensor); categories as they are named in the schema.

    Raises
    ------
    InvalidArgument
        If the columns are others.
    """
    import pandas as pd

    parts: list[Array] = []
    width = sum(int(np.prod(column.shape)) for column in schema.features)
    if not isinstance(X, pd.DataFrame):
        X = np.asarray(X)
        X = X.reshape(len(X), -1)
        if X.shape[1] != width:
            raise InvalidArgument(f"X has {X.shape[1]} columns; the dataset has {width} features")
    place = 0
    for column in schema.features:
        size = int(np.prod(column.shape))
        if isinstance(X, pd.DataFrame):
            if column.name not in X:
                raise InvalidArgument(f"X has no column '{column.name}'")
            cells = [np.ravel(cell) for cell in X[column.name]]
            values = np.stack(cells)
        else:
            values = X[:, place : place + size]
        place += size
        if column.kind == "category":
            found = codes(column, values[:, 0])
            parts.append(np.eye(len(column.categories))[found])
            continue
        lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
        scaled = (values.astype(np.float64) - (lower + upper) / 2) / ((upper - lower) / 2)
        parts.append(np.clip(scaled, -1.0, 1.0))
    return np.concatenate(parts, axis=1)
