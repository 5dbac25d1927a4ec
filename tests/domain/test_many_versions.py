"""Check the total over thirty versions under three names, a restored copy and a move."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch.nn.functional as F
from typer.testing import CliRunner

import workbench as wb
from tests.registers import COLUMNS, PURPOSE, change, frame
from tests.studies import linear, submit
from tests.support import Site, add_dataset, make_domain
from workbench.budget import chain
from workbench.budget.accountant import ORDERS, epsilon_of, filter_budget, run_curve
from workbench.cli.domain import app
from workbench.domain.access import log
from workbench.domain.service import Domain
from workbench.errors import BudgetExhausted, LedgerBehind

pytestmark = pytest.mark.slow

TOTAL, DELTA = 3.0, 1e-5
NAMES = ("visits", "drugs", "follow-ups")


@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
def ill(model, record):
    return F.cross_entropy(model(record["age"].reshape(1) / 100), record["ill"])


def command(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def published(site, root, step):
    """Publish a version that differs a little from all others; returns its name."""
    name = NAMES[step % 3]
    data = frame()
    if step % 5 == 0:
        data.loc[step, "age"] = 50.0
    if step % 5 == 1:
        data = data.iloc[::-1]
    if step % 5 == 2:
        data = data.drop(index=step)
    upper = 100 + step if step % 5 == 3 else 100
    if not (root / "datasets" / name).exists():
        add_dataset(root, name, data, COLUMNS, 400)
        change(root, name, population=None if step == 0 else NAMES[0])
    change(root, name, "terms.yaml", epsilon_total=TOTAL, epsilon_per_run=TOTAL, delta=DELTA)
    change(
        root,
        name,
        title=f"Version {step}",
        schema={"columns": [COLUMNS[0] | {"upper": upper}, COLUMNS[1]]},
    )
    data.to_csv(root / "data" / f"{name}.csv", index=False)
    site.domain.operator.publish(name)
    return name


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_never_gives_a_person_more_than_the_total(tmp_path, database_url):
    root = make_domain(tmp_path / "hospital-a", datasets=())
    site = Site.open(root)
    spent, released, refused = np.zeros(len(ORDERS)), 0, 0
    for step in range(30):
        if step == 4:
            # A backup, whole and consistent.
            site.close()
            shutil.copy(root / "domain.sqlite", tmp_path / "old.sqlite")
            site = Site.open(root)
        if step == 9:
            site.close()
            for path in root.glob("domain.sqlite*"):
                path.unlink()
            shutil.copy(tmp_path / "old.sqlite", root / "domain.sqlite")
            with pytest.raises(LedgerBehind):
                Site.open(root)
            command("reconcile", root)
            site = Site.open(root)
        if step == 15:
            site.close()
            command("move", root, "--to", database_url)
            site = Site.open(root)
        name = published(site, root, step)
        if step % 2:
            continue
        try:
            handle = submit(site.client(), ill, linear(1, 2), name, epsilon=0.8, purpose=PURPOSE)
        except BudgetExhausted:
            refused += 1
            continue
        assert handle.wait(progress=False).verified
        # Each person may be in every version: the sum of all releases is what one was charged.
        spent = spent + run_curve(handle.status.request.plan, 0)
        released += 1
    order, budget = filter_budget(TOTAL, DELTA)
    assert spent[order] <= budget
    assert epsilon_of(spent, DELTA) <= TOTAL
    # Both happened, and after the restored copy too.
    assert released >= 6
    assert refused >= 2
    (shown,) = site.domain.operator.populations.status(NAMES[0]).blocks
    assert shown.epsilon_spent >= epsilon_of(spent, DELTA) - 1e-9
    with site.domain.store.read() as connection:
        chain.check(connection)
        log.check(connection)
    site.close()
    domain = Domain(root)
    assert domain.store.sqlite is False
    domain.close()
