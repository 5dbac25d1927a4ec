"""Who is admitted at a domain, and in which role."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, insert, select, update

from workbench.documents import Person, PublicKey, now
from workbench.documents.base import short, visible
from workbench.domain.access import log
from workbench.domain.store.tables import people
from workbench.errors import Conflict, InvalidDocument, NotAdmitted, NotFound

Role = Literal["researcher", "steward"]


def admit(connection: Connection, by: Person | str, key: PublicKey, name: str, role: str) -> Person:
    """Admit `key` under `name`; a revoked person in the same role is admitted again.

    Who is admitted so already stays as they are, and nothing is noted.

    Whether `by`, who is noted in the log, may do so has to be checked before.

    Raises
    ------
    InvalidDocument
        If the name is empty or the role unknown.
    Conflict
        If the key is admitted in another role: one key, one role.
    """
    name = visible(name).strip()
    if role not in ("researcher", "steward") or not name:
        raise InvalidDocument(
            f"person: got role '{role[:20]}'; needs a name and a role, 'researcher' or 'steward'"
        )
    known = find(connection, key.key_id)
    person = Person.read(
        {
            "key_id": key.key_id,
            "public_key": str(key),
            "name": name,
            "role": role,
            "admitted": now(),
        }
    )
    if known is not None and (known.role, known.name, known.revoked) == (role, name, None):
        return known
    if known is not None and known.role != role:
        raise Conflict(
            f"key {short(key.key_id)} is already admitted as {known.role}",
            "Use another key for the other role, so that nobody approves their own requests.",
        )
    if known is None:
        connection.execute(insert(people).values(person.model_dump()))
    else:
        values = {"name": person.name, "revoked": None}
        connection.execute(update(people).where(people.c.key_id == key.key_id).values(values))
        person = known.model_copy(update=values)
    log.append(connection, "admit", by, key.key_id, f"{role} {person.name}"[:500])
    return person


def revoke(connection: Connection, by: Person | str, key_id: str) -> Person:
    """Take back an admission; from now on the key's calls are refused.

    Whether `by`, who is noted in the log, may do so has to be checked before.

    Raises
    ------
    NotFound
        If nobody has this key.
    """
    person = find(connection, key_id)
    if person is None:
        raise NotFound(f"nobody is admitted with key {short(key_id)}")
    time = now()
    connection.execute(update(people).where(people.c.key_id == key_id).values(revoked=time))
    log.append(connection, "revoke", by, key_id, f"{person.role} {person.name}"[:500])
    return person.model_copy(update={"revoked": time})


def find(connection: Connection, key_id: str) -> Person | None:
    """Return the person with this key, admitted or revoked."""
    query = select(people).where(people.c.key_id == key_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else Person(**row)


def everyone(connection: Connection) -> list[Person]:
    """Return all people, in the order of admission."""
    rows = connection.execute(select(people).order_by(people.c.admitted))
    return [Person(**row) for row in rows.mappings()]


def admitted(person: Person | None) -> Person:
    """Return `person`, after checking that the person is admitted and was not revoked.

    Raises
    ------
    NotAdmitted
        If not; says what to do.
    """
    if person is None or person.revoked is not None:
        raise NotAdmitted(
            "this key is not admitted here",
            "Send the steward your public key (workbench key show) and ask to be admitted.",
        )
    return person


def require(person: Person | None, role: Role) -> Person:
    """Return `person`, after checking that the person is admitted in a role.

    Raises
    ------
    NotAdmitted
        If not; says what is missing.
    """
    known = admitted(person)
    if known.role != role:
        raise NotAdmitted(f"this call is for {role}; you are {known.role}")
    return known
