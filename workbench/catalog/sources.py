"""Where records come from: files, files elsewhere, a query of a database, or OMOP's tables."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from workbench.documents import Document
from workbench.documents.base import Identifier, Text, type_tuple
from workbench.documents.schema import Day

KINDS = ("condition", "drug", "procedure", "measurement", "visit")
"""The kinds of events in OMOP's tables."""

FileName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._*-]{0,200}\.(csv|tsv|xlsx|parquet|arrow|feather|npz)$"),
]
"""The name of a file in the domain's data folder; ``*`` stands for any letters of several names."""


ENDINGS = frozenset({".csv", ".tsv", ".xlsx", ".parquet", ".arrow", ".feather", ".npz"})
"""The endings of files that can be read."""


class Remote(Document):
    """Files that lie elsewhere.

    Attributes
    ----------
    url
        An address that ``fsspec`` knows, such as ``s3://bucket/visits-*.parquet``, or that of a
        folder; one only, without ``::``.
    """

    url: Annotated[str, Field(max_length=1000, pattern=r"^[a-z][a-z0-9+.-]*://[^\s@\x00-\x1f]+$")]

    @model_validator(mode="after")
    def _one(self) -> Self:
        if "::" in self.url:
            raise ValueError("one address, not a chain of several (::)")
        return self


class Query(Document):
    """A query that the steward wrote.

    Attributes
    ----------
    sql
        The database's address as of SQLAlchemy, or ``env:NAME`` for a variable that holds it.
    query
        One ``SELECT``; its columns are the dataset's.
    """

    sql: Annotated[str, Field(min_length=1, max_length=1000)]
    query: Annotated[Text, Field(min_length=1)]


Concepts = Annotated[tuple[int, ...], type_tuple, Field(min_length=1, max_length=1000)]


class Events(Document):
    """Events of a person in OMOP's tables; exactly one kind is named.

    Attributes
    ----------
    condition, drug, procedure, measurement, visit
        Ids of standard concepts, of which one is enough.
    descendants
        Whether the concepts below them count too (``concept_ancestor``).
    """

    condition: Concepts | None = None
    drug: Concepts | None = None
    procedure: Concepts | None = None
    measurement: Concepts | None = None
    visit: Concepts | None = None
    descendants: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len([kind for kind in KINDS if getattr(self, kind) is not None]) != 1:
            raise ValueError(f"name concepts of one kind: {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        """The kind that is named."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def concepts(self) -> tuple[int, ...]:
        """The ids that are named."""
        found: tuple[int, ...] = getattr(self, self.kind)
        return found


class Cohort(Events):
    """Who takes part: everybody with such an event between two public days.

    The day of the first such event is the person's index date.

    Attributes
    ----------
    first, last
        The first and the last day that count, such as 2015-01-01.
    """

    first: Day
    last: Day


class Feature(Events):
    """What is known of a person around the index date.

    Attributes
    ----------
    name
        The column's name in the dataset's schema.
    days_before, days_after
        The days that count: up to the day before the index date, or from the day after it. An event
        within them gives 1, no event 0. Of a measurement with `value` it is the newest number.
    value
        Whether the number of a measurement is taken.
    """

    name: Identifier
    days_before: Annotated[int, Field(ge=1, le=40_000)] | None = None
    days_after: Annotated[int, Field(ge=1, le=40_000)] | None = None
    value: bool = False

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if (self.days_before is None) == (self.days_after is None):
            raise ValueError(f"feature '{self.name}': either days_before or days_after")
        if self.value and self.measurement is None:
            raise ValueError(f"feature '{self.name}': only a measurement has a value")
        return self


class Omop(Document):
    """People of a database in the OMOP common data model (version 5.4), a row each.

    The columns are ``person_id``, ``index_date``, ``age`` in years at that date,
    ``gender_concept_id``, and the features.

    Attributes
    ----------
    omop
        The database's address, as of `Query`.
    tables
        The database schema that holds the tables, if they are not where names are looked up.
    cohort, features
        Who takes part, and what is known of each.
    """

    omop: Annotated[str, Field(min_length=1, max_length=1000)]
    tables: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] | None = None
    cohort: Cohort
    features: Annotated[tuple[Feature, ...], type_tuple, Field(max_length=1000)] = ()


Files = Annotated[tuple[FileName, ...], type_tuple, Field(min_length=1)]
Data = FileName | Files | Remote | Query | Omop
