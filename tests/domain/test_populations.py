"""Check that a privacy budget belongs to people, whatever is published about them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch.nn.functional as F
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
from workbench.budget.accountant import epsilon_of, pure_curve
from workbench.cli.domain import app
from workbench.documents import NewPopulation
from workbench.domain.datasets import files
from workbench.domain.datasets.units import person_of
from workbench.domain.populations import accounts, opting_out, persons, registry
from workbench.domain.service import Domain
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    InvalidData,
    InvalidSchema,
    RequestDenied,
)


@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
def ill(model, record):
    return F.cross_entropy(model(record["age"].reshape(1) / 100), record["ill"])


@pytest.fixture
def root(tmp_path):
    made = make_domain(tmp_path / "hospital-a", datasets=())
    add_dataset(made, "visits", frame(), COLUMNS)
    change(made, "visits", population=None)
    change(made, "visits", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
    return made


@pytest.fixture
def site(root):
    opened = Site.open(root, start=False)
    yield opened
    opened.close()


def test_the_first_dataset_makes_a_population_with_the_caps_of_its_terms(site):
    with site.domain.store.read() as connection:
        made = registry.get(connection, "visits")
    assert (made.epsilon_total, made.delta, made.unit) == (4.0, 1e-5, "record")
    budget = site.client().budget("visits")
    assert (budget.population, budget.epsilon_total, budget.shared) == ("visits", 4.0, ())


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Visits, corrected"},
        {"record_count": 390},
        {"holdout_fraction": 0.4},
        {"schema": {"columns": [COLUMNS[0] | {"upper": 90}, COLUMNS[1]]}},
        "rows in another order",
        "a changed cell",
    ],
)
def test_another_version_opens_no_fresh_total(site, root, changed):
    spend(site, "visits", 2.0, "first")
    before = site.client().budget("visits")
    if isinstance(changed, dict):
        change(root, "visits", **changed)
    else:
        data = frame()
        if changed == "a changed cell":
            data.loc[3, "age"] = 50.0
        else:
            data = data.iloc[::-1]
        data.to_csv(root / "data" / "visits.csv", index=False)
    version = site.client().dataset("visits").digest
    assert site.domain.operator.publish("visits").digest != version
    after = site.client().budget("visits")
    assert (
        after.epsilon_spent
        == before.epsilon_spent
        == pytest.approx(epsilon_of(pure_curve(2.0), 1e-5))
    )
    with pytest.raises(BudgetExhausted, match="population 'visits'"):
        spend(site, "visits", 3.9, "second")


class TestTheSecondDataset:
    def test_has_to_say_whose_data_it_is(self, site, root):
        add_dataset(root, "drugs", frame(seed=1), COLUMNS)
        change(root, "drugs", population=None)
        with pytest.raises(InvalidSchema, match="say whose data these are; there is 'visits'") as e:
            site.domain.operator.publish("drugs")
        assert "population: visits" in e.value.hint
        assert "population: new" in e.value.hint

    def test_shares_the_budget_of_the_population_that_it_names(self, site, root):
        add_dataset(root, "drugs", frame(seed=1), COLUMNS)
        change(root, "drugs", population="visits")
        change(root, "drugs", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        site.domain.operator.publish("drugs")
        spend(site, "visits", 2.0, "first")
        with pytest.raises(BudgetExhausted, match="population 'visits'"):
            spend(site, "drugs", 3.9, "second")
        budgets = {b.dataset: b for b in site.domain.holdings.budgets()[0]}
        assert budgets["drugs"].epsilon_spent == budgets["visits"].epsilon_spent > 2.0
        assert budgets["drugs"].shared == ("visits",)
        assert budgets["visits"].shared == ("drugs",)
        assert (budgets["visits"].runs, budgets["drugs"].runs) == (1, 0)

    def test_has_a_population_of_its_own_if_it_says_so(self, site, root):
        add_dataset(root, "staff", frame(seed=1), COLUMNS)
        site.domain.operator.publish("staff")
        spend(site, "visits", 3.0, "first")
        spend(site, "staff", 3.0, "second")
        assert site.client().budget("staff").population == "staff"

    def test_may_not_have_wider_terms_than_its_population(self, site, root):
        add_dataset(root, "drugs", frame(seed=1), COLUMNS)
        change(root, "drugs", population="visits")
        with pytest.raises(InvalidSchema, match="100 is more than the 4 of population 'visits'"):
            site.domain.operator.publish("drugs")
        change(root, "drugs", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0, delta=1e-4)
        with pytest.raises(InvalidSchema, match=r"terms.yaml: delta: 0.0001 is more than"):
            site.domain.operator.publish("drugs")

    def test_may_not_name_a_population_that_is_not_there(self, site, root):
        add_dataset(root, "drugs", frame(seed=1), COLUMNS)
        change(root, "drugs", population="vistis")
        with pytest.raises(InvalidSchema, match="there is no population 'vistis'; there is 'vis"):
            site.domain.operator.publish("drugs")

    def test_takes_nothing_over_that_has_its_name(self, site, root):
        CliRunner().invoke(
            app,
            ["population", "create", str(root), "drugs", "--epsilon-total", "1", "--delta", "1e-6"],
            catch_exceptions=False,
        )
        add_dataset(root, "drugs", frame(seed=1), COLUMNS)
        with pytest.raises(Conflict, match="there is a population 'drugs' already"):
            site.domain.operator.publish("drugs")


def test_a_dataset_stays_with_its_population(site, root):
    add_dataset(root, "staff", frame(seed=1), COLUMNS)
    site.domain.operator.publish("staff")
    for wish in ("staff", "new"):
        change(root, "visits", population=wish)
        if wish == "staff":
            with pytest.raises(Conflict, match="belongs to population 'visits'"):
                site.domain.operator.publish("visits")
        else:
            site.domain.operator.publish("visits")
    assert site.client().budget("visits").population == "visits"


def test_a_total_cannot_be_raised_by_publishing_again(site, root):
    change(root, "visits", "terms.yaml", epsilon_total=8.0)
    with pytest.raises(InvalidSchema, match="8 is more than the 4"):
        site.domain.operator.publish("visits")
    change(root, "visits", "terms.yaml", epsilon_total=2.0, epsilon_per_run=2.0)
    site.domain.operator.publish("visits")
    budget = site.client().budget("visits")
    assert (budget.epsilon_total, budget.cap, budget.epsilon_left) == (4.0, 2.0, 2.0)


class TestPersonsAndRecords:
    @pytest.fixture
    def persons(self, root):
        change(root, "visits", population="new")
        people = [f"p{i % 100}" for i in range(400)]
        person = {"name": "patient", "kind": "category", "role": "unit"}
        add_dataset(
            root,
            "stays",
            frame(seed=2, patient=people),
            [person, *COLUMNS],
            privacy_unit="person",
            max_records_per_unit=4,
            record_count=100,
        )
        opened = Site.open(root, start=False)
        yield opened
        opened.close()

    def test_records_join_persons_only_with_a_bound_on_them(self, persons, root):
        add_dataset(root, "samples", frame(seed=3), COLUMNS)
        change(root, "samples", population="stays")
        with pytest.raises(InvalidSchema, match="counts each person, and this dataset single rec"):
            persons.domain.operator.publish("samples")
        change(root, "samples", records_per_member=4)
        assert persons.domain.operator.publish("samples").records_per_member == 4

    def test_persons_do_not_join_records(self, persons, root):
        people = [f"p{i % 100}" for i in range(400)]
        person = {"name": "patient", "kind": "category", "role": "unit"}
        add_dataset(
            root,
            "again",
            frame(seed=2, patient=people),
            [person, *COLUMNS],
            privacy_unit="person",
            max_records_per_unit=4,
            record_count=100,
        )
        change(root, "again", population="visits")
        with pytest.raises(InvalidSchema, match="'person'; the unit of population 'visits' is"):
            persons.domain.operator.publish("again")

    def test_a_bound_says_nothing_where_the_units_are_the_same(self, persons, root):
        change(root, "stays", records_per_member=4)
        with pytest.raises(InvalidSchema, match="records_per_member: only for single records"):
            persons.domain.operator.publish("stays")


class TestTheCommand:
    def run(self, *arguments):
        return CliRunner().invoke(app, ["population", *arguments])

    def test_makes_one_before_its_first_dataset(self, site, root):
        made = self.run(
            "create",
            str(root),
            "patients",
            "--title",
            "All patients",
            "--unit",
            "person",
            "--epsilon-total",
            "6",
            "--delta",
            "1e-6",
            "--uses",
            "20",
        )
        assert made.exit_code == 0, made.output
        shown = json.loads(self.run("show", str(root), "patients", "--json").output)
        assert shown["population"]["epsilon_total"] == 6.0
        assert shown["population"]["unit"] == "person"
        assert shown["datasets"] == []
        again = self.run("create", str(root), "patients", "--epsilon-total", "9", "--delta", "1e-6")
        assert again.exit_code != 0

    def test_shows_what_a_person_was_charged_at_most(self, site, root):
        spend(site, "visits", 2.0, "first")
        shown = self.run("show", str(root), "visits")
        assert shown.exit_code == 0, shown.output
        assert "visits" in shown.output
        assert f"{site.client().budget('visits').epsilon_spent:.3f}" in shown.output
        listed = self.run("show", str(root))
        assert listed.exit_code == 0, listed.output
        assert "visits" in listed.output


@pytest.fixture
def register(tmp_path):
    return make_register(tmp_path / "hospital-a")


@pytest.fixture
def living(register):
    opened = Site.open(register, start=False)
    yield opened
    opened.close()


class TestBlocks:
    def test_a_dataset_holds_the_people_of_its_blocks(self, living, register):
        assert records_of(living, "stays") == 100
        change(register, "stays", blocks=["jan", "feb"])
        publish(living.domain.operator, register, "stays")
        assert records_of(living, "stays") == 200

    def test_a_new_block_arrives_fresh(self, living, register):
        spend(living, "stays", 3.5, "first")
        with pytest.raises(BudgetExhausted, match="block 'jan'"):
            spend(living, "stays", 3.5, "again")
        change(register, "stays", blocks=["feb"])
        publish(living.domain.operator, register, "stays")
        spend(living, "stays", 3.5, "second")
        change(register, "stays", blocks=["feb", "mar"])
        publish(living.domain.operator, register, "stays")
        with pytest.raises(BudgetExhausted, match="block 'feb'"):
            spend(living, "stays", 3.5, "third")

    def test_who_comes_back_stays_in_the_block_of_the_first_time(self, living, register):
        """Ten people of January are admitted again in February, and ten have a corrected date."""
        people = [f"p{i:03d}" for i in range(300)] + [f"p{i:03d}" for i in range(10)]
        months = ["jan"] * 90 + ["feb"] * 110 + ["mar"] * 100 + ["feb"] * 10
        stays(people, months).to_csv(register / "data" / "stays.csv", index=False)
        change(register, "stays", blocks=["feb"])
        publish(living.domain.operator, register, "stays")
        assert records_of(living, "stays") == 100
        change(register, "stays", blocks=["jan"])
        publish(living.domain.operator, register, "stays")
        # The hundred of January, and the second stays of ten of them.
        assert records_of(living, "stays") == 110

    def test_they_stay_also_under_another_datasets_name(self, living, register):
        people = [f"p{i:03d}" for i in range(50, 150)]
        add_dataset(
            register,
            "drugs",
            stays(people, ["feb"] * 100, 1),
            [PERSON, MONTH, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        change(register, "drugs", population="patients", blocks=["feb"])
        change(register, "drugs", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        publish(living.domain.operator, register, "drugs")
        assert records_of(living, "drugs") == 50

    def test_a_block_that_nobody_knows_is_refused(self, living, register):
        change(register, "stays", blocks=["april"])
        with pytest.raises(InvalidSchema, match="'april' is not a block of 'patients'"):
            publish(living.domain.operator, register, "stays")

    def test_a_population_without_blocks_takes_none(self, site, root):
        change(root, "visits", blocks=["jan"])
        with pytest.raises(InvalidSchema, match="population 'visits' has no blocks"):
            site.domain.operator.publish("visits")

    def test_the_worst_person_by_an_independent_account(self, living, register):
        """Each person's own sum, from who was in the files of each run, never passes the total."""
        random = np.random.default_rng(5)
        first, spent = {}, {}
        months = ["jan", "feb", "mar"]
        people = [f"p{i:03d}" for i in range(60)]
        admitted = 0
        for step in range(12):
            came = list(random.choice(people, 80))
            when = sorted(random.choice(months, 80), key=months.index)
            stays(came, when, step).to_csv(register / "data" / "stays.csv", index=False)
            read = sorted({str(m) for m in random.choice(months, 2)}, key=months.index)
            change(register, "stays", blocks=read, title=f"version {step}")
            try:
                publish(living.domain.operator, register, "stays")
            except InvalidData:
                continue
            here = {}
            for person, month in zip(came, when, strict=True):
                here.setdefault(person, month)
            for person, month in here.items():
                first.setdefault(person, month)
            curve = pure_curve(float(random.uniform(0.1, 0.6)))
            try:
                card = living.client().dataset("stays")
                with living.domain.store.write() as connection:
                    account = accounts.account(connection, card)
                    ledger.reserve(
                        connection,
                        account=account,
                        request=f"r{step}",
                        researcher="rosa",
                        curve=curve,
                    )
            except BudgetExhausted:
                continue
            admitted += 1
            for person in here:
                if first[person] in read:
                    spent[person] = spent.get(person, 0.0) + curve
        assert admitted > 4
        assert max(epsilon_of(total, 1e-5) for total in spent.values()) <= 4.0
        shown = living.domain.operator.populations.status("patients").blocks[0].epsilon_spent
        assert max(epsilon_of(total, 1e-5) for total in spent.values()) <= shown + 1e-9


class TestOverlap:
    def test_the_same_rows_under_another_name_and_bound_are_not_new_people(self, site, root):
        wider = [COLUMNS[0] | {"upper": 200}, COLUMNS[1]]
        add_dataset(root, "copy", frame().iloc[::-1], wider)
        with pytest.raises(Conflict, match="are in population 'visits' too") as refused:
            site.domain.operator.publish("copy")
        assert "population: visits" in refused.value.hint

    def test_rows_that_many_people_have_tell_nobody(self, site, root):
        for name, seed in (("answers", 1), ("replies", 2)):
            add_dataset(root, name, frame(400, seed)[["ill"]], [COLUMNS[1]])
            # Equal records are in one part: of two kinds none may be left to measure.
            change(root, name, holdout_fraction=0.0)
            site.domain.operator.publish(name)
        assert site.client().budget("replies").population == "replies"

    def test_one_person_in_two_populations_is_one_too_many(self, living, register):
        people = [f"q{i}" for i in range(99)] + ["p007"]
        columns = [PERSON, *COLUMNS]
        add_dataset(
            register,
            "staff",
            frame(100, 1, patient=people),
            columns,
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        with pytest.raises(Conflict, match="are in population 'patients' too"):
            living.domain.operator.publish("staff")
        others = [*people[:-1], "q99"]
        frame(100, 1, patient=others).to_csv(register / "data" / "staff.csv", index=False)
        living.domain.operator.publish("staff")

    def test_numbers_and_text_name_the_same_person(self, living, register):
        numbers = frame(100, 1, patient=list(range(100)))
        add_dataset(
            register,
            "staff",
            numbers,
            [PERSON, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        living.domain.operator.publish("staff")
        add_dataset(
            register,
            "again",
            numbers,
            [PERSON, *COLUMNS],
            100,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        numbers.to_parquet(register / "data" / "again.parquet")
        change(register, "again", data="again.parquet")
        with pytest.raises(Conflict, match="are in population 'staff' too"):
            living.domain.operator.publish("again")

    def test_no_hash_tells_a_person_without_the_domains_key(self, living):
        with living.domain.store.read() as connection:
            (known,) = persons.versions(connection, dataset="stays")
        plain = {person_of(f"p{i:03d}") for i in range(300)}
        assert len(known.persons) == 300
        assert not plain & {int(p) for p in known.persons}


class TestOptingOut:
    def out(self, register, person="p005"):
        return CliRunner().invoke(
            app, ["population", "opt-out", str(register), "patients", "--person", person]
        )

    def test_nothing_is_taken_on_a_version_that_holds_the_person(self, living, register):
        spend(living, "stays", 1.0, "first")
        spent = living.client().budget("stays").epsilon_spent
        card = living.client().dataset("stays")
        version = card.dataset_version
        done = self.out(register)
        assert done.exit_code == 0, done.output
        assert "publish 'stays' again" in done.output
        with living.domain.store.read() as connection:
            assert opting_out.stopped(connection, "patients", version)
        assert not files.prepared(living.domain.folder, card).root.exists()
        assert living.client().budget("stays").epsilon_spent == spent
        living.domain.operator.publish("stays")
        assert records_of(living, "stays") == 99
        with living.domain.store.read() as connection:
            now = living.client().dataset("stays").dataset_version
            assert not opting_out.stopped(connection, "patients", now)
        assert living.client().budget("stays").epsilon_spent == spent

    def test_a_person_of_another_block_stops_nothing(self, living, register):
        change(register, "stays", blocks=["jan"])
        assert self.out(register, "p150").exit_code == 0
        version = living.client().dataset("stays").dataset_version
        with living.domain.store.read() as connection:
            assert not opting_out.stopped(connection, "patients", version)

    def test_a_label_that_nobody_has_is_told(self, living, register):
        assert "nobody in population 'patients' has this label" in str(
            self.out(register, "p999").exception
        )

    def test_single_records_stop_until_they_are_published_anew(self, living, register):
        add_dataset(register, "samples", frame(seed=3), COLUMNS)
        change(register, "samples", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        change(register, "samples", population="patients", records_per_member=2)
        with pytest.raises(InvalidSchema, match="has blocks"):
            living.domain.operator.publish("samples")

    def test_a_request_that_waits_never_starts(self, register):
        """Somebody opts out between request and approval: nothing is charged, nothing runs."""
        change(register, "stays", "terms.yaml", approval={"mode": "steward"})
        site = Site.open(register)
        handle = submit(site.client(), ill, linear(1, 2), "stays", epsilon=1.0, purpose=PURPOSE)
        before = site.client().budget("stays").epsilon_spent
        assert before > 0
        self.out(register)
        with pytest.raises(Conflict, match="does not take part any more"):
            submit(
                site.client(), ill, linear(1, 2), "stays", epsilon=1.0, purpose=PURPOSE, repeat=1
            )
        site.client(site.steward).decide(handle.digest, "approve", "fine")
        with pytest.raises(RequestDenied, match="does not take part any more"):
            handle.wait(progress=False)
        assert site.client().budget("stays").epsilon_spent == 0
        site.close()


class TestWhatIsSeen:
    def test_the_counts_of_a_snippet_cost_a_person_what_all_their_records_do(self, tmp_path):
        """k records of a person: the counts are noised for one record, and cost k times as much."""
        root = make_domain(tmp_path / "hospital-a", datasets=())
        made = NewPopulation(name="patients", unit="person", epsilon_total=4.0, delta=1e-5)
        domain = Domain(root)
        domain.operator.populations.create(made)
        add_dataset(root, "samples", frame(), COLUMNS, population="patients")
        change(root, "samples", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        snippet = {"level": 1, "rows": 100, "epsilon": 0.5}
        change(root, "samples", records_per_member=9, snippet=snippet)
        with pytest.raises(BudgetExhausted, match=r"total to epsilon 4\.5"):
            domain.operator.publish("samples")
        # What is refused leaves no records behind.
        assert not list(domain.folder.folder("prepared").iterdir())
        change(root, "samples", records_per_member=4)
        domain.operator.publish("samples")
        spent = domain.holdings.budget("samples").epsilon_spent
        assert spent == pytest.approx(epsilon_of(pure_curve(2.0), 1e-5))
        domain.close()

    def test_single_records_have_no_blocks(self, tmp_path):
        """One whose date is corrected would be in another block, with a fresh total."""
        domain = Domain(make_domain(tmp_path / "hospital-a", datasets=()))
        wanted = NewPopulation(name="visits", epsilon_total=4.0, delta=1e-5, blocks="month")
        with pytest.raises(InvalidSchema, match="the unit cannot be a single record"):
            domain.operator.populations.create(wanted)
        domain.close()

    def test_blanks_around_a_label_make_no_other_unit(self, living, register):
        people = [f"{' ' * (i // 100)}p{i % 100:03d}{' ' * (i % 2)}" for i in range(400)]
        stays(people, ["jan"] * 400).to_csv(register / "data" / "stays.csv", index=False)
        change(register, "stays", blocks=["jan"])
        living.domain.operator.publish("stays")
        place = files.prepared(living.domain.folder, living.client().dataset("stays"))
        units = [set(np.load(path)["units"]) for path in (place.training, place.holdout)]
        assert len(units[0] | units[1]) == 100
        assert not units[0] & units[1]

    def test_people_of_blocks_that_are_not_read_are_known_too(self, living, register):
        """The version stays the same: whoever came is noted, and can opt out."""
        january = stays([f"p{i:03d}" for i in range(100)], ["jan"] * 100)
        january.to_csv(register / "data" / "stays.csv", index=False)
        change(register, "stays", blocks=["jan"])
        before = living.domain.operator.publish("stays").dataset_version
        february = stays([f"q{i:03d}" for i in range(100)], ["feb"] * 100, 1)
        both = pd.concat([january, february])
        both.to_csv(register / "data" / "stays.csv", index=False)
        assert living.domain.operator.publish("stays").dataset_version == before
        march = stays([f"q{i:03d}" for i in range(100)], ["mar"] * 100, 1)
        pd.concat([january, march]).to_csv(register / "data" / "stays.csv", index=False)
        change(register, "stays", blocks=["mar"])
        with pytest.raises(InvalidData, match="nobody is left in the blocks"):
            living.domain.operator.publish("stays")
        assert living.domain.operator.populations.opt_out("patients", "q050") == []

    def test_an_opt_out_removes_what_a_publication_left_half_done(self, living):
        left = living.domain.folder.folder("prepared") / ("0" * 64)
        left.mkdir()
        (left / "training.npz").write_bytes(b"records")
        here = files.prepared(living.domain.folder, living.client().dataset("stays")).root
        living.domain.operator.populations.opt_out("patients", "p150")
        assert not left.exists()
        # Of a person in a block that is not read.
        assert here.exists()

    def test_a_unit_of_another_name_is_told_as_that(self, living, register):
        path = register / "datasets" / "stays" / "dataset.yaml"
        path.write_text(path.read_text().replace("privacy_unit: person", "privacy_unit: patient"))
        with pytest.raises(InvalidSchema, match="'patient'; the unit of population 'patients' is"):
            living.domain.operator.publish("stays")
