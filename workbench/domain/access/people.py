"""Who is admitted at a domain, and in which role."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from workbench.documents import Person, PublicKey, now
from workbench.documents.base import visible
from workbench.domain.store.tables import people
from workbench.errors import Conflict, InvalidDocument, NotAdmitted, NotFound

Role = Literal["researcher", "steward"]


def _person(row: Any) -> Person:
    return Person(**row._mapping)


def admit(connection: Connection, key: PublicKey, name: str, role: str) -> Person:
    """Admit `key` under `name`; a revoked person in the same role is admitted again.

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
    if known is None:
        connection.execute(insert(people).values(person.model_dump()))
        return person
    if known.role != role:
        raise Conflict(
            f"key {key.key_id[:12]} is already admitted as {known.role}",
            "Use another key for the other role, so that nobody approves their own requests.",
        )
    values = {"name": person.name, "revoked": None}
    connection.execute(update(people).where(people.c.key_id == key.key_id).values(values))
    return find(connection, key.key_id) or person


def revoke(connection: Connection, key_id: str) -> Person:
    """Take back an admission; from now on the key's calls are refused.

    Raises
    ------
    NotFound
        If nobody has this key.
    """
    person = find(connection, key_id)
    if person is None:
        raise NotFound(f"nobody is admitted with key {key_id[:12]}")
    connection.execute(update(people).where(people.c.key_id == key_id).values(revoked=now()))
    return find(connection, key_id) or person


def find(connection: Connection, key_id: str) -> Person | None:
    """Return the person with this key, admitted or revoked."""
    row = connection.execute(select(people).where(people.c.key_id == key_id)).first()
    return None if row is None else _person(row)


def everyone(connection: Connection) -> list[Person]:
    """Return all people, in the order of admission."""
    rows = connection.execute(select(people).order_by(people.c.admitted))
    return [_person(row) for row in rows]


def require(person: Person | None, *roles: Role) -> Person:
    """Return `person` if admitted, not revoked and in one of `roles`.

    Raises
    ------
    NotAdmitted
        If not; says what is missing.
    """
    if person is None or person.revoked is not None:
        raise NotAdmitted(
            "this key is not admitted here",
            "Send the steward your public key (workbench key show) and ask to be admitted.",
        )
    if person.role not in roles:
        raise NotAdmitted(f"this call is for {' or '.join(roles)}; you are {person.role}")
    return person
