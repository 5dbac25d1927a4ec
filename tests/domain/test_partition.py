"""Check that versions commit to the data, and that parts depend on each unit alone."""

from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest

from workbench.documents import Schema
from workbench.domain.datasets import partition
from workbench.domain.datasets.partition import dataset_version, split
from workbench.domain.datasets.units import person_of
from workbench.errors import InvalidData
from workbench.records import Records

AGE = {"name": "age", "kind": "number", "lower": 0, "upper": 1000}
PERSON = {"name": "person", "kind": "category", "role": "unit"}
SCHEMA = Schema.read({"columns": [AGE]})
PEOPLE = Schema.read(
    {"columns": [PERSON, AGE], "privacy_unit": "person", "max_records_per_unit": 2}
)
KEY, SALT = b"k" * 32, b"s" * 32
VERSIONS = (
    "sha256:16570432ee700fbcf504c2781326cf78f9669d8355d5907b42bbb703a226777d",
    "sha256:9facf8855750a664e45ba707ab87a3e4ab765a8baf4415584298cb915b352f2f",
)
PARTS = ("da9cc5044ba5331b", "99eb217ab043bfc6")
EARLIER = [7, 11, 15, 18, 22, 25, 27, 33, 36, 39]


def records(values):
    return Records.each_its_own({"age": np.asarray(values, dtype=np.float32)})


def test_a_version_changes_with_one_value_the_salt_and_the_schema_and_with_nothing_else():
    base = dataset_version(records(range(100)), SCHEMA, SALT)
    assert base == dataset_version(records(range(100)), SCHEMA, SALT)
    other = Schema.read({"columns": [{**AGE, "upper": 2000}]})
    assert (
        len(
            {
                base,
                dataset_version(records([1.5, *range(1, 100)]), SCHEMA, SALT),
                dataset_version(records(range(99)), SCHEMA, SALT),
                dataset_version(records(range(100)), SCHEMA, b"t" * 32),
                dataset_version(records(range(100)), other, SALT),
            }
        )
        == 5
    )


def test_parts_are_disjoint_and_of_the_expected_size():
    training, holdout = split(records(range(1000)), SCHEMA, 0.25, KEY)
    together = np.concatenate([training.columns["age"], holdout.columns["age"]])
    assert sorted(together.tolist()) == list(range(1000))
    assert abs(len(holdout) - 250) < 5 * np.sqrt(1000 * 0.25 * 0.75)


def test_removing_a_record_moves_no_other_record():
    whole = set(split(records(range(200)), SCHEMA, 0.25, KEY)[0].columns["age"].tolist())
    without = [value for value in range(200) if value != 77]
    fewer = set(split(records(without), SCHEMA, 0.25, KEY)[0].columns["age"].tolist())
    assert whole - fewer <= {77}
    assert fewer <= whole


@pytest.mark.parametrize("distinct", [1, 2, 12])
def test_equal_records_are_divided_too_and_removing_one_moves_no_other(distinct):
    values = [number % distinct for number in range(2000)]
    for number in range(20):
        key = bytes([number]) * 32
        parts = split(records(values), SCHEMA, 0.25, key)
        assert abs(len(parts[1]) - 500) < 5 * np.sqrt(2000 * 0.25 * 0.75)
        fewer = split(records(values[:77] + values[78:]), SCHEMA, 0.25, key)
        lost = [len(part) - len(other) for part, other in zip(parts, fewer, strict=True)]
        assert sorted(lost) == [0, 1]


def test_parts_of_records_that_differ_are_those_of_earlier_versions():
    """A dataset that is published again is divided as it was."""
    holdout = split(records(range(40)), SCHEMA, 0.25, KEY)[1]
    assert holdout.columns["age"].tolist() == EARLIER


def people(labels, values):
    units = np.array([person_of(label) for label in labels], dtype=np.uint64).view(np.int64)
    return Records({"age": np.asarray(values, dtype=np.float32)}, units)


def test_a_person_is_on_one_side_with_at_most_their_share_and_moves_nobody():
    labels = [f"p{i % 40}" for i in range(200)]
    training, holdout = split(people(labels, range(200)), PEOPLE, 0.5, KEY)
    assert not set(training.units.tolist()) & set(holdout.units.tolist())
    for part in (training, holdout):
        assert np.unique(part.units, return_counts=True)[1].max() <= 2
    kept = [i for i, label in enumerate(labels) if label != "p0"]
    without = split(people([labels[i] for i in kept], kept), PEOPLE, 0.5, KEY)
    for part, fewer in zip((training, holdout), without, strict=True):
        gone = set(part.columns["age"].tolist()) - set(fewer.columns["age"].tolist())
        assert all(labels[int(row)] == "p0" for row in gone)
        assert set(fewer.columns["age"].tolist()) <= set(part.columns["age"].tolist())


def test_too_few_records_are_refused():
    with pytest.raises(InvalidData, match="too few"):
        split(records([1]), SCHEMA, 0.25, KEY)


def mixed(count, units):
    return Records(
        {
            "age": np.arange(count, dtype=np.float32) % 50,
            "level": np.arange(count, dtype=np.int64) % 3,
            "scan": (np.arange(count * 6) % 4).astype(np.float32).reshape(count, 3, 2),
        },
        units,
    )


LEVEL = {"name": "level", "kind": "category", "categories": ["a", "b", "c"]}
SCAN = {"name": "scan", "kind": "tensor", "shape": [3, 2], "lower": 0, "upper": 4}
MIXED = Schema.read({"columns": [AGE, LEVEL, SCAN]})
MIXED_OF_PEOPLE = Schema.read(
    {
        "columns": [PERSON, AGE, LEVEL, SCAN],
        "privacy_unit": "person",
        "max_records_per_unit": 3,
    }
)


def digest_of(parts):
    columns = [part.columns[name] for part in parts for name in sorted(part.columns)]
    found = hashlib.sha256(b"".join(column.tobytes() for column in columns))
    return found.hexdigest()[:16]


@pytest.mark.parametrize("block", [1, 1000, 8 << 20])
def test_versions_and_parts_are_those_of_earlier_versions_however_many_records_are_read_at_a_time(
    block, monkeypatch
):
    monkeypatch.setattr(partition, "_BLOCK", block)
    single = mixed(700, np.arange(700))
    of_people = mixed(700, np.arange(700) * 7919 % 211 - 100)
    assert dataset_version(single, MIXED, SALT) == VERSIONS[0]
    assert dataset_version(of_people, MIXED_OF_PEOPLE, SALT) == VERSIONS[1]
    assert digest_of(split(single, MIXED, 0.25, KEY)) == PARTS[0]
    assert digest_of(split(of_people, MIXED_OF_PEOPLE, 0.25, KEY)) == PARTS[1]


def test_versions_and_parts_take_little_more_memory_than_both_parts(monkeypatch):
    monkeypatch.setattr(partition, "_BLOCK", 1 << 16)
    found = records(np.arange(10_000_000).reshape(10_000, 1000) % 1000)
    wide = {"name": "age", "kind": "tensor", "shape": [1000], "lower": 0, "upper": 1000}
    schema = Schema.read({"columns": [wide]})
    tracemalloc.start()
    try:
        dataset_version(found, schema, SALT)
        split(found, schema, 0.25, KEY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * found.columns["age"].nbytes
