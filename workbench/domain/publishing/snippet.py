"""The synthetic snippet of a dataset: made from its schema, or once from noised counts."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection

from workbench.catalog.files import DatasetSource
from workbench.catalog.snippets import MAX_BYTES, counts_snippet, encode, most_rows, schema_snippet
from workbench.documents import digest_bytes
from workbench.documents.card import Snippet
from workbench.domain.datasets import cards
from workbench.domain.datasets.files import snippet_path
from workbench.domain.store.config import DomainFolder
from workbench.errors import Conflict, InvalidSchema
from workbench.records import Records

_SNIPPET_SEED = 0


def kept(
    connection: Connection, folder: DomainFolder, source: DatasetSource, version: str
) -> tuple[bytes, Snippet] | None:
    """Return the snippet that was made from this version's counts; None if there is none.

    Counts noised a second time would be a second release; the first one is charged, so it stays.

    Raises
    ------
    Conflict
        If ``dataset.yaml`` asks for another one than was made.
    """
    if source.snippet.level == 0:
        return None
    known = [stored.card for stored in cards.every(connection, source.name)]
    same = [c.snippet for c in known if c.dataset_version == version and c.snippet.level == 1]
    if not same:
        return None
    wish = source.snippet
    if (same[0].rows, same[0].epsilon) != (wish.rows, wish.epsilon):
        raise Conflict(
            f"this version's snippet was made with {same[0].rows} rows and epsilon "
            f"{same[0].epsilon:g}; another one would be another release",
            "Put these figures into dataset.yaml, or use level 0.",
        )
    return snippet_path(folder, same[0].content).read_bytes(), same[0]


def _joined(training: Records, holdout: Records) -> Records:
    """Return both parts together: at most the published number of records of each unit."""
    names = training.columns
    columns = {n: np.concatenate([training.columns[n], holdout.columns[n]]) for n in names}
    return Records(columns, np.concatenate([training.units, holdout.units]))


def made(source: DatasetSource, training: Records, holdout: Records) -> tuple[bytes, Snippet]:
    """Return a new snippet: its bytes, and what the card says of it.

    A snippet of level 0 reads no record, one of level 1 the noised counts of both parts. Of large
    tensors it has fewer records than asked for, so that it can be read.

    Raises
    ------
    InvalidSchema
        If a single record is too large for a snippet.
    """
    schema, rows = source.data_schema, source.snippet.rows
    has_tensors = any(column.kind == "tensor" for column in schema.usable)
    rows = min(rows, most_rows(schema)) if has_tensors else rows
    if not rows:
        raise InvalidSchema(
            f"dataset.yaml: schema: one record takes more than a snippet of {MAX_BYTES >> 20} MB",
            "Choose smaller shapes for its tensors.",
        )
    epsilon = 0.0
    if source.snippet.level == 0:
        columns = schema_snippet(schema, rows, _SNIPPET_SEED)
    else:
        epsilon = source.snippet.epsilon
        columns = counts_snippet(schema, _joined(training, holdout), rows, epsilon)
    content = encode(columns, schema)
    return content, Snippet(
        content=digest_bytes(content),
        level=source.snippet.level,
        rows=rows,
        epsilon=epsilon,
        format="safetensors" if has_tensors else "csv",
    )
