"""Publish a dataset: its files and data are read, prepared, and told in a signed card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from workbench.budget.ledger import charge_snippet
from workbench.catalog.files import DatasetSource, read_dataset
from workbench.documents import DatasetCard, PrivateKey, digest_bytes, now
from workbench.documents.card import Approval, Snippet
from workbench.domain.datasets import cards
from workbench.domain.datasets.files import (
    Counts,
    Prepared,
    prepared,
    snippet_path,
    tokenizer_path,
)
from workbench.domain.datasets.load import LoadedData, load_source
from workbench.domain.datasets.partition import dataset_version, split
from workbench.domain.populations import accounts, joining, persons
from workbench.domain.publishing import approval, snippet
from workbench.domain.publishing.approval import Wins
from workbench.domain.publishing.membership import members_of
from workbench.domain.publishing.report import Report, check_record_count, reported
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import make_private, save_records, write_private
from workbench.domain.store.seal import Seal
from workbench.errors import InvalidData, InvalidSchema
from workbench.records import Records


@dataclass(frozen=True)
class Examined:
    """What a dataset's files and data say; read before the database is asked.

    Attributes
    ----------
    name
        The dataset's, that of its folder.
    source, loaded
        What its two files say, and its data.
    """

    name: str
    source: DatasetSource
    loaded: LoadedData


@dataclass(frozen=True)
class Publication:
    """A card that is ready, and the files that go with it.

    Attributes
    ----------
    card
        The card.
    same
        The present card, if only the time differs.
    training, holdout, snippet
        The records of both parts, and the snippet's bytes.
    report
        What loading changed, for the steward.
    """

    card: DatasetCard
    same: DatasetCard | None
    training: Records
    holdout: Records
    snippet: bytes
    report: Report


def examine(folder: DomainFolder, name: str) -> Examined:
    """Read a dataset's files and data.

    Raises
    ------
    InvalidSchema, InvalidData
        If they are wrong.
    """
    source = read_dataset(folder.datasets / name)
    if source.name != name:
        raise InvalidSchema(f"dataset.yaml names '{source.name}', but its folder is '{name}'")
    return Examined(name, source, load_source(folder.data, source))


def publish(
    connection: Connection,
    folder: DomainFolder,
    examined: Examined,
    key: PrivateKey,
    seal: Seal,
    wins: Wins = None,
) -> Publication:
    """Prepare a dataset's data, and publish its card.

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
    found = prepare(connection, folder, examined, key, seal, wins)
    source, card = examined.source, found.card
    # Last of all, so that what is refused leaves no records behind.
    loaded = examined.loaded
    counts = Counts(clamped=dict(loaded.clamped), filled=dict(loaded.filled))
    _keep(prepared(folder, card), found.training, found.holdout, counts)
    if found.same is not None:
        cards.note_file(connection, found.same, source.terms.approval)
        return replace(found, card=found.same)
    write_private(snippet_path(folder, card.snippet.content), found.snippet)
    for file in source.tokenizer_files.values():
        write_private(tokenizer_path(folder, digest_bytes(file)), file)
    cards.add(connection, card, key, source.terms.approval)
    return found


def prepare(
    connection: Connection,
    folder: DomainFolder,
    examined: Examined,
    key: PrivateKey,
    seal: Seal,
    wins: Wins = None,
) -> Publication:
    """Do all that `publish` does but write files; whoever only asks undoes the transaction.

    Raises
    ------
    InvalidSchema, InvalidData, Conflict
        As `publish`.
    """
    name, source, loaded = examined.name, examined.source, examined.loaded
    population = joining.chosen(connection, name, source.population)
    holds = approval.that_holds(connection, name, source.terms.approval, wins)
    who = members_of(connection, source, population, loaded, seal.derive("persons"))
    records = loaded.records if who.kept.all() else loaded.records.select(who.kept)
    if not len(records):
        raise InvalidData(f"{name}: nobody is left in the blocks that dataset.yaml names")
    check_record_count(source, records.unit_count)
    version = dataset_version(records, source.data_schema, seal.derive(f"salt/{name}"))
    key_for_split = seal.derive(f"split/{name}")
    training, holdout = split(records, source.data_schema, source.holdout_fraction, key_for_split)
    content, told = snippet.kept(connection, folder, source, version) or snippet.made(
        source, training, holdout
    )
    card = _card(folder.config.name, source, population, version, holds, told)
    joining.joined(connection, card, key)
    persons.add(
        connection, population, name, version, who.persons, who.labels, who.blocks, source.blocks
    )
    same = _unchanged(connection, card)
    if same is None and told.epsilon > 0:
        # Of a person with many single records the counts tell as much as of all of them.
        cost = told.epsilon * (source.records_per_member or 1)
        charge_snippet(connection, account=accounts.account(connection, card), epsilon=cost)
    report = reported(source, loaded, records)
    return Publication(card, same, training, holdout, content, report)


def _card(
    domain: str,
    source: DatasetSource,
    population: str,
    version: str,
    holds: Approval,
    told: Snippet,
) -> DatasetCard:
    return DatasetCard(
        domain=domain,
        name=source.name,
        title=source.title,
        description=source.description,
        citation=source.citation,
        licence=source.licence,
        data_schema=source.data_schema,
        terms=source.terms.model_copy(update={"approval": holds}),
        record_count=source.record_count,
        holdout_fraction=source.holdout_fraction,
        dataset_version=version,
        # Not written for its own, so that cards from before populations stay as they are.
        population=None if population == source.name else population,
        blocks=source.blocks,
        records_per_member=source.records_per_member,
        snippet=told,
        published=now(),
    )


def _keep(place: Prepared, training: Records, holdout: Records, counts: Counts) -> None:
    """Write the files of one division at once; those that are there may be in use, and stay."""
    if place.here:
        return
    partial = Prepared(place.root.with_name(place.root.name + ".partial"))
    shutil.rmtree(partial.root, ignore_errors=True)
    make_private(partial.root)
    save_records(partial.training, training)
    save_records(partial.holdout, holdout)
    write_private(partial.counts, counts.canonical())
    # Its records may have been removed; what is left of it is in the way.
    shutil.rmtree(place.root, ignore_errors=True)
    partial.root.rename(place.root)


def _unchanged(connection: Connection, card: DatasetCard) -> DatasetCard | None:
    """Return the present card if only the time differs; else None."""
    stored = cards.find(connection, card.name)
    if stored is None:
        return None
    known = stored.card
    return known if known == card.model_copy(update={"published": known.published}) else None
