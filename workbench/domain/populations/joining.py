"""Which population a dataset belongs to, and what it must look like to be in it.

A dataset stays with its population: what was spent on its persons would be left behind otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from workbench.documents import (
    DatasetCard,
    Population,
    PrivateKey,
    Terms,
    now,
)
from workbench.domain.datasets import cards
from workbench.domain.populations import persons, registry
from workbench.errors import Conflict, InvalidSchema, NotFound

NEW = "new"
"""What ``dataset.yaml`` says for a population of the dataset's own."""


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
    if population.name in registry.names(connection):
        raise Conflict(
            f"there is a population '{population.name}'", "Its caps and members stay as they are."
        )
    registry.add(connection, population, key)


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
    first = cards.first(connection, name)
    known = registry.everyone(connection)
    # A lost database may have known the dataset (`members_file`).
    whose = persons.population_of(connection, name) if first is None else first.population_name
    own = name if wish == NEW else wish
    own = own if own is None else registry.present_of(known, own)
    if whose is not None:
        whose = registry.present_of(known, whose)
        if own not in (None, whose):
            raise Conflict(
                f"dataset '{name}' belongs to population '{whose}'; dataset.yaml says '{wish}'",
                "A dataset stays with its population: what was spent on its persons counts there. "
                "If they are the same people, 'workbench domain population merge' makes them one.",
            )
        return whose
    others = [
        other for other in registry.names(connection) if registry.present_of(known, other) == other
    ]
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
    """Return whether a dataset of population `name` came with another one by a merge."""
    first = cards.first(connection, dataset)
    whose = [] if first is None else [first.population_name]
    whose += [known.population for known in persons.versions(connection, dataset=dataset)]
    return any(other != name for other in whose)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def joined(connection: Connection, card: DatasetCard, key: PrivateKey) -> Population:
    """Return the population of a card that is about to be published; make it if there is none.

    A dataset that was published before there were populations brings the caps that it had.

    Raises
    ------
    InvalidSchema
        If the terms are wider than the population's, or the units do not fit.
    """
    try:
        population = registry.get(connection, card.population_name)
    except NotFound:
        if card.population_name != card.name:
            card_of_owner = cards.present(connection, card.population_name)
        else:
            stored = cards.find(connection, card.name)
            card_of_owner = card if stored is None else stored.card
        population = registry.made_of(card_of_owner).model_copy(update={"published": now()})
        registry.add(connection, population, key)
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
