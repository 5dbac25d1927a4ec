"""What runs on datasets count against, and what of it is spent and left."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from workbench.budget import balance
from workbench.budget.accountant import ORDERS
from workbench.budget.caps import Account, Caps
from workbench.documents import (
    BudgetStatus,
    DatasetCard,
    Population,
    PopulationStatus,
)
from workbench.domain.datasets import cards, headlines
from workbench.domain.populations import registry
from workbench.domain.store.tables import cards as cards_table
from workbench.errors import NotFound


def all_with_datasets(
    connection: Connection,
) -> list[tuple[Population, tuple[str, ...]]]:
    """Return all populations as they are now, by name, each with its datasets.

    Those of datasets from before there were populations have the caps of their present cards.
    """
    made = registry.everyone(connection)
    found = []
    for name, datasets in sorted(members(connection, registry.names(connection)).items()):
        if name not in made:
            made[name] = registry.made_of(cards.present(connection, datasets[0]))
        found.append((made[name], tuple(datasets)))
    return found + [(made[name], ()) for name in sorted(set(made) - {p.name for p, _ in found})]


def members(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the datasets of populations, by the population's name."""
    return _members(connection, names, registry.everyone(connection))


def _members(
    connection: Connection, names: Sequence[str], known: dict[str, Population]
) -> dict[str, list[str]]:
    whose = func.coalesce(cards_table.c.population, cards_table.c.dataset)
    query = select(whose.label("population"), cards_table.c.dataset).distinct()
    merged = [name for name in known if registry.present_of(known, name) in names]
    found: dict[str, list[str]] = {}
    for row in connection.execute(
        query.where(whose.in_([*names, *merged])).order_by(cards_table.c.dataset)
    ):
        datasets = found.setdefault(registry.present_of(known, row.population), [])
        if row.dataset not in datasets:
            datasets.append(row.dataset)
    return found


def account(connection: Connection, card: DatasetCard) -> Account:
    """Return what a run on this card's dataset counts against."""
    return accounts(connection, [headlines.headline_of(card)])[0]


def accounts(connection: Connection, found: Sequence[headlines.Headline]) -> list[Account]:
    """Return what runs on the datasets of these cards count against, with one query."""
    return _accounts(found, registry.everyone(connection))


def _accounts(found: Sequence[headlines.Headline], made: dict[str, Population]) -> list[Account]:
    accounts = []
    for headline in found:
        whose = registry.present_of(made, headline.population)
        accounts.append(
            Account(
                population=whose,
                dataset=headline.name,
                version=headline.dataset_version,
                # Which of its blocks these persons are in, a merged population cannot say.
                blocks=headline.blocks if whose == headline.population else (),
                # A dataset from before there were populations is one of its own.
                whole=caps_of(made[whose]) if whose in made else headline.caps,
                own=headline.caps,
            )
        )
    return accounts


def caps_of(population: Population) -> Caps:
    """Return the caps of a population, with its fixed order."""
    return Caps(
        epsilon_total=population.epsilon_total,
        delta=population.delta,
        epsilon_per_researcher=population.epsilon_per_researcher,
        uses=population.uses,
        order=ORDERS.index(population.order),
    )


def budget(connection: Connection, card: DatasetCard) -> BudgetStatus:
    """Return what of the budget of a card's dataset is spent and left."""
    return budgets(connection, [headlines.headline_of(card)])[0]


def budgets(connection: Connection, found: Sequence[headlines.Headline]) -> list[BudgetStatus]:
    """Return what of the budgets of many cards' datasets is spent and left."""
    known = registry.everyone(connection)
    of = _accounts(found, known)
    sharing = _members(connection, [account.population for account in of], known)
    return [
        status.model_copy(
            update={"shared": tuple(n for n in sharing.get(a.population, ()) if n != a.dataset)}
        )
        for a, status in zip(of, balance.statuses(connection, of), strict=True)
    ]


def status(connection: Connection, name: str) -> PopulationStatus:
    """Return a population, its datasets, and what its members were charged at most.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    return statuses(connection, [name])[0]


def statuses(connection: Connection, wanted: Sequence[str]) -> list[PopulationStatus]:
    """Return many populations as `status` does, with few queries.

    Raises
    ------
    NotFound
        If there is none of one of these names.
    """
    known = registry.everyone(connection)
    found = {}
    for name in wanted:
        population = known.get(name)
        if population is None:
            first = cards.first(connection, name)
            if first is None:
                raise NotFound(f"there is no population '{name[:64]}' here")
            population = registry.made_of(first)
        found[name] = population
    blocks = balance.blocks(connection, {name: caps_of(found[name]) for name in found})
    datasets = _members(connection, wanted, known)
    return [
        PopulationStatus(
            population=population,
            datasets=tuple(datasets.get(name, ())),
            blocks=tuple(sorted(blocks[name], key=lambda b: (-b.epsilon_spent, b.block))),
        )
        for name, population in found.items()
    ]
