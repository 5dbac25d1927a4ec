"""What only two stewards can change in a population: a total raised, or another one merged into it.

1. The domain proposes a change that names the populations as they are now (`propose`).
2. Two stewards sign the same document, each with their own key, wherever that is.
3. The domain opens both envelopes, and makes the change if it still says what is there (`change`).

Both words are kept. The change is in the newest ledger head before anything runs on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from workbench.budget import ledger
from workbench.documents import (
    Envelope,
    Person,
    Population,
    PopulationChange,
    PrivateKey,
    PublicKey,
    now,
)
from workbench.documents.base import ago
from workbench.documents.errors import Conflict, InvalidSignature, NotAdmitted
from workbench.domain import log, people, persons, populations
from workbench.domain.tables import population_changes

HOLDS_HOURS = 30 * 24
"""How long a proposal can be signed and used."""
NEEDED = 2


def propose(
    connection: Connection, domain: str, name: str, epsilon_total: float | None, merge: str | None
) -> PopulationChange:
    """Return a change for two stewards to sign.

    Parameters
    ----------
    connection, domain
        The domain's database and name.
    name
        The population.
    epsilon_total, merge
        The new total, or the population that is merged into it.

    Raises
    ------
    Conflict
        If it cannot be made.
    """
    other = None if merge is None else populations.get(connection, merge)
    change = PopulationChange.read(
        {
            "domain": domain,
            "name": name,
            "population": populations.get(connection, name).digest,
            "epsilon_total": epsilon_total,
            "other_name": None if other is None else other.name,
            "other": None if other is None else other.digest,
            "proposed": now(),
        }
    )
    _made(connection, change)
    return change


def change(
    connection: Connection, domain: str, key: PrivateKey, envelopes: Sequence[Envelope]
) -> Population:
    """Make a change that two stewards have signed; returns the population as it is then.

    Guarantees: nobody who was charged before has more left than the total that is returned, less
    what counts in any population that they were in.

    Raises
    ------
    NotAdmitted, InvalidSignature
        If not two stewards of this domain signed one and the same change.
    Conflict
        If the populations are not any more as the change says, or it is old.
    """
    found, stewards = _agreed(connection, envelopes)
    if found.domain != domain:
        raise Conflict(f"the change is for domain '{found.domain}'")
    if found.proposed < ago(hours=HOLDS_HOURS):
        raise Conflict(f"the change was proposed on {found.proposed[:10]}: propose it again")
    made = _made(connection, found)
    for envelope, steward in zip(envelopes, stewards, strict=True):
        values = {"change": found.digest, "key": steward.key_id}
        text = envelope.canonical().decode()
        connection.execute(insert(population_changes).values(values | {"envelope": text}))
    populations.add(connection, made, key)
    if found.other_name is not None:
        other = populations.get(connection, found.other_name)
        ledger.merge(connection, population=made.name, other=other.name)
        persons.merge(connection, made.name, other.name)
        populations.add(connection, other.model_copy(update={"merged_into": made.name}), key)
    what = "raised" if found.other_name is None else f"{found.other_name} merged into it"
    for steward in stewards:
        log.append(connection, "population", steward, made.name, what)
    return made


def _agreed(
    connection: Connection, envelopes: Sequence[Envelope]
) -> tuple[PopulationChange, list[Person]]:
    stewards: dict[str, Person] = {}
    changes = []
    for envelope in envelopes:
        person = people.require(people.find(connection, envelope.signatures[0].keyid), "steward")
        changes.append(envelope.open(PopulationChange, PublicKey.from_text(person.public_key)))
        stewards[person.key_id] = person
    if len(stewards) != NEEDED or len(envelopes) != NEEDED:
        raise NotAdmitted(
            f"{len(stewards)} stewards signed; it takes {NEEDED}",
            "Each signs with 'workbench key sign FILE --key KEY'.",
        )
    if len({change.digest for change in changes}) != 1:
        raise InvalidSignature("the stewards signed different changes", "Let them sign one file.")
    return changes[0], list(stewards.values())


def _made(connection: Connection, change: PopulationChange) -> Population:
    """Return what a population becomes, if the change says what is there now."""
    population = populations.get(connection, change.name)
    _as_it_is(population, change.population)
    if change.epsilon_total is not None:
        if change.epsilon_total <= population.epsilon_total:
            raise Conflict(f"the total of '{change.name}' is {population.epsilon_total:g} already")
        return population.model_copy(
            update={"epsilon_total": change.epsilon_total, "published": change.proposed}
        )
    other = populations.get(connection, change.other_name or "")
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
    return population.model_copy(
        update={
            "epsilon_total": min(population.epsilon_total, other.epsilon_total),
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
