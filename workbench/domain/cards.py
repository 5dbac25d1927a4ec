"""The dataset cards of a domain: published by the steward, signed, and kept in every version."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from workbench.budget.ledger import Caps
from workbench.documents import DatasetCard, Document, Envelope, PrivateKey
from workbench.documents.card import Approval
from workbench.documents.envelope import payload_of
from workbench.documents.errors import NotFound
from workbench.domain.config import DomainFolder
from workbench.domain.tables import cards


class Counts(Document):
    """What loading the data changed, by column; for the steward only."""

    clamped: dict[str, int]
    filled: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """Where the files of one dataset version lie.

    `training` and `holdout` are private records, `counts` is for the steward, `snippet` is public.
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


def prepared(folder: DomainFolder, version: str) -> Prepared:
    """Return the place of a dataset version's files."""
    return Prepared(folder.folder("prepared") / version.removeprefix("sha256:"))


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
            float(terms["epsilon_total"]), terms["delta"], terms["epsilon_per_researcher"],
            terms["uses"],
        ),
    )  # fmt: skip


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
    values = {"digest": card.digest, "dataset": card.name, "envelope": envelope,
              "file_approval": noted, "population": card.population_name}  # fmt: skip
    connection.execute(insert(cards).values(values))


def file_approval(connection: Connection, name: str) -> Approval | None:
    """Return the approval that ``terms.yaml`` had when the dataset was last published from it."""
    query = select(cards.c.file_approval, cards.c.envelope).where(cards.c.dataset == name)
    row = connection.execute(query.order_by(cards.c.sequence.desc()).limit(1)).first()
    if row is None:
        return None
    if row.file_approval is None:
        return payload_of(Envelope.parse(row.envelope), DatasetCard).terms.approval
    return Approval.parse(row.file_approval)
