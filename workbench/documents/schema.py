"""What a dataset's records look like, in public facts only."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Identifier,
    Line,
    Visible,
    type_tuple,
)

Kind = Literal["number", "integer", "category", "tensor"]
ColumnRole = Literal["feature", "target", "unit", "ignored"]


Share = Annotated[float, Field(ge=0, le=1)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
"""A day as ISO 8601 writes it."""


class Tokenizer(Document):
    """How a text became numbers of tokens.

    Attributes
    ----------
    name
        ``bytes``, where a token is a byte of UTF-8, or the name of the holder's file.
    content
        The digest of that file, which everybody who sees the card can have; null for ``bytes``.
    vocabulary
        How many tokens there are, the padding included.
    padding
        The token that stands behind a text that is too short.
    """

    name: Line
    content: Digest | None = None
    vocabulary: Annotated[int, Field(ge=2, le=1 << 24)]
    padding: Annotated[int, Field(ge=0)]


class ColumnFacts(Document):
    """What a column says of itself in the holder's file and on the card alike.

    Attributes
    ----------
    name
        What training functions call it.
    role
        ``feature``, ``target``, ``unit`` for the label of the privacy unit, or ``ignored``.
    description
        What it is, for people.
    unit
        In which unit its numbers are, best as UCUM writes it.
    categories
        The labels that are publicly known.
    missing
        What stands for a missing value in the file.
    fill
        What takes the place of a missing value; of a number, the middle of the bounds if not said.
    shape
        Of a tensor: the sizes of one record.
    missing_share
        The holder's public word on how much is missing, rounded.
    """

    name: Identifier
    role: ColumnRole = "feature"
    description: Line = ""
    unit: Line = ""
    categories: Annotated[
        tuple[Annotated[str, Visible] | int, ...], type_tuple, Field(max_length=1000)
    ] = ()
    missing: Annotated[tuple[str | int | Finite, ...], type_tuple, Field(max_length=50)] = ()
    fill: Annotated[str, Visible] | int | Finite | None = None
    shape: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100_000)], ...], type_tuple, Field(max_length=4)
    ] = ()
    missing_share: Annotated[Share | None, Field(exclude_if=lambda value: value is None)] = None


class Column(ColumnFacts):
    """One column: its type and its PUBLIC bounds or categories.

    A ``number`` or ``integer`` column is a scalar in ``[lower, upper]`` and reaches a training
    function as a float32 tensor of shape ``()``. A ``category`` column reaches it as an int64
    tensor of shape ``()``, the index into `categories`. A ``tensor`` column (image, sequence,
    spectrum) reaches it as a float32 tensor of shape `shape`, every entry in ``[lower, upper]``.
    A ``unit`` column identifies the privacy unit (a person) and never reaches a function.

    An ``integer`` column with `categories` counts them, from low to high and from 0.

    What follows is not written where it says nothing, as in documents from before. A number with
    `since` counts days since that day. The numbers of a tensor with `tokenizer` are tokens of a
    text. `missing_share` is the holder's word on how much is missing, and so filled.
    """

    kind: Kind
    lower: Finite | None = None
    upper: Finite | None = None
    since: Annotated[Day | None, Field(exclude_if=lambda value: value is None)] = None
    tokenizer: Annotated[Tokenizer | None, Field(exclude_if=lambda value: value is None)] = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.role in ("unit", "ignored"):
            return self
        if self.kind == "category":
            if len(self.categories) < 2 or len(set(self.categories)) != len(self.categories):
                raise ValueError(f"column '{self.name}': needs at least 2 distinct categories")
            if self.fill is not None and self.fill not in self.categories:
                raise ValueError(f"column '{self.name}': fill must be one of the categories")
            return self
        if self.lower is None or self.upper is None or not self.lower < self.upper:
            raise ValueError(
                f"column '{self.name}': needs public bounds with lower < upper; "
                "write them from the documentation, never from the data"
            )
        if (self.kind == "tensor") != bool(self.shape):
            raise ValueError(f"column '{self.name}': shape is for kind 'tensor', and needed there")
        if self.fill is not None and (
            isinstance(self.fill, str) or not self.lower <= self.fill <= self.upper
        ):
            raise ValueError(f"column '{self.name}': fill must be a number within the bounds")
        if self.tokenizer and (self.lower, self.upper) != (0, self.tokenizer.vocabulary - 1):
            raise ValueError(f"column '{self.name}': the bounds are not those of its tokens")
        return self

    @property
    def labelled(self) -> bool:
        """Whether its numbers are places among its categories."""
        ranks = (self.lower, self.upper) == (0, len(self.categories) - 1)
        return self.kind == "category" or (self.kind == "integer" and ranks)


class Schema(Document):
    """The columns of a dataset and what one privacy unit is."""

    columns: Annotated[tuple[Column, ...], type_tuple, Field(min_length=1, max_length=10_000)]
    privacy_unit: Line = "record"
    max_records_per_unit: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column '{twice[0]}' is declared twice")
        units = [column.name for column in self.columns if column.role == "unit"]
        if len(units) > 1:
            raise ValueError("at most one column can have the role 'unit'")
        if bool(units) != (self.privacy_unit != "record"):
            raise ValueError(
                "a privacy_unit other than 'record' needs one column with role 'unit', and only it"
            )
        if not units and self.max_records_per_unit != 1:
            raise ValueError("max_records_per_unit needs a column with role 'unit'")
        if not self.usable:
            raise ValueError("no column with role 'feature' or 'target'")
        return self

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def usable(self) -> tuple[Column, ...]:
        """The columns that reach a training function: features and targets, in order."""
        return tuple(c for c in self.columns if c.role in ("feature", "target"))

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns with role ``feature``, in order."""
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def targets(self) -> tuple[Column, ...]:
        """The columns with role ``target``, in order."""
        return tuple(c for c in self.columns if c.role == "target")

    @property
    def unit(self) -> Column | None:
        """The column that identifies the privacy unit, if records are not the unit."""
        return next((c for c in self.columns if c.role == "unit"), None)
