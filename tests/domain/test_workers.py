"""A run over several processes: same result, repeatable, and nothing left behind."""

from __future__ import annotations

import numpy as np
import psutil
import pytest
import safetensors.numpy
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import endless, submit
from tests.support import Site, make_domain, wait_until
from workbench.domain.datasets import files
from workbench.domain.kinds.job import MODEL
from workbench.domain.requests import stored
from workbench.domain.runs import jobs
from workbench.domain.runs.executor import Executor, _private
from workbench.domain.store.config import JobLimits
from workbench.errors import RequestFailed

pytestmark = pytest.mark.slow


# Three processes on two slow cores take longer for `endless` than a domain allows by default.
PATIENT = "seconds = 86400\ncpu_seconds = 86400\n"


@pytest.fixture
def opened(tmp_path):
    sites = []

    def open_site(limits):
        root = tmp_path / f"hospital-{len(sites)}"
        sites.append(Site.open(make_domain(root, "hospital-a", limits=limits)))
        return sites[-1]

    yield open_site
    for site in sites:
        site.close()


def processes(site):
    """The processes of running jobs: those below the worker."""
    worker = site.domain.runs.executor._worker.process
    return psutil.Process(worker.pid).children(recursive=True)


def job_of(site, digest):
    """The job of a request that was released, with its seed."""
    domain = site.domain
    with domain.store.read() as connection:
        row = stored.get(connection, digest)
    request = row.request
    card = row.card
    place = files.prepared(domain.folder, card)
    seed = domain.home.seal.open_seed(row.seed, digest)
    return jobs.job_of(
        domain.folder, "training", request, card, str(place.training), str(place.holdout), seed
    )


def again(job, folder, **limits):
    """Run a job with other limits; return the model's bytes and the outcome."""
    executor = Executor(JobLimits(**limits))
    try:
        outcome = executor.run("again", job, folder)
        return (folder / MODEL).read_bytes(), outcome
    finally:
        executor.close()


def close_to(one, other):
    one, other = safetensors.numpy.load(one), safetensors.numpy.load(other)
    return all(np.allclose(one[name], other[name], atol=1e-5) for name in one)


@pytest.mark.parametrize("workers", [2, 3])
def test_a_run_is_the_same_run_on_more_processes(opened, tmp_path, workers):
    site = opened(f"workers = {workers}\n")
    # Wide enough for the matrix library to use more than one thread, if it was let.
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 600), nn.ReLU(), nn.Linear(600, 2))
    result = submit(site.client(), model=model).wait(progress=False)
    assert result.verified.trusted
    job = job_of(site, result.digest)
    replayed, outcome = again(job, tmp_path / "replay", workers=workers)
    assert replayed == result.model_bytes
    assert outcome.metrics == result.release.metrics
    alone, outcome = again(job, tmp_path / "alone")
    assert close_to(alone, result.model_bytes)
    assert outcome.steps == result.release.steps


def test_a_cancelled_run_leaves_no_process(opened):
    site = opened(f"workers = 3\n{PATIENT}")
    handle = submit(site.client(), endless)
    wait_until(lambda: len(processes(site)) == 3)
    group = processes(site)
    handle.cancel()
    wait_until(lambda: not any(process.is_running() for process in group))
    with pytest.raises(RequestFailed):
        handle.wait(progress=False)
    assert submit(site.client(), repeat=1).wait(progress=False).verified


@pytest.mark.parametrize("victim", ["rank 0", "rank 1", "rank 2"])
def test_a_run_whose_rank_dies_fails_and_does_not_hang(opened, victim):
    site = opened(f"workers = 3\n{PATIENT}")
    handle = submit(site.client(), endless)
    killed = set()

    def final():
        found = processes(site)
        if len(found) == 3 and found[0].pid not in killed:
            leader = next(p for p in found if p.ppid() not in {q.pid for q in found})
            others = sorted(p.pid for p in found if p.pid != leader.pid)
            killed.update(p.pid for p in found)
            psutil.Process([leader.pid, *others][int(victim[-1])]).kill()
        return handle.status.state.final

    wait_until(final, 60)
    assert handle.status.failure == "worker-died"
    assert handle.status.charged
    assert len(killed) == 9
    wait_until(lambda: not processes(site))


@pytest.mark.parametrize(
    ("limit", "failure"), [("seconds = 2", "timeout"), ("cpu_seconds = 1", "timeout")]
)
def test_limits_hold_for_all_ranks(opened, limit, failure):
    site = opened(f"workers = 2\n{limit}\n")
    handle = submit(site.client(), endless)
    with pytest.raises(RequestFailed):
        handle.wait(progress=False)
    assert handle.status.failure == failure
    wait_until(lambda: not processes(site))


def test_memory_is_that_of_all_ranks_together(opened):
    site = opened(f"workers = 3\n{PATIENT}")
    handle = submit(site.client(), endless)
    wait_until(lambda: handle.status.progress and handle.status.progress.step > 5)
    found = processes(site)
    leader = next(p.pid for p in found if p.ppid() not in {q.pid for q in found})
    together = site.domain.runs.executor._memory(leader)
    assert together > 2.5 * _private(leader)
    handle.cancel()


def test_ranks_that_take_too_much_memory_are_ended(opened, monkeypatch):
    @wb.training_function(steps=200, sample_rate=1.0, learning_rate=0.1)
    def wide(model, record):
        hidden = model[0](wb.features(record)).repeat(3000)
        return F.cross_entropy(model[1](hidden.reshape(3000, -1).sum(0)), record["diagnosis"])

    site = opened("workers = 2\nmemory_mb = 64\n")
    # The check before would refuse it.
    monkeypatch.setattr(site.domain.checks, "require", lambda request, card: None)
    model = nn.Sequential(nn.Linear(30, 200), nn.Linear(200, 2))
    handle = submit(site.client(), wide, model)
    with pytest.raises(RequestFailed, match="more memory"):
        handle.wait(progress=False)
    wait_until(lambda: not processes(site))
