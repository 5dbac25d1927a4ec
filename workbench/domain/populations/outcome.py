"""What becomes of a population by a change that two stewards sign, if it can be made now."""

from __future__ import annotations

from sqlalchemy import Connection

from workbench.documents import (
    Population,
    PopulationChange,
)
from workbench.documents.base import ago
from workbench.domain.populations import registry
from workbench.errors import Conflict

HOLDS_HOURS = 30 * 24
"""How long a proposal can be signed and used."""


def allowed(connection: Connection, change: PopulationChange, domain: str) -> Population:
    """Return what a population becomes by a change that this domain can make now.

    Raises
    ------
    Conflict
        If it is for another domain or too old, or the populations are not any more as it says.
    """
    if change.domain != domain:
        raise Conflict(f"the change is for domain '{change.domain}'")
    if not ago(hours=HOLDS_HOURS) <= change.proposed <= ago(hours=-1):
        raise Conflict(f"the change was proposed on {change.proposed[:10]}: propose it again")
    return expected(connection, change)


def expected(connection: Connection, change: PopulationChange) -> Population:
    """Return what a population becomes by a change, however old.

    Raises
    ------
    Conflict
        If the populations are not as the change says, or it changes nothing.
    """
    population = registry.get(connection, change.name)
    _as_it_is(population, change.population)
    if change.epsilon_total is not None:
        if change.epsilon_total <= population.epsilon_total:
            raise Conflict(f"the total of '{change.name}' is {population.epsilon_total:g} already")
        return population.model_copy(
            update={"epsilon_total": change.epsilon_total, "published": change.proposed}
        )
    other = registry.get(connection, change.other_name or "")
    _as_it_is(other, change.other or "")
    if other.name == population.name:
        raise Conflict("a population cannot be merged into itself")
    if other.unit != population.unit:
        raise Conflict(
            f"the unit of '{population.name}' is '{population.unit}', that of '{other.name}' "
            f"'{other.unit}'"
        )
    if other.blocks:
        raise Conflict(
            f"'{other.name}' has blocks, and nobody knows which of them are whose in "
            f"'{population.name}'",
            "Merge the one without blocks into the one that has them.",
        )
    total = min(population.epsilon_total, other.epsilon_total)
    if change.merged_total != total:
        raise Conflict(f"after the merge epsilon {total:g} holds, not {change.merged_total}")
    return population.model_copy(
        update={
            "epsilon_total": total,
            "delta": min(population.delta, other.delta),
            "uses": _least(population.uses, other.uses),
            "epsilon_per_researcher": _least(
                population.epsilon_per_researcher, other.epsilon_per_researcher
            ),
            "published": change.proposed,
        }
    )


def _least(one: float | None, two: float | None) -> float | None:
    return min((value for value in (one, two) if value is not None), default=None)


def _as_it_is(population: Population, digest: str) -> None:
    if population.merged_into is not None:
        raise Conflict(f"'{population.name}' was merged into '{population.merged_into}'")
    if population.digest != digest:
        raise Conflict(
            f"population '{population.name}' has changed since this was proposed",
            "Propose it again.",
        )
