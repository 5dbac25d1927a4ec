"""Scale columns by their public bounds, or put them into public bins, inside a statistic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from workbench.documents import Column, Schema
from workbench.errors import InvalidArgument, UnknownColumn
from workbench.graphs.export.features import RecordView

if TYPE_CHECKING:
    import torch

Names = str | Sequence[str]


_MOST_BINS = 10_000


def listed(names: Names) -> tuple[str, ...]:
    """Return one name or several as a tuple.

    Raises
    ------
    InvalidArgument
        If it is neither.
    """
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, Iterable):
        raise InvalidArgument(f"columns is {names!r}; expected a column's name or several")
    return tuple(names)


def column_of(schema: Schema, name: str) -> Column:
    """Return a scalar column that a statistic may read.

    Raises
    ------
    UnknownColumn
        If there is none of that name, or it holds tensors; names some that are near.
    """
    if not isinstance(name, str):
        raise UnknownColumn(f"{name!r} is no column's name", "Name one column, as a text.")
    # The view knows how to help with a name that was mistyped.
    view = RecordView(schema, dict.fromkeys(c.name for c in schema.usable))  # type: ignore[arg-type]
    _ = view[name]
    column = schema[name]
    if column.kind == "tensor":
        raise UnknownColumn(
            f"column '{name}' holds tensors; this needs one number per record",
            "Write a function of the record with @wb.statistic.",
        )
    return column


@dataclass(frozen=True)
class Scaled:
    """Numeric columns in [-1, 1] by their public bounds.

    Attributes
    ----------
    names
        The columns.
    middle, half
        ``x = middle + half * z``; float64, shape ``(k,)``.
    """

    names: tuple[str, ...]
    middle: np.ndarray[tuple[int], np.dtype[np.float64]]
    half: np.ndarray[tuple[int], np.dtype[np.float64]]

    @classmethod
    def of(cls, schema: Schema, names: Names) -> Scaled:
        """Return the columns `names` of `schema`.

        Raises
        ------
        UnknownColumn
            If one is unknown, or a category.
        """
        columns = [column_of(schema, name) for name in listed(names)]
        for column in columns:
            if column.kind == "category":
                raise UnknownColumn(
                    f"column '{column.name}' holds categories, which have no mean",
                    "Count them: ds.histogram(...) or ds.contingency_table(...).",
                )
        if not columns:
            raise UnknownColumn("no column was given")
        lower = np.array([float(column.lower or 0.0) for column in columns])
        upper = np.array([float(column.upper or 0.0) for column in columns])
        return cls(listed(names), (lower + upper) / 2, (upper - lower) / 2)

    def __call__(self, record: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the columns of one record in [-1, 1], shape ``(k,)``."""
        import torch

        values = torch.stack([record[name] for name in self.names])
        slope = torch.tensor(1.0 / self.half, dtype=torch.float32)
        offset = torch.tensor(-self.middle / self.half, dtype=torch.float32)
        return torch.addcmul(offset, values, slope)


@dataclass(frozen=True)
class Binned:
    """One column in public bins: its categories, or `bins` equal parts of its bounds."""

    column: Column
    bins: int

    @classmethod
    def of(cls, schema: Schema, name: str, bins: int) -> Binned:
        """Return the column `name` of `schema`; `bins` is for numbers.

        Raises
        ------
        UnknownColumn
            If there is no such column.
        InvalidArgument
            If `bins` is no whole number from 1 to 10000.
        """
        if type(bins) is not int or not 1 <= bins <= _MOST_BINS:
            raise InvalidArgument(
                f"bins is {bins!r}; expected a whole number from 1 to {_MOST_BINS}",
                "The column's public bounds are cut into that many equal parts, such as bins=20.",
            )
        column = column_of(schema, name)
        return cls(column, len(column.categories) if column.kind == "category" else bins)

    @property
    def edges(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The borders of the bins of a number, float64, shape ``(bins + 1,)``."""
        lower, upper = float(self.column.lower or 0.0), float(self.column.upper or 0.0)
        return np.linspace(lower, upper, self.bins + 1)

    @property
    def labels(self) -> list[str]:
        """A name for each bin."""
        if self.column.kind == "category":
            return [str(category) for category in self.column.categories]
        edges = self.edges
        return [f"{a:g} to {b:g}" for a, b in pairwise(edges)]

    def __call__(self, record: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the index of the record's bin, int64, shape ``()``."""
        value = record[self.column.name]
        if self.column.kind == "category":
            return value
        lower, upper = float(self.column.lower or 0.0), float(self.column.upper or 0.0)
        place = (value - lower) / (upper - lower) * self.bins
        return place.floor().clamp(0, self.bins - 1).long()


def one_hot(index: torch.Tensor, length: int) -> torch.Tensor:
    """Return a float32 vector with a one at `index`, shape ``(length,)``."""
    import torch

    return (index.unsqueeze(-1) == torch.arange(length)).to(torch.float32)
