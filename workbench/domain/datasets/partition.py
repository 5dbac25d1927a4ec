"""Give a dataset a version, and divide it into training and hold-out by a keyed hash."""

from __future__ import annotations

import hmac
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Schema, digest_bytes
from workbench.errors import InvalidData
from workbench.evidence.tree import root_of
from workbench.records import Records


def _rows(records: Records, schema: Schema) -> list[bytes]:
    """Return the bytes of each record: its columns in schema order, little-endian."""
    parts = [
        np.ascontiguousarray(records.columns[column.name].reshape(len(records), -1))
        for column in schema.usable
    ]
    little = [part.astype(part.dtype.newbyteorder("<")) for part in parts]
    return [b"".join(part[row].tobytes() for part in little) for row in range(len(records))]


def dataset_version(records: Records, schema: Schema, salt: bytes) -> str:
    """Return a salted Merkle root over the records (tree: RFC 6962, section 2.1).

    Every leaf is HMAC-SHA256 under `salt` of the record's place, unit and content, so the root
    commits to the data and, without the salt, tells nothing about any record.

    Parameters
    ----------
    records, schema
        The data as loaded, and its schema, which is hashed too.
    salt
        A secret of 32 bytes.
    """
    rows = _rows(records, schema)
    leaves = [
        b"%d/%d/" % (place, unit) + row
        for place, (unit, row) in enumerate(zip(records.units, rows, strict=True))
    ]
    return digest_bytes(
        root_of([hmac.digest(salt, leaf, "sha256") for leaf in [schema.canonical(), *leaves]])
    )


def split(records: Records, schema: Schema, fraction: float, key: bytes) -> tuple[Records, Records]:
    """Return the training and the hold-out part.

    A unit's part follows from the unit alone: HMAC-SHA256 of its content (of its index, where
    several records form a unit). So adding or removing a unit moves no other unit, and the costs
    of the parts compose in parallel. Of equal records each has its own part: the first follows from
    the content, the n-th copy from the content and n; which of equal ones is removed cannot be
    told. Of a unit with too many records, those with the smallest hash stay.

    Parameters
    ----------
    records, schema
        The data.
    fraction
        The expected share of the hold-out part, in [0, 0.5].
    key
        A secret of 32 bytes.

    Raises
    ------
    InvalidData
        If a part would be empty.
    """
    rows = _rows(records, schema)
    hashes = [hmac.digest(key, row, "sha256") for row in rows]
    if schema.unit is None:
        share = np.array([_share(h) for h in _of_copies(rows, hashes, key)])
        kept = np.ones(len(records), dtype=bool)
    else:
        shares = {
            u: _share(hmac.digest(key, b"unit/%d" % u, "sha256")) for u in np.unique(records.units)
        }
        share = np.array([shares[unit] for unit in records.units])
        kept = _first_of_each(records.units, hashes, schema.max_records_per_unit)
    holdout = share < fraction
    parts = records.select(kept & ~holdout), records.select(kept & holdout)
    if not len(parts[0]) or (fraction > 0 and not len(parts[1])):
        raise InvalidData(
            "there are too few records to divide them into training and hold-out",
            "Add records, or ask for another holdout_fraction in dataset.yaml; 0 keeps none apart.",
        )
    return parts


def kept_of_units(units: NDArray[np.int64], most: int) -> int:
    """Return how many records stay if at most `most` of each unit do.

    Parameters
    ----------
    units
        Of each record, int64 ``(n,)``; see `Records`.
    most
        Records of one unit.
    """
    return int(np.minimum(np.unique(units, return_counts=True)[1], most).sum())


def _of_copies(rows: list[bytes], hashes: list[bytes], key: bytes) -> list[bytes]:
    """Return other hashes for records that are equal to one before them, by how many there are."""
    seen: Counter[bytes] = Counter()
    found = []
    for row, own in zip(rows, hashes, strict=True):
        copy = seen[row]
        seen[row] += 1
        found.append(hmac.digest(key, row + b"/copy/%d" % copy, "sha256") if copy else own)
    return found


def _share(digest: bytes) -> float:
    return int.from_bytes(digest[:8], "big") / 2.0**64


def _first_of_each(units: NDArray[np.int64], hashes: list[bytes], most: int) -> NDArray[np.bool_]:
    kept = np.zeros(len(units), dtype=bool)
    seen: dict[int, int] = {}
    for row in sorted(range(len(units)), key=lambda r: hashes[r]):
        unit = int(units[row])
        if seen.get(unit, 0) < most:
            seen[unit] = seen.get(unit, 0) + 1
            kept[row] = True
    return kept
