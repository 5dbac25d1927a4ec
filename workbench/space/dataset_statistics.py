"""The statistics that a dataset offers by name.

`workbench.space.statistics.summaries` computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.space.datasets import Dataset
    from workbench.space.statistics.columns import Names
    from workbench.space.statistics.estimates import Estimate


class DatasetStatistics:
    """Private figures of a dataset's columns; each waits for its release.

    `epsilon`, `delta` and `purpose` are as in ``submit`` of a training function. Options are
    ``repeat``, for new noise at a new cost, and ``progress=False``, for no bar. Where `columns`
    is one name the figure is a number, where it is a list a Series with one entry for each.
    All raise `UnknownColumn` for a column that is not there or of another kind, and what
    `RequestHandle.wait` raises if nothing is released.
    """

    @property
    def _dataset(self) -> Dataset:
        from workbench.space.datasets import Dataset

        assert isinstance(self, Dataset)
        return self

    def count(
        self, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the number of records."""
        from workbench.space.statistics import summaries

        return summaries.count(
            self._dataset, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def sum(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the sum of numeric columns."""
        from workbench.space.statistics import summaries

        return summaries.total(
            self._dataset, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def mean(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the mean of numeric columns."""
        from workbench.space.statistics import summaries

        return summaries.mean(
            self._dataset, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def variance(
        self, columns: Names, *, epsilon: float, purpose: str, delta: float = 1e-5, **options: Any
    ) -> Estimate:
        """Return the variance of numeric columns, as of a sample (n - 1)."""
        from workbench.space.statistics import summaries

        return summaries.variance(
            self._dataset, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def quantile(
        self,
        column: str,
        q: float | Sequence[float] = 0.5,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return quantiles of a numeric column at `q` in [0, 1], from noisy counts of 200 bins."""
        from workbench.space.statistics import summaries

        return summaries.quantile(
            self._dataset, column, q=q, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )

    def histogram(
        self,
        column: str,
        bins: int = 20,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return how many records are in each category, or in `bins` parts of the bounds."""
        from workbench.space.statistics import summaries

        return summaries.histogram(
            self._dataset,
            column,
            bins=bins,
            epsilon=epsilon,
            purpose=purpose,
            delta=delta,
            **options,
        )

    def contingency_table(
        self,
        rows: str,
        columns: str,
        bins: int = 10,
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return how many records have each pair of categories; numbers are cut into `bins`."""
        from workbench.space.statistics import summaries

        return summaries.contingency_table(
            self._dataset,
            rows,
            columns,
            bins=bins,
            epsilon=epsilon,
            purpose=purpose,
            delta=delta,
            **options,
        )

    def correlation(
        self,
        columns: Sequence[str],
        *,
        epsilon: float,
        purpose: str,
        delta: float = 1e-5,
        **options: Any,
    ) -> Estimate:
        """Return the correlation of two numeric columns or more."""
        from workbench.space.statistics import summaries

        return summaries.correlation(
            self._dataset, columns, epsilon=epsilon, purpose=purpose, delta=delta, **options
        )
