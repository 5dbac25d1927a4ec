"""Populations: whose data a dataset is, and the caps that its terms cannot pass.

A population is made when its first dataset is published, or by `create` before. Its document is
signed by the domain and kept in every version. A dataset stays with its population: what was spent
on its persons would be left behind otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select

from workbench.budget import balance
from workbench.budget.accountant import ORDERS, filter_budget
from workbench.budget.caps import Account, Caps
from workbench.documents import (
    BudgetStatus,
    DatasetCard,
    Envelope,
    Population,
    PopulationStatus,
    PrivateKey,
    Terms,
    now,
)
from workbench.documents.envelope import unverified
from workbench.domain.datasets import cards
from workbench.domain.populations import persons
from workbench.domain.store.tables import cards as cards_table
from workbench.domain.store.tables import populations
from workbench.errors import Conflict, InvalidSchema, NotFound

NEW = "new"
"""What ``dataset.yaml`` says for a population of the dataset's own."""


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


def present(connection: Connection, name: str) -> str:
    """Return the population to which the persons of `name` belong now: itself, unless merged."""
    return _present_of(everyone(connection), name)


def _present_of(known: dict[str, Population], name: str) -> str:
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


def stopped(connection: Connection, name: str, version: str) -> bool:
    """Whether a version holds somebody of a population who opted out; see `persons.stops`."""
    return persons.stops(connection, group(connection, name), version)


def groups(connection: Connection) -> Callable[[str], list[str]]:
    """Return `group` for many names, with one query."""
    known = everyone(connection)
    of: dict[str, set[str]] = {}
    for name in known:
        of.setdefault(_present_of(known, name), set()).add(name)

    def names(name: str) -> list[str]:
        whose = _present_of(known, name)
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


def create(connection: Connection, population: Population, key: PrivateKey) -> None:
    """Make a population before its first dataset is published.

    Raises
    ------
    Conflict
        If there is one of this name, or a dataset that was published before there were any.
    InvalidSchema
        If single records have blocks: one whose date is corrected would have a fresh total.
    """
    if population.name == NEW:
        raise Conflict(f"a population cannot be called '{NEW}'", "Choose another name.")
    if population.blocks and population.unit == "record":
        raise InvalidSchema(
            "blocks need people who are known again: the unit cannot be a single record",
            "Say what the unit is, as in '--unit person', and give the datasets a unit column.",
        )
    if population.name in names(connection):
        raise Conflict(
            f"there is a population '{population.name}'", "Its caps and members stay as they are."
        )
    add(connection, population, key)


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


def all_with_datasets(
    connection: Connection,
) -> list[tuple[Population, tuple[str, ...]]]:
    """Return all populations as they are now, by name, with the datasets that are about them.

    Those of datasets from before there were populations have the caps of their present cards.
    """
    made = everyone(connection)
    found = []
    for name, datasets in sorted(members(connection, names(connection)).items()):
        if name not in made:
            made[name] = made_of(unverified(cards.latest(connection, datasets[0]), DatasetCard))
        found.append((made[name], tuple(datasets)))
    return found + [(made[name], ()) for name in sorted(set(made) - {p.name for p, _ in found})]


def recall(connection: Connection, population: Population, key: PrivateKey) -> bool:
    """Make this the present population of its name; returns whether it was another one."""
    if find(connection, population.name) == population:
        return False
    add(connection, population, key)
    return True


def members(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the datasets of populations, by the population's name."""
    return _members(connection, names, everyone(connection))


def _members(
    connection: Connection, names: Sequence[str], known: dict[str, Population]
) -> dict[str, list[str]]:
    whose = func.coalesce(cards_table.c.population, cards_table.c.dataset)
    query = select(whose.label("population"), cards_table.c.dataset).distinct()
    merged = [name for name in known if _present_of(known, name) in names]
    found: dict[str, list[str]] = {}
    for row in connection.execute(
        query.where(whose.in_([*names, *merged])).order_by(cards_table.c.dataset)
    ):
        datasets = found.setdefault(_present_of(known, row.population), [])
        if row.dataset not in datasets:
            datasets.append(row.dataset)
    return found


def names(connection: Connection) -> list[str]:
    """Return the names of all populations, those of datasets from before there were any too."""
    whose = func.coalesce(cards_table.c.population, cards_table.c.dataset)
    own = connection.execute(select(whose).distinct()).scalars()
    made = connection.execute(select(populations.c.name).distinct()).scalars()
    return sorted({*own, *made})


def chosen(connection: Connection, name: str, wish: str | None) -> str:
    """Return the population that a dataset belongs to.

    Parameters
    ----------
    connection
        The domain's database.
    name
        The dataset.
    wish
        What ``dataset.yaml`` says: a population, `NEW`, or nothing.

    Raises
    ------
    InvalidSchema
        If the file has to say one, or names one that is not there.
    Conflict
        If the dataset belongs to another one.
    """
    first = _first_card(connection, name)
    known = everyone(connection)
    # A lost database may have known the dataset (`persons.recall`).
    whose = persons.population_of(connection, name) if first is None else first.population_name
    own = name if wish == NEW else wish
    own = own if own is None else _present_of(known, own)
    if whose is not None:
        whose = _present_of(known, whose)
        if own not in (None, whose):
            raise Conflict(
                f"dataset '{name}' belongs to population '{whose}'; dataset.yaml says '{wish}'",
                "A dataset stays with its population: what was spent on its persons counts there. "
                "If they are the same people, 'workbench domain population merge' makes them one.",
            )
        return whose
    others = [other for other in names(connection) if _present_of(known, other) == other]
    if own is None:
        if not others:
            return name
        raise InvalidSchema(
            f"dataset.yaml: population: say whose data these are; there is {_listed(others)}",
            "A person's privacy budget counts over all datasets that hold the person. Write "
            f"'population: {others[0]}' if any of the same people are in both, and "
            f"'population: {NEW}' only if none of them is in another dataset here.",
        )
    if own != name and own not in others:
        raise InvalidSchema(
            f"dataset.yaml: population: there is no population '{own}'"
            + (f"; there is {_listed(others)}" if others else ""),
            f"Make it with 'workbench domain population create', or write 'population: {NEW}'.",
        )
    if wish == NEW and own in others:
        raise Conflict(
            f"there is a population '{own}' already",
            f"Write 'population: {own}' if these are the same people; else rename the dataset.",
        )
    return own


def merged_from(connection: Connection, dataset: str, name: str) -> bool:
    """Whether a dataset of population `name` came from another one that was merged into it."""
    first = _first_card(connection, dataset)
    whose = [] if first is None else [first.population_name]
    whose += [known.population for known in persons.versions(connection, dataset=dataset)]
    return any(other != name for other in whose)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def _first_card(connection: Connection, name: str) -> DatasetCard | None:
    query = select(cards_table.c.envelope).where(cards_table.c.dataset == name)
    text = connection.execute(query.order_by(cards_table.c.sequence).limit(1)).scalar()
    return None if text is None else unverified(Envelope.parse(text), DatasetCard)


def joined(connection: Connection, card: DatasetCard, key: PrivateKey) -> Population:
    """Return the population of a card that is about to be published, made if there is none.

    A dataset that was published before there were populations brings the caps that it had.

    Raises
    ------
    InvalidSchema
        If the terms are wider than the population's, or the units do not fit.
    """
    try:
        population = get(connection, card.population_name)
    except NotFound:
        if card.population_name != card.name:
            card_of_owner = unverified(cards.latest(connection, card.population_name), DatasetCard)
        else:
            card_of_owner = _present(connection, card) or card
        population = made_of(card_of_owner).model_copy(update={"published": now()})
        add(connection, population, key)
    _check_unit(card, population)
    _check_narrower(card.terms, population)
    return population


def _check_narrower(terms: Terms, population: Population) -> None:
    for name in ("epsilon_total", "delta"):
        asked, most = getattr(terms, name), getattr(population, name)
        if asked > most:
            raise InvalidSchema(
                f"terms.yaml: {name}: {asked:g} is more than the {most:g} of population "
                f"'{population.name}'",
                "A person was promised the population's total. Terms may only be narrower.",
            )


def _check_unit(card: DatasetCard, population: Population) -> None:
    unit = card.data_schema.privacy_unit
    if unit == population.unit:
        if card.records_per_member is not None:
            raise InvalidSchema(
                "dataset.yaml: records_per_member: only for single records in a population of "
                f"persons; the unit of both is '{unit}'",
                "With a unit column the bound is schema.max_records_per_unit.",
            )
        return
    if unit != "record":
        raise InvalidSchema(
            f"dataset.yaml: schema.privacy_unit: '{unit}'; the unit of population "
            f"'{population.name}' is '{population.unit}'"
        )
    if card.records_per_member is None:
        raise InvalidSchema(
            f"dataset.yaml: population '{population.name}' counts each {population.unit}, and this "
            "dataset single records",
            f"Write 'records_per_member: k', where no {population.unit} has more than k records "
            "here. A run then costs what it costs a group of k.",
        )


def _present(connection: Connection, card: DatasetCard) -> DatasetCard | None:
    try:
        return unverified(cards.latest(connection, card.name), DatasetCard)
    except NotFound:
        return None


def account(connection: Connection, card: DatasetCard) -> Account:
    """Return what a run on this card's dataset counts against."""
    return accounts(connection, [cards.headline_of(card)])[0]


def accounts(connection: Connection, found: Sequence[cards.Headline]) -> list[Account]:
    """Return what runs on the datasets of these cards count against, with one query."""
    return _accounts(found, everyone(connection))


def _accounts(found: Sequence[cards.Headline], made: dict[str, Population]) -> list[Account]:
    accounts = []
    for headline in found:
        whose = _present_of(made, headline.population)
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
    return budgets(connection, [cards.headline_of(card)])[0]


def budgets(connection: Connection, found: Sequence[cards.Headline]) -> list[BudgetStatus]:
    """Return what of the budgets of many cards' datasets is spent and left."""
    known = everyone(connection)
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
    known = everyone(connection)
    found = {}
    for name in wanted:
        population = known.get(name)
        if population is None:
            first = _first_card(connection, name)
            if first is None:
                raise NotFound(f"there is no population '{name[:64]}' here")
            population = made_of(first)
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
