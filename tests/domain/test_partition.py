"""Check that versions commit to the data, and that parts depend on each unit alone."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.documents import Schema
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
