"""Check the ledger: what is reserved counts, what is charged stays, nothing else is admitted."""

import math
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from workbench.budget import balance, chain, ledger, tables
from workbench.budget.accountant import (
    ORDERS,
    calibrate,
    epsilon_of,
    filter_budget,
    pure_curve,
    run_curve,
)
from workbench.budget.caps import Account, Caps
from workbench.documents import Plan, Terms
from workbench.domain.store import database as store_module
from workbench.domain.store.database import Store
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    DomainUnavailable,
    TermsRefused,
    VerificationFailed,
    WorkbenchError,
)

VERSION = "sha256:" + "0" * 64
OTHER = "sha256:" + "1" * 64
CURVE = np.asarray(ORDERS) / (2 * 4.0**2)
"""One Gaussian with noise multiplier 4."""


def terms(total=3.0, **values):
    return Terms(
        text="For tests.",
        purposes=("DUO:0000042",),
        epsilon_total=total,
        epsilon_per_run=total,
        delta=1e-5,
        **values,
    )


def account(under=None, *, dataset="visits", version=VERSION, population="patients", blocks=()):
    """What a run of a dataset of the population counts against; both have the same caps."""
    under = under or terms()
    caps = Caps(under.epsilon_total, under.delta, under.epsilon_per_researcher, under.uses)
    return Account(population, dataset, version, blocks, caps, caps)


def reserve(connection, request, *, curve=CURVE, under=None, researcher="rosa", **of):
    ledger.reserve(
        connection,
        account=account(under, **of),
        request=request,
        researcher=researcher,
        curve=curve,
    )


def fill(connection, under, **options):
    """Reserve until something is refused; return how many fitted."""
    for number in range(1000):
        try:
            reserve(connection, f"fill-{number}", under=under, **options)
        except BudgetExhausted:
            return number
    raise AssertionError("nothing was ever refused")


@pytest.fixture
def store(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


def rows(store):
    with store.read() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM ledger"))]


@contextmanager
def scratch():
    """A ledger in memory, for many short histories."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.create(connection)
        yield connection
    engine.dispose()


def test_runs_are_admitted_up_to_the_total_and_no_further(store):
    expected = next(n for n in range(1000) if epsilon_of(CURVE * (n + 1), 1e-5) > 3.0)
    with store.write() as connection:
        assert fill(connection, terms()) == expected > 1
        status = balance.status(connection, account=account(terms()))
    assert status.runs == expected
    assert status.epsilon_spent == pytest.approx(epsilon_of(CURVE * expected, 1e-5))
    assert status.epsilon_spent + status.epsilon_left == pytest.approx(3.0)


def test_the_refusal_says_what_is_left(store):
    with store.write() as connection:
        fill(connection, terms())
        with pytest.raises(
            BudgetExhausted, match=r"of 3 of the budget of population 'patients' is left"
        ) as error:
            reserve(connection, "one more")
    assert "smaller epsilon" in error.value.hint


def test_composition_is_tighter_than_adding_epsilons(store):
    with store.write() as connection:
        admitted = fill(connection, terms())
    assert admitted * epsilon_of(CURVE, 1e-5) > 3.0


@pytest.mark.parametrize("other", [{"version": OTHER}, {"dataset": "visits-2"}])
def test_versions_and_datasets_of_one_population_share_its_budget(store, other):
    with store.write() as connection:
        fill(connection, terms())
        with pytest.raises(BudgetExhausted, match="of the budget of population 'patients'"):
            reserve(connection, "elsewhere", **other)
        status = balance.status(connection, account=account(**other))
    assert status.epsilon_left < epsilon_of(CURVE, 1e-5)


def test_populations_have_budgets_of_their_own(store):
    with store.write() as connection:
        fill(connection, terms())
        reserve(connection, "elsewhere", population="staff")
        status = balance.status(connection, account=account(population="staff"))
    assert status.runs == 1


def test_a_dataset_has_its_own_total_inside_that_of_its_population(store):
    whole = account(terms(3.0)).whole
    narrow = replace(account(terms(1.0)), whole=whole)
    with store.write() as connection:
        with pytest.raises(
            BudgetExhausted, match=r"of 1 of the budget of the dataset \(its terms.yaml\) is left"
        ):
            for number in range(100):
                ledger.reserve(
                    connection,
                    account=narrow,
                    request=f"own-{number}",
                    researcher="rosa",
                    curve=CURVE,
                )
        status = balance.status(connection, account=narrow)
        assert status.epsilon_total == 3.0
        assert status.cap == 1.0
        assert status.epsilon_left == pytest.approx(1.0 - status.epsilon_spent)
        # Another dataset of the population goes on where this one may not.
        reserve(connection, "other", dataset="another")


def test_what_nobody_can_place_counts_in_every_population(store):
    with store.write() as connection:
        fill(connection, terms(), population=ledger.EVERYWHERE, dataset=ledger.EVERYWHERE)
        for population in ("patients", "staff"):
            with pytest.raises(BudgetExhausted):
                reserve(connection, population, population=population)


def test_a_run_has_to_fit_in_each_block_that_it_reads(store):
    with store.write() as connection:
        admitted = fill(connection, terms(), blocks=("january",))
        assert admitted > 1
        with pytest.raises(BudgetExhausted, match="block 'january'"):
            reserve(connection, "both", blocks=("february", "january"))
        with pytest.raises(BudgetExhausted, match="block 'january'"):
            reserve(connection, "all")
        reserve(connection, "fresh", blocks=("february",))
        late = balance.status(connection, account=account(blocks=("february",)))
        early = balance.status(connection, account=account(blocks=("february", "january")))
    assert late.epsilon_spent == pytest.approx(epsilon_of(CURVE, 1e-5))
    assert early.block == "january"
    assert early.epsilon_spent == pytest.approx(epsilon_of(CURVE * admitted, 1e-5))


def test_a_run_that_reads_all_blocks_counts_in_those_that_are_still_to_come(store):
    with store.write() as connection:
        admitted = fill(connection, terms())
        with pytest.raises(BudgetExhausted):
            reserve(connection, "later", blocks=("next year",))
        status = balance.status(connection, account=account(blocks=("next year",)))
    assert status.epsilon_spent == pytest.approx(epsilon_of(CURVE * admitted, 1e-5))


def test_the_order_of_a_population_stays_when_its_total_changes(store):
    position, _ = filter_budget(3.0, 1e-5)
    raised = replace(account(terms(6.0)), whole=Caps(6.0, 1e-5, order=position))
    budget = filter_budget(6.0, 1e-5, position)[1]
    with store.write() as connection:
        for number in range(1000):
            try:
                ledger.reserve(
                    connection, account=raised, request=str(number), researcher="rosa", curve=CURVE
                )
            except BudgetExhausted:
                break
    assert number == int(budget / CURVE[position])


def test_the_newest_row_stands_for_all(store):
    with store.write() as connection:
        assert chain.head(connection) == (0, chain.START)
        reserve(connection, "one")
        first = chain.head(connection)
        ledger.charge(connection, request="one")
        reserve(connection, "two", blocks=("january",), curve=np.where(CURVE > 5, np.inf, CURVE))
        count, newest = chain.head(connection)
        assert (count, chain.check(connection)) == (3, 3)
        assert chain.holds(connection, first[1])
        assert chain.holds(connection, newest)
        assert not chain.holds(connection, "f" * 64)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET curve = replace(curve, '0.', '1.') WHERE sequence = 1",
        "UPDATE ledger SET population = 'staff' WHERE sequence = 2",
        "DELETE FROM ledger WHERE sequence = 2",
    ],
)
def test_a_changed_ledger_does_not_hold_together(store, change):
    with store.write() as connection:
        for request in ("one", "two", "three"):
            reserve(connection, request)
    with store.engine.begin() as connection:
        for name in ("ledger_no_update", "ledger_no_delete"):
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(change))
    with store.read() as connection, pytest.raises(VerificationFailed, match="at row"):
        chain.check(connection)


def test_a_researcher_has_a_share_and_others_keep_theirs(store):
    shared = terms(epsilon_per_researcher=1.5)
    with store.write() as connection:
        fill(connection, shared, researcher="rosa")
        with pytest.raises(BudgetExhausted, match="of your share"):
            reserve(connection, "again", under=shared, researcher="rosa")
        reserve(connection, "other", under=shared, researcher="otto")


def test_uses_are_counted(store):
    twice = terms(total=50.0, uses=2)
    with store.write() as connection:
        assert fill(connection, twice) == 2
        assert balance.status(connection, account=account(twice)).uses_left == 0


def test_reserving_again_costs_nothing(store):
    with store.write() as connection:
        reserve(connection, "one")
        reserve(connection, "one")
        ledger.charge(connection, request="one")
        ledger.charge(connection, request="one")
        reserve(connection, "one")
        assert chain.count(connection) == 2


def test_a_reservation_can_be_given_back_once_and_then_never_runs(store):
    with store.write() as connection:
        admitted = fill(connection, terms())
        ledger.release_reservation(connection, request="fill-0")
        ledger.release_reservation(connection, request="fill-0")
        assert balance.status(connection, account=account(terms())).runs < admitted
        reserve(connection, "in its place")
        with pytest.raises(Conflict):
            reserve(connection, "fill-0")
        with pytest.raises(Conflict):
            ledger.charge(connection, request="fill-0")


def test_a_charge_is_never_given_back(store):
    with store.write() as connection:
        reserve(connection, "one")
        ledger.charge(connection, request="one")
        with pytest.raises(Conflict, match="never given back"):
            ledger.release_reservation(connection, request="one")
        assert balance.status(connection, account=account(terms())).runs == 1


def test_nothing_is_charged_that_was_not_reserved(store):
    with store.write() as connection, pytest.raises(Conflict, match="no reservation"):
        ledger.charge(connection, request="unknown")
    assert rows(store) == []


@pytest.mark.parametrize(
    "curve",
    [
        np.zeros(len(ORDERS)),
        np.full(len(ORDERS), math.inf),
        np.full(len(ORDERS), math.nan),
        -CURVE,
        CURVE[:-1],
    ],
    ids=["free", "infinite", "NaN", "negative", "too short"],
)
def test_a_cost_that_cannot_be_is_refused(store, curve):
    with store.write() as connection, pytest.raises(TermsRefused):
        reserve(connection, "one", curve=curve)
    assert rows(store) == []


def test_entries_give_back_exactly_what_was_written(store):
    with store.write() as connection:
        reserve(connection, "one")
        ledger.charge(connection, request="one")
        found = chain.entries(connection, population="patients")
    assert [(entry.request, entry.event) for entry in found] == [
        ("one", "reserve"),
        ("one", "charge"),
    ]
    assert all(np.array_equal(entry.curve, CURVE) for entry in found)


def test_a_snippet_from_counts_is_charged_once_and_takes_no_use(store):
    single = terms(uses=1)
    with store.write() as connection:
        for _ in range(2):
            ledger.charge_snippet(connection, account=account(single), epsilon=0.5)
        status = balance.status(connection, account=account(single))
        assert (status.runs, status.uses_left) == (0, 1)
        assert status.epsilon_spent == pytest.approx(epsilon_of(pure_curve(0.5), 1e-5))


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_a_snippet_without_a_real_cost_is_refused(store, epsilon):
    with store.write() as connection, pytest.raises(TermsRefused):
        ledger.charge_snippet(connection, account=account(terms()), epsilon=epsilon)


def test_reading_changes_nothing(store):
    with store.write() as connection:
        reserve(connection, "one")
    before = rows(store)
    with store.read() as connection:
        first = balance.status(connection, account=account(terms()))
        chain.entries(connection, population="patients")
        assert balance.status(connection, account=account(terms())) == first
    assert rows(store) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET curve = '[]'",
        "DELETE FROM ledger",
        "INSERT INTO ledger (population, blocks, dataset, dataset_version, request, researcher, "
        "event, curve, time, hash) SELECT population, blocks, dataset, dataset_version, request, "
        "researcher, event, '[]', time, 'other' FROM ledger",
    ],
    ids=["update", "delete", "same event twice"],
)
def test_rows_can_only_be_added(store, statement):
    with store.write() as connection:
        reserve(connection, "one")
    before = rows(store)
    with pytest.raises(DBAPIError), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert rows(store) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("target", ["", "sequence, "], ids=["by event", "by sequence"])
def test_sqlite_cannot_replace_a_row(store, target):
    with store.write() as connection:
        reserve(connection, "one")
    before = rows(store)
    value = "sequence, " if target else ""
    name = "'other'" if target else "request"
    statement = (
        f"INSERT OR REPLACE INTO ledger ({target}population, blocks, dataset, dataset_version, "
        f"request, researcher, event, curve, time, hash) SELECT {value}population, blocks, "
        f"dataset, dataset_version, {name}, researcher, event, '[]', time, 'other' FROM ledger"
    )
    with pytest.raises(DBAPIError), store.engine.begin() as connection:
        connection.execute(text(statement))
    assert rows(store) == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_cannot_truncate_the_ledger(store):
    with store.write() as connection:
        reserve(connection, "one")
    with pytest.raises(DBAPIError), store.engine.begin() as connection:
        connection.execute(text("TRUNCATE ledger"))
    assert len(rows(store)) == 1


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_adaptive_history_gets_past_the_filter(data):
    """Costs and moves are chosen after seeing what was admitted; the totals hold throughout."""
    under = terms(total=2.0, epsilon_per_researcher=1.5, uses=8)
    alive: dict[str, tuple[str, np.ndarray]] = {}
    charged: set[str] = set()
    with scratch() as connection:
        for number in range(data.draw(st.integers(1, 20))):
            move = data.draw(st.sampled_from(["gaussian", "pure", "charge", "void"]))
            try:
                if move in ("charge", "void") and alive:
                    chosen = data.draw(st.sampled_from(sorted(alive)))
                    if move == "charge":
                        ledger.charge(connection, request=chosen)
                        charged.add(chosen)
                    else:
                        ledger.release_reservation(connection, request=chosen)
                        del alive[chosen]
                elif move in ("gaussian", "pure"):
                    spent = balance.status(connection, account=account(under))
                    size = data.draw(st.floats(0.02, 1.0)) * max(spent.epsilon_left, 0.1)
                    curve = (
                        np.asarray(ORDERS) * size**2 / 25
                        if move == "gaussian"
                        else pure_curve(size)
                    )
                    who = data.draw(st.sampled_from(["rosa", "otto"]))
                    reserve(connection, f"r{number}", curve=curve, under=under, researcher=who)
                    alive[f"r{number}"] = (who, curve)
            except WorkbenchError:
                pass
            zero = np.zeros(len(ORDERS))
            total = sum((curve for _, curve in alive.values()), zero)
            status = balance.status(connection, account=account(under))
            assert status.epsilon_spent == pytest.approx(epsilon_of(total, 1e-5))
            assert epsilon_of(total, 1e-5) <= 2.0 + 1e-9
            for name in ("rosa", "otto"):
                share = sum((curve for who, curve in alive.values() if who == name), zero)
                assert epsilon_of(share, 1e-5) <= 1.5 + 1e-9
            assert len(alive) <= 8
            assert charged <= set(alive)


def test_of_many_writers_at_once_only_what_fits_passes(store):
    expected = next(n for n in range(1000) if epsilon_of(CURVE * (n + 1), 1e-5) > 1.5)
    assert 1 < expected < 12
    gate = threading.Barrier(12)
    outcomes: list[str] = []

    def compete(number):
        gate.wait()
        try:
            with store.write() as connection:
                reserve(connection, f"thread-{number}", under=terms(1.5))
            outcomes.append("admitted")
        except BudgetExhausted:
            outcomes.append("refused")

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("admitted") == expected == len(rows(store))
    assert outcomes.count("refused") == 12 - expected


def test_one_request_sent_many_times_at_once_is_one_charge(store):
    def send():
        with store.write() as connection:
            reserve(connection, "one")
            ledger.charge(connection, request="one")

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(store)) == 2


def test_an_error_after_reserving_leaves_no_trace(store):
    with pytest.raises(Conflict), store.write() as connection:
        reserve(connection, "one")
        raise Conflict("something later in the same step went wrong")
    assert rows(store) == []


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(store_module, "_WAIT_SECONDS", 1)


def test_a_locked_database_is_told_and_nothing_changes(impatient, database_url):
    store = Store(database_url)
    other = Store(database_url)
    done = SimpleNamespace(error=None)
    with other.write() as held:
        reserve(held, "first")

        def second():
            try:
                with store.write() as connection:
                    reserve(connection, "second")
            except WorkbenchError as error:
                done.error = error

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)
    assert isinstance(done.error, DomainUnavailable)
    assert "Nothing was changed" in done.error.hint
    assert [row[2] for row in rows(other)] == ["first"]
    store.close()
    other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_is_gone_is_told(store, database_url):
    server, _, name = database_url.rpartition("/")
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
    with pytest.raises(DomainUnavailable), store.write() as connection:
        reserve(connection, "one")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_file_that_is_damaged_is_told(store, tmp_path):
    store.close()
    for file in tmp_path.glob("test.sqlite*"):
        file.write_bytes(b"not a database" * 1000)
    with pytest.raises(DomainUnavailable), store.write() as connection:
        reserve(connection, "one")


def test_a_first_run_may_take_the_whole_total_and_is_then_the_last(database_url):
    """Chosen before any release, it may use its own best order; nothing fits after it."""
    noise, _ = calibrate(epsilon=2.0, delta=1e-5, sample_rate=0.25, steps=100, metrics=0)
    plan = Plan(
        learning_rate=0.1,
        steps=100,
        sample_rate=0.25,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=1.0,
    )
    terms = Terms.read(
        {
            "text": "",
            "purposes": ["DUO:0000007"],
            "epsilon_total": 2.0,
            "delta": 1e-5,
            "epsilon_per_run": 2.0,
        }
    )
    tiny = run_curve(plan.model_copy(update={"noise_multiplier": 1000.0}), 0)
    store = Store(database_url)

    def reserve(number, curve):
        with store.write() as connection:
            ledger.reserve(
                connection,
                account=account(terms),
                request=f"sha256:{number:064d}",
                researcher="0" * 64,
                curve=curve,
            )

    reserve(1, run_curve(plan, 0))
    with pytest.raises(BudgetExhausted):
        reserve(2, tiny)
    store.close()


def test_what_was_given_back_is_not_read_again(store, monkeypatch):
    """There may be any number of it: a researcher may submit and cancel a thousand times a day."""
    with store.write() as connection:
        reserve(connection, "one")
        for number in range(50):
            reserve(connection, f"cancelled-{number}")
            ledger.release_reservation(connection, request=f"cancelled-{number}")
        read = []
        real = chain._entry
        monkeypatch.setattr(chain, "_entry", lambda row: read.append(row) or real(row))
        reserve(connection, "two")
        assert len(read) == 1
        spent = balance.status(connection, account=account()).epsilon_spent
        everything = balance.totals(connection)
        assert len(read) == 1 + 2 + 2
    assert spent == pytest.approx(epsilon_of(2 * CURVE, 1e-5))
    assert epsilon_of(everything["patients", ""], 1e-5) == pytest.approx(spent)


def test_a_refusal_at_the_fixed_order_says_so(store):
    """With pure costs the best order afterwards shows more left than there is at the fixed one."""
    curve = pure_curve(1.0)
    with store.write() as connection:
        with pytest.raises(BudgetExhausted, match="at which runs are admitted, and") as refused:
            for number in range(100):
                reserve(connection, f"run-{number}", curve=curve)
        left = balance.status(connection, account=account()).epsilon_left
    assert left > 1.0
    assert "fixed before the first run" in refused.value.hint


def test_what_is_reserved_starts_only_where_it_still_fits(store):
    """In the population in which its people are now, beside what was charged there."""
    caps = account(terms(3.0)).whole
    room = partial(ledger.require_room, merges=lambda name: [], caps=caps)
    with store.write() as connection:
        admitted = fill(connection, terms(3.0))
        for number in range(admitted):
            room(connection, request=f"fill-{number}")
            ledger.charge(connection, request=f"fill-{number}")
        ledger.charge_missing(
            connection, population="patients", blocks=(), head="0" * 64, curve=CURVE
        )
        with pytest.raises(BudgetExhausted):
            room(connection, request="fill-0")
        with pytest.raises(Conflict, match="has no reservation"):
            room(connection, request="nobody")
