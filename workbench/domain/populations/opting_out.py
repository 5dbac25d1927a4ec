"""Who opted out of a population, and what may not run any more because of it."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, insert, select

from workbench.documents import now
from workbench.domain.populations import persons, registry
from workbench.domain.store.tables import members, opted_out

_BEFORE_ALL = "0001-01-01T00:00:00Z"


def opt_out(connection: Connection, population: str, person: int) -> bool:
    """Note that a person takes part in no run any more; return whether that is new."""
    value = int(person).to_bytes(8, "big")
    same = (opted_out.c.population == population, opted_out.c.person == value)
    if connection.execute(select(opted_out.c.sequence).where(*same)).first() is not None:
        return False
    values = {"population": population, "person": value, "time": now()}
    connection.execute(insert(opted_out).values(values))
    return True


def gone(connection: Connection, population: str) -> persons.Hashes:
    """Return the persons of a population who opted out."""
    query = select(opted_out.c.person).where(opted_out.c.population == population)
    found = [int.from_bytes(value, "big") for value in connection.execute(query).scalars()]
    return np.array(sorted(found), dtype=np.uint64)


def everybody_gone(connection: Connection) -> dict[str, list[str]]:
    """Return who opted out of which population, as hexadecimal numbers in their order."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(opted_out.c.population, opted_out.c.person)):
        found.setdefault(row.population, []).append(bytes(row.person).hex())
    return {population: sorted(out) for population, out in found.items()}


def stopped(connection: Connection, name: str, version: str) -> bool:
    """Return whether a version holds somebody of population `name` who opted out; see `stops`."""
    return stops(connection, registry.group(connection, name), version)


def stops(connection: Connection, populations: list[str], version: str) -> bool:
    """Return whether a version holds somebody who opted out, or might: then nothing may run on it.

    Of single records in a population of persons nobody can tell; a steward who publishes them after
    a person opted out has taken that person's records out of the file.

    Parameters
    ----------
    connection
        The domain's database.
    populations
        All names of the population (`registry.group`).
    version
        Of a dataset.
    """
    out = np.concatenate([gone(connection, population) for population in populations])
    if not len(out):
        return False
    known = persons.versions(connection, dataset_version=version)
    if not known:
        return True
    if not len(known[0].persons):
        query = select(opted_out.c.time).where(opted_out.c.population.in_(populations))
        return any(time > known[0].time for time in connection.execute(query).scalars())
    return any(known[0].holds(int(person)) for person in out)


def stopped_unseen(connection: Connection, population: str, populations: list[str]) -> list[str]:
    """Return the stopped versions of a population whose persons are not known.

    `populations` are all its names.
    """
    query = select(members.c.dataset_version).where(
        members.c.population == population,
        members.c.persons == b"",
        members.c.dataset_version.not_like(f"{persons.RECALLED}%"),
    )
    found = sorted(set(connection.execute(query).scalars()))
    return [version for version in found if stops(connection, populations, version)]


def stop(connection: Connection, population: str, version: str) -> None:
    """Note that a version of a lost database was stopped; its persons are not known."""
    if not persons.versions(connection, dataset_version=version):
        persons.insert_version(
            connection,
            persons.Known(
                population=population,
                dataset="",
                version=version,
                persons=np.zeros(0, dtype=np.uint64),
                blocks=np.zeros(0, dtype=np.uint16),
                labels=("",),
                read=(),
                time=_BEFORE_ALL,
            ),
        )
