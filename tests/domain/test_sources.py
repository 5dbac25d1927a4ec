"""Where records come from: one file, several files, Excel, a query; one set of rules for all."""

from __future__ import annotations

import datetime as dt
import sqlite3
import zipfile

import fsspec
import numpy as np
import openpyxl
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import create_engine, make_url, text

from workbench.catalog.reading import Reading, SchemaInFile
from workbench.catalog.sources import Data
from workbench.domain.datasets.load import _Loading
from workbench.domain.datasets.readers import LIMITS, DataLimits
from workbench.domain.datasets.sources import parts_of
from workbench.domain.datasets.tables import database
from workbench.errors import InvalidData, MissingPackage, TooLarge

COLUMNS = SchemaInFile.read(
    {
        "privacy_unit": "person",
        "columns": [
            {"name": "person", "kind": "category", "role": "unit"},
            {
                "name": "age",
                "kind": "integer",
                "lower": 0,
                "upper": 120,
                "missing": [-9],
                "fill": 50,
            },
            {"name": "bmi", "kind": "number", "source": "BMI", "lower": 10, "upper": 60}
            | {"missing": [""]},
            {"name": "came", "kind": "date", "since": "2000-01-01"}
            | {"lower": "2018-01-01", "upper": "2024-12-31"},
            {
                "name": "ill",
                "kind": "category",
                "categories": ["no", "yes"],
                "labels": {"1": "yes"},
            },
        ],
    }
).columns
ROWS = [
    (1, 30, 20.5, dt.date(2020, 1, 31), "no"),
    (2, -9, None, dt.date(2021, 2, 1), "1"),
    (2, 64, 33.25, dt.date(2022, 3, 2), "yes"),
]
HEADINGS = ["person", "age", "BMI", "came", "ill"]


def loaded(folder, data, reading=None, limits=LIMITS):
    data = TypeAdapter(Data).validate_python(data)
    reading = Reading.read(reading or {})
    loading = _Loading(folder, COLUMNS, reading, limits, {})
    for name, found in parts_of(folder, data, reading, loading.wanted, limits):
        loading.read(name, found)
    return loading.loaded()


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=HEADINGS)


def workbook(path, rows=ROWS, sheet="Visits"):
    book = openpyxl.Workbook()
    book.active.append(["nothing"])
    visits = book.create_sheet(sheet)
    for row in [HEADINGS, *rows, [None] * 5]:
        visits.append(row)
    book.save(path)


def table_in(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE visits (person int, age int, bmi float, came date, ill varchar(5))")
        )
        for row in ROWS:
            values = dict(zip("abcde", row, strict=True))
            connection.execute(text("INSERT INTO visits VALUES (:a, :b, :c, :d, :e)"), values)
    engine.dispose()


QUERY = 'SELECT person, age, bmi AS "BMI", came, ill FROM visits ORDER BY came;  -- all'


@pytest.fixture
def expected(tmp_path):
    frame().to_csv(tmp_path / "expected.csv", index=False)
    return loaded(tmp_path, "expected.csv")


def is_same(found, expected):
    for name, values in expected.records.columns.items():
        assert found.records.columns[name].tolist() == values.tolist(), name
    assert found.persons.tolist() == expected.persons.tolist()
    assert (found.clamped, found.filled) == (expected.clamped, expected.filled)


def test_an_excel_sheet_reads_as_csv_does(tmp_path, expected):
    workbook(tmp_path / "visits.xlsx")
    is_same(loaded(tmp_path, "visits.xlsx", {"sheet": "Visits"}), expected)


def test_several_files_are_one_dataset_in_the_order_of_their_names(tmp_path, expected):
    frame(ROWS[2:]).to_parquet(tmp_path / "visits-2.parquet")
    frame(ROWS[:2]).to_csv(tmp_path / "visits-1.csv", index=False)
    is_same(loaded(tmp_path, ["visits-2.parquet", "visits-1.csv"]), expected)
    frame(ROWS[:1]).to_csv(tmp_path / "visits-a.csv", index=False)
    frame(ROWS[1:]).to_csv(tmp_path / "visits-b.csv", index=False)
    (tmp_path / "visits-1.csv").unlink()
    is_same(loaded(tmp_path, "visits-*.csv"), expected)


def test_a_query_of_sqlite(tmp_path, expected):
    table_in(f"sqlite:///{tmp_path / 'clinic.sqlite'}")
    is_same(loaded(tmp_path, {"sql": "sqlite:///clinic.sqlite", "query": QUERY}), expected)


def test_a_query_of_duckdb(tmp_path, expected):
    table_in(f"duckdb:///{tmp_path / 'clinic.duckdb'}")
    is_same(loaded(tmp_path, {"sql": "duckdb:///clinic.duckdb", "query": QUERY}), expected)


@pytest.fixture
def clinic(postgresql):
    """The address of a PostgreSQL with a table of visits, without the driver's name."""
    url = make_url(f"{postgresql}/postgres")
    table_in(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE numbers"))
    yield url.set(drivername="postgresql")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE visits"))
        connection.execute(text("DROP SEQUENCE numbers"))
    engine.dispose()


def test_a_query_of_postgresql_only_reads(tmp_path, expected, clinic, monkeypatch):
    monkeypatch.setenv("CLINIC", str(clinic))
    is_same(loaded(tmp_path, {"sql": "env:CLINIC", "query": QUERY}), expected)
    for writes, code in (
        ("WITH gone AS (DELETE FROM visits RETURNING *) SELECT * FROM gone", "0A000"),
        ("SELECT nextval('numbers') AS person, v.* FROM visits v", "25006"),
    ):
        with pytest.raises(InvalidData, match=f"SQLSTATE {code}"):
            loaded(tmp_path, {"sql": str(clinic), "query": writes})
    is_same(loaded(tmp_path, {"sql": str(clinic), "query": QUERY}), expected)


@pytest.mark.parametrize(
    ("sql", "query", "words"),
    [
        ("sqlite:///clinic.sqlite", "DROP TABLE visits", "one query that begins with SELECT"),
        ("sqlite:///clinic.sqlite", "SELECT 1; DROP TABLE visits", "one query"),
        ("sqlite:///clinic.sqlite", "/* x */ PRAGMA query_only = OFF", "one query"),
        ("sqlite:///clinic.sqlite", "SELECT * FROM secrets", "cannot be run"),
        ("sqlite:///clinic.sqlite", "SELECT person FROM visits", "column 'age' is missing"),
        ("sqlite:///../clinic.sqlite", QUERY, "no such file"),
        ("sqlite:////etc/passwd", QUERY, "no such file"),
        ("postgresql://u:hidden@h/x", QUERY, "a password does not belong"),
        ("env:NOT_THERE", QUERY, "NOT_THERE is not set"),
        ("hidden", QUERY, "not the address"),
        ("postgresql://u@127.0.0.1:1/hidden", QUERY, "cannot be run"),
    ],
)
def test_a_query_that_cannot_be_is_refused_without_telling_an_address(tmp_path, sql, query, words):
    table_in(f"sqlite:///{tmp_path / 'clinic.sqlite'}")
    with pytest.raises(InvalidData, match=words) as caught:
        loaded(tmp_path, {"sql": sql, "query": query})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_what_looks_like_a_comment_within_quotes_is_no_comment(tmp_path, kind):
    table_in(f"{kind}:///{tmp_path / 'clinic.db'}")
    query = """SELECT person, age, bmi AS "BMI", came, ill FROM visits
        WHERE '/*' <> ill AND age = 30 AND '*/' <> ill AND '; -- it''s' <> ill -- the first"""
    assert len(loaded(tmp_path, {"sql": f"{kind}:///clinic.db", "query": query}).records) == 1


ENDLESS = """WITH RECURSIVE n AS (SELECT 1 AS person UNION ALL SELECT person + 1 FROM n)
    SELECT count(*) AS person, 1 AS age, 20 AS "BMI", '2020-01-01' AS came, 'no' AS ill FROM n"""


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_query_that_does_not_end_is_ended(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(database, "_SECONDS", 0.3)
    table_in(f"{kind}:///{tmp_path / 'clinic.db'}")
    with pytest.raises(InvalidData, match="takes over 0.3 seconds"):
        loaded(tmp_path, {"sql": f"{kind}:///clinic.db", "query": ENDLESS})


def test_a_query_of_postgresql_that_does_not_end_is_ended(tmp_path, clinic, monkeypatch):
    monkeypatch.setattr(database, "_SECONDS", 1)
    with pytest.raises(InvalidData, match="takes over 1 seconds"):
        loaded(tmp_path, {"sql": str(clinic), "query": ENDLESS})


def test_a_database_file_is_not_changed(tmp_path):
    table_in(f"sqlite:///{tmp_path / 'clinic.sqlite'}")
    sqlite3.connect(tmp_path / "clinic.sqlite").execute("PRAGMA journal_mode=DELETE")
    before = (tmp_path / "clinic.sqlite").read_bytes()
    (tmp_path / "clinic.sqlite").chmod(0o400)
    loaded(tmp_path, {"sql": "sqlite:///clinic.sqlite", "query": QUERY})
    assert (tmp_path / "clinic.sqlite").read_bytes() == before


def test_a_fault_names_the_file_and_the_row_in_it(tmp_path):
    frame(ROWS[:2]).to_csv(tmp_path / "a.csv", index=False)
    frame([(3, 1.5, 20, "2020-01-01", "no"), (4, 1, 20, "soon", "no")]).to_csv(
        tmp_path / "b.csv", index=False
    )
    with pytest.raises(InvalidData) as caught:
        loaded(tmp_path, ["a.csv", "b.csv"])
    assert caught.value.message.splitlines() == [
        "b.csv: row 1, column 'age': not a whole number",
        "b.csv: row 2, column 'came': not a date",
    ]


@pytest.mark.parametrize(
    "data",
    [
        "../visits.csv",
        "/etc/passwd",
        ".hidden.csv",
        "visits.exe",
        "",
        [],
        {"sql": "sqlite:///x"},
        {"sql": "", "query": "select 1"},
        {"url": "visits.csv"},
        {"url": "s3://user:secret@host/x"},
        {"url": "zip://visits.csv::file:///etc/visits.zip"},
        {"sql": "sqlite:///x", "query": "select 1", "also": 1},
    ],
)
def test_what_names_no_data_is_refused(data):
    with pytest.raises(ValidationError):
        TypeAdapter(Data).validate_python(data)


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InvalidData, match="no file .* is called visits-"):
        loaded(tmp_path, "visits-*.csv")
    with pytest.raises(InvalidData, match="visits.csv: cannot be read"):
        loaded(tmp_path, ["visits.csv"])


def test_all_files_together_are_bounded(tmp_path):
    for name in "abc":
        frame().to_csv(tmp_path / f"{name}.csv", index=False)
    size = (tmp_path / "a.csv").stat().st_size
    with pytest.raises(TooLarge):
        loaded(tmp_path, ["a.csv", "b.csv"], limits=DataLimits(2 * size - 1))
    with pytest.raises(TooLarge, match="over 8 records"):
        loaded(tmp_path, ["a.csv", "b.csv", "c.csv"], limits=DataLimits(records=8))


class TestElsewhere:
    @pytest.fixture
    def bucket(self):
        system = fsspec.filesystem("memory")
        for name, rows in (("visits/a.csv", ROWS[:2]), ("visits/year=2022/b.csv", ROWS[2:])):
            system.pipe(f"/clinic/{name}", frame(rows).to_csv(index=False).encode())
        system.pipe("/clinic/visits/notes.txt", b"nothing")
        yield "memory://clinic/visits"
        system.rm("/clinic", recursive=True)

    def test_a_folder_is_read_with_all_below_it_and_nothing_stays(self, tmp_path, bucket, expected):
        is_same(loaded(tmp_path, {"url": bucket}), expected)
        assert [path.name for path in tmp_path.iterdir()] == ["expected.csv"]

    def test_a_pattern_names_some(self, tmp_path, bucket):
        assert len(loaded(tmp_path, {"url": f"{bucket}/*.csv"}).records) == 2

    def test_what_is_wrong_there_is_told_and_nothing_stays(self, tmp_path, bucket):
        fsspec.filesystem("memory").pipe("/clinic/visits/c.csv", b"person,age\n1,2\n")
        with pytest.raises(InvalidData, match="00001-c.csv: column 'bmi' is missing"):
            loaded(tmp_path, {"url": bucket})
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("file:///etc", "lie in the domain's data folder"),
            ("memory://hidden", "0 files are there"),
            ("nothing://hidden", "cannot be read"),
            ("http://127.0.0.1:1/hidden.csv", "cannot be read|not installed"),
        ],
    )
    def test_an_address_that_cannot_be_is_refused_without_telling_it(self, tmp_path, url, words):
        with pytest.raises((InvalidData, MissingPackage), match=words) as caught:
            loaded(tmp_path, {"url": url})
        assert "hidden" not in str(caught.value)
        assert not list(tmp_path.iterdir())

    def test_what_a_service_says_of_sizes_is_not_believed(self, tmp_path, bucket, monkeypatch):
        monkeypatch.setattr(MemoryFileSystem, "size", lambda self, path: None)
        with pytest.raises(TooLarge):
            loaded(tmp_path, {"url": bucket}, limits=DataLimits(file_bytes=60))
        assert not list(tmp_path.iterdir())

    def test_all_together_are_bounded(self, tmp_path, bucket):
        with pytest.raises(TooLarge):
            loaded(tmp_path, {"url": bucket}, limits=DataLimits(file_bytes=60))


class TestExcel:
    def test_a_sheet_that_is_not_there_names_those_that_are(self, tmp_path):
        workbook(tmp_path / "visits.xlsx")
        with pytest.raises(InvalidData, match="no sheet 'Stays'") as caught:
            loaded(tmp_path, "visits.xlsx", {"sheet": "Stays"})
        assert "Sheet, Visits" in caught.value.hint

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"person,age\n1,2\n"])
    def test_what_is_no_workbook_is_refused(self, tmp_path, content):
        (tmp_path / "visits.xlsx").write_bytes(content)
        with pytest.raises(InvalidData, match="not Excel"):
            loaded(tmp_path, "visits.xlsx")

    def test_a_bomb_is_refused_before_it_is_unpacked(self, tmp_path):
        workbook(tmp_path / "visits.xlsx")
        with zipfile.ZipFile(tmp_path / "visits.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/bomb.xml", bytes(20 << 20))
        with pytest.raises(TooLarge, match="unpacked"):
            loaded(tmp_path, "visits.xlsx", limits=DataLimits(memory_bytes=10 << 20))

    def test_numbers_and_texts_of_cells_are_the_same_label(self, tmp_path):
        rows = [("7", 30, 20, dt.date(2020, 1, 1), "no"), (7.0, 31, 20, dt.date(2020, 1, 1), "no")]
        workbook(tmp_path / "visits.xlsx", rows)
        found = loaded(tmp_path, "visits.xlsx", {"sheet": "Visits"})
        assert len(np.unique(found.persons)) == 1
