"""One record, as a training function sees it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from workbench.documents.base import plain
from workbench.documents.inputs import NoiseInput
from workbench.documents.schema import Column, Schema
from workbench.errors import GraphRefused, UnknownColumn

if TYPE_CHECKING:
    import torch


class RecordView(Mapping[str, "torch.Tensor"]):
    """One record: column name to tensor, with the schema that gives the columns their bounds.

    Parameters
    ----------
    schema
        The dataset's schema.
    values
        Usable columns' tensors: float32 of shape ``()`` for numbers and integers, int64 of shape
        ``()`` for categories (the index), float32 of the column's shape for tensors; noise by
        its `NoiseInput.name`. Noise that is not given is drawn when it is asked for.

    Attributes
    ----------
    used, drawn
        The columns and the names of the noise that were asked for.
    """

    def __init__(self, schema: Schema, values: Mapping[str, torch.Tensor]) -> None:
        self.schema = schema
        noise = {name for name in values if NoiseInput.parse(name) is not None}
        self._values = {name: value for name, value in values.items() if name not in noise}
        self._noise = {name: values[name] for name in noise}
        self.used: set[str] = set()
        self.drawn: list[str] = []

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._values:
            known = [column.name for column in self.schema.usable]
            near = difflib.get_close_matches(str(name), known, n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(known)}"
            raise UnknownColumn(f"the dataset has no column '{name}'", hint[:2000])
        self.used.add(name)
        return self._values[name]

    def noise(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Return the next draw of standard normal numbers; see `noise`."""
        import torch

        name = NoiseInput(len(self.drawn), shape).name
        self.drawn.append(name)
        if name in self._noise:
            return self._noise[name]
        # Else a mode that draws from this record would ask it again.
        with torch._C.DisableTorchFunction():
            return torch.randn(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _scaled(column: Column, value: torch.Tensor) -> torch.Tensor:
    import torch

    if column.kind == "category":
        codes = torch.arange(len(column.categories))
        return (value.unsqueeze(0) == codes).to(torch.float32)
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    middle, half = (upper + lower) / 2, (upper - lower) / 2
    return (value.reshape(-1) - middle) / half


def features(record: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return all feature columns of one record as one vector.

    Numbers, integers and tensors are scaled by their public bounds to [-1, 1]; categories become
    one 0/1 entry per category. Texts are left out: tokens are no quantities. Columns keep the
    schema's order.

    Parameters
    ----------
    record
        The record that a training function was given.

    Returns
    -------
    torch.Tensor
        Shape ``(width,)``, float32.

    Raises
    ------
    UnknownColumn
        If `record` is not such a record, or the schema has no feature.
    """
    import torch

    if not isinstance(record, RecordView):
        raise UnknownColumn(
            f"features() takes the record of a training function, not {type(record).__name__}",
            "A training function takes (model, record), in this order.",
        )
    columns = [column for column in record.schema.features if column.tokenizer is None]
    if not columns:
        raise UnknownColumn("the schema has no column with role 'feature' that is no text")
    if all(column.kind in ("number", "integer") for column in columns):
        # One stack and one affine map instead of three operators per column.
        lower = torch.tensor([float(column.lower or 0.0) for column in columns])
        upper = torch.tensor([float(column.upper or 0.0) for column in columns])
        values = torch.stack([record[column.name] for column in columns])
        return (values - (upper + lower) / 2) / ((upper - lower) / 2)
    return torch.cat([_scaled(column, record[column.name]) for column in columns])


def missing(record: Mapping[str, torch.Tensor], column: str) -> torch.Tensor:
    """Return whether a value was missing, and so was filled.

    Parameters
    ----------
    record
        The record that a training function was given.
    column
        A column whose holder publishes this (``indicator: true`` in ``dataset.yaml``).

    Returns
    -------
    torch.Tensor
        Shape ``()``, float32: 1 where it was missing, else 0.

    Raises
    ------
    UnknownColumn
        If its holder does not publish it.
    """
    name = f"{column}_missing"
    if name not in record:
        raise UnknownColumn(
            f"where '{column}' is missing is not published",
            f"Its holder can publish a column '{name}' by indicator: true in dataset.yaml.",
        )
    return record[name]


def noise(record: Mapping[str, torch.Tensor], *shape: int) -> torch.Tensor:
    """Return standard normal numbers of this record's own, drawn afresh in each step.

    For variational autoencoders, generators and other random layers. The domain draws them from
    the run's sealed seed, independently of the data, so they cost no privacy.

    Parameters
    ----------
    record
        The record that a training function was given.
    shape
        The sizes; none for a single number of shape ``()``.

    Returns
    -------
    torch.Tensor
        Shape `shape`, float32.

    Raises
    ------
    UnknownColumn
        If `record` is not such a record.
    GraphRefused
        If a size is not a number from 1 to 9,999,999, or there are over 8.
    """
    if not isinstance(record, RecordView):
        raise UnknownColumn(
            f"noise() takes the record of a training function, not {type(record).__name__}"
        )
    shape = plain(shape)
    if len(shape) > 8 or any(type(size) is not int or not 0 < size < 10**7 for size in shape):
        raise GraphRefused(f"noise() takes up to 8 sizes of at least 1, not {shape}")
    return record.noise(shape)
