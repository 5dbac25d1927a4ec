"""How a data file is written: what a steward says of it and nobody else is told."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from workbench.catalog.attached import AttachedFiles
from workbench.documents import Column, Document, Schema
from workbench.documents.base import Finite, Line, Visible, in_words, type_tuple
from workbench.documents.schema import ColumnFacts, Day, Tokenizer

Label = Annotated[str, Visible] | int
KindInFile = Literal[
    "number", "integer", "category", "ordinal", "date", "datetime", "text", "tensor"
]
DATES = ("date", "datetime")
Part = Literal["year", "month", "weekday", "hour"]
PARTS_IN_WORDS: dict[str, tuple[str | int, ...]] = {
    "month": tuple(range(1, 13)),
    "weekday": (
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ),
}
"""The categories of the parts that are categories; weeks begin on Monday (ISO 8601)."""
ANY_TOKENIZER = Tokenizer(name="", vocabulary=2, padding=0)
_KEYS = {
    "since": DATES,
    "format": DATES,
    "parts": DATES,
    "tokenizer": ("text",),
    "length": ("text",),
    "shape": ("tensor",),
    "other": ("category",),
    "files": ("tensor",),
    "indicator": ("number", "integer", "category", "ordinal", *DATES),
}
"""The keys that belong to some kinds only."""


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise ValueError(
            f"encoding '{encoding[:50]}' is not known; usual are utf-8, cp1252 (Windows), latin-1"
        ) from None


class Reading(Document):
    """How a file is written.

    Attributes
    ----------
    delimiter
        What stands between two values; of a ``.tsv`` file a tab, of others a comma, if not said.
    encoding
        The characters, by the name that Python has for it.
    decimal
        What stands before the decimals of a number.
    sheet
        The sheet of an Excel workbook; the first one if not said.
    """

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    encoding: Annotated[str, Field(max_length=50), AfterValidator(_known)] = "utf-8"
    decimal: Literal[".", ","] = "."
    sheet: Annotated[str, Field(max_length=100)] = ""

    @model_validator(mode="after")
    def _apart(self) -> Reading:
        if self.delimiter == self.decimal:
            raise ValueError("delimiter and decimal are the same character")
        return self


class ColumnInFile(ColumnFacts):
    """A column of ``dataset.yaml``: what is published of it, and how the file writes it.

    Attributes
    ----------
    kind
        ``number``, ``integer``, ``category`` and ``tensor`` are published as they are; ``ordinal``,
        categories from low to high, as 0, 1, 2 and so on; ``date`` and ``datetime`` as days since a
        public day; ``text`` as tokens.
    lower, upper
        The public bounds; of a date, dates.
    source
        The file's heading, if it is another than the name.
    labels
        What a code of the file is called: code to category.
    other
        The category of all labels of the file that are none of the categories; it stands behind
        them, if it is not one of them.
    since
        The day from which days are counted.
    format
        How the file writes dates, by the codes of `datetime.strftime`; if not said, as ISO 8601.
    parts
        Parts of the date that are published as columns of their own.
    indicator
        Whether a column ``<name>_missing`` is published: 1 where the value is missing, else 0.
    tokenizer
        ``bytes``, or the name of a file of Hugging Face's ``tokenizers`` beside ``dataset.yaml``.
    length
        How many tokens a text has: longer ones are cut, shorter ones padded.
    files
        The files that it names, such as images, and how each becomes a tensor.
    """

    kind: KindInFile
    lower: Finite | Line | None = None
    upper: Finite | Line | None = None
    source: Line = ""
    labels: dict[str, Label] = Field(default_factory=dict, max_length=1000)
    other: Label | None = None
    since: Day | None = None
    format: Annotated[str, Field(max_length=50)] = ""
    parts: Annotated[tuple[Part, ...], type_tuple] = ()
    indicator: bool = False
    tokenizer: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$")] | None = None
    length: Annotated[int, Field(ge=1, le=100_000)] | None = None
    files: AttachedFiles | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """Take the categories from the labels where none are named, and add the other one."""
        if not isinstance(value, dict):
            return value
        found = dict(value)
        labels, other = value.get("labels"), value.get("other")
        labels = labels.values() if isinstance(labels, dict) else ()
        if "categories" not in value and all(isinstance(one, str | int) for one in labels):
            found |= {"categories": list(dict.fromkeys(labels))} if labels else {}
        known = found.get("categories")
        if isinstance(other, str | int) and isinstance(known, list | tuple) and other not in known:
            found["categories"] = [*known, other]
        return found

    @model_validator(mode="after")
    def _of_categories(self) -> ColumnInFile:
        unknown = [label for label in self.labels.values() if label not in self.categories]
        if self.labels and (self.kind not in ("category", "ordinal") or unknown):
            raise ValueError(
                f"column '{self.name}': labels give each code of the file one of its categories"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_kind(self) -> ColumnInFile:
        for key, kinds in _KEYS.items():
            told = getattr(self, key)
            # A category may be called 0, which equals False.
            silent = told is None or told is False or told in ("", ())
            if not silent and self.kind not in kinds:
                raise ValueError(f"column '{self.name}': {key} is for kind {' or '.join(kinds)}")
        if len(set(self.parts)) != len(self.parts):
            raise ValueError(f"column '{self.name}': parts has one twice")
        if self.kind == "date" and "hour" in self.parts:
            raise ValueError(f"column '{self.name}': a date has no hour; kind datetime has")
        if self.role in ("unit", "ignored"):
            return self
        if self.kind in DATES:
            self._check_dates()
        elif self.kind == "text":
            if self.tokenizer is None or self.length is None:
                raise ValueError(
                    f"column '{self.name}': a text needs tokenizer: bytes, or a file beside "
                    "dataset.yaml, and length: how many tokens"
                )
            if self.fill is not None:
                raise ValueError(f"column '{self.name}': a text that is missing is empty")
        else:
            for bound in (self.lower, self.upper):
                if isinstance(bound, str):
                    raise ValueError(f"column '{self.name}': bounds are numbers, not '{bound}'")
            self.published()
            if self.files is not None:
                self.files.check(self.name, self.shape)
        return self

    def _check_dates(self) -> None:
        if self.since is None or self.lower is None or self.upper is None:
            raise ValueError(
                f"column '{self.name}': a {self.kind} needs public dates: since (days are counted "
                "from it), lower and upper; write them from the documentation, never from the data"
            )
        days = [self.days(bound) for bound in (self.lower, self.upper)]
        if not days[0] < days[1]:
            raise ValueError(f"column '{self.name}': needs lower < upper")
        if self.fill is not None and not days[0] <= self.days(self.fill) <= days[1]:
            raise ValueError(f"column '{self.name}': fill must be a date within the bounds")

    def days(self, date: str | float) -> float:
        """Return how many days lie between `since` and a date, as ISO 8601 writes it.

        Raises
        ------
        ValueError
            If it is not a date.
        """
        try:
            found = datetime.fromisoformat(date) if isinstance(date, str) else None
            start = datetime.fromisoformat(self.since or "")
        except ValueError:
            found = None
        if found is None or found.tzinfo is not None:
            raise ValueError(
                f"column '{self.name}': '{str(date)[:50]}' is not a date such as 2024-12-31"
            )
        return (found - start) / timedelta(days=1)

    @property
    def heading(self) -> str:
        """What the file calls it."""
        return self.source or self.name

    @property
    def indicator_name(self) -> str:
        """The name of the column that says where its value is missing."""
        return f"{self.name}_missing"

    def part_name(self, part: str) -> str:
        """Return the name of the column of a part of its date."""
        return f"{self.name}_{part}"

    def published(self, tokenizer: Tokenizer = ANY_TOKENIZER) -> tuple[Column, ...]:
        """Return the columns that are published of it, the one with its name first.

        Parameters
        ----------
        tokenizer
            That of a text.

        Raises
        ------
        ValueError
            If they are not columns.
        """
        own = self.model_dump(include=set(ColumnFacts.model_fields))
        if self.role in ("unit", "ignored"):
            kind = {"ordinal": "category", "text": "tensor"}.get(self.kind, self.kind)
            own["kind"] = "number" if kind in DATES else kind
            bounds = {"lower": self.lower, "upper": self.upper}
            numbers = {name: b for name, b in bounds.items() if not isinstance(b, str)}
            return (_column(own | numbers),)
        if self.kind in DATES:
            columns = self._of_dates(own)
        elif self.kind == "ordinal":
            # Checked as the categories that they are; told as their places.
            _column(own | {"kind": "category"})
            fill = None if self.fill is None else self.categories.index(self.fill)
            most = float(len(self.categories) - 1)
            columns = [own | {"kind": "integer", "lower": 0.0, "upper": most, "fill": fill}]
        elif self.kind == "text":
            own |= {"kind": "tensor", "shape": (self.length,), "tokenizer": tokenizer}
            columns = [own | {"lower": 0.0, "upper": float(tokenizer.vocabulary - 1)}]
        else:
            columns = [own | {"kind": self.kind, "lower": self.lower, "upper": self.upper}]
        if self.indicator:
            words = f"1 where {self.name} is missing, else 0"
            name = self.indicator_name
            told = {"name": name, "kind": "integer", "lower": 0.0, "upper": 1.0}
            columns.append(told | {"description": words})
        return tuple(_column(column) for column in columns)

    def _of_dates(self, own: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.lower is not None
        assert self.upper is not None
        lower, upper = self.days(self.lower), self.days(self.upper)
        own |= {
            "kind": "integer" if self.kind == "date" else "number",
            "lower": lower,
            "upper": upper,
            "unit": self.unit or "d",
            "since": self.since,
            "fill": None if self.fill is None else self.days(self.fill),
        }
        years = [float(str(bound)[:4]) for bound in (self.lower, self.upper)]
        found = [own]
        for part in self.parts:
            told: dict[str, Any] = {
                "name": self.part_name(part),
                "role": self.role,
                "description": f"the {part} of {self.name}",
            }
            if part in PARTS_IN_WORDS:
                told |= {"kind": "category", "categories": PARTS_IN_WORDS[part]}
            elif part == "hour":
                told |= {"kind": "integer", "lower": 0.0, "upper": 23.0}
            else:
                told |= {"kind": "integer", "lower": years[0], "upper": max(years[1], years[0] + 1)}
            found.append(told)
        return found


def _column(content: dict[str, Any]) -> Column:
    try:
        return Column(**content)
    except ValidationError as error:
        raise ValueError("; ".join(in_words(dict(one)) for one in error.errors())) from None


class SchemaInFile(Document):
    """The schema of ``dataset.yaml``.

    Attributes
    ----------
    columns
        The columns that the file has to have.
    privacy_unit
        Whom the guarantee protects: ``record``, or what the column with role ``unit`` names.
    max_records_per_unit
        How many records of one unit are used at most; all others are left out.
    """

    columns: Annotated[tuple[ColumnInFile, ...], type_tuple, Field(min_length=1, max_length=10_000)]
    privacy_unit: Line = "record"
    max_records_per_unit: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _publishable(self) -> SchemaInFile:
        self.published({})
        return self

    def published(self, tokenizers: Mapping[str, Tokenizer]) -> Schema:
        """Return what is published.

        Parameters
        ----------
        tokenizers
            The tokenizers of texts by the name that ``dataset.yaml`` has for them.

        Raises
        ------
        ValueError
            If that is no schema.
        """
        columns: list[Column] = []
        for column in self.columns:
            known = tokenizers.get(column.tokenizer or "", ANY_TOKENIZER)
            columns += column.published(known)
        try:
            return Schema(
                columns=tuple(columns),
                privacy_unit=self.privacy_unit,
                max_records_per_unit=self.max_records_per_unit,
            )
        except ValidationError as error:
            raise ValueError("; ".join(in_words(dict(one)) for one in error.errors())) from None
