"""Before a request is taken, its programs are run on made-up records; until then it costs nothing.

A domain in this process, whose checks run in its worker as any other job.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import torch
from torch import nn

import workbench as wb
from tests.studies import endless, submit
from tests.support import Site, make_domain, wait_until
from workbench.budget import chain
from workbench.domain.runs import checks, executor
from workbench.errors import GraphRefused, LimitReached

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    opened = Site.open(make_domain(tmp_path_factory.mktemp("intake") / "hospital-a"))
    yield opened
    opened.close()


@pytest.fixture
def checked(site, monkeypatch):
    """The checks that are run, as the names of their jobs."""
    names = []
    run = site.domain.runs.executor.run

    def noted(identity, job, *rest, **options):
        if job.mode == "check":
            names.append(identity)
        return run(identity, job, *rest, **options)

    monkeypatch.setattr(site.domain.runs.executor, "run", noted)
    return names


def wide(width):
    """A model whose graph no other test has."""
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(30, width), nn.Tanh(), nn.Linear(width, 2))


def spent(site):
    with site.domain.store.read() as connection:
        return chain.count(connection)


def requests_of(site):
    return [status.request_digest for status in site.client().requests()]


def test_the_check_ends_before_anything_is_reserved(site, monkeypatch):
    def refuses(request, card):
        assert spent(site) == before
        raise GraphRefused("graph: it was seen to mix records")

    before = spent(site)
    monkeypatch.setattr(site.domain.checks, "require", refuses)
    with pytest.raises(GraphRefused, match="seen to mix"):
        submit(site.client(), model=wide(3))
    assert spent(site) == before


def test_what_the_worker_finds_is_told_in_full_and_remembered(site, checked, monkeypatch):
    def without_bounds(*arguments):
        return made(*arguments).model_copy(update={"bounds": ()})

    made = checks.check_job
    before, model = spent(site), wide(2)
    monkeypatch.setattr(checks, "check_job", without_bounds)
    for _ in range(2):
        with pytest.raises(GraphRefused, match="it cannot be run: ValueError zip"):
            submit(site.client(), model=model)
    assert len(checked) == 1
    assert spent(site) == before
    assert not list(site.domain.folder.folder("jobs").glob("check-*"))


def test_the_same_programs_are_checked_once(site, checked):
    client, model = site.client(), wide(4)
    submit(client, model=model).cancel()
    submit(client, model=model, repeat=1, epsilon=1.0).cancel()
    assert len(checked) == 1


def test_another_size_of_batches_is_another_program(site, checked):
    @wb.training_function(steps=20, sample_rate=0.1, learning_rate=1.0)
    def sampled(model, record):
        return nn.functional.cross_entropy(model(wb.features(record)), record["diagnosis"])

    @wb.training_function(steps=7, sample_rate=0.2, learning_rate=0.5)
    def others(model, record):
        return nn.functional.cross_entropy(model(wb.features(record)), record["diagnosis"])

    model = wide(5)
    for function in (sampled, others):
        submit(site.client(), function, model).cancel()
    assert len(checked) == 2


def test_those_who_come_at_the_same_time_share_one_check(site, checked, monkeypatch):
    client = site.client()
    first = submit(client, model=wide(6)).last_status.request
    checked.clear()
    anew = checks.Checks(site.domain.folder, site.domain.runs.executor)
    monkeypatch.setattr(site.domain.research, "_checks", anew)
    others = [first.model_copy(update={"repeat": number}) for number in range(1, 7)]
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda request: site.client().submit(request), others))
    assert len(checked) == 1
    for status in statuses:
        client.cancel(status.request_digest)


def kill_the_check(site):
    """Kill the process of the next check as soon as there is one, in a thread."""
    executor = site.domain.runs.executor

    def strike():
        def found():
            return [run for name, run in executor._runs.items() if name[:5] == "check" and run.pid]

        wait_until(found)
        psutil.Process(found()[0].pid).kill()

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


def test_a_check_that_dies_refuses_and_the_next_tries_again(site, checked):
    before = spent(site)
    thread = kill_the_check(site)
    with pytest.raises(GraphRefused, match="ended without a result"):
        submit(site.client(), model=wide(7))
    thread.join()
    assert spent(site) == before
    submit(site.client(), model=wide(7)).cancel()
    assert len(checked) == 2


def test_a_check_that_takes_too_long_refuses(site, monkeypatch):
    monkeypatch.setattr(executor, "_CHECK_SECONDS", 0)
    before = spent(site)
    with pytest.raises(GraphRefused, match="takes too long"):
        submit(site.client(), model=wide(8))
    assert spent(site) == before


def test_nobody_has_many_graphs_checked_at_a_time(site, monkeypatch):
    monkeypatch.setattr(checks, "MOST_AT_ONCE", 0)
    with pytest.raises(LimitReached, match="are being checked"):
        submit(site.client(), model=wide(9))


def test_a_request_is_answered_while_a_long_run_goes_on(site):
    assert site.domain.folder.config.limits.jobs == 1
    long = submit(site.client(), endless)
    wait_until(lambda: long.status.progress is not None)
    waiting = submit(site.client(), model=wide(10))
    assert long.status.state == "running"
    assert waiting.status.progress is None
    waiting.cancel()
    long.cancel()
