"""Who is in a dataset version, told by keyed hashes: for blocks, overlaps and opting out.

A person is a 64-bit hash under a key of the domain, of the unit's label or, where records are the
unit, of the record as it was read. Each version keeps the hashes of all persons in its file, and
with each the block in which the person appeared first. So a person who comes back, or whose date
was corrected, stays in that block.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select

from workbench.documents import now
from workbench.domain.store.tables import members, opted_out
from workbench.errors import Conflict

Hashes = NDArray[np.uint64]
RECALLED = "recalled:"
"""Before the hash that stands for a version whose database was lost."""
_BEFORE_ALL = "0001-01-01T00:00:00Z"
_COINCIDENCE = 0.1
"""Which share of single records may be in another population too: equal by chance."""


@dataclass(frozen=True)
class Known:
    """The persons of one version: sorted hashes, and the position of each one's block.

    There are none where nobody can tell who is in it: single records in a population of persons.
    """

    population: str
    dataset: str
    version: str
    persons: Hashes
    blocks: NDArray[np.uint16]
    labels: tuple[str, ...]
    read: tuple[str, ...]
    time: str

    def holds(self, person: int) -> bool:
        """Whether the version's records are about this person too."""
        at = int(np.searchsorted(self.persons, np.uint64(person)))
        if at == len(self.persons) or self.persons[at] != person:
            return False
        return not self.read or self.labels[self.blocks[at]] in self.read


def keyed(key: bytes, persons: Hashes) -> Hashes:
    """Return the hashes under a key, one for each record."""
    found, distinct = np.unique(persons, return_inverse=True)
    digests = [hmac.digest(key, int(p).to_bytes(8, "big"), "sha256")[:8] for p in found]
    return np.array([int.from_bytes(d, "big") for d in digests], dtype=np.uint64)[distinct]


def versions(connection: Connection, **where: str) -> list[Known]:
    """Return the persons of the versions of a population or dataset, oldest first."""
    query = select(members).order_by(members.c.sequence)
    for name, value in where.items():
        query = query.where(members.c[name] == value)
    return [_known(row) for row in connection.execute(query)]


def _known(row: Any) -> Known:
    return Known(
        row.population,
        row.dataset,
        row.dataset_version,
        np.frombuffer(row.persons, dtype=">u8").astype(np.uint64),
        np.frombuffer(row.blocks, dtype=">u2").astype(np.uint16),
        tuple(json.loads(row.labels)),
        tuple(json.loads(row.read)),
        row.time,
    )


def first_blocks(
    before: Sequence[Known], persons: Hashes, labels: Sequence[str], codes: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the block of each record's person: the one in which the person appeared first.

    Parameters
    ----------
    before
        Earlier versions of any dataset of the population, oldest first.
    persons
        For each record its person.
    labels, codes
        The names of the blocks in their order, and for each record the position of its own.

    Returns
    -------
    tuple
        Names, and for each record a position in them.
    """
    names = list(labels)
    distinct, of = np.unique(persons, return_inverse=True)
    found = np.full(len(distinct), len(names), dtype=np.int64)
    np.minimum.at(found, of, codes)
    # The oldest version wins, so it is looked up last.
    for version in reversed(before):
        place = np.searchsorted(version.persons, distinct)
        place = np.minimum(place, max(len(version.persons) - 1, 0))
        known = (
            np.zeros(len(distinct), bool)
            if not len(version.persons)
            else (version.persons[place] == distinct)
        )
        for position, label in enumerate(version.labels):
            if label not in names:
                names.append(label)
            here = known & (version.blocks[place] == position) if len(version.persons) else known
            found[here] = names.index(label)
    return tuple(names), found[of]


def add(
    connection: Connection,
    population: str,
    dataset: str,
    version: str,
    persons: Hashes,
    labels: Sequence[str],
    codes: NDArray[np.int64],
    read: Sequence[str],
) -> None:
    """Keep who is in a version; a version that is known stays as it is.

    The file of a known version may hold others, in blocks that it does not read: they are kept too.
    """
    distinct, first = np.unique(persons, return_index=True)
    who, where = distinct.astype(">u8").tobytes(), codes[first].astype(">u2").tobytes()
    known = select(members.c.persons).where(members.c.dataset_version == version)
    before = connection.execute(known).scalar()
    if before is not None:
        if bytes(before) != who:
            _recall(connection, population, dataset, who, where, list(labels))
        return
    connection.execute(
        insert(members).values(
            population=population,
            dataset=dataset,
            dataset_version=version,
            persons=who,
            blocks=where,
            labels=json.dumps(list(labels)),
            read=json.dumps(list(read)),
            time=now(),
        )
    )


def count(connection: Connection) -> int:
    """Return how many versions are known."""
    return int(connection.execute(select(func.count()).select_from(members)).scalar_one())


def told(connection: Connection, population: str) -> bytes | None:
    """Return who was ever in which dataset and block of a population; None if nobody is known.

    It is no longer than the population is large, however many versions there were.
    """
    by_dataset: dict[str, list[Known]] = {}
    for version in versions(connection, population=population):
        by_dataset.setdefault(version.dataset, []).append(version)
    if not by_dataset:
        return None
    content = []
    for dataset, known in sorted(by_dataset.items()):
        labels = sorted({label for version in known for label in version.labels})
        persons = np.concatenate([version.persons for version in known])
        blocks = np.concatenate(
            [
                np.array([labels.index(label) for label in version.labels], np.uint16)[
                    version.blocks
                ]
                for version in known
            ]
        )
        # A person's block never changes, so any version tells it; the first one is asked.
        distinct, first = np.unique(persons, return_index=True)
        texts = {"persons": _text(distinct, ">u8"), "blocks": _text(blocks[first], ">u2")}
        content.append({"dataset": dataset, "labels": labels, **texts})
    return json.dumps({"population": population, "datasets": content}, sort_keys=True).encode()


def _text(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def recall(connection: Connection, content: bytes) -> list[str]:
    """Take up again what `told` said of a population; returns the datasets."""
    found = json.loads(content)
    for one in found["datasets"]:
        persons, blocks = (base64.b64decode(one[name]) for name in ("persons", "blocks"))
        _recall(connection, found["population"], one["dataset"], persons, blocks, one["labels"])
    return [one["dataset"] for one in found["datasets"]]


def merge(connection: Connection, population: str, other: str) -> None:
    """Let the persons of `other` be of `population` too, and who opted out of either be out."""
    content = told(connection, other)
    if content is not None:
        recall(connection, json.dumps(json.loads(content) | {"population": population}).encode())
    for one, two in ((population, other), (other, population)):
        for person in gone(connection, one):
            opt_out(connection, two, int(person))


def belong(connection: Connection, population: str, datasets: Sequence[str]) -> None:
    """Note whose data lost datasets were of whose persons nothing is known."""
    for dataset in datasets:
        _recall(connection, population, dataset, b"", b"", [""])


def _recall(
    connection: Connection,
    population: str,
    dataset: str,
    persons: bytes,
    blocks: bytes,
    labels: list[str],
) -> None:
    who = hashlib.sha256(persons + blocks).hexdigest()
    stands_for = hashlib.sha256(json.dumps([population, dataset, labels, who]).encode())
    version = f"{RECALLED}{stands_for.hexdigest()}"
    if connection.execute(
        select(members.c.sequence).where(members.c.dataset_version == version)
    ).first():
        return
    connection.execute(
        insert(members).values(
            population=population,
            dataset=dataset,
            dataset_version=version,
            persons=persons,
            blocks=blocks,
            labels=json.dumps(labels),
            read=json.dumps([]),
            time=now(),
        )
    )


def population_of(connection: Connection, dataset: str) -> str | None:
    """Return the population of a dataset that was published, if its members were told."""
    query = select(members.c.population).where(members.c.dataset == dataset)
    found = connection.execute(query.order_by(members.c.sequence).limit(1)).scalar()
    return None if found is None else str(found)


def refuse_overlap(
    connection: Connection, names: Sequence[str], persons: Hashes, records: bool
) -> None:
    """Return None if nobody here is in another population.

    Parameters
    ----------
    connection, names
        The domain's database, and all names of the population that these persons are said to be
        of.
    persons
        Who is in the new data.
    records
        Whether single records are the unit: a few may be equal by chance, and where many are equal
        within the file they tell nobody.

    Raises
    ------
    Conflict
        If somebody is; names the other population.
    """
    distinct, times = np.unique(persons, return_counts=True)
    if records:
        distinct = distinct[times == 1]
        if len(distinct) < len(persons) / 2:
            return
    for other in versions(connection):
        if other.population in names:
            continue
        both = len(np.intersect1d(distinct, other.persons, assume_unique=True))
        chance = _COINCIDENCE * min(len(distinct), len(other.persons)) if records else 0
        if both > chance:
            raise Conflict(
                f"people in these data are in population '{other.population}' too (dataset "
                f"'{other.dataset}'); a person's budget can only count in one",
                f"Write 'population: {other.population}' in dataset.yaml.",
            )


def opt_out(connection: Connection, population: str, person: int) -> bool:
    """Note that a person is in no run any more; returns whether that is new."""
    value = int(person).to_bytes(8, "big")
    same = (opted_out.c.population == population, opted_out.c.person == value)
    if connection.execute(select(opted_out.c.sequence).where(*same)).first() is not None:
        return False
    values = {"population": population, "person": value, "time": now()}
    connection.execute(insert(opted_out).values(values))
    return True


def gone(connection: Connection, population: str) -> Hashes:
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


def stops(connection: Connection, populations: list[str], version: str) -> bool:
    """Whether a version holds somebody who opted out, or might: then nothing may run on it.

    Of single records in a population of persons nobody can tell; a steward who publishes them after
    a person opted out has taken that person's records out of the file.

    Parameters
    ----------
    connection
        The domain's database.
    populations
        All names of the population (`populations.group`).
    version
        Of a dataset.
    """
    persons = np.concatenate([gone(connection, population) for population in populations])
    if not len(persons):
        return False
    known = versions(connection, dataset_version=version)
    if not known:
        return True
    if not len(known[0].persons):
        query = select(opted_out.c.time).where(opted_out.c.population.in_(populations))
        return any(time > known[0].time for time in connection.execute(query).scalars())
    return any(known[0].holds(int(person)) for person in persons)


def stopped_unseen(connection: Connection, population: str, populations: list[str]) -> list[str]:
    """Return the versions of a population that are stopped and of whose persons nobody can tell.

    `populations` are all its names.
    """
    query = select(members.c.dataset_version).where(
        members.c.population == population,
        members.c.persons == b"",
        members.c.dataset_version.not_like(f"{RECALLED}%"),
    )
    found = sorted(set(connection.execute(query).scalars()))
    return [version for version in found if stops(connection, populations, version)]


def stop(connection: Connection, population: str, version: str) -> None:
    """Note a version of a lost database that was stopped, of whose persons nobody can tell."""
    known = select(members.c.sequence).where(members.c.dataset_version == version)
    if connection.execute(known).first() is None:
        connection.execute(
            insert(members).values(
                population=population,
                dataset="",
                dataset_version=version,
                persons=b"",
                blocks=b"",
                labels=json.dumps([""]),
                read=json.dumps([]),
                time=_BEFORE_ALL,
            )
        )


def of_label(key: bytes, label: str) -> int:
    """Return the person whose unit has this label in the files."""
    from workbench.domain.datasets.load import person_of

    return int(keyed(key, np.array([person_of(label)], dtype=np.uint64))[0])
