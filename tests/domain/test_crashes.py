"""kill -9 of worker and server in the middle of a run: charged once, released once, and closed."""

from __future__ import annotations

import signal
import time

import pytest
import torch

from tests.processes import ServerSite, has_ended
from tests.studies import endless, linear, submit
from tests.support import wait_until
from workbench.budget import chain
from workbench.domain.datasets import files
from workbench.domain.kinds.job import MODEL
from workbench.domain.requests import stored
from workbench.domain.runs.jobs import job_of
from workbench.domain.service import Domain
from workbench.domain.store.database import Store
from workbench.errors import DomainUnavailable, RequestFailed

pytestmark = pytest.mark.slow

LONG = {"epsilon": 2.0, "function": endless}


@pytest.fixture
def server(tmp_path, database_url):
    site = ServerSite(tmp_path / "hospital-a", database=database_url).start()
    site.database_url = database_url
    yield site
    site.stop()


@pytest.fixture
def sqlite_server(tmp_path):
    site = ServerSite(tmp_path / "hospital-a").start()
    site.database_url = f"sqlite:///{site.root / 'domain.sqlite'}"
    yield site
    site.stop()


def events(site) -> list[str]:
    """Return the ledger's events in order."""
    store = Store(site.database_url)
    with store.read() as connection:
        found = [e.event for e in chain.entries(connection, population="breast-cancer")]
    store.close()
    return found


def running(site, handle) -> bool:
    status = handle.status
    return status.state == "running" and status.progress is not None and bool(site.jobs())


def replayed(site, handle, folder):
    """Run a request of a stopped server once more with its stored seed; its model and metrics."""
    domain = Domain(site.root)
    with domain.store.read() as connection:
        row = stored.get(connection, handle.digest)
    place = files.prepared(domain.folder, row.card)
    seed = domain.home.seal.open_seed(row.seed, handle.digest)
    job = job_of(
        domain.folder,
        "training",
        row.request,
        row.card,
        str(place.training),
        str(place.holdout),
        seed,
    )
    outcome = domain.runs.executor.run("replay", job, folder)
    domain.close()
    return (folder / MODEL).read_bytes(), outcome.metrics


def medium():
    """A run of a second or two: long enough to be killed, short enough to be run again."""
    import torch.nn.functional as F

    import workbench as wb

    @wb.training_function(steps=6000, sample_rate=0.2, learning_rate=0.05)
    def medium_run(model, record):
        logits = model(wb.features(record))
        loss = F.cross_entropy(logits, record["diagnosis"])
        return loss, {"accuracy": logits.argmax() == record["diagnosis"]}

    return medium_run


def test_a_killed_worker_runs_again_with_the_same_noise_and_one_charge(server, tmp_path):
    function = medium()
    undisturbed = submit(server.client(), function, repeat=0)
    expected = undisturbed.wait(progress=False)
    handle = submit(server.client(), function, repeat=1)
    wait_until(lambda: running(server, handle))
    for process in server.jobs():
        process.send_signal(signal.SIGKILL)
    result = handle.wait(progress=False)
    assert result.verified
    assert events(server) == ["reserve", "charge"] * 2
    assert not torch.equal(result.parameters["weight"], expected.parameters["weight"])
    released = result.model_bytes, result.release.metrics
    server.stop()
    assert replayed(server, handle, tmp_path / "replay") == released


def test_a_killed_server_takes_the_run_up_again_and_charges_once(server):
    handle = submit(server.client(), medium())
    wait_until(lambda: running(server, handle))
    workers = server.descendants()
    server.kill()
    # Nothing may go on computing on private data without its server.
    wait_until(lambda: all(map(has_ended, workers)))
    with pytest.raises(DomainUnavailable, match="'hospital-a' at .* does not answer"):
        handle.status  # noqa: B018 - asks the domain
    server.start()
    result = handle.wait(progress=False)
    assert result.verified
    assert events(server) == ["reserve", "charge"]


def test_the_replay_after_a_crash_is_bit_for_bit_the_run(sqlite_server, tmp_path):
    """The seed decides: the same request with its stored seed gives the same model."""
    site = sqlite_server
    handle = submit(site.client(), medium())
    wait_until(lambda: running(site, handle))
    site.kill()
    site.start()
    result = handle.wait(progress=False)
    first, metrics = result.model_bytes, result.release.metrics
    site.stop()
    assert replayed(site, handle, tmp_path / "replay") == (first, metrics)


def test_a_worker_that_dies_every_time_ends_in_failed_and_stays_charged(sqlite_server):
    site = sqlite_server
    handle = submit(site.client(), **LONG)
    deadline = time.monotonic() + 60
    while not handle.status.state.final and time.monotonic() < deadline:
        for process in site.jobs():
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    with pytest.raises(RequestFailed, match="the process died"):
        handle.wait(progress=False)
    assert handle.status.failure == "worker-died"
    assert events(site) == ["reserve", "charge"]


def test_the_warm_worker_killed_between_jobs_is_replaced(sqlite_server):
    site = sqlite_server
    for process in site.descendants():
        process.send_signal(signal.SIGKILL)
    assert submit(site.client()).wait(progress=False).verified


def test_cancel_really_kills_and_stays_charged(sqlite_server):
    site = sqlite_server
    handle = submit(site.client(), **LONG)
    wait_until(lambda: running(site, handle))
    jobs = site.jobs()
    handle.cancel()
    wait_until(lambda: not any(job.is_running() for job in jobs), 5)
    assert handle.status.state == "cancelled"
    assert handle.status.charged
    with pytest.raises(RequestFailed, match="was cancelled"):
        handle.wait(progress=False)
    assert submit(site.client(), repeat=3).wait(progress=False).verified
    assert events(site) == ["reserve", "charge"] * 2


def test_ctrl_c_in_wait_leaves_the_request_running_and_says_where(sqlite_server, tmp_path):
    import subprocess
    import sys

    site = sqlite_server
    site.researcher.save(tmp_path / "researcher.key")
    (tmp_path / "space.toml").write_text(
        f'key = "researcher.key"\n[[domains]]\nname = "hospital-a"\nurl = "{site.url}"\n'
        f'public_key = "{site.public_key}"\n'
    )
    script = (
        "import workbench as wb\nfrom tests.studies import endless, linear\n"
        f"space = wb.connect({str(tmp_path)!r})\n"
        "endless.submit(linear(), to=space.dataset('breast-cancer'), epsilon=2.0,"
        " purpose='DUO:0000007 x').wait()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # The check before is a job too; only a request that was taken can be followed.
    wait_until(lambda: any(s.state == "running" for s in site.client().requests()), 60)
    wait_until(lambda: bool(site.jobs()), 60)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "goes on at 'hospital-a': space.requests() finds it" in output
    (status,) = site.client().requests()
    assert status.state == "running"
    site.client().cancel(status.request_digest)


def test_stopping_the_server_leaves_no_process(sqlite_server):
    site = sqlite_server
    submit(site.client(), endless, linear())
    wait_until(lambda: bool(site.jobs()))
    left = site.descendants()
    site.stop()
    wait_until(lambda: not any(process.is_running() for process in left), 10)
