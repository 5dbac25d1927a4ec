"""What a run came to is never lost: to a lock, a full disk, a restart or a worker that is away."""

from __future__ import annotations

import contextlib
import errno
import signal
import sqlite3
import time

import psutil
import pytest
import torch.nn.functional as F

import workbench as wb
from tests.processes import ServerSite
from tests.studies import submit
from tests.support import Site, make_domain, wait_until
from workbench.budget import chain
from workbench.domain.heads import files
from workbench.domain.requests import stored
from workbench.domain.runs import launching, lifecycle, releases
from workbench.domain.store import database as store_module

pytestmark = pytest.mark.slow


@wb.training_function(steps=3000, sample_rate=0.2, learning_rate=0.05)
def medium(model, record):
    """A run of a second or so: long enough to do something to it while it goes on."""
    logits = model(wb.features(record))
    loss = F.cross_entropy(logits, record["diagnosis"])
    return loss, {"accuracy": logits.argmax() == record["diagnosis"]}


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A domain that waits for a locked database for a moment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "_WAIT_SECONDS", 0.2)
        patch.setattr(lifecycle, "_FIRST_PAUSE", 0.1)
        root = make_domain(tmp_path_factory.mktemp("ended") / "hospital-a")
        site = Site.open(root)
        yield site
        site.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    site = ServerSite(tmp_path_factory.mktemp("ended") / "hospital-a").start()
    yield site
    site.stop()


@contextlib.contextmanager
def locked(root):
    """Keep all writers of a domain's database out."""
    lock = sqlite3.connect(root / "domain.sqlite", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        lock.execute("ROLLBACK")
        lock.close()


def launches(site, handle):
    """How often a run was begun, as the log has it."""
    entries, _ = site.client(site.steward).log(limit=100)
    return sum(e.event == "launch" and e.subject == handle.digest for e in entries)


def charged(site, handle):
    """How often a request was reserved and charged, as the ledger has it."""
    with site.domain.store.read() as connection:
        found = chain.entries(connection, population="breast-cancer")
        return [entry.event for entry in found if entry.request == handle.digest]


def test_a_database_that_is_locked_as_runs_begin_and_end(impatient):
    first, second = (submit(impatient.client(), medium, repeat=n, epsilon=1.0) for n in (1, 2))
    wait_until(lambda: first.status.progress is not None and first.status.progress.step > 0)
    with locked(impatient.domain.folder.root):
        wait_until(lambda: not impatient.domain.runs.executor._runs)
        time.sleep(1)
        assert first.status.state == "running"
        assert second.status.state == "approved"
    for handle in (first, second):
        assert handle.wait(progress=False).verified
        assert charged(impatient, handle) == ["reserve", "charge"]
        assert launches(impatient, handle) == 1


def test_a_disk_that_is_full_as_a_run_ends(impatient, monkeypatch):
    tries = []
    write = releases.copy_private

    def full(source, path):
        tries.append(path)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(source, path)

    monkeypatch.setattr(releases, "copy_private", full)
    handle = submit(impatient.client(), repeat=3, epsilon=0.5)
    assert handle.wait(progress=False).verified
    assert len(tries) == 3
    assert charged(impatient, handle) == ["reserve", "charge"]
    assert launches(impatient, handle) == 1


def test_what_can_never_be_written_ends_the_run(impatient, monkeypatch):
    def gone(*rest):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(releases, "copy_private", gone)
    handle = submit(impatient.client(), repeat=4, epsilon=0.5)
    wait_until(lambda: handle.status.state == "failed")
    assert handle.status.failure == "internal"


def test_a_cancelled_request_is_not_taken_up_again(impatient):
    """Cancelled after its run was begun and before the job could be found."""
    domain = impatient.domain
    handle = submit(impatient.client(), medium, repeat=5, epsilon=0.5)
    wait_until(lambda: handle.status.state == "running")
    handle.cancel()
    wait_until(lambda: not domain.runs.executor._runs)
    with domain.store.read() as connection:
        row = stored.get(connection, handle.digest)
    domain.runs.launch(row)
    assert submit(impatient.client(), repeat=6, epsilon=0.5).wait(progress=False).verified
    assert launches(impatient, handle) == 1
    assert not (domain.folder.state / "releases" / handle.digest[7:]).exists()


def test_a_server_that_is_killed_before_it_could_write_what_a_run_came_to(server):
    before = server.client().budget("breast-cancer").runs
    handle = submit(server.client(), medium, epsilon=1.0)
    kept = server.root / "state" / "jobs" / handle.digest[7:] / "ended.json"
    wait_until(lambda: handle.status.progress is not None and handle.status.progress.step > 0)
    with locked(server.root):
        wait_until(kept.exists)
        server.kill()
    server.start()
    assert handle.wait(progress=False).verified
    assert launches(server, handle) == 1
    assert server.client().budget("breast-cancer").runs == before + 1
    wait_until(lambda: not kept.parent.exists())


def test_a_worker_that_is_killed_again_and_again_as_it_starts(server):
    before = server.client().budget("breast-cancer").runs
    handle = submit(server.client(), medium, repeat=1, epsilon=1.0)
    wait_until(lambda: handle.status.progress is not None and handle.status.progress.step > 0)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        for process in server.descendants():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    assert handle.wait(progress=False).verified
    assert launches(server, handle) == 2
    assert server.client().budget("breast-cancer").runs == before + 1


def test_a_head_that_cannot_be_written_is_no_attempt_to_run(impatient, monkeypatch):
    """The disk is full for the head alone: the run waits, and is not closed as worker-died."""
    real, tries = files.write, []

    def full(*arguments):
        tries.append(1)
        if len(tries) <= launching.MAX_ATTEMPTS + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(files, "write", full)
    handle = submit(impatient.client(), medium, epsilon=0.3)
    handle.wait(progress=False)
    assert len(tries) > launching.MAX_ATTEMPTS + 1
    with impatient.domain.store.read() as connection:
        row = stored.get(connection, handle.digest)
    assert (row.state, row.attempts) == ("released", 1)
