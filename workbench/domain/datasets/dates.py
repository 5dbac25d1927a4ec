"""Read dates as days, and take them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.catalog.reading import ColumnInFile
from workbench.domain.datasets.readers import Values

_DAY = pd.Timedelta(days=1)


def days_of(
    values: Values, column: ColumnInFile, is_missing: Callable[[Any], bool]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return dates as days since 1970, of a ``date`` whole ones.

    Parameters
    ----------
    values
        Texts, dates or timestamps as a file has them, of n rows. Those with a time zone are read
        as UTC.
    column
        Says how texts are written.
    is_missing
        Whether a value stands for a missing one.

    Returns
    -------
    days, missing, wrong
        float64 and two times bool, of shape ``(n,)``: 0 where it is missing or wrong.
    """
    if isinstance(values, np.ndarray):
        objects = values.reshape(len(values), -1)[:, 0] if values.ndim > 1 else values
    else:
        objects = np.asarray(values.to_pandas())
    series: pd.Series[Any] = pd.Series(objects)
    if series.dtype.kind == "M":
        missing = series.isna().to_numpy()
        dates: pd.Series[Any] = series
    else:
        series = series.astype(object)
        missing = np.array([is_missing(value) for value in series], dtype=bool)
        texts = series.map(lambda value: value.strip() if isinstance(value, str) else value)
        # A number is no date, though pandas would take it for nanoseconds.
        texts[[isinstance(value, int | float | bool) for value in texts]] = None
        texts[missing] = None
        dates = pd.to_datetime(
            texts, format=column.format or "ISO8601", errors="coerce", utc=True
        ).dt.tz_localize(None)
    wrong = dates.isna().to_numpy() & ~missing
    days = np.array((dates - pd.Timestamp(0)) / _DAY, dtype=np.float64)
    days[missing | wrong] = 0.0
    if column.kind == "date":
        np.floor(days, out=days)
    return days, missing, wrong


def parts_of(days: NDArray[np.generic], column: ColumnInFile) -> dict[str, NDArray[np.generic]]:
    """Return the parts of dates that are columns of their own.

    Parameters
    ----------
    days
        Within the bounds, as the column is published: float32, of shape ``(n,)``.
    column
        Names the parts.

    Returns
    -------
    dict of str to ndarray
        float32 years and hours, int64 codes of months and weekdays, each of shape ``(n,)``.
    """
    if not column.parts:
        return {}
    since = column.days("1970-01-01")
    # To the second: a float32 has no more.
    seconds = np.round((days.astype(np.float64) - since) * 86_400)
    dates = pd.Series(pd.to_datetime(seconds, unit="s")).dt
    found: dict[str, NDArray[np.generic]] = {
        "year": dates.year.to_numpy(np.float32),
        "month": dates.month.to_numpy(np.int64) - 1,
        "weekday": dates.weekday.to_numpy(np.int64),
        "hour": dates.hour.to_numpy(np.float32),
    }
    return {column.part_name(part): found[part] for part in column.parts}
