"""What a budget's status needs of a card, read without the rest: there may be thousands."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from workbench.budget.caps import Caps
from workbench.documents import DatasetCard
from workbench.domain.datasets import cards


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
        found = cards.page(connection, after, 1000)
        yield from (headline(text) for text in found.envelopes)
        if found.next is None:
            return
        after = found.next


def headline_of(card: DatasetCard) -> Headline:
    """Return a card's headline."""
    terms = card.terms
    caps = Caps(terms.epsilon_total, terms.delta, terms.epsilon_per_researcher, terms.uses)
    return Headline(card.name, card.dataset_version, card.population_name, card.blocks, caps)
