"""Publish a dataset: its files and data are read, prepared, and told in a signed card."""

from __future__ import annotations

import shutil
from typing import Literal

import numpy as np
from sqlalchemy import Connection, select, update

from workbench.budget.ledger import charge_snippet
from workbench.catalog.files import DatasetSource, read_dataset
from workbench.catalog.snippets import counts_snippet, encode, schema_snippet
from workbench.documents import DatasetCard, Envelope, PrivateKey, digest_bytes, now
from workbench.documents.card import Approval, Snippet
from workbench.documents.envelope import payload_of
from workbench.documents.errors import Conflict, InvalidSchema, NotFound
from workbench.domain.cards import (
    Counts,
    Prepared,
    add,
    file_approval,
    latest,
    prepared,
    snippet_path,
)
from workbench.domain.config import DomainFolder
from workbench.domain.data import dataset_version, load, split
from workbench.domain.jobs import make_private, save_records, write_private
from workbench.domain.seal import Seal
from workbench.domain.tables import cards
from workbench.engine.records import Records

_SNIPPET_SEED = 0

Wins = Literal["file", "kept"] | None
"""Which approval holds where two differ: that of ``terms.yaml`` or that of the present card."""


def publish(
    connection: Connection,
    folder: DomainFolder,
    name: str,
    key: PrivateKey,
    seal: Seal,
    wins: Wins = None,
) -> DatasetCard:
    """Read a dataset's files and data, prepare them, and publish its card.

    Publishing again without a change gives the same card, and makes prepared files that are
    missing. A run reads the files of its own card, which no later publication changes. The salt
    and the split depend on the domain's sealing key and the dataset's name only, so equal data keep
    their version.

    A steward may have changed the approval since the files were last published. If ``terms.yaml``
    says what it said then, the changed approval is kept. If both were changed, `wins` says which
    holds: ``file`` or ``kept``.

    Raises
    ------
    InvalidSchema, InvalidData
        If the YAML files or the data are wrong; nothing is published.
    Conflict
        If the approval was changed in two places and nobody said which wins.
    """
    source = read_dataset(folder.datasets / name)
    if source.name != name:
        raise InvalidSchema(f"dataset.yaml names '{source.name}', but its folder is '{name}'")
    approval = _approval(connection, name, source.terms.approval, wins)
    terms = source.terms.model_copy(update={"approval": approval})
    loaded = load(folder.data / source.data, source.data_schema)
    version = dataset_version(loaded.records, source.data_schema, seal.derive(f"salt/{name}"))
    key_for_split = seal.derive(f"split/{name}")
    training, holdout = split(
        loaded.records, source.data_schema, source.holdout_fraction, key_for_split
    )
    content, snippet = _kept_snippet(connection, folder, source, version) or _snippet(
        source, _joined(training, holdout)
    )
    card = DatasetCard(
        domain=folder.config.name,
        name=name,
        title=source.title,
        description=source.description,
        citation=source.citation,
        licence=source.licence,
        data_schema=source.data_schema,
        terms=terms,
        record_count=source.record_count,
        holdout_fraction=source.holdout_fraction,
        dataset_version=version,
        snippet=snippet,
        published=now(),
    )
    counts = Counts(clamped=dict(loaded.clamped), filled=dict(loaded.filled))
    _prepare(prepared(folder, card), training, holdout, counts)
    same = _unchanged(connection, card)
    if same is not None:
        _note_file(connection, same, source.terms.approval)
        return same
    if snippet.epsilon > 0:
        charge_snippet(
            connection, dataset_version=version, epsilon=snippet.epsilon, terms=source.terms
        )
    write_private(snippet_path(folder, snippet.content), content)
    add(connection, card, key, source.terms.approval)
    return card


def _prepare(place: Prepared, training: Records, holdout: Records, counts: Counts) -> None:
    """Write the files of one division at once; those that are there may be in use, and stay."""
    if place.root.exists():
        return
    partial = Prepared(place.root.with_name(place.root.name + ".partial"))
    shutil.rmtree(partial.root, ignore_errors=True)
    make_private(partial.root)
    save_records(partial.training, training)
    save_records(partial.holdout, holdout)
    write_private(partial.counts, counts.canonical())
    partial.root.rename(place.root)


def _note_file(connection: Connection, card: DatasetCard, file: Approval) -> None:
    statement = update(cards).where(cards.c.digest == card.digest)
    connection.execute(statement.values(file_approval=file.canonical().decode()))


def _approval(connection: Connection, name: str, file: Approval, wins: Wins) -> Approval:
    """Return which approval holds; see `publish`."""
    known = file_approval(connection, name)
    if known is None:
        return file
    present = payload_of(latest(connection, name), DatasetCard).terms.approval
    if wins == "file" or present in (known, file):
        return file
    if wins == "kept" or file == known:
        return present
    raise Conflict(
        f"the approval of '{name}' was changed in terms.yaml and by a steward: the file says "
        f"{_said(file)}, the card says {_said(present)}",
        "Publish again with '--approval file' or '--approval kept'; then make the file agree.",
    )


def _said(approval: Approval) -> str:
    return approval.canonical().decode()[:300]


def _kept_snippet(
    connection: Connection, folder: DomainFolder, source: DatasetSource, version: str
) -> tuple[bytes, Snippet] | None:
    """Return the snippet that was made from this version's counts, if one was.

    Counts noised a second time would be a second release; the first one is charged, so it stays.
    """
    if source.snippet.level == 0:
        return None
    rows = connection.execute(select(cards.c.envelope).where(cards.c.dataset == source.name))
    known = [payload_of(Envelope.parse(row.envelope), DatasetCard) for row in rows]
    made = [c.snippet for c in known if c.dataset_version == version and c.snippet.level == 1]
    if not made:
        return None
    wish = source.snippet
    if (made[0].rows, made[0].epsilon) != (wish.rows, wish.epsilon):
        raise Conflict(
            f"this version's snippet was made with {made[0].rows} rows and epsilon "
            f"{made[0].epsilon:g}; another one would be another release",
            "Put these figures into dataset.yaml, or use level 0.",
        )
    return snippet_path(folder, made[0].content).read_bytes(), made[0]


def _joined(training: Records, holdout: Records) -> Records:
    """Return both parts together: at most the published number of records of each unit."""
    names = training.columns
    columns = {n: np.concatenate([training.columns[n], holdout.columns[n]]) for n in names}
    return Records(columns, np.concatenate([training.units, holdout.units]))


def _snippet(source: DatasetSource, records: Records) -> tuple[bytes, Snippet]:
    schema, rows = source.data_schema, source.snippet.rows
    epsilon = 0.0
    if source.snippet.level == 0:
        columns = schema_snippet(schema, rows, _SNIPPET_SEED)
    else:
        epsilon = source.snippet.epsilon
        columns = counts_snippet(schema, records, rows, epsilon)
    content = encode(columns, schema)
    has_tensors = any(column.kind == "tensor" for column in schema.usable)
    return content, Snippet(
        content=digest_bytes(content),
        level=source.snippet.level,
        rows=rows,
        epsilon=epsilon,
        format="safetensors" if has_tensors else "csv",
    )


def _unchanged(connection: Connection, card: DatasetCard) -> DatasetCard | None:
    try:
        known = payload_of(latest(connection, card.name), DatasetCard)
    except NotFound:
        return None
    return known if known == card.model_copy(update={"published": known.published}) else None
