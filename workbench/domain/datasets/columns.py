"""Make a column's values fit its schema: numbers within bounds, categories as codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.documents import Column
from workbench.domain.datasets.units import label_of, row_hashes
from workbench.errors import InvalidData


@dataclass(frozen=True)
class Fitted:
    """A column that fits its schema.

    Attributes
    ----------
    values
        float32 within bounds, of shape ``(n, *shape)``; or int64 codes, of shape ``(n,)``.
    clamped, filled
        How many values were out of bounds, and how many were missing.
    hashes
        uint64, of shape ``(n,)``: of the values as they were read (`units.row_hashes`).
    """

    values: NDArray[np.generic]
    clamped: int
    filled: int
    hashes: NDArray[np.uint64]


def fitted(file: str, column: Column, values: NDArray[Any]) -> Fitted:
    """Return a column's values as its schema says.

    Parameters
    ----------
    file
        Its name, for messages.
    column
        What the schema says of it.
    values
        As they were read, of shape ``(n, ...)`` and any dtype.

    Raises
    ------
    InvalidData
        If one does not fit; names file, column and row.
    """
    take = _categories if column.kind == "category" else _numbers
    return take(file, column, values)


def _is_missing(column: Column, values: NDArray[Any]) -> NDArray[np.bool_]:
    codes = {str(code) for code in column.missing}
    if values.dtype != object:
        return np.zeros(len(values), dtype=bool)
    return np.array([v is None or v != v or str(v).strip() in codes for v in values], dtype=bool)


def _numbers(name: str, column: Column, values: NDArray[Any]) -> Fitted:
    if values.shape[1:] != column.shape:
        raise InvalidData(
            f"{name}: column '{column.name}' has shape {values.shape[1:]}, not {column.shape}"
        )
    missing = _is_missing(column, values)
    if values.dtype == object:
        parsed = pd.to_numeric(pd.Series(np.where(missing, "0", values)), errors="coerce")
        numbers = parsed.to_numpy(dtype=np.float64, copy=True)
    elif values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
    else:
        raise InvalidData(f"{name}: column '{column.name}' holds {values.dtype}, not numbers")
    wrong = np.flatnonzero(np.isnan(numbers).reshape(len(numbers), -1).any(1))
    if len(wrong):
        raise InvalidData(
            f"{name}: row {wrong[0] + 1}, column '{column.name}': not a number",
            "Name the file's codes for missing values in dataset.yaml (missing: [...]).",
        )
    # As they were read, without bounds and fill: other bounds do not make another person.
    hashes = row_hashes(
        column.name, np.where(missing.reshape(-1, *[1] * (numbers.ndim - 1)), np.nan, numbers)
    )
    lower, upper = float(column.lower or 0), float(column.upper or 0)
    fill = (lower + upper) / 2 if column.fill is None else float(column.fill)
    numbers[missing] = fill
    outside = ((numbers < lower) | (numbers > upper)).reshape(len(numbers), -1).any(1)
    bounded = np.clip(numbers, lower, upper).astype(np.float32)
    return Fitted(bounded, int(outside.sum()), int(missing.sum()), hashes)


def _categories(name: str, column: Column, values: NDArray[Any]) -> Fitted:
    missing = _is_missing(column, values)
    codes = {str(value): code for code, value in enumerate(column.categories)}
    fill = None if column.fill is None else codes[str(column.fill)]
    if missing.any() and fill is None:
        raise InvalidData(
            f"{name}: row {np.flatnonzero(missing)[0] + 1}, column '{column.name}': missing, and "
            "dataset.yaml gives no fill"
        )
    found = np.array(
        [
            fill if empty else codes.get(label_of(v), -1)
            for v, empty in zip(values, missing, strict=True)
        ],
        dtype=np.int64,
    )
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        raise InvalidData(
            f"{name}: row {unknown[0] + 1}, column '{column.name}': not one of the categories"
        )
    labels = pd.util.hash_array(np.array([str(v) for v in column.categories], dtype=object))
    return Fitted(found, 0, int(missing.sum()), row_hashes(column.name, labels[found]))
