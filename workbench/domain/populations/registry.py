"""The populations: whose data a dataset is, and the caps that its terms may not exceed.

A population is made when its first dataset is published, or by a steward before. Its document is
signed by the domain and kept in every version. A dataset stays with its population: what was spent
on its persons would be left behind otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select

from workbench.budget.accountant import ORDERS, filter_budget
from workbench.documents import (
    DatasetCard,
    Envelope,
    Population,
    PrivateKey,
    Terms,
)
from workbench.documents.envelope import unverified
from workbench.domain.store.tables import cards as cards_table
from workbench.domain.store.tables import populations
from workbench.errors import NotFound


def everyone(connection: Connection) -> dict[str, Population]:
    """Return all populations as they are now, by name."""
    newest = select(func.max(populations.c.sequence)).group_by(populations.c.name)
    query = select(populations.c.envelope).where(populations.c.sequence.in_(newest))
    found = map(_parsed, connection.execute(query.order_by(populations.c.name)).scalars())
    return {population.name: population for population in found}


@lru_cache(maxsize=10_000)
def _parsed(envelope: str) -> Population:
    return unverified(Envelope.parse(envelope), Population)


def get(connection: Connection, name: str) -> Population:
    """Return a population as it is now.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    query = select(populations.c.envelope).where(populations.c.name == name)
    text = connection.execute(query.order_by(populations.c.sequence.desc()).limit(1)).scalar()
    if text is None:
        raise NotFound(f"there is no population '{name[:64]}' here")
    return _parsed(text)


def present_of(known: Mapping[str, Population], name: str) -> str:
    """Return the population to which the persons of `name` belong now: itself, unless merged.

    `known` is what `everyone` returns.
    """
    # A merged population is never merged into again, so this ends.
    while name in known and (into := known[name].merged_into) is not None:
        name = into
    return name


def merges(connection: Connection, name: str) -> list[str]:
    """Return the populations into which `name` was merged, one after the other; the present last.

    It is empty if it never was.
    """
    known = everyone(connection)
    found: list[str] = []
    while name in known and (into := known[name].merged_into) is not None:
        name = into
        found.append(name)
    return found


def group(connection: Connection, name: str) -> list[str]:
    """Return all names that stand for the same persons as `name`."""
    return groups(connection)(name)


def groups(connection: Connection) -> Callable[[str], list[str]]:
    """Return `group` for many names, with one query."""
    known = everyone(connection)
    of: dict[str, set[str]] = {}
    for name in known:
        of.setdefault(present_of(known, name), set()).add(name)

    def names(name: str) -> list[str]:
        whose = present_of(known, name)
        return sorted({name, whose, *of.get(whose, ())})

    return names


def find(connection: Connection, name: str) -> Population | None:
    """Return a population as it is now, or None."""
    try:
        return get(connection, name)
    except NotFound:
        return None


def add(connection: Connection, population: Population, key: PrivateKey) -> None:
    """Sign a population and make it the present one of its name."""
    envelope = Envelope.sign(population, key).canonical().decode()
    values = {"digest": population.digest, "name": population.name, "envelope": envelope}
    connection.execute(insert(populations).values(values))


def made_of(card: DatasetCard) -> Population:
    """Return the population that a dataset has of its own: its caps are those of the terms."""
    terms = card.terms
    return Population(
        domain=card.domain,
        name=card.population_name,
        title=card.title,
        unit=card.data_schema.privacy_unit,
        epsilon_total=terms.epsilon_total,
        delta=terms.delta,
        order=fixed_order(terms),
        published=card.published,
    )


def fixed_order(terms: Terms) -> float:
    """Return the Renyi order at which runs are admitted under these totals."""
    position, _ = filter_budget(terms.epsilon_total, terms.delta)
    return ORDERS[position]


def recall(connection: Connection, population: Population, key: PrivateKey) -> bool:
    """Make this the present population of its name; return whether it was another one."""
    if find(connection, population.name) == population:
        return False
    add(connection, population, key)
    return True


def names(connection: Connection) -> list[str]:
    """Return the names of all populations, those of datasets from before there were any too."""
    whose = func.coalesce(cards_table.c.population, cards_table.c.dataset)
    own = connection.execute(select(whose).distinct()).scalars()
    made = connection.execute(select(populations.c.name).distinct()).scalars()
    return sorted({*own, *made})
