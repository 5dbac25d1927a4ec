"""What a restored copy of the database does not know about people, the ledger's head does."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.registers import (
    COLUMNS,
    MONTH,
    PERSON,
    change,
    frame,
    make_register,
    records_of,
    spend,
    stays,
)
from tests.support import Site, add_dataset, make_domain
from workbench.cli.domain import app
from workbench.documents.errors import (
    BudgetExhausted,
    Conflict,
    InvalidConfiguration,
    LedgerBehind,
)
from workbench.domain import heads, persons
from workbench.domain.service import Domain

DATABASE = "domain.sqlite"


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
        heads.keep(connection, domain.folder, domain.key)


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
    site.domain.publish("stays")
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
        assert persons.stopped(connection, "patients", known.version)
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
    assert "the caps of 1 populations" in command("reconcile", root).output
    assert isinstance(command(*make, "--epsilon-total", "50").exception, Conflict)
    domain = Domain(root)
    population = domain.populations.status("patients").population
    assert (population.epsilon_total, population.uses, population.unit) == (4.0, 7, "person")
    domain.close()


@pytest.mark.parametrize("persons_known", [True, False])
def test_a_dataset_stays_with_the_population_that_it_had(root, tmp_path, persons_known):
    """Neither a dataset of persons nor one of single records is taken for somebody new."""
    site = Site.open(root, start=False)
    if persons_known:
        people = [f"p{i:03d}" for i in range(50, 150)]
        add_dataset(root, "drugs", stays(people, ["feb"] * 100, 1), [PERSON, MONTH, *COLUMNS],
                    100, privacy_unit="person", max_records_per_unit=4)  # fmt: skip
    else:
        command("population", "create", root, "staff", "--unit", "person", "--epsilon-total", "4",
                "--delta", "1e-5")  # fmt: skip
        add_dataset(root, "drugs", frame(100), COLUMNS)
        change(root, "drugs", records_per_member=2)
    whose = "patients" if persons_known else "staff"
    change(root, "drugs", population=whose)
    change(root, "drugs", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
    site.domain.publish("drugs")
    site.close()
    restore(root, tmp_path / "old")
    assert command("reconcile", root).exit_code == 0
    domain = Domain(root)
    change(root, "drugs", population="new")
    with pytest.raises(Conflict, match=f"belongs to population '{whose}'"):
        domain.publish("drugs")
    if persons_known:
        people = [f"q{i:03d}" for i in range(99)] + ["p060"]
        add_dataset(root, "others", frame(100, 1, patient=people), [PERSON, *COLUMNS], 100,
                    privacy_unit="person", max_records_per_unit=4)  # fmt: skip
        with pytest.raises(Conflict, match="are in population 'patients' too"):
            domain.publish("others")
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
        site.domain.publish("stays")
        spend(site, "stays", 0.1, f"r{step}")
        kept(site.domain)
    place = heads.path(site.domain.folder).parent
    names = sorted(path.name.split("-")[0] for path in place.glob("*.json"))
    assert names == ["ledger", "members", "state"]
    site.close()


def test_a_domain_of_many_blocks_has_a_head(root):
    """Its curves are longer than one document may be."""
    site = Site.open(root, start=False)
    from workbench.budget import ledger
    from workbench.budget.accountant import ORDERS

    wide = ledger.Caps(1e6, 1e-5)
    with site.domain.store.write() as connection:
        for block in range(400):
            account = ledger.Account("patients", "stays", "v", (f"b{block}",), wide, wide)
            ledger.reserve(connection, account=account, request=f"r{block}", researcher="rosa",
                           curve=np.asarray(ORDERS) / 7)  # fmt: skip
    kept(site.domain)
    kept(site.domain)
    site.close()
