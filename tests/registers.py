"""Parts of tests on populations: small datasets of people, and a living register."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import yaml
from typer.testing import CliRunner

from tests.support import add_dataset, make_domain
from workbench.budget import ledger
from workbench.budget.accountant import pure_curve
from workbench.cli.domain import app
from workbench.domain.datasets import files
from workbench.domain.populations import accounts
from workbench.errors import InvalidSchema

PURPOSE = "DUO:0000042 general research use"
COLUMNS = [
    {"name": "age", "kind": "number", "lower": 0, "upper": 100},
    {"name": "ill", "kind": "category", "role": "target", "categories": ["no", "yes"]},
]


def frame(rows=400, seed=0, **more):
    random = np.random.default_rng(seed)
    values = {"age": random.uniform(0, 100, rows), "ill": random.choice(["no", "yes"], rows)}
    return pd.DataFrame(values | more)


def change(root, name, file="dataset.yaml", **values):
    """Write other values into one of a dataset's files."""
    path = root / "datasets" / name / file
    found = yaml.safe_load(path.read_text()) | values
    path.write_text(yaml.safe_dump({k: v for k, v in found.items() if v is not None}))


def publish(operator, root, name):
    """Publish as a steward does who corrects the count when it is refused as far off."""
    try:
        return operator.publish(name)
    except InvalidSchema as error:
        found = re.search(r"record_count: .* the file has (\d+) ", str(error))
        if found is None:
            raise
        change(root, name, record_count=int(found[1]))
        return operator.publish(name)


def spend(site, name, epsilon, request):
    """Reserve a pure cost for a dataset, as a request would."""
    card = site.client().dataset(name)
    with site.domain.store.write() as connection:
        ledger.reserve(
            connection,
            account=accounts.account(connection, card),
            request=request,
            researcher="rosa",
            curve=pure_curve(epsilon),
        )


PERSON = {"name": "patient", "kind": "category", "role": "unit"}
MONTH = {"name": "month", "kind": "category", "categories": ["jan", "feb", "mar"]}


def stays(people, months, seed=0, **more):
    """A file of stays: of each person in each month that is given."""
    return frame(len(people), seed, patient=people, month=months, **more)


def records_of(site, name):
    """Return how many records of the present version train and measure."""
    place = files.prepared(site.domain.folder, site.client().dataset(name))
    return sum(len(np.load(path)["units"]) for path in (place.training, place.holdout))


def make_register(root):
    """A living register: people who come, and come back, by month of admission."""
    make_domain(root, datasets=())
    made = CliRunner().invoke(
        app,
        [
            "population",
            "create",
            str(root),
            "patients",
            "--unit",
            "person",
            "--epsilon-total",
            "4",
            "--delta",
            "1e-5",
            "--blocks",
            "month",
        ],
        catch_exceptions=False,
    )
    assert made.exit_code == 0, made.output
    people = [f"p{i:03d}" for i in range(300)]
    months = ["jan"] * 100 + ["feb"] * 100 + ["mar"] * 100
    add_dataset(
        root,
        "stays",
        stays(people, months),
        [PERSON, MONTH, *COLUMNS],
        100,
        privacy_unit="person",
        max_records_per_unit=4,
    )
    change(root, "stays", population="patients", blocks=["jan"])
    change(root, "stays", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
    return root
