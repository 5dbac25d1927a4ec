"""Check that nobody is charged above the total, in random sequences of all that can happen.

Each person has an age of their own, so the prepared files of a run say who was in it. What a run
costs each of them is added up here, from the files alone; neither the ledger, nor blocks, nor
keyed hashes are asked. A restored database comes from an earlier moment of the same sequence.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import insert
from typer.testing import CliRunner

from tests.registers import COLUMNS, MONTH, PERSON, change, publish
from tests.support import add_dataset, make_domain
from workbench.budget import chain, ledger
from workbench.budget.accountant import ORDERS, epsilon_of, filter_budget
from workbench.cli.domain import app
from workbench.documents import DatasetCard, State, now
from workbench.documents.envelope import unverified
from workbench.domain.datasets import cards, files
from workbench.domain.heads import head, moving
from workbench.domain.populations import accounts, opting_out, registry
from workbench.domain.requests import stored
from workbench.domain.service import Domain
from workbench.domain.store import tables
from workbench.errors import (
    BudgetExhausted,
    InvalidData,
    InvalidSchema,
    LedgerBehind,
    NotFound,
)

TOTAL, DELTA = 4.0, 1e-5
ORDER, BUDGET = filter_budget(TOTAL, DELTA)
MONTHS = MONTH["categories"]
PEOPLE = 24
SIZES = [0.2, 0.4, 0.6, 0.6, 1.2]
"""What runs take of the total at the ledger's order."""
EXAMPLES = int(os.environ.get("WORKBENCH_EXAMPLES", "20"))
UNIT = {"privacy_unit": "person", "max_records_per_unit": 4}
NAMES = ("stays", "drugs", "samples")
OFTEN = ("stays", "stays", "drugs", "samples")


def command(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module", autouse=True)
def template(tmp_path_factory):
    """A domain with two populations: one in blocks, one of persons beside single records."""
    root = make_domain(tmp_path_factory.mktemp("template") / "hospital-a", datasets=())
    for name, more in (("patients", ["--blocks", "month"]), ("staff", [])):
        made = command(
            "population",
            "create",
            root,
            name,
            "--unit",
            "person",
            "--epsilon-total",
            TOTAL,
            "--delta",
            DELTA,
            *more,
        )
        assert made.exit_code == 0, made.output
    domain = Domain(root)
    for name in NAMES:
        whose, of_persons = ("staff", False) if name == "samples" else ("patients", True)
        columns = [PERSON, MONTH, *COLUMNS] if of_persons else COLUMNS
        add_dataset(
            root,
            name,
            rows(range(PEOPLE // 2), MONTHS),
            columns,
            10,
            **(UNIT if of_persons else {}),
        )
        # With few units, a smaller part would be empty in some of many domains.
        change(root, name, holdout_fraction=0.5, population=whose)
        change(root, name, records_per_member=None if of_persons else 2)
        change(root, name, "terms.yaml", epsilon_total=TOTAL, epsilon_per_run=TOTAL)
        publish(domain.operator, root, name)
    domain.close()
    Sequences.template = root
    return root


def rows(who, months=None):
    """Two rows of each person, at the person's own age."""
    who = np.repeat(sorted(who), 2)
    values = {"patient": [f"p{i:03d}" for i in who], "age": who * 0.5 + 0.25, "ill": "no"}
    if months is not None:
        values["month"] = [months[i % len(months)] for i in range(len(who))]
    return pd.DataFrame(values)


class Died(BaseException):
    """What ends a process at once."""


class Sequences(RuleBasedStateMachine):
    template: Path

    @initialize()
    def begin(self):
        self.place = Path(tempfile.mkdtemp(prefix="sequences-"))
        self.root = shutil.copytree(self.template, self.place / "hospital-a")
        self.domain = Domain(self.root)
        self.spent: dict[int, np.ndarray] = {}
        self.runs: dict[int, int] = {}
        self.out: dict[int, set[str]] = {}
        self.copies: list[Path] = []
        self.number = 0
        self.behind = False

    def teardown(self):
        if hasattr(self, "domain"):
            self.domain.close()
            shutil.rmtree(self.place)

    # What happens

    @rule(
        name=st.sampled_from(OFTEN),
        who=st.sets(st.integers(0, PEOPLE - 1), min_size=16),
        months=st.lists(st.sampled_from(MONTHS), min_size=1, max_size=3),
        blocks=st.sets(st.sampled_from(MONTHS), max_size=2),
        crash=st.booleans(),
        then=st.one_of(st.none(), st.sampled_from(SIZES)),
    )
    def publish(self, name, who, months, blocks, crash, then):
        """Publish a version; a crash may come before the head is written."""
        self.number += 1
        blocked = name == "stays" or (name == "drugs" and len(blocks) > 1)
        rows(who, months).to_csv(self.root / "data" / f"{name}.csv", index=False)
        change(
            self.root,
            name,
            title=f"version {self.number}",
            blocks=sorted(blocks, key=MONTHS.index) if blocked and blocks else None,
        )
        with contextlib.suppress(InvalidData, InvalidSchema), self.refused():
            if crash:
                self.cut_off(lambda: publish(self.domain.operator, self.root, name))
            else:
                publish(self.domain.operator, self.root, name)
        if then is not None:
            self.ask(name, then, "")

    def cut_off(self, step):
        """Let the process die after the transaction, before its head is on disk."""
        keep = head.keep

        def die(*arguments):
            raise Died

        head.keep = die
        try:
            step()
        except Died:
            self.reopen()
        finally:
            head.keep = keep

    @rule(
        name=st.sampled_from(NAMES),
        size=st.sampled_from(SIZES),
        crash=st.sampled_from(["", "", "", "waits", "waits", "reserved", "charged"]),
    )
    def ask(self, name, size, crash):
        """Reserve, charge and start a run, in the order in which `Runs` does."""
        self.number += 1
        request = f"run-{self.number}"
        known = insert(tables.requests)
        curve = size * BUDGET * np.asarray(ORDERS) / ORDERS[ORDER]
        store = self.domain.store
        try:
            with self.refused(), store.write() as connection:
                signed = cards.latest(connection, name)
                card = unverified(signed, DatasetCard)
                if opting_out.stopped(connection, card.population_name, card.dataset_version):
                    return
                account = accounts.account(connection, card)
                # What a group of two costs is the caller's to say; the curve here is that already.
                ledger.reserve(
                    connection, account=account, request=request, researcher="rosa", curve=curve
                )
                connection.execute(
                    known.values(
                        digest=request,
                        envelope="",
                        card=signed.canonical().decode(),
                        researcher="rosa",
                        dataset=name,
                        function="",
                        state=State.APPROVED,
                        submitted=now(),
                        updated=now(),
                    )
                )
        except (BudgetExhausted, NotFound):
            return
        if crash == "reserved":
            return self.reopen()
        if crash != "waits":
            self.start(request, crash)

    def start(self, request, crash):
        """Charge and start what waits, if it may still start."""
        store = self.domain.store
        with self.refused():
            with store.write() as connection:
                row = stored.get(connection, request)
                card = row.card
                population, version = card.population_name, card.dataset_version
                try:
                    if opting_out.stopped(connection, population, version):
                        return
                    files.require_prepared(self.domain.folder, card)
                    ledger.require_room(
                        connection,
                        request=request,
                        merges=partial(registry.merges, connection),
                        caps=accounts.account(connection, card).whole,
                    )
                except NotFound:
                    return
                head.check(connection, self.domain.folder, self.domain.key)
                ledger.charge(connection, request=request)
                stored.move(connection, request, State.RUNNING)
                (curve,) = [
                    e.curve
                    for e in chain.entries(connection, population=population)
                    if (e.request, e.event) == (request, "reserve")
                ]
            if crash == "charged":
                return self.reopen()
            with store.read() as connection:
                head.keep(connection, self.domain.folder, self.domain.key)
            self.computed(card, curve)

    def waiting(self):
        with self.domain.store.read() as connection:
            return [r.digest for r in stored.listed(connection, state=State.APPROVED, limit=None)]

    @rule(which=st.integers(0, 100), crash=st.sampled_from(["", "", "charged"]))
    def start_what_waits(self, which, crash):
        if waiting := self.waiting():
            self.start(waiting[which % len(waiting)], crash)

    @rule(which=st.integers(0, 100))
    def cancel(self, which):
        if waiting := self.waiting():
            request = waiting[which % len(waiting)]
            with self.domain.store.write() as connection:
                ledger.release_reservation(connection, request=request)
                stored.move(connection, request, State.CANCELLED)

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=6), size=st.sampled_from(SIZES))
    def ask_often(self, names, size):
        for name in names:
            self.ask(name, size, "")

    def computed(self, card, curve):
        """Charge the persons whose ages are in the files that the run reads."""
        place = files.prepared(self.domain.folder, card)
        ages = np.concatenate([np.load(p)["column/age"] for p in (place.training, place.holdout)])
        for person in {round((float(age) - 0.25) / 0.5) for age in ages}:
            assert card.population_name not in self.out.get(person, ())
            # Persons of 'samples' are other people than those of 'stays' and 'drugs'.
            who = person + (PEOPLE if card.population_name == "staff" else 0)
            self.spent[who] = self.spent.get(who, 0.0) + curve
            self.runs[who] = self.runs.get(who, 0) + 1

    @rule(
        person=st.integers(0, PEOPLE - 1),
        crash=st.booleans(),
        again=st.sampled_from([True, True, False]),
    )
    def opt_out(self, person, crash, again):
        try:
            with self.refused():
                self.domain.operator.populations.opt_out("patients", f"p{person:03d}")
                self.out.setdefault(person, set()).add("patients")
        except NotFound:
            return
        if crash:
            self.reopen()
        for name in NAMES if again else ():
            with contextlib.suppress(InvalidData, InvalidSchema), self.refused():
                publish(self.domain.operator, self.root, name)

    @rule()
    def copy(self):
        """Copy the database, as a backup does."""
        target = self.place / f"copy-{len(self.copies)}.sqlite"
        source = sqlite3.connect(self.database)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(target)) as copied:
            source.backup(copied)
        self.copies.append(target)

    @property
    def database(self):
        return self.domain.folder.database_url.removeprefix("sqlite:///")

    @rule(which=st.integers(0, 100), reconcile=st.sampled_from([True, True, True, False]))
    def restore(self, which, reconcile):
        """Put an old copy in the database's place; without one, an empty database."""
        self.domain.close()
        for end in ("", "-wal", "-shm"):
            Path(self.database + end).unlink(missing_ok=True)
        if self.copies and which < 90:
            shutil.copy(self.copies[which % len(self.copies)], self.database)
        self.domain = Domain(self.root)
        with self.domain.store.read() as connection:
            try:
                head.check(connection, self.domain.folder, self.domain.key)
            except LedgerBehind:
                self.behind = True
        if reconcile:
            self.reconcile()

    @rule(
        who=st.sets(st.integers(0, PEOPLE - 1), min_size=16),
        size=st.sampled_from(SIZES),
        months=st.permutations(MONTHS),
        which=st.integers(0, 100),
    )
    def come_again_after_a_loss(self, who, size, months, which):
        """The same people in another month, after the database was lost."""
        first, second, _ = months
        self.publish("stays", who, [first], {first}, False, size)
        self.restore(which, True)
        self.publish("stays", who, [second], {second}, False, size)

    @rule(name=st.sampled_from(NAMES), size=st.sampled_from(SIZES), cancel=st.booleans())
    def wait_over_a_loss(self, name, size, cancel):
        """A copy in which a request waits; it runs, or another one; the copy comes back."""
        self.ask(name, size, "waits")
        waits = self.waiting()
        self.copy()
        for request in waits:
            self.start(request, "")
        self.ask(name, size, "")
        self.restore(len(self.copies) - 1, True)
        for request in self.waiting():
            if cancel:
                self.cancel(0)
            else:
                self.start(request, "")
        self.ask(name, size, "")

    @rule()
    def reconcile(self):
        self.domain.operator.reconcile(lost=True)
        self.behind = False

    @rule()
    def move(self):
        new = self.place / f"moved-{self.number}.sqlite"
        self.number += 1
        with self.refused():
            moving.move(self.domain.folder, self.domain.key, f"sqlite:///{new}")
        self.reopen()

    @rule()
    def reopen(self):
        self.domain.close()
        self.domain = Domain(self.root)

    @contextlib.contextmanager
    def refused(self):
        """What an older database refuses; a newer one never does."""
        try:
            yield
        except LedgerBehind:
            assert self.behind

    # What holds

    @invariant()
    def nobody_is_above_the_total(self):
        for person, curve in getattr(self, "spent", {}).items():
            assert curve[ORDER] <= BUDGET * (1 + 1e-12) or self.runs[person] == 1
            assert epsilon_of(curve, DELTA) <= TOTAL * (1 + 1e-9)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
