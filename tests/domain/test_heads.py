"""Check that a domain does not run on an older database, or on another one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from typer.testing import CliRunner

from tests.studies import submit
from tests.support import Site, make_domain
from workbench.budget import balance, chain, ledger, tables
from workbench.budget.accountant import ORDERS
from workbench.budget.caps import Caps
from workbench.cli.domain import app
from workbench.documents.ledger_head import LedgerState, Spent
from workbench.domain.heads import files
from workbench.domain.heads.reconcile import missing_of
from workbench.domain.service import Domain
from workbench.errors import InvalidConfiguration, LedgerBehind

DATABASE = "domain.sqlite"
WIDE = Caps(1e6, 1e-5)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A domain that released one model, a copy of its database from before, and the release."""
    top = tmp_path_factory.mktemp("heads")
    site = Site.open(make_domain(top / "hospital-a"), start=False)
    site.close()
    old = shutil.copy(top / "hospital-a" / DATABASE, top / "old.sqlite")
    site = Site.open(top / "hospital-a")
    result = submit(site.client(), epsilon=1.0).wait(progress=False)
    spent = site.domain.holdings.budget("breast-cancer").epsilon_spent
    site.close()
    return top / "hospital-a", old, spent, result.release


@pytest.fixture
def root(ran, tmp_path):
    """A copy of that domain's folder."""
    return shutil.copytree(ran[0], tmp_path / "hospital-a")


@pytest.fixture
def restored(root, ran):
    """The same with the old database in it."""
    for end in ("", "-wal", "-shm"):
        (root / f"{DATABASE}{end}").unlink(missing_ok=True)
    shutil.copy(ran[1], root / DATABASE)
    return root


def command(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_release_says_where_the_ledger_stood(root, ran):
    domain = Domain(root)
    with domain.store.read() as connection:
        assert ran[3].ledger is not None
        assert ran[3].ledger.rows == chain.count(connection) == 2
        assert chain.holds(connection, ran[3].ledger.hash)
    domain.close()


def test_a_domain_starts_with_the_database_that_it_had(root):
    domain = Domain(root)
    domain.start()
    domain.close()


def test_an_older_database_does_not_run(restored):
    domain = Domain(restored)
    with pytest.raises(LedgerBehind, match="of 0 rows and .* does not hold the newest .* 2 rows"):
        domain.start()
    with pytest.raises(LedgerBehind):
        domain.operator.publish("breast-cancer")
    domain.close()


def test_a_database_that_is_swapped_under_a_server_starts_no_run(root, ran):
    site = Site.open(root)
    with site.domain.store.write() as connection:
        spare = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='trigger'")
        for name in [row.name for row in spare if row.name.startswith("ledger_no")]:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("DELETE FROM ledger")
    handle = submit(site.client(), epsilon=1.0, repeat=1)
    with pytest.raises(Exception, match="the domain met an error"):
        handle.wait(progress=False)
    with site.domain.store.read() as connection:
        events = [e.event for e in chain.entries(connection, population="breast-cancer")]
    assert "charge" not in events
    site.close()


def test_reconciling_charges_what_the_old_database_does_not_know(restored, ran):
    done = command("reconcile", restored)
    assert done.exit_code == 0, done.output
    assert "1 blocks charged" in done.output
    domain = Domain(restored)
    domain.start()
    budget = domain.holdings.budget("breast-cancer")
    assert budget.epsilon_spent == pytest.approx(ran[2])
    with domain.store.read() as connection:
        chain.check(connection)
    domain.close()
    assert "nothing to do" in command("reconcile", restored).output
    domain = Domain(restored)
    assert domain.holdings.budget("breast-cancer") == budget
    domain.close()


@pytest.mark.parametrize("change", [b"{}", b"", "another domain's"])
def test_a_head_that_the_domain_did_not_sign_is_not_believed(root, change, tmp_path):
    if change == "another domain's":
        other = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b"), start=False)
        change = files.path(other.domain.folder).read_bytes()
        other.close()
    domain = Domain(root)
    files.path(domain.folder).write_bytes(change)
    with pytest.raises(InvalidConfiguration, match="not one that this domain signed"):
        domain.start()
    domain.close()


def test_a_domain_moves_to_another_database_with_its_ledger(root, ran, database_url):
    moved = command("move", root, "--to", database_url)
    assert moved.exit_code == 0, moved.output
    site = Site.open(root)
    assert site.domain.folder.database_url == database_url
    assert site.domain.holdings.budget("breast-cancer").epsilon_spent == pytest.approx(ran[2])
    submit(site.client(), epsilon=1.0, repeat=1).wait(progress=False)
    assert site.domain.holdings.budget("breast-cancer").epsilon_spent > ran[2]
    site.close()
    again = command("move", root, "--to", database_url)
    assert again.exit_code != 0


def test_an_empty_database_does_not_run(root, database_url):
    config = root / "domain.toml"
    config.write_text(f'database = "{database_url}"\n' + config.read_text())
    domain = Domain(root)
    with pytest.raises(LedgerBehind):
        domain.start()
    domain.close()


curves = st.lists(
    st.tuples(
        st.sampled_from(["patients", "staff"]),
        st.one_of(st.just(()), st.sets(st.sampled_from("xyz"), min_size=1).map(tuple)),
        st.floats(0.01, 3.0),
    ),
    max_size=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kept=curves, lost=curves)
def test_after_reconciling_nobody_has_less_than_the_head_says(kept, lost):
    """Whatever was lost: each block of each population has at least what it had."""
    orders = np.asarray(ORDERS)
    sums = []
    for rows in (kept + lost, kept):
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            tables.create(connection)
            for number, (population, blocks, size) in enumerate(rows):
                account = ledger.Account(population, "d", "v", blocks, WIDE, WIDE)
                ledger.reserve(
                    connection,
                    account=account,
                    request=str(number),
                    researcher="rosa",
                    curve=size * orders,
                )
            sums.append(balance.totals(connection))
    newest = [
        Spent(population=p, block=b, curve=tuple(float(v) for v in c))
        for (p, b), c in sums[0].items()
    ]
    missing = missing_of(LedgerState(spent=tuple(newest)), sums[1])
    for (population, block), wanted in sums[0].items():
        base = sums[1].get((population, block), sums[1].get((population, ""), 0.0))
        added = missing.get((population, ""), 0.0)
        added = added + (missing.get((population, block), 0.0) if block else 0.0)
        assert (base + added >= wanted * (1 - 1e-12)).all()


def test_a_file_is_moved_into_the_domains_folder_wherever_one_is(root, ran, tmp_path, monkeypatch):
    """As ``domain.toml`` reads a relative path; elsewhere an empty database would be made."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    moved = command("move", root, "--to", "sqlite:///new.sqlite")
    assert moved.exit_code == 0, moved.output
    assert str(root / "new.sqlite") in "".join(moved.output.split())
    assert not list(elsewhere.iterdir())
    domain = Domain(root)
    assert domain.holdings.budget("breast-cancer").epsilon_spent == pytest.approx(ran[2])
    domain.start()
    domain.close()
