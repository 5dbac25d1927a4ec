"""Check that a steward's files are read as meant, or refused with file, line and field."""

from __future__ import annotations

import pytest

from tests.support import META
from workbench.catalog.files import read_dataset
from workbench.errors import InvalidSchema

DATASET = """\
name: visits
title: Visits
data: visits.csv
record_count: 1000
schema:
  columns:
    - {name: age, kind: number, lower: 0, upper: 110}
    - {name: smokes, kind: category, categories: ["no", "yes"]}
"""
TERMS = """\
text: For research.
purposes: [DUO:0000007]
epsilon_total: 8.0
delta: 1.0e-5
epsilon_per_run: 2.0
expires: 2027-12-31
"""


@pytest.fixture
def read(tmp_path):
    def reading(dataset=DATASET, terms=TERMS):
        (tmp_path / "dataset.yaml").write_text(dataset)
        (tmp_path / "terms.yaml").write_text(terms)
        return read_dataset(tmp_path)

    return reading


@pytest.mark.parametrize("name", sorted(path.name for path in META.iterdir()))
def test_the_shipped_datasets_load(name):
    assert read_dataset(META / name).name == name


def test_a_small_dataset_loads_with_its_defaults(read):
    found = read()
    assert found.terms.expires == "2027-12-31"
    assert found.terms.approval.mode == "steward"
    assert found.data_schema["smokes"].categories == ("no", "yes")
    assert found.holdout_fraction == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title: Visits", "titel: Visits"), r"dataset.yaml:2: titel: Extra inputs"),
        (("upper: 110", "uper: 110"), r"dataset.yaml:7: schema.columns\[0\].uper: Extra"),
        (("lower: 0, upper: 110", "lower: 0"), r"dataset.yaml:7: .*needs public bounds"),
        (("lower: 0, upper: 110", "lower: 9, upper: 9"), r"dataset.yaml:7: .*lower < upper"),
        (("record_count: 1000", "record_count: many"), r"dataset.yaml:4: record_count"),
        (("record_count: 1000", "record_count: 0"), r"dataset.yaml:4: record_count"),
        (("lower: 0", "lower: .nan"), r"dataset.yaml"),
        (("name: smokes", "name: age"), r"column 'age' is declared twice"),
        (("title: Visits", "name: visits"), r"dataset.yaml:2: name: appears twice"),
        (("data: visits.csv", "data: ../../etc/passwd.csv"), r"dataset.yaml:3: data"),
        (("title: Visits", "title: !!python/object:os.system x"), r"dataset.yaml:2: anchors"),
        (("title: Visits", "title: &a Visits\ncitation: *a"), r"dataset.yaml:2: anchors"),
        (("title: Visits", "title: ["), r"dataset.yaml:\d+: not YAML"),
    ],
)
def test_an_error_names_file_line_and_field(read, change, message):
    with pytest.raises(InvalidSchema, match=message):
        read(DATASET.replace(*change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("epsilon_per_run: 2.0", "epsilon_per_run: 9.0"), "above epsilon_total"),
        (("delta: 1.0e-5", "delta: 0.5"), "terms.yaml:4: delta"),
        (("purposes: [DUO:0000007]", "purposes: []"), "terms.yaml:2: purposes"),
        (("purposes: [DUO:0000007]", "purposes: [anything]"), r"terms.yaml:2: purposes\[0\]"),
        (("expires: 2027-12-31", "expires: 2027-13-31"), "terms.yaml"),
    ],
)
def test_terms_are_checked_too(read, change, message):
    with pytest.raises(InvalidSchema, match=message):
        read(terms=TERMS.replace(*change))


def test_a_bomb_of_aliases_a_huge_file_and_deep_nesting_are_refused(read, tmp_path):
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    for text in (bomb, "x: " + "[" * 5000 + "]" * 5000, "# " + "x" * (2 << 20), "", "- 1", "\x00"):
        with pytest.raises(InvalidSchema):
            read(text)
    read()
    (tmp_path / "terms.yaml").unlink()
    with pytest.raises(InvalidSchema, match="is missing"):
        read_dataset(tmp_path)


def test_all_that_is_still_to_fill_in_is_told_at_once(read):
    dataset = DATASET.replace("title: Visits", "title: TODO").replace("upper: 110", "upper: TODO")
    dataset = dataset.replace('["no", "yes"]', "[TODO, TODO]").replace("1000", "TODO")
    with pytest.raises(InvalidSchema) as caught:
        read(dataset, TERMS.replace("8.0", "TODO").replace("[DUO:0000007]", "TODO"))
    assert caught.value.message.splitlines() == [
        "dataset.yaml:2: title: still to fill in: what people call the dataset",
        "dataset.yaml:4: record_count: still to fill in: how many records there are, rounded; it "
        "is published",
        "dataset.yaml:7: column 'age': upper: still to fill in: a public bound, from the "
        "documentation or common sense, never from the data",
        *[
            "dataset.yaml:8: column 'smokes': categories: still to fill in: the labels that are "
            "publicly known, from the documentation"
        ]
        * 2,
        "terms.yaml:2: purposes: still to fill in: terms of the GA4GH Data Use Ontology, such as "
        "[DUO:0000007]",
        "terms.yaml:3: epsilon_total: still to fill in: the privacy budget of one person, over all "
        "that is ever released",
    ]
    assert "in the place of TODO" in caught.value.hint


def test_what_is_to_be_filled_in_is_told_before_all_else(read):
    with pytest.raises(InvalidSchema) as caught:
        read("name: TODO\nnonsense: 3\n", "text: TODO\n")
    assert [line.split(":")[:3] for line in caught.value.message.splitlines()] == [
        ["dataset.yaml", "1", " name"],
        ["terms.yaml", "1", " text"],
    ]


@pytest.mark.parametrize("schema", ["[TODO]", "TODO", "{columns: [[TODO]]}", "{columns: TODO}"])
def test_an_open_place_where_no_column_can_be_is_told_too(read, schema):
    start = DATASET.split("schema:")[0]
    with pytest.raises(InvalidSchema, match="still to fill in"):
        read(f"{start}schema: {schema}\n")


def test_todo_in_quotes_is_a_word(read):
    found = read(DATASET.replace('["no", "yes"]', '["no", "TODO"]').replace("Visits", '"TODO"'))
    assert found.title == "TODO"
    assert found.data_schema["smokes"].categories == ("no", "TODO")
