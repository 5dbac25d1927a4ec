"""The dataset cards of a domain: published by the steward, signed, and kept in every version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from workbench.documents import DatasetCard, Envelope, PrivateKey
from workbench.documents.base import hex_of
from workbench.documents.card import Approval
from workbench.documents.envelope import unverified
from workbench.domain.store.tables import cards
from workbench.errors import NotFound


@dataclass(frozen=True)
class StoredCard:
    """A row of the cards: the signed card as JSON, and the approval ``terms.yaml`` had with it.

    `file_approval` is None for cards from before a steward could change the approval.
    """

    sequence: int
    digest: str
    envelope: str
    file_approval: str | None

    @property
    def signed(self) -> Envelope:
        """The card with the domain's signature."""
        return Envelope.parse(self.envelope)

    @property
    def card(self) -> DatasetCard:
        """The card; its signature, which is the domain's own, is not checked."""
        return unverified(self.signed, DatasetCard)

    @property
    def file(self) -> Approval:
        """The approval that ``terms.yaml`` had when the card was made."""
        if self.file_approval is None:
            return self.card.terms.approval
        return Approval.parse(self.file_approval)


def every(connection: Connection, name: str | None = None) -> Iterator[StoredCard]:
    """Give all cards that were published, of one dataset or of all, oldest first."""
    query = select(cards.c.sequence, cards.c.digest, cards.c.envelope, cards.c.file_approval)
    if name is not None:
        query = query.where(cards.c.dataset == name)
    for row in connection.execute(query.order_by(cards.c.sequence)):
        yield StoredCard(*row)


def find(connection: Connection, name: str) -> StoredCard | None:
    """Return a dataset's card as it is now; None if no such dataset was published."""
    return _at_an_end(connection, name, cards.c.sequence.desc())


def first(connection: Connection, name: str) -> DatasetCard | None:
    """Return a dataset's first card; None if no such dataset was published."""
    found = _at_an_end(connection, name, cards.c.sequence)
    return None if found is None else found.card


def _at_an_end(connection: Connection, name: str, order: ColumnElement[int]) -> StoredCard | None:
    query = select(cards.c.sequence, cards.c.digest, cards.c.envelope, cards.c.file_approval)
    query = query.where(cards.c.dataset == name).order_by(order).limit(1)
    row = connection.execute(query).first()
    return None if row is None else StoredCard(*row)


def latest(connection: Connection, name: str) -> Envelope:
    """Return the signed card of a dataset as it is now.

    Raises
    ------
    NotFound
        If no such dataset was published.
    """
    found = find(connection, name)
    if found is None:
        raise NotFound(f"there is no dataset '{name[:64]}' here")
    return found.signed


def present(connection: Connection, name: str) -> DatasetCard:
    """Return the card of a dataset as it is now.

    Raises
    ------
    NotFound
        If no such dataset was published.
    """
    return unverified(latest(connection, name), DatasetCard)


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


def version(connection: Connection) -> str:
    """Return a text that changes whenever any card is published."""
    # Cards are only ever added, so the newest one stands for all.
    query = select(cards.c.sequence, cards.c.digest).order_by(cards.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return "none" if row is None else f"{row.sequence}-{hex_of(row.digest)[:32]}"


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


def note_file(connection: Connection, card: DatasetCard, file: Approval) -> None:
    """Note the approval that ``terms.yaml`` has now, where it changes nothing on the card."""
    statement = update(cards).where(cards.c.digest == card.digest)
    connection.execute(statement.values(file_approval=file.canonical().decode()))


def file_approval(connection: Connection, name: str) -> Approval | None:
    """Return the approval that ``terms.yaml`` had when the dataset was last published from it."""
    found = find(connection, name)
    return None if found is None else found.file
