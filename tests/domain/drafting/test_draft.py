"""A draft is begun from a data file and completed by a steward; no value gets into it unasked."""

from __future__ import annotations

import datetime as dt
import random
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support import make_domain
from workbench.cli.app import app
from workbench.domain.drafting import codebook
from workbench.domain.drafting.draft import draft, names_of
from workbench.domain.drafting.quantities import quantity_of
from workbench.domain.drafting.writing import dataset_text
from workbench.errors import Conflict, InvalidData, InvalidSchema

HEADINGS = (
    "Patienten-ID;Geschlecht;Alter;BMI bei Aufnahme;Aufnahmedatum;Schweregrad;verstorben;"
    "Hauptdiagnose (ICD);Bemerkung Größe\n"
)


def export(path, rows=400):
    """What a clinic's system exports: semicolons, Latin-1, decimal commas, dates, codes, blanks."""
    chosen = random.Random(1)
    lines = [HEADINGS]
    for number in range(rows):
        cells = [
            f"P{number % 150:03d}{' ' * (number % 3 == 0)}",
            chosen.choice("mmwwd"),
            "-999" if number % 9 == 0 else str(chosen.randint(18, 93)),
            ("", "k.A.", f"{chosen.uniform(17, 44):.1f}".replace(".", ","))[number % 3],
            f"{chosen.randint(1, 28):02d}.{chosen.randint(1, 12):02d}.{chosen.randint(2018, 2023)}",
            chosen.choice("012"),
            chosen.choice(["ja", "nein"]),
            chosen.choice(["E11.9", "I10", "J18.9"]) if number != 7 else "Q87.4",
            f"Klagt über Schmerzen, Fall {chosen.random()}",
        ]
        lines.append(";".join(cells) + "\n")
    path.write_bytes("".join(lines).encode("latin-1"))
    return path


@pytest.fixture(scope="module")
def drafted(tmp_path_factory):
    return draft(export(tmp_path_factory.mktemp("d") / "export.csv"))


def column(found, name):
    return next(one for one in found.columns if one.name == name)


@pytest.mark.parametrize(
    ("name", "kind", "role", "missing"),
    [
        ("patienten_id", "text", "unit", []),
        ("geschlecht", "category", "feature", []),
        ("alter", "integer", "feature", [-999]),
        ("bmi_bei_aufnahme", "number", "feature", ["", "k.A."]),
        ("aufnahmedatum", "date", "feature", []),
        ("schweregrad", "category", "feature", []),
        ("verstorben", "category", "target", []),
        ("hauptdiagnose_icd", "category", "feature", []),
        ("bemerkung_groesse", "text", "feature", []),
    ],
)
def test_what_each_column_seems_to_be(drafted, name, kind, role, missing):
    found = column(drafted, name)
    assert (found.kind, found.role, found.missing) == (kind, role, missing)


def test_a_draft_is_completed_checked_and_published(tmp_path):
    root = make_domain(tmp_path / "clinic", "clinic", ())
    file = export(tmp_path / "export.csv")

    def run(*words):
        return CliRunner().invoke(app, ["domain", *map(str, words)])

    done = run("draft", root, file, "--levels", "geschlecht=m,w", "--levels", "verstorben=ja,nein")
    assert done.exit_code == 0, done.output
    assert "hauptdiagnose_icd: category; " in done.output
    assert (root / "data" / "export.csv").stat().st_mode & 0o077 == 0
    folder = root / "datasets" / "export"
    asked = str(run("check", root, "export").exception).splitlines()
    assert "dataset.yaml:19: column 'aufnahmedatum', lower: still to be filled in" in asked
    assert any(line.startswith("terms.yaml:1: text") for line in asked)
    for path in folder.iterdir():
        text = path.read_text()
        text = text.replace("unit_count: TODO", "unit_count: 150")
        text = text.replace("max_records_per_unit: TODO", "max_records_per_unit: 3")
        text = text.replace("lower: TODO, upper: TODO", "lower: 2018-01-01, upper: 2023-12-31")
        text = text.replace("purposes: [TODO]", "purposes: [DUO:0000042]")
        text = text.replace("text: TODO", "text: For research.")
        levels = {True: '["0", "1", "2"]', False: '["E11.9", "I10"]'}
        lines = [line.replace("[TODO]", levels["schweregrad" in line]) for line in text.split("\n")]
        path.write_text("\n".join(lines))
    done = run("check", root, "export")
    assert done.exit_code == 0, done.exception
    assert "read 400 records of 150 patients" in done.output
    assert run("publish", root, "export").exit_code == 0


def test_a_draft_that_is_there_is_not_overwritten(tmp_path):
    root = make_domain(tmp_path / "clinic", "clinic", ())
    words = ["domain", "draft", str(root), str(export(tmp_path / "export.csv", 20))]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert isinstance(CliRunner().invoke(app, words).exception, Conflict)
    assert CliRunner().invoke(app, [*words, "--force"]).exit_code == 0


def test_levels_that_are_confirmed_become_categories_and_all_others_another_one(drafted):
    drafted.confirm({"geschlecht": ["m", "w"]})
    told = yaml.safe_load(dataset_text(drafted, "x", "X"))["schema"]["columns"]
    sex = next(one for one in told if one["name"] == "geschlecht")
    assert (sex["categories"], sex["other"]) == (["m", "w", "other"], "other")
    with pytest.raises(InvalidData, match="'alter' has no levels"):
        drafted.confirm({"alter": ["1"]})


@given(
    st.lists(
        st.tuples(
            st.integers(1_000, 10**9),
            st.floats(1e3, 1e6).map(lambda x: round(x, 3)),
            st.sampled_from(["qzxlev1", "qzxlev2", "qzxlev3"]),
            st.text("qzxabc", min_size=5, max_size=20).map(lambda x: f"qzx{x}"),
            st.dates(dt.date(1901, 1, 1), dt.date(1999, 12, 31)),
        ),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=40, deadline=None)
def test_no_value_of_the_data_is_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("d") / "secret.csv"
    frame = pd.DataFrame(rows, columns=["whole", "size", "level", "note", "day"])
    frame.to_csv(path, index=False)
    text = dataset_text(draft(path), "secret", "Secret")
    for value in {str(cell) for row in rows for cell in row}:
        assert not re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", text)
    assert "qzx" not in text.replace(path.name, "")


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["2020-01-31", "2021-12-01"], "date", ""),
        (["2020-01-31T10:00", "2021-12-01 11:30:00"], "datetime", ""),
        (["31.01.2020", "01.02.2021"], "date", "%d.%m.%Y"),
        (["31/01/2020", "01/02/2021"], "date", "%d/%m/%Y"),
        (["01/31/2020", "01/02/2021"], "date", "%m/%d/%Y"),
        (["31.01.2020 08:15"], "datetime", "%d.%m.%Y %H:%M"),
        ([str(n) for n in range(20)], "integer", ""),
        (["0", "1", "2", "1"], "category", ""),
        ([f"{n}.5" for n in range(20)], "number", ""),
        (["007", "008"], "category", ""),
        ([f"word {n}" for n in range(80)], "text", ""),
    ],
)
def test_kinds_are_told_by_how_values_look(tmp_path, values, kind, form):
    path = tmp_path / "d.csv"
    pd.DataFrame({"x": values, "y": 1}).to_csv(path, index=False)
    found = column(draft(path), "x")
    assert found.kind == kind
    if form:
        assert found.profile.format == form


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_whatever_the_file_the_draft_is_the_same(tmp_path, ending):
    frame = pd.DataFrame(
        {"age": [*range(20, 60), None], "sex": [*["m", "f"] * 20, "m"], "crp": np.arange(41) / 2}
    )
    path = tmp_path / f"d.{ending}"
    {"csv": lambda p: frame.to_csv(p, index=False), "parquet": frame.to_parquet}.get(
        ending, frame.to_feather
    )(path)
    found = draft(path)
    assert [one.kind for one in found.columns] == ["integer", "category", "number"]


def test_arrays_are_tensors_of_their_shape(tmp_path):
    np.savez(tmp_path / "d.npz", image=np.zeros((30, 8, 8)), label=np.arange(30) % 2)
    found = draft(tmp_path / "d.npz")
    assert column(found, "image").kind == "tensor"
    assert "shape: [8, 8]" in dataset_text(found, "x", "X")


def test_equal_records_are_counted(tmp_path):
    (tmp_path / "d.csv").write_text("a,b\n1,2\n1,2\n1,3\n1,2\n")
    assert draft(tmp_path / "d.csv").duplicates == 2


def test_a_code_book_says_what_is_public(tmp_path):
    (tmp_path / "book.csv").write_text(
        "name;label;unit;lower;upper;categories;missing\n"
        "sysbp;Systolic pressure;mm[Hg];50;280;;-8|-7\n"
        "sex;Sex;;;;1=male|2=female;9\n"
    )
    (tmp_path / "d.csv").write_text("sysbp,sex\n120,1\n-8,2\n137,9\n")
    found = draft(tmp_path / "d.csv", codebook.read(tmp_path / "book.csv"))
    pressure, sex = yaml.safe_load(dataset_text(found, "x", "X"))["schema"]["columns"]
    assert (pressure["lower"], pressure["upper"], pressure["unit"]) == (50, 280, "mm[Hg]")
    assert sex["categories"] == ["male", "female"]
    assert sex["labels"] == {"1": "male", "2": "female"}
    assert pressure["missing"] == ["-8", "-7"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "name,lower\nx,low\n", "\x00"])
def test_what_is_no_code_book_is_refused(tmp_path, text):
    (tmp_path / "book.csv").write_text(text)
    with pytest.raises(InvalidData, match="book.csv"):
        codebook.read(tmp_path / "book.csv")


@pytest.mark.parametrize(
    ("heading", "unit"),
    [
        ("Age", "a"),
        ("Alter bei Aufnahme", "a"),
        ("BMI_1", "kg/m2"),
        ("systolic_bp", "mm[Hg]"),
        ("HbA1c [%]", "%"),
        ("CRP mg/l", "mg/L"),
        ("SpO2", "%"),
        ("Größe (cm)", "cm"),
        ("image", None),
        ("stage", None),
    ],
)
def test_common_quantities_are_known_by_their_words(heading, unit):
    found = quantity_of(heading)
    assert (found and found.unit) == unit


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=20))
def test_names_are_plain_and_differ(headings):
    found = names_of(headings)
    assert list(found) == headings
    assert len(set(found.values())) == len(headings)
    for name in found.values():
        assert re.fullmatch(r"[a-z_][a-z0-9_]{0,127}", name)


@pytest.mark.parametrize("text", ["", "\n", "a,a\n1,2\n", "a,b\n"])
def test_a_file_without_records_or_headings_is_refused(tmp_path, text):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(InvalidData, match="d.csv"):
        draft(tmp_path / "d.csv")


def test_what_is_to_be_filled_in_is_told_before_all_else(tmp_path):
    from workbench.catalog.files import read_dataset

    (tmp_path / "dataset.yaml").write_text("name: TODO\nnonsense: 3\n")
    (tmp_path / "terms.yaml").write_text("text: TODO\n")
    with pytest.raises(InvalidSchema) as caught:
        read_dataset(tmp_path)
    assert caught.value.message.splitlines() == [
        "dataset.yaml:1: name: still to be filled in",
        "terms.yaml:1: text: still to be filled in",
    ]
