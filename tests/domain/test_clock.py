"""Told steps keep to a schedule of public figures, whoever is in the data.

The worker's own code runs in this process, on a job as the server hands it over. What it does for
one record is made slower by hand where that record is hostile. `benchmarks/clock.py` asks the whole
domain, with statistics.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from tests.engine.small_runs import PLAN, SCHEMA, graph_and_records, values
from workbench.documents import StatisticPlan
from workbench.domain.kinds import training as kind_of_training
from workbench.domain.kinds.job import EVALUATIONS, JOB, LOADED, PROGRESS, Evaluated, Job
from workbench.domain.store.files import save_records, write_private
from workbench.domain.worker import child
from workbench.domain.worker.ranks import Crew
from workbench.engine.sums.bounded import BoundedSum
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.timing import pace
from workbench.engine.timing.pace import OverTime, Pace
from workbench.graphs.export.statistic import export_statistic
from workbench.records import Records

pytestmark = pytest.mark.slow

UNITS, STEPS = 64, 12
SECONDS, MORE = 0.02, 0.0015
"""What a chunk takes, and how much longer with the hostile person: within the slack."""
LATE = 0.04
"""How late a busy machine may tell a step, in seconds."""


@pytest.fixture
def schedules(monkeypatch):
    """The schedules of the runs that follow."""
    found = []

    class Noted(Pace):
        def start(self):
            super().start()
            found.append(self)

    monkeypatch.setattr(pace, "Pace", Noted)
    return found


@pytest.fixture(autouse=True)
def slow_for_nan(monkeypatch):
    """Let sums take their time, and more if a value is NaN."""

    def slower(method):
        def slow(self, parameters, columns, *rest):
            hostile = any(bool(c.isnan().any()) for c in columns if c.is_floating_point())
            time.sleep(SECONDS + MORE * hostile)
            return method(self, parameters, columns, *rest)

        return slow

    monkeypatch.setattr(ClippedSum, "with_count", slower(ClippedSum.with_count))
    monkeypatch.setattr(BoundedSum, "__call__", slower(BoundedSum.__call__))


def training(folder, hostile, **changes):
    graph, records = graph_and_records("linear", UNITS)
    if hostile:
        records.columns["x"][0] = np.nan
    plan = PLAN.model_copy(update={"steps": STEPS, "evaluations": 3, "sample_rate": 1.0} | changes)
    return job_of(folder, graph, records, plan)


def statistic(folder, hostile):
    random = np.random.default_rng(0)
    columns = {name: random.uniform(-1, 1, UNITS).astype(np.float32) for name in ("a", "b", "c")}
    if hostile:
        columns["a"][0] = np.nan
    graph = export_statistic(values, SCHEMA)
    return job_of(
        folder,
        graph,
        Records.each_its_own(columns),
        StatisticPlan(max_norm=1.0, noise_multiplier=1.0),
    )


def job_of(folder, graph, records, plan):
    folder.mkdir()
    write_private(folder / "graph.pt2", graph.archive)
    half = UNITS // 2
    parts = records.select(np.arange(half)), records.select(np.arange(half, UNITS))
    for name, part in zip(("training", "holdout"), parts, strict=True):
        save_records(folder / f"{name}.npz", part)
    return Job(
        mode="training",
        graph=str(folder / "graph.pt2"),
        training=str(folder / "training.npz"),
        holdout=str(folder / "holdout.npz"),
        inputs=graph.inputs,
        metrics=graph.metrics,
        plan=plan,
        record_count=UNITS,
        holdout_fraction=0.5,
        max_records_per_unit=1,
        seed="ab" * 32,
    )


def told(folder, job, monkeypatch, **limits):
    """Run a job and return when each word that the server reads was first there.

    It is looked for after each write, so that no word is missed on a busy machine.
    """
    write_private(folder / JOB, job.canonical())
    seen = {}

    def look():
        now = time.monotonic()
        step = int((folder / PROGRESS).read_bytes())
        if step >= 0:
            seen.setdefault(step, now)
        if (folder / EVALUATIONS).exists():
            done = Evaluated.parse((folder / EVALUATIONS).read_bytes()).evaluations
            seen.setdefault(f"evaluation {done[-1].step}", now)

    def looked_at(write):
        def writes(*args):
            written = write(*args)
            look()
            return written

        return writes

    monkeypatch.setattr(os, "pwrite", looked_at(os.pwrite))
    monkeypatch.setattr(kind_of_training, "write_private", looked_at(write_private))
    child.run_job(folder, Crew(folder), **limits)
    seen["end"] = time.monotonic()
    return seen


@pytest.mark.parametrize("hostile", [False, True], ids=["without", "with"])
@pytest.mark.parametrize("make", [training, statistic])
def test_each_step_is_told_at_its_time_with_and_without_a_hostile_person(
    tmp_path, schedules, monkeypatch, make, hostile
):
    job = make(tmp_path / "job", hostile)
    seen = told(tmp_path / "job", job, monkeypatch)
    (schedule,) = schedules
    due = {step: schedule.due(step) for step in range(job.plan.steps + 1)}
    due["end"] = due[job.plan.steps]
    if make is training:
        due |= {f"evaluation {step}": due[step] for step in (4, 8, 12)}
        assert due[STEPS] >= STEPS * 1.1 * SECONDS
    late = {word: at - schedule._start - due[word] for word, at in seen.items()}
    assert set(late) == set(due)
    assert min(late.values()) > -0.001
    assert np.median(list(late.values())) < LATE


def test_what_does_not_fit_ends_before_the_schedule_starts(tmp_path, schedules, monkeypatch):
    job = training(tmp_path / "job", True, steps=1000)
    with pytest.raises(OverTime):
        told(tmp_path / "job", job, monkeypatch, seconds=5.0)
    assert schedules == []
    assert int((tmp_path / "job" / PROGRESS).read_bytes()) == LOADED
