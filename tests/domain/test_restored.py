"""Check that a restored database learns from the ledger's head what it lacks about people."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch.nn.functional as F
from starlette.testclient import TestClient
from typer.testing import CliRunner

import workbench as wb
from tests.registers import (
    COLUMNS,
    MONTH,
    PERSON,
    PURPOSE,
    change,
    frame,
    make_register,
    publish,
    records_of,
    spend,
    stays,
)
from tests.studies import linear, submit
from tests.support import Site, add_dataset, make_domain
from workbench.budget import ledger
from workbench.budget.accountant import ORDERS
from workbench.cli.domain import app
from workbench.documents import DatasetCard
from workbench.documents.envelope import unverified
from workbench.domain.api import create_app
from workbench.domain.datasets import cards
from workbench.domain.heads import files, head
from workbench.domain.populations import opting_out, persons
from workbench.domain.service import Domain
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    InvalidConfiguration,
    LedgerBehind,
    RequestDenied,
)
from workbench.space.requests.request import RequestHandle
from workbench.space.results.kinds import result_of

DATABASE = "domain.sqlite"


@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
def ill(model, record):
    return F.cross_entropy(model(record["age"].reshape(1) / 100), record["ill"])


def command(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def saved(root, place):
    """Copy the database away; nobody has it open."""
    place.mkdir()
    for path in root.glob(f"{DATABASE}*"):
        shutil.copy(path, place / path.name)
    return place


def restore(root, place):
    for path in root.glob(f"{DATABASE}*"):
        path.unlink()
    for path in place.iterdir():
        shutil.copy(path, root / path.name)


def kept(domain):
    """Write the newest head, as before a run starts."""
    with domain.store.read() as connection:
        head.keep(connection, domain.folder, domain.key)


@pytest.fixture
def root(tmp_path):
    """A register with nothing published, and a copy of its database from then."""
    root = make_register(tmp_path / "hospital-a")
    Domain(root).close()
    saved(root, tmp_path / "old")
    return root


@pytest.fixture
def lost(root, tmp_path):
    """The same after January was published and spent; the database of before is back."""
    site = Site.open(root, start=False)
    spend(site, "stays", 3.5, "first")
    kept(site.domain)
    site.close()
    restore(root, tmp_path / "old")
    return root


def reconciled(root):
    done = command("reconcile", root)
    assert done.exit_code == 0, done.output
    site = Site.open(root, start=False)
    return site, done.output


def test_who_comes_back_stays_in_the_block_that_the_lost_database_knew(lost):
    """Forty of January come again in February; in January they have 0.5 left, and keep it."""
    people = [f"p{i:03d}" for i in [*range(40), *range(100, 200)]]
    stays(people, ["feb"] * 140).to_csv(lost / "data" / "stays.csv", index=False)
    change(lost, "stays", blocks=["feb"])
    site, told = reconciled(lost)
    assert "the members of 1" in told
    assert records_of(site, "stays") == 100
    spend(site, "stays", 3.5, "second")
    stays(people, ["jan"] * 140).to_csv(lost / "data" / "stays.csv", index=False)
    change(lost, "stays", blocks=["jan"])
    publish(site.domain.operator, lost, "stays")
    assert records_of(site, "stays") == 40
    with pytest.raises(BudgetExhausted, match="block 'jan'"):
        spend(site, "stays", 3.5, "third")
    site.close()


def test_who_opted_out_stays_out(root, tmp_path):
    site = Site.open(root, start=False)
    site.close()
    saved(root, tmp_path / "later")
    assert command("population", "opt-out", root, "patients", "--person", "p005").exit_code == 0
    restore(root, tmp_path / "later")
    domain = Domain(root)
    with pytest.raises(LedgerBehind):
        domain.start()
    domain.close()
    assert "1 who opted out" in command("reconcile", root).output
    domain = Domain(root)
    with domain.store.read() as connection:
        (known,) = persons.versions(connection, dataset="stays")
        assert opting_out.stopped(connection, "patients", known.version)
    domain.close()
    site = Site.open(root, start=False)
    assert records_of(site, "stays") == 99
    site.close()


def test_who_opted_out_after_the_last_run_stays_out_of_an_empty_database(root, tmp_path):
    site = Site.open(root, start=False)
    site.close()
    assert command("population", "opt-out", root, "patients", "--person", "p005").exit_code == 0
    restore(root, tmp_path / "old")
    site, told = reconciled(root)
    assert "1 who opted out" in told
    assert records_of(site, "stays") == 99
    site.close()


def test_a_population_keeps_its_caps(tmp_path):
    """Made after the copy: nobody may make it anew with another total."""
    root = make_domain(tmp_path / "hospital-a", datasets=())
    Domain(root).close()
    saved(root, tmp_path / "old")
    make = ("population", "create", root, "patients", "--unit", "person", "--delta", "1e-5")
    assert command(*make, "--epsilon-total", "4", "--uses", "7").exit_code == 0
    restore(root, tmp_path / "old")
    assert isinstance(command(*make, "--epsilon-total", "50").exception, LedgerBehind)
    assert "the caps of 1 populations" in command("reconcile", root, "--lost").output
    assert isinstance(command(*make, "--epsilon-total", "50").exception, Conflict)
    domain = Domain(root)
    population = domain.operator.populations.status("patients").population
    assert (population.epsilon_total, population.uses, population.unit) == (4.0, 7, "person")
    domain.close()


@pytest.mark.parametrize("persons_known", [True, False])
def test_a_dataset_stays_with_the_population_that_it_had(root, tmp_path, persons_known):
    """Neither a dataset of persons nor one of single records is taken for somebody new."""
    site = Site.open(root, start=False)
    if persons_known:
        people = [f"p{i:03d}" for i in range(50, 150)]
        add_dataset(
            root,
            "drugs",
            stays(people, ["feb"] * 100, 1),
            [PERSON, MONTH, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
    else:
        command(
            "population",
            "create",
            root,
            "staff",
            "--unit",
            "person",
            "--epsilon-total",
            "4",
            "--delta",
            "1e-5",
        )
        add_dataset(root, "drugs", frame(100), COLUMNS)
        change(root, "drugs", records_per_member=2)
    whose = "patients" if persons_known else "staff"
    change(root, "drugs", population=whose)
    change(root, "drugs", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
    site.domain.operator.publish("drugs")
    site.close()
    restore(root, tmp_path / "old")
    assert command("reconcile", root).exit_code == 0
    domain = Domain(root)
    change(root, "drugs", population="new")
    with pytest.raises(Conflict, match=f"belongs to population '{whose}'"):
        domain.operator.publish("drugs")
    if persons_known:
        people = [f"q{i:03d}" for i in range(99)] + ["p060"]
        add_dataset(
            root,
            "others",
            frame(100, 1, patient=people),
            [PERSON, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        with pytest.raises(Conflict, match="are in population 'patients' too"):
            domain.operator.publish("others")
    domain.close()


@pytest.mark.parametrize("name", ["members-*.json", "state-*.json"])
@pytest.mark.parametrize("changed", [True, False])
def test_without_what_the_head_names_nothing_is_reconciled(lost, name, changed):
    (place,) = (lost / "state" / "ledger").glob(name)
    if changed:
        place.write_bytes(place.read_bytes().replace(b"stays", b"staff"))
    else:
        place.unlink()
    refused = command("reconcile", lost)
    assert isinstance(refused.exception, InvalidConfiguration)
    assert "which is not there as it was" in refused.exception.message
    domain = Domain(lost)
    with pytest.raises(LedgerBehind):
        domain.start()
    domain.close()


def test_reconciling_twice_changes_nothing_more(lost, tmp_path):
    site, _ = reconciled(lost)
    budget = site.client().budget("stays")
    site.close()
    assert "nothing to do" in command("reconcile", lost).output
    restore(lost, tmp_path / "old")
    site, _ = reconciled(lost)
    assert site.client().budget("stays").epsilon_spent == pytest.approx(budget.epsilon_spent)
    site.close()


def test_the_files_beside_the_head_are_few(root):
    site = Site.open(root, start=False)
    for step in range(5):
        change(root, "stays", title=f"version {step}", blocks=["jan", "feb"][: 1 + step % 2])
        publish(site.domain.operator, root, "stays")
        spend(site, "stays", 0.1, f"r{step}")
        kept(site.domain)
    place = files.path(site.domain.folder).parent
    names = sorted(path.name.split("-")[0] for path in place.glob("*.json"))
    assert names == ["ledger", "members", "state"]
    site.close()


def test_a_domain_of_many_blocks_has_a_head(root):
    """Its curves are longer than one document may be."""
    site = Site.open(root, start=False)
    wide = ledger.Caps(1e6, 1e-5)
    with site.domain.store.write() as connection:
        for block in range(400):
            account = ledger.Account("patients", "stays", "v", (f"b{block}",), wide, wide)
            ledger.reserve(
                connection,
                account=account,
                request=f"r{block}",
                researcher="rosa",
                curve=np.asarray(ORDERS) / 7,
            )
    kept(site.domain)
    kept(site.domain)
    site.close()


@pytest.fixture
def asked(tmp_path):
    """A domain in whose database's copy a request waits, and what became of it is lost."""
    root = make_domain(tmp_path / "hospital-a", datasets=())
    add_dataset(root, "visits", frame(), COLUMNS)
    change(
        root,
        "visits",
        "terms.yaml",
        epsilon_total=4.0,
        epsilon_per_run=4.0,
        approval={"mode": "steward"},
    )
    site = Site.open(root)
    handle = submit(site.client(), ill, linear(1, 2), "visits", epsilon=3.8, purpose=PURPOSE)
    site.close()
    saved(root, tmp_path / "old")
    site.domain = Domain(root)
    with site.domain.store.write() as connection:
        ledger.charge(connection, request=handle.digest)
    kept(site.domain)
    site.domain.close()
    restore(root, tmp_path / "old")
    return root, site, handle


def test_what_waited_in_an_old_copy_never_runs_again(asked):
    """It may have been released: its noise would be other noise, and its cost was charged."""
    root, site, handle = asked
    assert "1 requests that waited were denied" in command("reconcile", root).output
    site = replace(site, domain=Domain(root))
    site.http = TestClient(create_app(site.domain), raise_server_exceptions=False)
    status = site.client().status(handle.digest)
    assert status.state == "denied"
    assert "nobody knows whether this has run since" in status.reason
    assert site.client().budget("visits").epsilon_spent == pytest.approx(3.8, abs=0.01)
    for act in (
        lambda: site.client(site.steward).decide(handle.digest, "approve", "fine"),
        lambda: site.client().cancel(handle.digest),
    ):
        with pytest.raises(Conflict, match="the request is denied"):
            act()
    with pytest.raises(RequestDenied, match="the domain did not start it"):
        RequestHandle(site.client(), status, result_of).result()
    # Nothing is missing any more, and nothing is given back.
    assert "nothing to do" in command("reconcile", root).output
    assert site.client().budget("visits").epsilon_spent == pytest.approx(3.8, abs=0.01)
    site.close()


def test_an_empty_database_is_not_taken_for_an_old_copy(root, tmp_path):
    """A wrong path in domain.toml would give one: people and requests would be lost for nothing."""
    Site.open(root, start=False).domain.close()
    for path in root.glob(f"{DATABASE}*"):
        path.unlink()
    refused = command("reconcile", root)
    assert isinstance(refused.exception, Conflict)
    assert "the database is empty" in refused.exception.message
    assert "--lost" in refused.exception.hint
    assert "caps of 1 populations" in command("reconcile", root, "--lost").output


def test_single_records_stay_stopped_over_a_loss(tmp_path):
    """Of whom they are nobody can tell: the same file is not taken for one without the person."""
    root = make_domain(tmp_path / "hospital-a", datasets=())
    assert (
        command(
            "population",
            "create",
            root,
            "patients",
            "--unit",
            "person",
            "--epsilon-total",
            4,
            "--delta",
            "1e-5",
        ).exit_code
        == 0
    )
    people = [f"p{i:03d}" for i in range(100)]
    add_dataset(
        root,
        "stays",
        frame(100, 2, patient=people),
        [PERSON, *COLUMNS],
        100,
        population="patients",
        privacy_unit="person",
        max_records_per_unit=4,
    )
    add_dataset(root, "samples", frame(seed=3), COLUMNS, population="patients")
    change(root, "samples", records_per_member=2)
    for name in ("stays", "samples"):
        change(root, name, "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
    saved(root, tmp_path / "old")
    domain = Domain(root)

    def stopped():
        with domain.store.read() as connection:
            card = unverified(cards.latest(connection, "samples"), DatasetCard)
            return opting_out.stopped(connection, "patients", card.dataset_version)

    for name in ("stays", "samples"):
        domain.operator.publish(name)
    domain.operator.populations.opt_out("patients", "p005")
    domain.operator.publish("samples")
    assert stopped()
    domain.close()
    restore(root, tmp_path / "old")
    assert command("reconcile", root, "--lost").exit_code == 0
    domain = Domain(root)
    domain.operator.publish("samples")
    assert stopped()
    frame(seed=3).iloc[:-1].to_csv(root / "data" / "samples.csv", index=False)
    domain.operator.publish("samples")
    assert not stopped()
    domain.close()


def test_the_shown_figures_of_an_older_database_are_not_to_be_believed(lost):
    shown = command("population", "show", lost)
    assert "warning: the database has a privacy ledger of" in shown.output
