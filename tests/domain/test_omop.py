"""A cohort of OMOP's tables: who takes part, and what is known before and after the index date."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import create_engine, make_url, text

from workbench.catalog.reading import Reading, SchemaInFile
from workbench.catalog.sources import Data
from workbench.domain.datasets.load import _Loading
from workbench.domain.datasets.readers import LIMITS
from workbench.domain.datasets.sources import parts_of

TABLES = """
CREATE TABLE person (person_id int, year_of_birth int, gender_concept_id int);
CREATE TABLE concept_ancestor (ancestor_concept_id int, descendant_concept_id int);
CREATE TABLE condition_occurrence
    (person_id int, condition_concept_id int, condition_start_date date);
CREATE TABLE drug_exposure (person_id int, drug_concept_id int, drug_exposure_start_date date);
CREATE TABLE measurement
    (person_id int, measurement_concept_id int, measurement_date date, value_as_number float);
CREATE TABLE visit_occurrence (person_id int, visit_concept_id int, visit_start_date date);
INSERT INTO person VALUES (1, 1950, 8507), (2, 1990, 8532), (3, 1980, 8532), (4, 1970, 8507);
INSERT INTO concept_ancestor VALUES (201826, 201826), (201826, 443238), (1503297, 1503297);
INSERT INTO condition_occurrence VALUES
    (1, 443238, '2016-05-01'), (1, 201826, '2018-01-01'), (2, 201826, '2019-12-31'),
    (3, 201826, '2014-12-31'), (4, 999, '2016-01-01');
INSERT INTO drug_exposure VALUES
    (1, 1503297, '2016-04-30'), (2, 1503297, '2019-12-31'), (2, 1503297, '2018-12-30');
INSERT INTO measurement VALUES
    (1, 3004410, '2016-03-01', 7.5), (1, 3004410, '2016-04-01', 8.25),
    (1, 3004410, '2016-05-01', 9.5), (2, 3004410, '2019-06-01', NULL);
INSERT INTO visit_occurrence VALUES
    (1, 9201, '2016-05-31'), (2, 9201, '2020-01-31'), (2, 9201, '2019-12-31');
"""
ASKED = {
    "cohort": {"condition": [201826], "first": "2015-01-01", "last": "2022-12-31"},
    "features": [
        {"name": "metformin", "drug": [1503297], "days_before": 365},
        {"name": "hba1c", "measurement": [3004410], "days_before": 100}
        | {"value": True, "descendants": False},
        {"name": "readmitted", "visit": [9201], "days_after": 30, "descendants": False},
    ],
}
COLUMNS = SchemaInFile.read(
    {
        "privacy_unit": "patient",
        "columns": [
            {"name": "patient", "source": "person_id", "kind": "category", "role": "unit"},
            {"name": "index_date", "kind": "date", "since": "2015-01-01"}
            | {"lower": "2015-01-01", "upper": "2022-12-31"},
            {"name": "age", "kind": "integer", "lower": 0, "upper": 120},
            {"name": "sex", "source": "gender_concept_id", "kind": "category"}
            | {"labels": {"8507": "m", "8532": "f"}},
            {"name": "metformin", "kind": "integer", "lower": 0, "upper": 1},
            {"name": "hba1c", "kind": "number", "lower": 2, "upper": 20, "fill": 6}
            | {"indicator": True},
            {"name": "readmitted", "kind": "integer", "lower": 0, "upper": 1},
        ],
    }
).columns


def fill(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def cdm(request, tmp_path):
    """The address of a database with OMOP's tables, as dataset.yaml has it."""
    if request.param != "postgresql":
        fill(f"{request.param}:///{tmp_path / 'cdm.db'}")
        yield f"{request.param}:///cdm.db"
        return
    url = make_url(f"{request.getfixturevalue('postgresql')}/postgres")
    fill(url)
    yield str(url.set(drivername="postgresql"))
    engine = create_engine(url)
    with engine.begin() as connection:
        for line in TABLES.splitlines():
            if line.startswith("CREATE TABLE"):
                connection.execute(text(f"DROP TABLE {line.split()[2]}"))
    engine.dispose()


def test_who_takes_part_and_what_is_known_of_each(tmp_path, cdm):
    loading = _Loading(tmp_path, COLUMNS, Reading(), LIMITS, {})
    data = TypeAdapter(Data).validate_python({"omop": cdm} | ASKED)
    for name, found in parts_of(tmp_path, data, Reading(), loading.wanted, LIMITS):
        loading.read(name, found)
    found = {name: v.tolist() for name, v in loading.loaded().records.columns.items()}
    start = dt.date(2015, 1, 1)
    assert found == {
        # Of the first one's two events the earlier one counts; the third one's came too early.
        "index_date": [(dt.date(2016, 5, 1) - start).days, (dt.date(2019, 12, 31) - start).days],
        "age": [66, 29],
        "sex": [0, 1],
        # What is on the index date is neither before nor after it.
        "metformin": [1, 0],
        "hba1c": [8.25, 6.0],
        "hba1c_missing": [0, 1],
        "readmitted": [1, 0],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cohort": {"first": "2015-01-01", "last": "2022-12-31"}}, "concepts of one kind"),
        ({"cohort": ASKED["cohort"] | {"drug": [1]}}, "concepts of one kind"),
        ({"cohort": ASKED["cohort"] | {"condition": ["1; DROP"]}}, "int"),
        ({"cohort": ASKED["cohort"] | {"first": "soon"}}, "pattern"),
        ({"features": [{"name": "x", "drug": [1]}]}, "days_before or days_after"),
        ({"features": [{"name": "x", "drug": [1], "days_before": 1, "value": True}]}, "a value"),
        ({"features": [{"name": "x; y", "drug": [1], "days_before": 1}]}, "pattern"),
        ({"tables": 'a"; DROP'}, "pattern"),
    ],
)
def test_a_cohort_is_typed(change, words):
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Data).validate_python({"omop": "sqlite:///x"} | ASKED | change)
