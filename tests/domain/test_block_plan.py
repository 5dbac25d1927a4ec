"""Check that the plan of blocks says what publishing and the ledger do."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.registers import change, make_register, stays
from tests.support import Site
from workbench.budget import ledger
from workbench.budget.accountant import calibrate, run_curve
from workbench.cli.domain import app
from workbench.documents import Plan
from workbench.domain.populations import accounts, persons
from workbench.errors import BudgetExhausted, InvalidData, UnknownColumn


@pytest.fixture
def table(tmp_path):
    people = [f"p{i}" for i in [*range(60), *range(40, 100), *range(5)]]
    frame = stays(people, ["jan"] * 60 + ["feb"] * 60 + ["mar"] * 5)
    frame.to_csv(tmp_path / "stays.csv", index=False)
    return tmp_path / "stays.csv"


def told(*arguments):
    done = CliRunner().invoke(app, ["population", "blocks", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


MONTHS = ("--order", "jan", "--order", "feb", "--order", "mar")


def test_people_are_counted_in_the_block_of_the_first_time(table):
    found = json.loads(told(table, "--column", "month", "--unit", "patient", *MONTHS, "--json"))
    blocks = {b["name"]: (b["people"], b["records"], b["again"]) for b in found["blocks"]}
    assert blocks == {"jan": (60, 60, 25), "feb": (40, 60, 0), "mar": (0, 5, 0)}
    assert found["came_back"] == 25
    words = told(table, "--column", "month", "--unit", "patient", *MONTHS)
    assert "25 who come again stay where they are" in " ".join(words.split())


def test_blocks_need_people_who_are_known_again(table):
    done = CliRunner().invoke(app, ["population", "blocks", str(table), "--column", "month"])
    assert done.exit_code != 0
    assert "--unit" in done.output


def test_publishing_says_the_same(table, tmp_path):
    root = make_register(tmp_path / "hospital-a")
    pd.read_csv(table).to_csv(root / "data" / "stays.csv", index=False)
    change(root, "stays", blocks=None, record_count=100)
    site = Site.open(root, start=False)
    with site.domain.store.read() as connection:
        (known,) = persons.versions(connection, dataset="stays")
    found = json.loads(told(table, "--column", "month", "--unit", "patient", *MONTHS, "--json"))
    for block in found["blocks"]:
        here = sum(known.labels[at] == block["name"] for at in known.blocks)
        assert here == block["people"]
    site.close()


def test_as_many_runs_fit_as_it_says(tmp_path, table):
    """The ledger admits exactly that many of the runs that it counts."""
    options = ("--epsilon-total", 4, "--delta", 1e-5, "--epsilon-run", 1, "--window", 2)
    found = json.loads(told(table, "--column", "month", "--unit", "patient", *options, "--json"))
    noise, metrics = calibrate(epsilon=1.0, delta=1e-5, sample_rate=1.0, steps=1, metrics=0)
    plan = Plan(
        learning_rate=0.1,
        steps=1,
        sample_rate=1.0,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=metrics,
    )
    site = Site.open(make_register(tmp_path / "hospital-a"), start=False)
    card = site.client().dataset("stays")
    fitted = 0
    with pytest.raises(BudgetExhausted), site.domain.store.write() as connection:
        account = accounts.account(connection, card)
        for number in range(100):
            ledger.reserve(
                connection,
                account=account,
                request=f"r{number}",
                researcher="rosa",
                curve=run_curve(plan, 0),
            )
            fitted += 1
    site.close()
    assert (found["runs"], found["runs_each"]) == (fitted, fitted // 2)


def test_what_is_not_there_is_named(table, tmp_path):
    with pytest.raises(UnknownColumn, match="has no column 'week'"):
        told(table, "--column", "week", "--unit", "patient")
    with pytest.raises(InvalidData, match="which is no block"):
        told(table, "--column", "month", "--unit", "patient", "--order", "jan")
    with pytest.raises(InvalidData, match="cannot be read"):
        told(tmp_path / "none.csv", "--column", "month", "--unit", "patient")
