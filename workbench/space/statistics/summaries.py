"""Counts, sums, means, variances, quantiles, histograms, contingency tables and correlations.

Each is one noisy sum: the entries that a figure needs are one vector with one L2 bound, so their
joint cost is exact. Columns are scaled by their public bounds; the number of records is private
and is summed beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidArgument
from workbench.space.requests.target import Target
from workbench.space.results.statistic import StatisticResult
from workbench.space.statistics.columns import Binned, Names, Scaled, listed, one_hot
from workbench.space.statistics.estimates import Array, Estimate, noise_alone
from workbench.space.statistics.sums import SumFunction, norm_of

if TYPE_CHECKING:
    import torch


def _estimate(
    title: str,
    columns: Names,
    figure: Callable[[Array], Array],
    result: StatisticResult,
) -> Estimate:
    import pandas as pd

    sums = result.sums[-1]
    value = figure(sums)
    error = noise_alone(figure, sums, result.noise)
    if isinstance(columns, str):
        return Estimate(title, float(value[0]), float(error[0]), result)
    names = list(columns)
    return Estimate(title, pd.Series(value, names), pd.Series(error, names), result)


def count(target: Target, **options: Any) -> Estimate:
    """Return the number of records; see `Dataset.count`."""

    def one(record: Any) -> torch.Tensor:
        import torch

        return torch.ones(())

    result = SumFunction("count", one, 1.0).run(target, **options)
    return Estimate("records", float(result.sums[0, 0]), result.noise, result)


def total(target: Target, columns: Names, **options: Any) -> Estimate:
    """Return the sum of numeric columns; see `Dataset.sum`."""
    scaled = Scaled.of(target.schema, columns)
    # By the largest magnitude, not the middle: so no count is needed.
    largest = np.abs(scaled.middle) + scaled.half
    at_origin = Scaled(scaled.names, np.zeros_like(largest), largest)
    bound = norm_of([1.0] * len(largest))
    result = SumFunction("sum", at_origin, bound).run(target, **options)
    return _estimate(
        f"sum of {', '.join(scaled.names)}", columns, lambda sums: largest * sums, result
    )


def _moments(scaled: Scaled, squares: bool) -> SumFunction:
    def vector(record: Any) -> torch.Tensor:
        import torch

        z = scaled(record)
        return torch.cat([torch.ones(1), z, z * z] if squares else [torch.ones(1), z])

    entries = 1 + len(scaled.names) * (2 if squares else 1)
    return SumFunction("variance" if squares else "mean", vector, norm_of([1.0] * entries))


def mean(target: Target, columns: Names, **options: Any) -> Estimate:
    """Return the mean of numeric columns; see `Dataset.mean`."""
    scaled = Scaled.of(target.schema, columns)
    result = _moments(scaled, squares=False).run(target, **options)

    def figure(sums: Array) -> Array:
        z = np.clip(sums[1:] / max(sums[0], 1.0), -1.0, 1.0)
        found: Array = scaled.middle + scaled.half * z
        return found

    return _estimate(f"mean of {', '.join(scaled.names)}", columns, figure, result)


def variance(target: Target, columns: Names, **options: Any) -> Estimate:
    """Return the variance of numeric columns; see `Dataset.variance`."""
    scaled = Scaled.of(target.schema, columns)
    result = _moments(scaled, squares=True).run(target, **options)
    width = len(scaled.names)

    def figure(sums: Array) -> Array:
        n = max(sums[0], 2.0)
        z, squares = sums[1 : 1 + width] / n, sums[1 + width :] / n
        spread: Array = scaled.half**2 * np.maximum(squares - z**2, 0.0) * n / (n - 1)
        return spread

    return _estimate(f"variance of {', '.join(scaled.names)}", columns, figure, result)


def _binned(target: Target, column: str, bins: int, **options: Any) -> Any:
    binned = Binned.of(target.schema, column, bins)
    function = SumFunction(
        "histogram", lambda record: one_hot(binned(record), binned.bins), bound=1.0
    )
    return binned, function.run(target, **options)


def histogram(target: Target, column: str, bins: int = 20, **options: Any) -> Estimate:
    """Return how many records are in each bin of a column; see `Dataset.histogram`."""
    import pandas as pd

    binned, result = _binned(target, column, bins, **options)
    value = pd.Series(result.sums[0], binned.labels, name=column)
    error = pd.Series(result.noise, binned.labels, name=column)
    return Estimate(f"records by {column}", value, error, result)


def quantile(
    target: Target, column: str, q: float | Sequence[float] = 0.5, bins: int = 200, **options: Any
) -> Estimate:
    """Return quantiles of a numeric column; see `Dataset.quantile`.

    Raises
    ------
    InvalidArgument
        If `q` is not from 0 to 1.
    """
    try:
        wanted = np.atleast_1d(np.asarray(q, dtype=np.float64))
    except (TypeError, ValueError):
        raise InvalidArgument(f"q is {q!r}; expected numbers from 0 to 1") from None
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidArgument(f"q is {q}; expected numbers from 0 to 1")
    Scaled.of(target.schema, column)
    binned, result = _binned(target, column, bins, **options)

    def figure(sums: Array) -> Array:
        # The nearest growing curve to the noisy one, in the middle of its upper and lower hull.
        below = np.concatenate([[0.0], np.cumsum(sums)])
        lower = np.maximum.accumulate(below)
        upper = np.minimum.accumulate(below[::-1])[::-1]
        curve = np.maximum.accumulate((lower + upper) / 2)
        found: Array = np.interp(wanted * curve[-1], curve, binned.edges)
        return found

    labels: Names = column if isinstance(q, int | float) else [f"{one:g}" for one in wanted]
    return _estimate(f"quantile of {column}", labels, figure, result)


def contingency_table(
    target: Target, rows: str, columns: str, bins: int = 10, **options: Any
) -> Estimate:
    """Return how many records are in each pair of bins; see `Dataset.contingency_table`."""
    import pandas as pd

    schema = target.schema
    first, second = Binned.of(schema, rows, bins), Binned.of(schema, columns, bins)

    def cell(record: Any) -> torch.Tensor:
        index = first(record) * second.bins + second(record)
        return one_hot(index, first.bins * second.bins)

    result = SumFunction("contingency_table", cell, bound=1.0).run(target, **options)
    value = pd.DataFrame(
        result.sums[0].reshape(first.bins, second.bins), first.labels, second.labels
    )
    value = value.rename_axis(index=rows, columns=columns)
    error = pd.DataFrame(result.noise, value.index, value.columns)
    return Estimate(f"records by {rows} and {columns}", value, error, result)


def correlation(target: Target, columns: Sequence[str], **options: Any) -> Estimate:
    """Return the correlation of numeric columns; see `Dataset.correlation`.

    Raises
    ------
    InvalidArgument
        If there are fewer than two columns.
    """
    import pandas as pd

    scaled = Scaled.of(target.schema, listed(columns))
    width = len(scaled.names)
    if width < 2:
        raise InvalidArgument("a correlation needs two columns or more")
    result = products(scaled, width, "correlation").run(target, **options)

    def figure(sums: Array) -> Array:
        spread = covariance(symmetric(sums, 1 + width))[2]
        deviation = np.sqrt(np.maximum(np.diag(spread), 1e-9))
        found: NDArray[np.float64] = np.clip(spread / np.outer(deviation, deviation), -1.0, 1.0)
        np.fill_diagonal(found, 1.0)
        return found

    names = list(scaled.names)
    error = noise_alone(figure, result.sums[0], result.noise)
    value = pd.DataFrame(figure(result.sums[0]), names, names)
    return Estimate("correlation", value, pd.DataFrame(error, names, names), result)


def products(
    vector: Callable[[Any], torch.Tensor], width: int, name: str, share: float = 1.0
) -> SumFunction:
    """Return the sum of all products ``u_i * u_j``, i <= j, of ``u = (1, vector)``.

    Parameters
    ----------
    vector
        Gives float32 ``(width,)``, numbers in [-1, 1], for one record.
    width
        How many.
    name
        How the request names it.
    share
        The bound, as a share of the largest norm that there can be. A record beyond it counts
        less, with all its products, as in a weighted sum.
    """
    rows, columns = np.triu_indices(1 + width)

    def upper(record: Any) -> torch.Tensor:
        import torch

        u = torch.cat([torch.ones(1), vector(record)])
        outer = u.unsqueeze(1) * u.unsqueeze(0)
        return outer.reshape(-1)[torch.tensor(rows * (1 + width) + columns)]

    return SumFunction(name, upper, share * norm_of([1.0] * len(rows)))


def symmetric(upper: Array, size: int) -> Array:
    """Return the symmetric matrix with this upper triangle: `size` rows, shape ``(size, size)``."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = upper
    both: Array = matrix + np.triu(matrix, 1).T
    return both


def covariance(moments: Array) -> tuple[float, Array, Array]:
    """Return count, means and covariances from the sums of products of ``(1, z)``."""
    n = max(float(moments[0, 0]), 1.0)
    means = moments[0, 1:] / n
    spread: Array = moments[1:, 1:] / n - np.outer(means, means)
    return n, means, spread
