"""Check synthetic snippets: made from the schema or noised counts, and read back strictly."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import META
from workbench.catalog.files import read_dataset
from workbench.catalog.snippets import (
    _noisy_counts,
    counts_snippet,
    decode,
    encode,
    most_rows,
    schema_snippet,
)
from workbench.documents import Schema
from workbench.errors import InvalidData, TooLarge
from workbench.records import Records

SCHEMA = Schema.read(
    {
        "columns": [
            {"name": "age", "kind": "number", "lower": 0, "upper": 100},
            {"name": "visits", "kind": "integer", "lower": 0, "upper": 9},
            {"name": "ill", "kind": "category", "role": "target", "categories": ["no", "yes"]},
        ]
    }
)


@pytest.mark.parametrize("name", sorted(path.name for path in META.iterdir()))
def test_level_0_follows_from_the_schema_and_survives_the_journey(name):
    schema = read_dataset(META / name).data_schema
    first, again = schema_snippet(schema, 50), schema_snippet(schema, 50)
    read = decode(encode(first, schema), schema)
    for column in schema.usable:
        assert np.array_equal(first[column.name], again[column.name])
        assert np.array_equal(first[column.name], read[column.name])


def test_hostile_snippets_are_refused():
    good = encode(schema_snippet(SCHEMA, 20), SCHEMA).decode()
    header = good.splitlines()[0]
    for text in (
        "",
        "garbage",
        header,
        good.replace("ill", "well"),
        f"{header}\n500,1,no",
        f"{header}\nnan,1,no",
        f"{header}\n5,1,perhaps",
        f"{header}\n5,1",
        f"{header}\n=cmd(),1,no",
    ):
        with pytest.raises(InvalidData):
            decode(text.encode() + b"\n", SCHEMA)
    with pytest.raises(TooLarge):
        decode(bytes(65 << 20), SCHEMA)


def test_level_1_keeps_what_the_label_says_and_stays_in_bounds():
    random = np.random.default_rng(0)
    ill = random.integers(0, 2, 4000)
    age = np.where(ill == 1, random.uniform(60, 80, 4000), random.uniform(10, 30, 4000))
    records = Records.each_its_own(
        {"age": age.astype(np.float32), "visits": np.zeros(4000, np.float32), "ill": ill}
    )
    made = counts_snippet(SCHEMA, records, 1000, epsilon=5.0)
    decode(encode(made, SCHEMA), SCHEMA)
    assert np.median(made["age"][made["ill"] == 1]) > 55
    assert np.median(made["age"][made["ill"] == 0]) < 35


def test_the_noise_of_counts_is_discrete_laplace_of_the_right_scale():
    epsilon = 0.5
    noise = _noisy_counts(np.zeros(20_000, dtype=int), epsilon)
    ratio = np.exp(-epsilon)
    variance = 2 * ratio / (1 - ratio) ** 2
    assert np.array_equal(noise, np.round(noise))
    assert abs(noise.mean()) < 5 * np.sqrt(variance / 20_000)
    assert abs(noise.var() / variance - 1) < 0.1


def test_of_volumes_a_snippet_has_as_many_records_as_can_be_read():
    scan = {"name": "scan", "kind": "tensor", "shape": [1, 32, 200, 200], "lower": 0, "upper": 1}
    schema = Schema.read(
        {"columns": [scan, {"name": "x", "kind": "number", "lower": 0, "upper": 1}]}
    )
    most = most_rows(schema)
    found = decode(encode(schema_snippet(schema, most), schema), schema)
    assert len(found["scan"]) == most == 12


def test_level_1_of_images_is_refused():
    schema = read_dataset(META / "digits").data_schema
    records = Records.each_its_own(schema_snippet(schema, 20))
    with pytest.raises(InvalidData, match="no tensor columns"):
        counts_snippet(schema, records, 20, 1.0)
