"""Evaluations of a run that goes on: shown early, the same as released, and in one form only."""

from __future__ import annotations

import psutil
import pytest
import torch.nn.functional as F
from sqlalchemy import text

import workbench as wb
from tests.studies import diagnose, submit
from tests.support import Site, make_domain, wait_until
from workbench.documents import Evaluation
from workbench.domain.runs import course
from workbench.domain.store.tables import evaluations
from workbench.errors import RequestFailed


@wb.training_function(steps=600, sample_rate=0.5, learning_rate=0.1, evaluations=12)
def slowly(model, record):
    logits = model(wb.features(record) + 0.5)
    loss = F.cross_entropy(logits, record["diagnosis"])
    return loss, {"accuracy": logits.argmax() == record["diagnosis"]}


@pytest.fixture
def alone(tmp_path):
    site = Site.open(make_domain(tmp_path / "hospital-a"))
    yield site
    site.close()


def shown(handle) -> tuple[Evaluation, ...]:
    progress = handle.status.progress
    return () if progress is None else progress.evaluations


def test_what_is_shown_while_it_runs_is_what_is_released(alone):
    handle = submit(alone.client(), slowly)
    wait_until(lambda: len(shown(handle)) >= 2)
    early = shown(handle)
    assert handle.state == "running"
    assert handle.status.charged
    result = handle.wait(progress=False)
    assert result.history[: len(early)] == early
    assert len(early) < len(result.history) == 12


def test_a_run_that_is_taken_up_again_shows_the_same(alone):
    handle = submit(alone.client(), slowly)
    wait_until(lambda: len(shown(handle)) >= 2)
    early = shown(handle)
    worker = alone.domain.runs.executor._worker.process
    psutil.Process(worker.pid).kill()
    result = handle.wait(progress=False)
    assert result.history[: len(early)] == early
    with alone.domain.store.read() as connection:
        assert course.shown(connection, handle.digest) == result.history


def test_a_run_that_comes_to_something_else_than_was_shown_releases_nothing(alone):
    """As it could after a change of the machine: the difference would be free of noise."""
    handle = submit(alone.client(), slowly)
    wait_until(lambda: len(shown(handle)) >= 1)
    psutil.Process(alone.domain.runs.executor._worker.process.pid).kill()
    with alone.domain.store.write() as connection:
        (first, *_) = course.shown(connection, handle.digest)
        (metric,) = first.metrics
        other = first.model_copy(
            update={"metrics": (metric.model_copy(update={"total": metric.total + 1e-9}),)}
        )
        connection.execute(
            evaluations.update()
            .where(evaluations.c.step == first.step)
            .values(evaluation=other.canonical().decode())
        )
    with pytest.raises(RequestFailed):
        handle.wait(progress=False)
    assert handle.status.failure == "internal"
    assert handle.status.charged


@pytest.mark.parametrize(
    ("function", "outputs"), [(slowly, ("model",)), (diagnose, ("model", "metrics"))]
)
def test_nothing_is_shown_that_would_not_be_released(alone, function, outputs):
    """Without the output ``metrics``, or with one evaluation, which is the release's own."""
    handle = submit(alone.client(), function, outputs=outputs)
    statuses = list(alone.client().events(handle.digest))
    assert statuses[-1].state == "released"
    assert all(status.progress is None or not status.progress.evaluations for status in statuses)
    with alone.domain.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM evaluations")).scalar() == 0
