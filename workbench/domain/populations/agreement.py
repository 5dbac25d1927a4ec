"""What only two stewards together can change: raise a population's total, or merge two.

1. The domain proposes a change that names the populations as they are now (`propose`).
2. Two stewards sign the same document, each with their own key, wherever that is.
3. The domain opens both envelopes, and makes the change if it still says what is there (`change`).
   They may also come one after the other: the first one waits for the second (`agree`).

Both signed documents are kept. The change is in the newest ledger head before anything runs on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from workbench.budget import ledger
from workbench.documents import (
    Envelope,
    Person,
    Population,
    PopulationChange,
    PrivateKey,
    ProposedChange,
    PublicKey,
    WaitingChange,
    now,
)
from workbench.documents.envelope import unverified
from workbench.domain.access import log, people
from workbench.domain.populations import members_file, outcome, registry
from workbench.domain.store.tables import population_changes
from workbench.errors import Conflict, InvalidSignature, NotAdmitted

NEEDED = 2
MOST_WAITING = 20
"""How many changes of one steward may wait for a second one."""


def propose(
    connection: Connection, domain: str, name: str, wanted: ProposedChange
) -> PopulationChange:
    """Return a change for two stewards to sign; if the same one waits already, that one.

    Parameters
    ----------
    connection, domain
        The domain's database and name.
    name, wanted
        The population, and what is to become of it.

    Raises
    ------
    Conflict
        If it cannot be made.
    """
    population = registry.get(connection, name)
    other = None if wanted.merge is None else registry.get(connection, wanted.merge)
    lower = None if other is None else min(population.epsilon_total, other.epsilon_total)
    change = PopulationChange.read(
        {
            "domain": domain,
            "name": name,
            "population": population.digest,
            "epsilon_total": wanted.epsilon_total,
            "other_name": None if other is None else other.name,
            "other": None if other is None else other.digest,
            "merged_total": lower,
            "proposed": now(),
        }
    )
    outcome.expected(connection, change)
    for one in waiting(connection):
        if one.change.model_copy(update={"proposed": change.proposed}) == change:
            return one.change
    return change


def change(
    connection: Connection, domain: str, key: PrivateKey, envelopes: Sequence[Envelope]
) -> Population:
    """Make a change that two stewards have signed; return the population as it is then.

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
    made = outcome.allowed(connection, found, domain)
    for envelope, steward in zip(envelopes, stewards, strict=True):
        _keep(connection, found, steward.key_id, envelope)
    registry.add(connection, made, key)
    if found.other_name is not None:
        other = registry.get(connection, found.other_name)
        ledger.merge(connection, population=made.name, other=other.name)
        members_file.merge(connection, made.name, other.name)
        registry.add(connection, other.model_copy(update={"merged_into": made.name}), key)
    what = "raised" if found.other_name is None else f"{found.other_name} merged into it"
    for steward in stewards:
        log.append(connection, "population", steward, made.name, what)
    return made


def agree(
    connection: Connection, domain: str, key: PrivateKey, key_id: str, envelope: Envelope
) -> Population | None:
    """Keep a change that a steward has signed, and make it if another one has signed it before.

    Parameters
    ----------
    connection, domain, key
        The domain's.
    key_id
        Of the steward who sends it.
    envelope
        The change, signed by this steward.

    Returns
    -------
    Population or None
        As it is then; None if a second steward's signature is missing.

    Raises
    ------
    NotAdmitted, InvalidSignature
        If this steward has not signed it.
    Conflict
        If the change cannot be made any more, this steward has signed it already, or too many wait.
    """
    steward, found = _opened(connection, envelope)
    if steward.key_id != key_id:
        raise InvalidSignature("another steward has signed this", "Sign it with your own key.")
    outcome.allowed(connection, found, domain)
    signed = _signed_by(connection, found)
    if steward.key_id in signed:
        raise Conflict("you have signed this already", "It waits for another steward.")
    if signed:
        return change(connection, domain, key, [*signed.values(), envelope][-NEEDED:])
    mine = [one for one in waiting(connection) if one.keys[0] == steward.key_id]
    if len(mine) >= MOST_WAITING:
        raise Conflict(
            f"{MOST_WAITING} of your changes wait for a second steward already",
            "Ask one to agree, or wait: they hold for 30 days.",
        )
    _keep(connection, found, steward.key_id, envelope)
    log.append(connection, "population", steward, found.name, "change proposed")
    return None


def waiting(connection: Connection) -> list[WaitingChange]:
    """Return the changes that one steward has signed and that can still be made, oldest first."""
    found: dict[str, PopulationChange] = {}
    query = select(population_changes.c.envelope).order_by(population_changes.c.sequence)
    for text in connection.execute(query).scalars():
        change = unverified(Envelope.parse(text), PopulationChange)
        try:
            outcome.allowed(connection, change, change.domain)
        except Conflict:
            continue
        found[change.digest] = change
    shown = []
    for change in found.values():
        signed = _signed_by(connection, change)
        names = [person.name for key in signed if (person := people.find(connection, key))]
        if signed:
            shown.append(WaitingChange(change=change, by=tuple(names), keys=tuple(signed)))
    return shown


def _signed_by(connection: Connection, change: PopulationChange) -> dict[str, Envelope]:
    """Return the signed documents of those who have signed a change and still are stewards."""
    query = select(population_changes).where(population_changes.c.change == change.digest)
    found = {}
    for row in connection.execute(query.order_by(population_changes.c.sequence)):
        person = people.find(connection, row.key)
        if person is not None and person.role == "steward" and person.revoked is None:
            found[row.key] = Envelope.parse(row.envelope)
    return found


def _keep(
    connection: Connection, change: PopulationChange, key_id: str, envelope: Envelope
) -> None:
    if key_id not in _signed_by(connection, change):
        text = envelope.canonical().decode()
        values = {"change": change.digest, "key": key_id, "envelope": text}
        connection.execute(insert(population_changes).values(values))


def _opened(connection: Connection, envelope: Envelope) -> tuple[Person, PopulationChange]:
    person = people.require(people.find(connection, envelope.signatures[0].keyid), "steward")
    return person, envelope.open(PopulationChange, PublicKey.from_text(person.public_key))


def _agreed(
    connection: Connection, envelopes: Sequence[Envelope]
) -> tuple[PopulationChange, list[Person]]:
    stewards: dict[str, Person] = {}
    changes = []
    for envelope in envelopes:
        person, change = _opened(connection, envelope)
        changes.append(change)
        stewards[person.key_id] = person
    if len(stewards) != NEEDED or len(envelopes) != NEEDED:
        raise NotAdmitted(
            f"{len(stewards)} stewards signed; it takes {NEEDED}",
            "Each signs with 'workbench key sign FILE --key KEY'.",
        )
    if len({change.digest for change in changes}) != 1:
        raise InvalidSignature("the stewards signed different changes", "Let them sign one file.")
    return changes[0], list(stewards.values())
