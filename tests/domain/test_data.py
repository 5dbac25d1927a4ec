"""Check how private data are loaded: what fits, what is clamped, what stops the load."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

from tests.support import Site, make_domain
from workbench.catalog.reading import SchemaInFile
from workbench.domain.datasets.load import load
from workbench.domain.datasets.readers import DataLimits
from workbench.errors import InvalidData, TooLarge

SCHEMA = SchemaInFile.read(
    {
        "columns": [
            {
                "name": "age",
                "kind": "number",
                "lower": 0,
                "upper": 100,
                "missing": ["?"],
                "fill": 50,
            },
            {
                "name": "smokes",
                "kind": "category",
                "categories": ["no", "yes"],
                "missing": [""],
                "fill": "no",
            },
        ]
    }
)
ROWS = "age,smokes,extra\n40,no,x\n140,yes,x\n-3,,x\n?,yes,x\n"


def written(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_values_outside_the_public_bounds_are_clamped_and_counted(tmp_path):
    found = load(written(tmp_path, ROWS), SCHEMA.columns)
    assert found.records.columns["age"].tolist() == [40, 100, 0, 50]
    assert found.records.columns["smokes"].tolist() == [0, 1, 0, 1]
    assert found.clamped == {"age": 2}
    assert found.filled == {"age": 1, "smokes": 1}


def test_csv_parquet_and_npz_give_the_same_records(tmp_path):
    frame = pd.DataFrame({"age": [40.0, 140.0, 1.5], "smokes": ["no", "yes", "no"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", age=frame["age"].to_numpy(), smokes=np.array(["no", "yes", "no"]))
    found = [load(tmp_path / f"a.{kind}", SCHEMA.columns) for kind in ("csv", "parquet", "npz")]
    for other in found[1:]:
        assert other.clamped == found[0].clamped == {"age": 1}
        for name in ("age", "smokes"):
            assert np.array_equal(other.records.columns[name], found[0].records.columns[name])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,smokes\nsecret,no\n", "row 1, column 'age': not a number"),
        ("age,smokes\n1,no\nnan,no\n", "row 2, column 'age': not a number"),
        ("age,smokes\n1,secret\n", "row 1, column 'smokes': not one of the categories"),
        ("age\n1\n", "column 'smokes' is missing"),
        ("age,smokes\n", "no records"),
        ("", "it has no headings"),
        ("age,smokes\n1,no,3,4\n1,no\n", "data.csv"),
        (b"\xff\xfe\x00\x01", "data.csv"),
        ("age,smokes\n1,no,secret\n2,no,secret\n", "Expected 2 columns, got 3"),
        ("age,age,smokes\n1,2,no\n", "appears twice"),
    ],
)
def test_what_does_not_fit_stops_the_load_without_telling_the_value(tmp_path, text, message):
    with pytest.raises(InvalidData, match=message) as caught:
        load(written(tmp_path, text), SCHEMA.columns)
    assert "secret" not in str(caught.value)


def test_infinite_values_are_clamped(tmp_path):
    found = load(written(tmp_path, "age,smokes\ninf,no\n-inf,no\n1e300,no\n"), SCHEMA.columns)
    assert found.records.columns["age"].tolist() == [100, 0, 100]


def test_pickled_objects_and_bombs_in_npz_are_refused(tmp_path):
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as file:
        array = io.BytesIO()
        np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        assert pickle.dumps({"a": 1})[:1] in array.getvalue()
        for name in ("age.npy", "smokes.npy"):
            file.writestr(name, array.getvalue())
    with pytest.raises(InvalidData, match="objects"):
        load(written(tmp_path, evil.getvalue(), "evil.npz"), SCHEMA.columns)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("age.npy", bytes(50 << 20))
    with pytest.raises(TooLarge, match="unpacked"):
        load(
            written(tmp_path, bomb.getvalue(), "bomb.npz"),
            SCHEMA.columns,
            limits=DataLimits(memory_bytes=1 << 20),
        )


def test_files_that_are_missing_too_large_or_of_another_kind(tmp_path):
    with pytest.raises(InvalidData, match="cannot be read"):
        load(tmp_path / "nothing.csv", SCHEMA.columns)
    with pytest.raises(InvalidData, match="expected a"):
        load(written(tmp_path, "x", "data.pkl"), SCHEMA.columns)
    with pytest.raises(TooLarge):
        load(written(tmp_path, ROWS), SCHEMA.columns, limits=DataLimits(file_bytes=10))


def test_counts_of_clamped_values_reach_the_steward_and_nobody_else(tmp_path):
    root = make_domain(tmp_path / "hospital-b", "hospital-b", ("diabetes",))
    data = root / "data" / "diabetes.csv"
    frame = pd.read_csv(data)
    frame.loc[:4, "bmi"] = 7.0
    frame.to_csv(data, index=False)
    site = Site.open(root)
    from tests.studies import submit_progression

    handle = submit_progression(site.client(), epsilon=1.0, purpose="DUO:0000007 x")
    review = site.client(site.steward).review(handle.digest)
    assert review["counts"]["clamped"] == {"bmi": 5}
    assert "clamped" not in site.client().dataset("diabetes").canonical().decode()
    site.close()


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (500000000000,), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
        b"{'descr': '<f8', 'fortran",
        b"not an array",
    ],
)
def test_npz_members_that_lie_about_themselves_are_refused(tmp_path, header):
    member = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117) + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in ("age.npy", "smokes.npy"):
            file.writestr(name, member + bytes(8))
    with pytest.raises((InvalidData, TooLarge)):
        load(written(tmp_path, buffer.getvalue(), "liar.npz"), SCHEMA.columns)


def test_a_parquet_file_that_is_small_on_disk_and_huge_in_memory_is_refused(tmp_path):
    frame = pd.DataFrame({"age": np.zeros(2_000_000), "smokes": ["no"] * 2_000_000})
    frame.to_parquet(tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 1 << 20
    with pytest.raises(TooLarge, match="unpacked"):
        load(tmp_path / "bomb.parquet", SCHEMA.columns, limits=DataLimits(memory_bytes=16 << 20))


LEVEL_1 = """\
name: visits
title: Visits
data: visits.csv
record_count: 400
snippet: {level: 1, rows: 50, epsilon: 1.0}
schema:
  privacy_unit: patient
  max_records_per_unit: 2
  columns:
    - {name: patient, kind: category, role: unit}
    - {name: age, kind: number, lower: 0, upper: 100}
    - {name: ill, kind: category, role: target, categories: ["no", "yes"]}
"""


def level_1_site(tmp_path):
    root = make_domain(tmp_path / "hospital-c", "hospital-c", ())
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "patient": [f"p{i % 400}" for i in range(4000)],
            "age": random.uniform(0, 100, 4000),
            "ill": random.choice(["no", "yes"], 4000),
        }
    )
    frame.to_csv(root / "data" / "visits.csv", index=False)
    folder = root / "datasets" / "visits"
    folder.mkdir()
    (folder / "dataset.yaml").write_text(LEVEL_1)
    (folder / "terms.yaml").write_text(
        "text: x\npurposes: [DUO:0000007]\nepsilon_total: 4.0\ndelta: 1.0e-5\n"
        "epsilon_per_run: 1.0\n"
    )
    return Site.open(root, start=False), folder


def test_a_level_1_snippet_is_charged_once_and_never_noised_anew(tmp_path):
    from workbench.errors import Conflict

    site, folder = level_1_site(tmp_path)
    card = site.client().dataset("visits")
    assert (card.snippet.level, card.snippet.epsilon) == (1, 1.0)
    spent = site.client().budget("visits").epsilon_spent
    # The orders are finite, so a pure epsilon comes back a little larger.
    assert 0 < spent <= 1.01
    content = site.client().snippet(card)
    (folder / "dataset.yaml").write_text(LEVEL_1.replace("title: Visits", "title: All visits"))
    again = site.domain.operator.publish("visits")
    assert again.title == "All visits"
    assert again.snippet == card.snippet
    assert site.client().snippet(again) == content
    assert site.client().budget("visits").epsilon_spent == spent
    (folder / "dataset.yaml").write_text(LEVEL_1.replace("rows: 50", "rows: 60"))
    with pytest.raises(Conflict, match="would be another release"):
        site.domain.operator.publish("visits")
    site.close()


def test_a_level_1_snippet_counts_no_more_records_of_a_person_than_published(tmp_path, monkeypatch):
    from workbench.domain.publishing import snippet

    seen = []
    honest = snippet.counts_snippet
    monkeypatch.setattr(
        snippet,
        "counts_snippet",
        lambda schema, records, *rest: seen.append(records) or honest(schema, records, *rest),
    )
    site, _ = level_1_site(tmp_path)
    assert np.unique(seen[0].units, return_counts=True)[1].max() <= 2
    site.close()
