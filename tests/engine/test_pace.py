"""A run tells how far it is at times that follow from public figures, whoever is in the data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.small_runs import PLAN, SCHEMA, graph_and_records, values
from tests.engine.support import SEED
from workbench.documents import StatisticPlan
from workbench.engine.statistics import noisy_sums
from workbench.engine.timing.costs import Chunks, Cost, units_at_most
from workbench.engine.timing.measured import Filling
from workbench.engine.timing.pace import SLACK, OverTime, Pace
from workbench.engine.train import train
from workbench.errors import RequestFailed
from workbench.graphs.export.statistic import export_statistic


class Clock:
    """A clock that only moves when somebody waits or works."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


def paced(clock, **limits):
    return Pace(clock=clock, sleep=clock.pass_, **limits)


def one_each(done):
    return Cost(1.0, 1.0) * done


@given(work=st.lists(st.floats(0, 1.09), min_size=1, max_size=30))
def test_whatever_rounds_take_they_are_told_on_schedule(work):
    clock = Clock()
    pace = paced(clock)
    pace.plan(len(work), one_each)
    pace.start()
    for done, seconds in enumerate(work, 1):
        clock.pass_(seconds)
        pace.wait(done)
        assert clock() == pytest.approx(100 + SLACK * done)


def test_a_round_that_is_late_is_caught_up():
    clock = Clock()
    pace = paced(clock)
    pace.plan(20, one_each)
    pace.start()
    told = []
    for done in range(1, 21):
        clock.pass_(1.5 if done == 1 else 1.0)
        pace.wait(done)
        told.append(clock() - 100)
    late = [seconds - SLACK * done for done, seconds in enumerate(told, 1)]
    assert late[0] == pytest.approx(0.4)
    assert late[4:] == pytest.approx([0.0] * 16)


@pytest.mark.parametrize("limits", [{"seconds": 10.9}, {"processor_seconds": 10.9}])
def test_what_would_take_too_long_by_its_schedule_does_not_start(limits):
    pace = paced(Clock(), **limits)
    with pytest.raises(OverTime):
        pace.plan(10, one_each)
    pace.plan(9, one_each)


@pytest.mark.parametrize("failing", [1, 4, 10])
def test_what_fails_tells_so_when_it_would_have_ended(failing):
    clock = Clock()
    pace = paced(clock)
    told = []

    def tell(done, steps):
        told.append((done, round(clock() - 100, 6)))

    pace.plan(10, one_each)
    pace.start()
    with pytest.raises(MemoryError), pace.kept(tell):
        for done in range(1, 11):
            clock.pass_(0.3)
            if done == failing:
                raise MemoryError
            pace.wait(done)
            tell(done, 10)
    assert told == [(done, round(SLACK * done, 6)) for done in range(1, 11)]


@settings(max_examples=30, deadline=None)
@given(
    units=st.integers(1, 3000),
    rate=st.floats(0.01, 1.0),
    size=st.integers(1, 400),
    ranks=st.integers(1, 3),
    rounds=st.integers(1, 60),
)
def test_rounds_have_no_more_chunks_than_the_public_number(units, rate, size, ranks, rounds):
    chunks = Chunks.of(units, rate, size, ranks)
    drawn = np.random.default_rng(0).binomial(units, rate, (200, rounds))
    busiest = np.ceil(drawn / (size * ranks))
    assert busiest.max() <= chunks.most
    assert busiest.sum(1).max() <= chunks.until(rounds)
    error = 6 * chunks.deviation / busiest.size**0.5
    assert busiest.mean() == pytest.approx(chunks.mean, rel=1e-9, abs=error + 1e-9)


def test_the_public_number_of_chunks_comes_near_the_usual_one_in_long_runs():
    chunks = Chunks.of(1000, 0.256, 256)
    assert chunks.most == 2
    assert chunks.until(1) == 2
    assert chunks.until(10_000) / 10_000 == pytest.approx(chunks.mean, rel=0.03)


def test_without_sampling_every_round_has_the_same_chunks():
    assert Chunks.of(257, 1.0, 256) == Chunks(2.0, 0.0, 2)
    assert Chunks.of(256, 1.0, 256) == Chunks(1.0, 0.0, 1)


def test_units_have_room_for_a_rounded_count_and_an_uneven_split():
    assert units_at_most(1000, 1.0) == 1050
    parts = np.random.default_rng(0).binomial(1000, 0.75, 20_000)
    assert parts.max() <= units_at_most(1000, 0.75)


def run(graph, records, plan=PLAN, **options):
    return train(
        graph,
        plan,
        records,
        records,
        record_count=2 * len(records),
        holdout_fraction=0.5,
        max_records_per_unit=1,
        seed=SEED,
        **options,
    )


def test_a_paced_run_is_the_same_run():
    graph, records = graph_and_records()
    plain, slow = run(graph, records), run(graph, records, pace=Pace())
    assert plain.metrics == slow.metrics
    assert all(bool((plain.parameters[n] == slow.parameters[n]).all()) for n in plain.parameters)


class Stopped(Pace):
    """A pace whose clock stands still but for waiting."""

    def __init__(self, **limits):
        self.clock = Clock()
        super().__init__(clock=self.clock, sleep=self.clock.pass_, **limits)

    @property
    def elapsed(self):
        return self.clock() - 100


def test_rounds_and_evaluations_are_told_on_schedule_and_together():
    graph, records = graph_and_records()
    pace, told = Stopped(), []
    run(
        graph,
        records,
        pace=pace,
        progress=lambda done, steps: told.append((done, pace.elapsed)),
        evaluated=lambda metrics: told.append(("evaluation", pace.elapsed)),
    )
    assert [what for what, _ in told] == [
        1,
        "evaluation",
        2,
        3,
        "evaluation",
        4,
        5,
        "evaluation",
        6,
    ]
    for (what, seconds), (_, after) in itertools.pairwise(told):
        assert seconds == after if what == "evaluation" else seconds < after
    assert [seconds for what, seconds in told if what != "evaluation"] == pytest.approx(
        [pace.due(done) for done in range(1, 7)]
    )


def test_a_run_that_diverges_tells_so_at_its_end():
    graph, records = graph_and_records()
    pace = Stopped()
    plan = PLAN.model_copy(update={"learning_rate": 1e4, "weight_decay": 1.0, "steps": 20})
    with pytest.raises(RequestFailed, match="diverged") as failed:
        run(graph, records, plan, pace=pace)
    assert failed.value.failure == "not-finite"
    assert pace.elapsed == pytest.approx(pace.due(20))


def test_no_record_is_looked_at_before_the_schedule_fits():
    graph, _ = graph_and_records()
    statistic = export_statistic(values, SCHEMA)
    plan = StatisticPlan(max_norm=1.0, noise_multiplier=1.0)

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was read")

    with pytest.raises(OverTime):
        train(
            graph,
            PLAN,
            Untouchable(),
            Untouchable(),
            record_count=120,
            holdout_fraction=0.5,
            max_records_per_unit=1,
            seed=SEED,
            pace=Pace(seconds=1e-9),
        )
    with pytest.raises(OverTime):
        noisy_sums(
            statistic,
            plan,
            Untouchable(),
            record_count=60,
            max_records_per_unit=1,
            seed=SEED,
            pace=Pace(processor_seconds=0.0),
        )


def test_filling_is_zeros_in_as_many_chunks_as_wanted():
    graph, _ = graph_and_records()
    filling = Filling(graph, 500, 2)
    filling.given = 3
    chunks = list(filling.chunks(np.arange(500), 32))
    assert len(chunks) == 3
    for columns, present in chunks:
        assert present.all()
        assert all(len(column) == 64 and not column.any() for column in columns)
    filling.given = 0
    assert list(filling.chunks(np.arange(500), 32)) == []
    assert filling.size == 32
