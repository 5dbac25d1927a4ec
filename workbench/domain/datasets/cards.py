"""The dataset cards of a domain: published by the steward, signed, and kept in every version."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from workbench.budget.caps import Caps
from workbench.documents import DatasetCard, Document, Envelope, PrivateKey
from workbench.documents.card import Approval
from workbench.documents.envelope import unverified
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.tables import cards
from workbench.errors import NotFound

_PREPARED = frozenset({".npz", ".json"})


class Counts(Document):
    """What loading the data changed, by column; for the steward only."""

    clamped: dict[str, int]
    filled: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """Where the files of one dataset version, divided in one way, lie; they never change.

    `training` and `holdout` are private records, `counts` is for the steward.
    """

    root: Path

    @property
    def training(self) -> Path:
        """Records that train."""
        return self.root / "training.npz"

    @property
    def holdout(self) -> Path:
        """Records that measure."""
        return self.root / "holdout.npz"

    @property
    def counts(self) -> Path:
        """How many values were clamped or filled."""
        return self.root / "counts.json"


def prepared(folder: DomainFolder, card: DatasetCard) -> Prepared:
    """Return the place of the files that a card is about."""
    versions = folder.folder("prepared")
    version = versions / card.dataset_version.removeprefix("sha256:")
    return Prepared(version / f"holdout-{card.holdout_fraction!r}")


def remove_prepared(folder: DomainFolder, version: str) -> None:
    """Remove the prepared files of a dataset version, however they were divided."""
    shutil.rmtree(folder.folder("prepared") / version.removeprefix("sha256:"), ignore_errors=True)


def remove_unknown(connection: Connection, folder: DomainFolder) -> None:
    """Remove prepared files of versions that no card is about: a publication was cut off.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter: whoever publishes may not be half done.
    folder
        The domain's.
    """
    known = {
        unverified(Envelope.parse(text), DatasetCard).dataset_version.removeprefix("sha256:")
        for text in connection.execute(select(cards.c.envelope)).scalars()
    }
    for place in folder.folder("prepared").iterdir():
        if place.name not in known:
            shutil.rmtree(place, ignore_errors=True)


def require_prepared(folder: DomainFolder, card: DatasetCard) -> None:
    """Return None if the files that a card is about are there.

    Raises
    ------
    NotFound
        If they are not.
    """
    if not prepared(folder, card).root.exists():
        raise NotFound(
            f"the prepared files of this version of '{card.name}' are not here any more: the "
            "domain's operator must publish it again, as it was, before a request can run"
        )


def move_prepared(connection: Connection, folder: DomainFolder) -> None:
    """Bring files of domains from before there was a place for each division to their place.

    They are those of the newest card of their version.
    """
    old = {
        path.parent for path in folder.folder("prepared").glob("*/*") if path.suffix in _PREPARED
    }
    if not old:
        return
    newest = {}
    for row in connection.execute(select(cards.c.envelope).order_by(cards.c.sequence)):
        card = unverified(Envelope.parse(row.envelope), DatasetCard)
        newest[card.dataset_version.removeprefix("sha256:")] = card
    for version in old:
        if version.name in newest:
            place = prepared(folder, newest[version.name]).root
            place.mkdir(exist_ok=True, mode=0o700)
            for path in version.iterdir():
                if path.suffix in _PREPARED:
                    path.rename(place / path.name)


def snippet_path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a snippet."""
    return folder.folder("snippets") / digest.removeprefix("sha256:")


def latest(connection: Connection, name: str) -> Envelope:
    """Return the signed card of a dataset as it is now.

    Raises
    ------
    NotFound
        If no such dataset was published.
    """
    query = select(cards.c.envelope).where(cards.c.dataset == name)
    row = connection.execute(query.order_by(cards.c.sequence.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"there is no dataset '{name[:64]}' here")
    return Envelope.parse(row.envelope)


@dataclass(frozen=True)
class CardPage:
    """Present cards by name: the envelopes' canonical JSON, and where the next page goes on."""

    envelopes: tuple[str, ...]
    next: str | None


def page(connection: Connection, after: str | None, limit: int) -> CardPage:
    """Return the present cards of at most `limit` datasets whose names come after `after`."""
    newest = select(cards.c.dataset, func.max(cards.c.sequence).label("sequence"))
    newest = newest.group_by(cards.c.dataset).order_by(cards.c.dataset).limit(limit)
    if after is not None:
        newest = newest.where(cards.c.dataset > after)
    chosen = newest.subquery()
    query = select(cards.c.dataset, cards.c.envelope)
    query = query.join(chosen, cards.c.sequence == chosen.c.sequence).order_by(cards.c.dataset)
    rows = list(connection.execute(query))
    cursor = rows[-1].dataset if len(rows) == limit else None
    return CardPage(tuple(row.envelope for row in rows), cursor)


@dataclass(frozen=True)
class Headline:
    """What a budget's status needs of a card."""

    name: str
    dataset_version: str
    population: str
    blocks: tuple[str, ...]
    caps: Caps


def headline(envelope: str) -> Headline:
    """Return a stored card's headline, without reading its schema: there may be thousands."""
    card = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    terms = card["terms"]
    return Headline(
        card["name"],
        card["dataset_version"],
        card.get("population") or card["name"],
        tuple(card.get("blocks", ())),
        Caps(
            float(terms["epsilon_total"]),
            terms["delta"],
            terms["epsilon_per_researcher"],
            terms["uses"],
        ),
    )


def headlines(connection: Connection) -> Iterator[Headline]:
    """Give the headlines of all present cards, by name."""
    after: str | None = None
    while True:
        found = page(connection, after, 1000)
        yield from (headline(text) for text in found.envelopes)
        if found.next is None:
            return
        after = found.next


def headline_of(card: DatasetCard) -> Headline:
    """Return a card's headline."""
    terms = card.terms
    caps = Caps(terms.epsilon_total, terms.delta, terms.epsilon_per_researcher, terms.uses)
    return Headline(card.name, card.dataset_version, card.population_name, card.blocks, caps)


def version(connection: Connection) -> str:
    """Return a text that changes whenever any card is published."""
    # Cards are only ever added, so the newest one stands for all.
    query = select(cards.c.sequence, cards.c.digest).order_by(cards.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return "none" if row is None else f"{row.sequence}-{row.digest.removeprefix('sha256:')[:32]}"


def add(connection: Connection, card: DatasetCard, key: PrivateKey, file: Approval | None) -> None:
    """Sign a card and make it the present one; `file` is the approval that ``terms.yaml`` has."""
    envelope = Envelope.sign(card, key).canonical().decode()
    noted = None if file is None else file.canonical().decode()
    values = {
        "digest": card.digest,
        "dataset": card.name,
        "envelope": envelope,
        "file_approval": noted,
        "population": card.population_name,
    }
    connection.execute(insert(cards).values(values))


def file_approval(connection: Connection, name: str) -> Approval | None:
    """Return the approval that ``terms.yaml`` had when the dataset was last published from it."""
    query = select(cards.c.file_approval, cards.c.envelope).where(cards.c.dataset == name)
    row = connection.execute(query.order_by(cards.c.sequence.desc()).limit(1)).first()
    if row is None:
        return None
    if row.file_approval is None:
        return unverified(Envelope.parse(row.envelope), DatasetCard).terms.approval
    return Approval.parse(row.file_approval)
