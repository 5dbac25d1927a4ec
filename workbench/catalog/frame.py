"""Columns as a pandas DataFrame, with categories as their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Schema

if TYPE_CHECKING:
    import pandas as pd


def to_frame(columns: dict[str, NDArray[np.generic]], schema: Schema) -> pd.DataFrame:
    """Return a DataFrame with one column for each usable column of `schema`.

    Parameters
    ----------
    columns
        float32 or int64 arrays of shape ``(n, ...)``; a tensor column's cells become nested lists.
    schema
        Names the categories.
    """
    import pandas as pd

    found: dict[str, object] = {}
    for column in schema.usable:
        values = columns[column.name]
        if column.kind == "category":
            labels = np.asarray(column.categories, dtype=object)
            found[column.name] = labels[np.asarray(values, dtype=np.int64)]
        elif column.kind == "tensor":
            found[column.name] = [np.round(cell, 3).tolist() for cell in values]
        elif column.kind == "integer":
            found[column.name] = np.asarray(values, dtype=np.float64).round().astype(np.int64)
        else:
            # Shortest decimal that gives the float32 back.
            found[column.name] = [float(str(value)) for value in values]
    return pd.DataFrame(found)
