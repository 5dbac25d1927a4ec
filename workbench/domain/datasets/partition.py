"""Give a dataset a version, and divide it into training and hold-out by a keyed hash."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Schema, digest_bytes
from workbench.errors import InvalidData
from workbench.evidence.tree import root_of
from workbench.records import Records

_BLOCK = 8 << 20
"""How many bytes of records are laid out at a time."""


def _rows(records: Records, schema: Schema) -> Iterator[bytes]:
    """Yield the bytes of each record: its columns in schema order, little-endian."""
    columns = [records.columns[column.name] for column in schema.usable]
    count = len(records)
    width = sum(column.nbytes for column in columns) // max(count, 1)
    at_once = max(_BLOCK // max(width, 1), 1)
    for start in range(0, count, at_once):
        parts = [_bytes_of(column[start : start + at_once]) for column in columns]
        yield from (row.tobytes() for row in np.concatenate(parts, axis=1))


def _bytes_of(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the bytes of values of shape ``(n, ...)``, little-endian, as uint8 ``(n, width)``."""
    rows = values.reshape(len(values), -1)
    little = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))
    return little.view(np.uint8)


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
    rows = enumerate(zip(records.units, _rows(records, schema), strict=True))
    leaves = (b"%d/%d/" % (place, unit) + row for place, (unit, row) in rows)
    hashed = (hmac.digest(salt, leaf, "sha256") for leaf in chain([schema.canonical()], leaves))
    return digest_bytes(root_of(hashed))


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
    hashes = _digests((hmac.digest(key, row, "sha256") for row in rows), len(records))
    order = np.lexsort(hashes.T[::-1])
    if schema.unit is None:
        share = _shares(_of_copies(records, schema, hashes, order, key))
        kept = np.ones(len(records), dtype=bool)
    else:
        units, of = np.unique(records.units, return_inverse=True)
        own = (hmac.digest(key, b"unit/%d" % unit, "sha256") for unit in units)
        share = _shares(_digests(own, len(units)))[of]
        kept = _places(records.units, order) < schema.max_records_per_unit
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


def _digests(found: Iterable[bytes], count: int) -> NDArray[np.uint64]:
    """Return `count` digests of 32 bytes as uint64 ``(count, 4)``, which sort as the bytes do."""
    whole = np.fromiter(found, dtype="V32", count=count)
    return whole.view(">u8").reshape(count, 4).astype(np.uint64)


def _of_copies(
    records: Records,
    schema: Schema,
    hashes: NDArray[np.uint64],
    order: NDArray[np.intp],
    key: bytes,
) -> NDArray[np.uint64]:
    """Return other hashes for records that are equal to one before them, by how many there are."""
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[order][1:] != hashes[order][:-1]).any(axis=1)
    equal = np.empty(len(hashes), dtype=np.int64)
    equal[order] = np.cumsum(first)
    copies = _places(equal, order)
    found = hashes.copy()
    if copies.any():
        numbered = zip(copies.tolist(), _rows(records, schema), strict=True)
        others = (row + b"/copy/%d" % copy for copy, row in numbered if copy)
        digests = (hmac.digest(key, other, "sha256") for other in others)
        found[copies > 0] = _digests(digests, int(np.count_nonzero(copies)))
    return found


def _shares(digests: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return a number in [0, 1] for each digest."""
    return digests[:, 0].astype(np.float64) / 2.0**64


def _places(groups: NDArray[np.int64], order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return how many of a record's group come before it in `order`, int64 ``(n,)``."""
    together = order[np.argsort(groups[order], kind="stable")]
    sorted_groups = groups[together]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    lengths = np.diff(np.r_[starts, len(groups)])
    places = np.empty(len(groups), dtype=np.int64)
    places[together] = np.arange(len(groups)) - np.repeat(starts, lengths)
    return places
