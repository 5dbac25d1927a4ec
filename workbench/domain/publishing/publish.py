"""Publish a dataset: its files and data are read, prepared, and told in a signed card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, update

from workbench.budget.ledger import charge_snippet
from workbench.catalog.files import DatasetSource, read_dataset
from workbench.catalog.snippets import counts_snippet, encode, schema_snippet
from workbench.documents import DatasetCard, Envelope, PrivateKey, digest_bytes, now
from workbench.documents.card import Approval, Snippet
from workbench.documents.envelope import unverified
from workbench.domain.datasets.cards import (
    Counts,
    Prepared,
    add,
    file_approval,
    latest,
    prepared,
    snippet_path,
)
from workbench.domain.datasets.load import LoadedData, dataset_version, load, split
from workbench.domain.populations import persons, registry
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import make_private, save_records, write_private
from workbench.domain.store.seal import Seal
from workbench.domain.store.tables import cards
from workbench.errors import Conflict, InvalidData, InvalidSchema, NotFound
from workbench.records import Records

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
    population = registry.chosen(connection, name, source.population)
    approval = _approval(connection, name, source.terms.approval, wins)
    terms = source.terms.model_copy(update={"approval": approval})
    loaded = load(folder.data / source.data, source.data_schema)
    who = _members(connection, source, population, loaded, seal.derive("persons"))
    records = loaded.records if who.kept.all() else loaded.records.select(who.kept)
    if not len(records):
        raise InvalidData(f"{source.data}: nobody is left in the blocks that dataset.yaml names")
    version = dataset_version(records, source.data_schema, seal.derive(f"salt/{name}"))
    key_for_split = seal.derive(f"split/{name}")
    training, holdout = split(records, source.data_schema, source.holdout_fraction, key_for_split)
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
        # Not written for its own, so that cards from before populations stay as they are.
        population=None if population == name else population,
        blocks=source.blocks,
        records_per_member=source.records_per_member,
        snippet=snippet,
        published=now(),
    )
    registry.joined(connection, card, key)
    persons.add(
        connection, population, name, version, who.persons, who.labels, who.blocks, source.blocks
    )
    same = _unchanged(connection, card)
    if same is None and snippet.epsilon > 0:
        # Of a person with many single records the counts tell as much as of all of them.
        cost = snippet.epsilon * (source.records_per_member or 1)
        account = registry.account(connection, card)
        charge_snippet(connection, account=account, epsilon=cost)
    counts = Counts(clamped=dict(loaded.clamped), filled=dict(loaded.filled))
    # Last of all, so that what is refused leaves no records behind.
    _prepare(prepared(folder, card), training, holdout, counts)
    if same is not None:
        _note_file(connection, same, source.terms.approval)
        return same
    write_private(snippet_path(folder, snippet.content), content)
    add(connection, card, key, source.terms.approval)
    return card


@dataclass(frozen=True)
class _Members:
    """Who may be in the data, in which blocks, and which records stay.

    `persons` and `blocks` have one entry for each record of whom takes part, those of other blocks
    too.
    """

    persons: NDArray[np.uint64]
    labels: tuple[str, ...]
    blocks: NDArray[np.int64]
    kept: NDArray[np.bool_]


def _members(
    connection: Connection, source: DatasetSource, name: str, loaded: LoadedData, key: bytes
) -> _Members:
    """Tell the persons by their hashes, and leave out those of other blocks and who opted out."""
    population = registry.find(connection, name)
    schema = source.data_schema
    count = len(loaded.records)
    kept, nowhere = np.ones(count, dtype=bool), np.zeros(count, dtype=np.int64)
    if population is not None and population.unit != schema.privacy_unit:
        if schema.unit is not None:
            raise InvalidSchema(
                f"dataset.yaml: schema.privacy_unit: '{schema.privacy_unit}'; the unit of "
                f"population '{name}' is '{population.unit}'",
                "Call it the same, if it is the same: a population's unit stays as it is.",
            )
        # Whose records these are nobody can tell.
        if population.blocks:
            raise InvalidSchema(
                f"dataset.yaml: population '{name}' has blocks, and of single records nobody can "
                f"tell the {population.unit} and so the block"
            )
        return _Members(np.zeros(0, np.uint64), ("",), nowhere[:0], kept)
    found = persons.keyed(key, loaded.persons)
    persons.refuse_overlap(connection, registry.group(connection, name), found, schema.unit is None)
    labels: tuple[str, ...] = ("",)
    blocks = nowhere
    column = None if population is None or not population.blocks else population.blocks
    if column is not None:
        of = next((c for c in schema.usable if c.name == column and c.kind == "category"), None)
        merged = of is None and registry.merged_from(connection, source.name, name)
        if of is None and not merged:
            raise InvalidSchema(
                f"dataset.yaml: schema: the blocks of population '{name}' are those of the column "
                f"'{column}'; it has to be a category here, and its role 'feature' or 'target'"
            )
        # Persons of a merged population are in no block, unless they have one already.
        own = ("",) if of is None else tuple(str(value) for value in of.categories)
        codes = nowhere if of is None else loaded.records.columns[column].astype(np.int64)
        before = persons.versions(connection, population=name)
        labels, blocks = persons.first_blocks(before, found, own, codes)
        unknown = sorted(set(source.blocks) - set(labels))
        if unknown:
            raise InvalidSchema(
                f"dataset.yaml: blocks: '{unknown[0]}' is not a block of '{name}'; there are "
                f"{', '.join(labels[:20])}",
                f"Blocks are the categories of '{column}' in the schema: add new ones there.",
            )
        if source.blocks:
            kept = np.isin(blocks, [labels.index(block) for block in source.blocks])
    elif source.blocks:
        raise InvalidSchema(
            f"dataset.yaml: blocks: population '{name}' has no blocks",
            "Make one with 'workbench domain population create … --blocks COLUMN'.",
        )
    here = ~np.isin(found, persons.gone(connection, name))
    return _Members(found[here], labels, blocks[here], kept & here)


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
    present = unverified(latest(connection, name), DatasetCard).terms.approval
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
    known = [unverified(Envelope.parse(row.envelope), DatasetCard) for row in rows]
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
        known = unverified(latest(connection, card.name), DatasetCard)
    except NotFound:
        return None
    return known if known == card.model_copy(update={"published": known.published}) else None
