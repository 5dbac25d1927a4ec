"""Check what only two stewards can change: merge two populations, and raise a total."""

from __future__ import annotations

import json
import shutil

import pytest
import torch.nn.functional as F
from typer.testing import CliRunner

import workbench as wb
from tests.registers import (
    COLUMNS,
    PERSON,
    PURPOSE,
    change,
    frame,
    make_register,
    records_of,
    spend,
)
from tests.studies import linear, submit
from tests.support import Site, add_dataset, make_domain
from workbench.budget import ledger
from workbench.budget.accountant import ORDERS, epsilon_of, filter_budget, pure_curve
from workbench.cli.app import app
from workbench.documents import Envelope, NewPopulation, PrivateKey, ProposedChange
from workbench.domain.populations import accounts, opting_out, persons, registry
from workbench.domain.service import Domain
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    InvalidConfiguration,
    InvalidData,
    InvalidSignature,
    NotAdmitted,
    RequestDenied,
)


@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
def ill(model, record):
    return F.cross_entropy(model(record["age"].reshape(1) / 100), record["ill"])


def command(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def root(tmp_path):
    """A register in blocks, and staff of whom forty are patients too, under other labels."""
    root = make_register(tmp_path / "hospital-a")
    command(
        "domain",
        "population",
        "create",
        root,
        "staff",
        "--unit",
        "person",
        "--epsilon-total",
        3,
        "--delta",
        "1e-5",
        "--uses",
        9,
    )
    people = [f"s{i:03d}" for i in range(100)]
    add_dataset(
        root,
        "shifts",
        frame(100, 1, patient=people),
        [PERSON, *COLUMNS],
        100,
        privacy_unit="person",
        max_records_per_unit=4,
    )
    change(root, "shifts", population="staff")
    change(root, "shifts", "terms.yaml", epsilon_total=3.0, epsilon_per_run=3.0)
    change(root, "stays", "terms.yaml", epsilon_total=3.0, epsilon_per_run=3.0)
    return root


@pytest.fixture
def site(root):
    site = Site.open(root, start=False)
    site.other = PrivateKey.create()
    site.domain.operator.admit(site.other.public, "Selma Second", "steward")
    yield site
    site.domain.close()


def words(site, name="patients", keys=None, **what):
    proposed = site.domain.operator.populations.propose(name, ProposedChange(**what))
    return [Envelope.sign(proposed, key) for key in keys or (site.steward, site.other)]


def merged(site):
    return site.domain.operator.change(words(site, merge="staff"))


class TestMerging:
    def test_what_was_spent_on_either_counts_for_both(self, site):
        spend(site, "stays", 1.0, "one")
        spend(site, "shifts", 1.5, "two")
        made = merged(site)
        assert (made.epsilon_total, made.uses) == (3.0, 9)
        both = epsilon_of(pure_curve(1.0) + pure_curve(1.5), 1e-5)
        for name in ("stays", "shifts"):
            assert site.client().budget(name).epsilon_spent == pytest.approx(both)
            with pytest.raises(BudgetExhausted, match="population 'patients'"):
                spend(site, name, 1.0, f"three {name}")
        blocks = {
            b.block: b.epsilon_spent
            for b in site.domain.operator.populations.status("patients").blocks
        }
        assert blocks["jan"] == pytest.approx(both)
        assert blocks[""] == pytest.approx(epsilon_of(pure_curve(1.5), 1e-5))

    def test_a_run_on_a_card_from_before_counts_in_every_block(self, site):
        before = site.client().dataset("shifts")
        merged(site)
        with site.domain.store.read() as connection:
            account = accounts.account(connection, before)
        assert (account.population, account.blocks) == ("patients", ())
        assert account.whole.epsilon_total == 3.0
        spend(site, "shifts", 2.9, "late")
        with pytest.raises(BudgetExhausted):
            spend(site, "stays", 1.0, "later")

    def test_a_reservation_from_before_is_given_back_in_one_alone(self, site):
        """What was set aside on the other one stays set aside: never less than was spent."""
        spend(site, "shifts", 1.5, "waits")
        merged(site)
        with site.domain.store.write() as connection:
            ledger.release_reservation(connection, request="waits")
        assert site.client().budget("shifts").epsilon_spent == pytest.approx(
            epsilon_of(pure_curve(1.5), 1e-5)
        )

    def test_its_datasets_belong_to_the_other_one_from_now_on(self, site, root):
        merged(site)
        assert site.domain.operator.populations.status("patients").datasets == ("shifts", "stays")
        assert site.client().budget("stays").shared == ("shifts",)
        # dataset.yaml may go on saying 'staff'; the card says whose they are.
        change(root, "shifts", title="Shifts, corrected")
        assert site.domain.operator.publish("shifts").population_name == "patients"
        change(root, "shifts", population="new")
        with pytest.raises(Conflict, match="belongs to population 'patients'"):
            site.domain.operator.publish("shifts")

    def test_people_of_both_are_no_overlap_any_more(self, site, root):
        people = [f"s{i:03d}" for i in range(60)] + [f"p{i:03d}" for i in range(40)]
        frame(100, 1, patient=people).to_csv(root / "data" / "shifts.csv", index=False)
        with pytest.raises(Conflict, match="are in population 'patients' too"):
            site.domain.operator.publish("shifts")
        merged(site)
        site.domain.operator.publish("shifts")
        assert records_of(site, "shifts") == 100
        # Who was a patient first stays in January; the others are in no block.
        with site.domain.store.read() as connection:
            known = persons.versions(connection, dataset="shifts")[-1]
        labels = [known.labels[block] for block in known.blocks]
        assert (labels.count("jan"), labels.count("")) == (40, 60)
        change(root, "shifts", blocks=["feb"])
        with pytest.raises(InvalidData, match="nobody is left"):
            site.domain.operator.publish("shifts")

    def test_who_opted_out_of_either_is_out_of_both(self, site, root):
        assert site.domain.operator.populations.opt_out("staff", "s007") == ["shifts"]
        merged(site)
        card = site.client().dataset("shifts")
        site.domain.operator.populations.opt_out("patients", "s008")
        site.domain.operator.populations.opt_out("staff", "p007")
        with site.domain.store.read() as connection:
            for name in ("patients", "staff"):
                assert len(opting_out.gone(connection, name)) == 3
            assert opting_out.stopped(connection, card.population_name, card.dataset_version)
            version = site.client().dataset("stays").dataset_version
            assert opting_out.stopped(connection, "patients", version)
        site.domain.operator.publish("stays")
        assert records_of(site, "stays") == 99

    def test_a_lost_database_takes_it_up_again(self, site, root, tmp_path):
        spend(site, "shifts", 1.5, "two")
        site.domain.close()
        shutil.copytree(root, tmp_path / "before")
        site.domain = Domain(root)
        merged(site)
        site.domain.close()
        for path in root.glob("domain.sqlite*"):
            path.unlink()
        for path in (tmp_path / "before").glob("domain.sqlite*"):
            shutil.copy(path, root)
        assert command("domain", "reconcile", root).exit_code == 0
        site.domain = Domain(root)
        assert site.domain.holdings.budget("shifts").population == "patients"
        assert site.domain.holdings.budget("shifts").epsilon_spent >= epsilon_of(
            pure_curve(1.5), 1e-5
        )

    def test_what_cannot_be_merged(self, site, root):
        with pytest.raises(Conflict, match="'patients' has blocks"):
            site.domain.operator.populations.propose("staff", ProposedChange(merge="patients"))
        with pytest.raises(Conflict, match="into itself"):
            site.domain.operator.populations.propose("staff", ProposedChange(merge="staff"))
        command(
            "domain", "population", "create", root, "rows", "--epsilon-total", 3, "--delta", "1e-5"
        )
        with pytest.raises(Conflict, match="the unit of 'patients' is 'person'"):
            site.domain.operator.populations.propose("patients", ProposedChange(merge="rows"))
        merged(site)
        with pytest.raises(Conflict, match="'staff' was merged into 'patients'"):
            site.domain.operator.populations.propose("patients", ProposedChange(merge="staff"))


class TestTheWordOfTwo:
    def test_a_raised_total_keeps_the_order(self, site, root):
        """The filter holds for an order that was fixed before the first run."""
        spend(site, "stays", 2.9, "one")
        with site.domain.store.read() as connection:
            before = registry.get(connection, "patients")
        with pytest.raises(BudgetExhausted):
            spend(site, "stays", 2.0, "two")
        made = site.domain.operator.change(words(site, epsilon_total=9.0))
        assert (made.epsilon_total, made.order, made.blocks) == (9.0, before.order, "month")
        assert made.order != ORDERS[filter_budget(9.0, made.delta)[0]]
        change(root, "stays", "terms.yaml", epsilon_total=9.0, epsilon_per_run=9.0)
        site.domain.operator.publish("stays")
        spend(site, "stays", 2.0, "two")
        assert site.client().budget("stays").epsilon_total == 9.0

    def test_it_takes_two_stewards_who_are_admitted(self, site):
        for keys in (
            [site.steward],
            [site.steward, site.steward],
            [site.steward, site.researcher],
            [site.steward, PrivateKey.create()],
        ):
            with pytest.raises(NotAdmitted):
                site.domain.operator.change(words(site, keys=keys, epsilon_total=9.0))
        signed = words(site, epsilon_total=9.0)
        site.domain.operator.revoke(site.other.key_id)
        with pytest.raises(NotAdmitted):
            site.domain.operator.change(signed)
        assert site.domain.operator.populations.status("patients").population.epsilon_total == 4.0

    def test_both_sign_the_same(self, site):
        one, _ = words(site, epsilon_total=9.0)
        _, two = words(site, epsilon_total=8.0)
        with pytest.raises(InvalidSignature, match="different changes"):
            site.domain.operator.change([one, two])

    def test_it_holds_once_and_for_what_was_there(self, site):
        signed = words(site, epsilon_total=9.0)
        late = words(site, epsilon_total=12.0)
        site.domain.operator.change(signed)
        for again in (signed, late):
            with pytest.raises(Conflict, match="has changed since this was proposed"):
                site.domain.operator.change(again)

    def test_it_holds_for_a_month_and_this_domain(self, site):
        proposed = site.domain.operator.populations.propose(
            "patients", ProposedChange(epsilon_total=9.0)
        )
        for values, why in (
            ({"proposed": "2020-01-01T00:00:00.000000Z"}, "propose it again"),
            ({"domain": "hospital-b"}, "is for domain 'hospital-b'"),
        ):
            other = proposed.model_copy(update=values)
            signed = [Envelope.sign(other, key) for key in (site.steward, site.other)]
            with pytest.raises(Conflict, match=why):
                site.domain.operator.change(signed)

    def test_a_total_is_not_lowered_and_both_words_are_kept(self, site):
        with pytest.raises(Conflict, match="the total of 'patients' is 4 already"):
            site.domain.operator.populations.propose("patients", ProposedChange(epsilon_total=3.0))
        site.domain.operator.change(words(site, epsilon_total=9.0))
        with site.domain.store.read() as connection:
            kept = connection.exec_driver_sql("SELECT key FROM population_changes").scalars()
            assert set(kept) == {site.steward.key_id, site.other.key_id}

    def test_from_the_command_line(self, site, root, tmp_path):
        for name, key in (("stella", site.steward), ("selma", site.other)):
            key.save(tmp_path / f"{name}.key")
        site.domain.close()
        file = tmp_path / "change.json"
        told = command("domain", "population", "merge", root, "patients", "staff", "--out", file)
        assert "have one total together, the lower of the two, epsilon 3" in " ".join(
            told.output.split()
        )
        signed = []
        for name in ("stella", "selma"):
            signed += ["--word", tmp_path / f"{name}.json"]
            done = command(
                "key", "sign", file, "--key", tmp_path / f"{name}.key", "--out", signed[-1]
            )
            assert "'staff' of hospital-a is merged into 'patients'" in done.output
        other = command(
            "domain", "population", "raise", root, "patients", "--epsilon-total", 9, *signed
        )
        assert isinstance(other.exception, InvalidConfiguration)
        done = command("domain", "population", "merge", root, "patients", "staff", *signed)
        assert "population patients: epsilon 3 at delta 1e-05" in done.output
        shown = json.loads(
            command("domain", "population", "show", root, "patients", "--json").output
        )
        assert shown["datasets"] == ["shifts", "stays"]
        site.domain = Domain(root)


def test_what_waits_at_a_merge_starts_only_where_it_still_fits(tmp_path):
    """Nothing was charged yet: a person of both would otherwise be charged for both."""
    root = make_domain(tmp_path / "hospital-a", datasets=())
    for name, letter in (("patients", "p"), ("staff", "s")):
        people = [f"{letter}{i % 100:03d}" for i in range(400)]
        add_dataset(
            root,
            name,
            frame(seed=2, patient=people),
            [PERSON, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        change(
            root,
            name,
            "terms.yaml",
            epsilon_total=4.0,
            epsilon_per_run=4.0,
            approval={"mode": "steward"},
        )
    site = Site.open(root)
    site.other = PrivateKey.create()
    site.domain.operator.admit(site.other.public, "Selma Second", "steward")
    handles = [
        submit(site.client(), ill, linear(1, 2), name, epsilon=3.8, purpose=PURPOSE)
        for name in ("patients", "staff")
    ]
    merged(site)
    for handle in handles:
        site.client(site.steward).decide(handle.digest, "approve", "fine")
    # What waited in the one that was merged counts as charged in the other.
    with pytest.raises(RequestDenied, match="the domain did not start it: the run would bring"):
        handles[0].wait(progress=False)
    handles[1].wait(progress=False)
    assert site.client().budget("staff").epsilon_spent == pytest.approx(3.8, abs=0.01)
    site.close()


def test_an_opt_out_reaches_all_names_of_a_population(tmp_path):
    """Through a chain of merges: single records of the first one are stopped too."""
    root = make_domain(tmp_path / "hospital-a", datasets=())
    site = Site.open(root, start=False)
    site.other = PrivateKey.create()
    site.domain.operator.admit(site.other.public, "Selma Second", "steward")
    for name in ("patients", "ward", "staff"):
        site.domain.operator.populations.create(
            NewPopulation(name=name, unit="person", epsilon_total=4.0, delta=1e-5)
        )
    add_dataset(
        root,
        "stays",
        frame(100, 2, patient=[f"p{i:03d}" for i in range(100)]),
        [PERSON, *COLUMNS],
        100,
        population="patients",
        privacy_unit="person",
        max_records_per_unit=4,
    )
    add_dataset(root, "samples", frame(seed=3), COLUMNS, population="staff")
    change(root, "samples", records_per_member=2)
    for name in ("stays", "samples"):
        change(root, name, "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        site.domain.operator.publish(name)
    site.domain.operator.populations.opt_out("patients", "p005")
    for into, other in (("ward", "staff"), ("patients", "ward")):
        site.domain.operator.change(words(site, into, merge=other))
    card = site.client().dataset("samples")
    with site.domain.store.read() as connection:
        assert opting_out.stopped(connection, card.population_name, card.dataset_version)
    site.domain.close()
