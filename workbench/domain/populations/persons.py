"""Who is in a dataset version, as keyed hashes: for blocks, overlaps and opting out.

A person is a 64-bit hash under a key of the domain, of the unit's label or, where records are the
unit, of the record as it was read. Each version keeps the hashes of all persons in its file, and
with each the block in which the person appeared first. So a person who comes back, or whose date
was corrected, stays in that block.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, func, insert, select

from workbench.documents import now
from workbench.domain.datasets.units import person_of
from workbench.domain.store.tables import members
from workbench.errors import Conflict

Hashes = NDArray[np.uint64]
"""One number for each person or record: uint64 of shape ``(n,)``."""
RECALLED = "recalled:"
"""Before the hash that stands in a version's place where no version tells of persons."""
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
        """Return whether the version's records are about this person too."""
        at = int(np.searchsorted(self.persons, np.uint64(person)))
        if at == len(self.persons) or self.persons[at] != person:
            return False
        return not self.read or self.labels[self.blocks[at]] in self.read


def keyed(key: bytes, persons: Hashes) -> Hashes:
    """Return the hashes of persons under a key, one for each record."""
    found, distinct = np.unique(persons, return_inverse=True)
    digests = [hmac.digest(key, int(p).to_bytes(8, "big"), "sha256")[:8] for p in found]
    return np.array([int.from_bytes(d, "big") for d in digests], dtype=np.uint64)[distinct]


def versions(connection: Connection, **where: str) -> list[Known]:
    """Return the persons of the versions of a population or dataset, oldest first."""
    query = select(members).order_by(members.c.sequence)
    for name, value in where.items():
        query = query.where(members.c[name] == value)
    return [_known(row) for row in connection.execute(query).mappings()]


def _known(row: RowMapping) -> Known:
    return Known(
        row["population"],
        row["dataset"],
        row["dataset_version"],
        np.frombuffer(row["persons"], dtype=">u8").astype(np.uint64),
        np.frombuffer(row["blocks"], dtype=">u2").astype(np.uint16),
        tuple(json.loads(row["labels"])),
        tuple(json.loads(row["read"])),
        row["time"],
    )


def insert_version(connection: Connection, known: Known) -> None:
    """Keep the persons of a version that is not known yet."""
    connection.execute(
        insert(members).values(
            population=known.population,
            dataset=known.dataset,
            dataset_version=known.version,
            persons=known.persons.astype(">u8").tobytes(),
            blocks=known.blocks.astype(">u2").tobytes(),
            labels=json.dumps(list(known.labels)),
            read=json.dumps(list(known.read)),
            time=known.time,
        )
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
        The names of the blocks in their order, and for each record the position of its own, int64,
        ``(n,)``.

    Returns
    -------
    tuple
        Names, and for each record a position in them, int64, ``(n,)``.
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

    `codes` has for each record the position of its block in `labels`: int64, ``(n,)``.
    """
    distinct, first = np.unique(persons, return_index=True)
    found = Known(
        population,
        dataset,
        version,
        distinct,
        codes[first].astype(np.uint16),
        tuple(labels),
        tuple(read),
        now(),
    )
    before = versions(connection, dataset_version=version)
    if not before:
        insert_version(connection, found)
    elif not np.array_equal(before[0].persons, distinct):
        keep_unpublished(connection, found)


def count(connection: Connection) -> int:
    """Return how many versions are known."""
    return int(connection.execute(select(func.count()).select_from(members)).scalar_one())


def keep_unpublished(connection: Connection, known: Known) -> None:
    """Keep persons of a dataset whom no published version names.

    A hash of them stands in a version's place; `known.version` and `known.read` are not used, and
    all blocks count as read.
    """
    who, where = known.persons.astype(">u8").tobytes(), known.blocks.astype(">u2").tobytes()
    content = hashlib.sha256(who + where).hexdigest()
    place = [known.population, known.dataset, list(known.labels), content]
    version = f"{RECALLED}{hashlib.sha256(json.dumps(place).encode()).hexdigest()}"
    if not versions(connection, dataset_version=version):
        insert_version(connection, replace(known, version=version, read=()))


def population_of(connection: Connection, dataset: str) -> str | None:
    """Return the population of a dataset whose persons are known; None if they are not."""
    query = select(members.c.population).where(members.c.dataset == dataset)
    found = connection.execute(query.order_by(members.c.sequence).limit(1)).scalar()
    return None if found is None else str(found)


def refuse_overlap(
    connection: Connection, names: Sequence[str], persons: Hashes, records: bool
) -> None:
    """Refuse data of people who are in another population.

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


def of_label(key: bytes, label: str) -> int:
    """Return the person whose unit has this label in the files."""
    return int(keyed(key, np.array([person_of(label)], dtype=np.uint64))[0])
