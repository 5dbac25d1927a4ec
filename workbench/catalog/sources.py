"""Where a dataset's records come from: a file, several files, or a query of a database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workbench.documents import Document
from workbench.documents.base import Text, type_tuple

FileName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._*-]{0,200}\.(csv|tsv|xlsx|parquet|arrow|feather|npz)$"),
]
"""The name of a file in the domain's data folder; ``*`` stands for any letters of several names."""


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


Data = FileName | Annotated[tuple[FileName, ...], type_tuple, Field(min_length=1)] | Query
