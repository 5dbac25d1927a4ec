"""A steward checks a dataset before publishing it, and is told what loading changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from tests.support import add_dataset, make_domain
from workbench.cli.app import app
from workbench.domain.service import Domain
from workbench.errors import InvalidSchema

COLUMNS = [
    {"name": "patient", "kind": "category", "role": "unit"},
    {"name": "age", "kind": "number", "lower": 0, "upper": 90},
    {"name": "bmi", "kind": "number", "lower": 10, "upper": 60, "missing": [""], "fill": 26},
    {"name": "sex", "kind": "category", "categories": ["f", "m", "d"], "role": "target"},
]


def visits():
    """3 visits each of 100 patients: 6 ages out of bounds, 60 BMIs missing, 3 rare genders."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "patient": np.repeat(np.arange(100), 3),
            "age": [*[99.0] * 6, *random.uniform(0, 90, 294)],
            "bmi": [*[None] * 60, *random.uniform(20, 40, 240)],
            "sex": [*["d"] * 3, *random.choice(["f", "m"], 297)],
        }
    )


@pytest.fixture
def clinic(tmp_path):
    root = make_domain(tmp_path / "clinic", "clinic", ())
    more = {"privacy_unit": "patient", "max_records_per_unit": 2}
    add_dataset(root, "visits", visits(), COLUMNS, **more)
    return root


@pytest.fixture
def change(clinic):
    path = clinic / "datasets" / "visits" / "dataset.yaml"

    def changed(**keys):
        told = {k: v for k, v in (yaml.safe_load(path.read_text()) | keys).items() if v is not None}
        path.write_text(yaml.safe_dump(told))

    return changed


def run(*words):
    return CliRunner().invoke(app, ["domain", *map(str, words)])


def test_checking_tells_a_steward_all_and_publishes_nothing(clinic):
    found = run("check", clinic, "visits")
    assert found.exit_code == 0, found.output
    assert found.output.splitlines() == [
        "read 300 records of 100 patients",
        "! left out 100 records (33.3 %): beyond max_records_per_unit of one patient",
        "! age: clamped 6 records (2 %)",
        "! bmi: filled 60 records (20 %)",
        "with max_records_per_unit: 1, 33.3 % of the records are used",
        "with max_records_per_unit: 2, 66.7 % of the records are used, with 2 times the noise "
        "in a sum",
        "with max_records_per_unit: 4, 100 % of the records are used, with 4 times the noise "
        "in a sum",
        "with max_records_per_unit: 8, 100 % of the records are used, with 8 times the noise "
        "in a sum",
        "with max_records_per_unit: 16, 100 % of the records are used, with 16 times the noise "
        "in a sum",
        "! sex: fewer than 10 records of: d (3)",
        "nothing is wrong; nothing was published",
    ]
    domain = Domain(clinic)
    assert domain.holdings.datasets().envelopes == ()
    assert not list(domain.folder.folder("prepared").iterdir())
    assert not list(domain.folder.folder("snippets").iterdir())
    domain.close()


def test_publishing_tells_what_was_changed(clinic):
    found = run("publish", clinic, "visits")
    lines = found.output.splitlines()
    assert lines[0].startswith("published clinic/visits, version ")
    assert lines[1:] == [
        "  read 300 records of 100 patients",
        "  ! left out 100 records (33.3 %): beyond max_records_per_unit of one patient",
        "  ! age: clamped 6 records (2 %)",
        "  ! bmi: filled 60 records (20 %)",
    ]


def test_checking_refuses_what_publishing_would(clinic, change):
    change(snippet={"level": 1, "rows": 50, "epsilon": 200.0})
    assert "epsilon" in str(run("check", clinic, "visits").exception)
    change(snippet={"level": 1, "rows": 50, "epsilon": 0.5})
    assert run("check", clinic, "visits").exit_code == 0
    domain = Domain(clinic)
    assert domain.holdings.budgets()[0] == []
    domain.close()


@pytest.mark.parametrize("key", ["record_count", "unit_count"])
def test_how_many_there_are_is_refused_when_it_is_off_by_a_quarter(clinic, change, key):
    change(record_count=None, unit_count=None)
    for count in (75, 125):
        change(**{key: count})
        assert run("check", clinic, "visits").exit_code == 0
    for count in (74, 126, 300):
        change(**{key: count})
        words = f"{count}, but the file has 100 patients"
        for command in ("check", "publish"):
            found = run(command, clinic, "visits")
            assert isinstance(found.exception, InvalidSchema)
            assert words in str(found.exception)


def test_both_names_of_the_count_at_once_are_refused(clinic, change):
    change(unit_count=100)
    assert "say once how many there are" in str(run("check", clinic, "visits").exception)


def test_a_share_of_missing_values_that_is_far_off_is_told(clinic, change):
    columns = [c | {"missing_share": 0.1} if c["name"] == "bmi" else c for c in COLUMNS]
    path = clinic / "datasets" / "visits" / "dataset.yaml"
    schema = yaml.safe_load(path.read_text())["schema"]
    change(schema=schema | {"columns": columns})
    output = run("check", clinic, "visits").output
    assert "! bmi: missing_share says 0.1, and the file has 0.2" in output.splitlines()


def test_what_is_wrong_in_both_files_is_told_at_once(clinic, change):
    change(title=3)
    terms = clinic / "datasets" / "visits" / "terms.yaml"
    terms.write_text(terms.read_text() + "epsilon_totl: 3\n")
    words = str(run("check", clinic, "visits").exception)
    assert "dataset.yaml" in words
    assert "terms.yaml" in words
