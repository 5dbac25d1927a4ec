"""Rehearsals of waiting requests: limited, beside runs, and ended with their request."""

from __future__ import annotations

import itertools
import os

import pytest
from torch import nn

import workbench as wb
from tests.studies import PURPOSE, dataset, submit
from tests.support import Site, make_domain, wait_until
from workbench.documents import Approval, PrivateKey

pytestmark = pytest.mark.slow


@wb.training_function(steps=200_000, sample_rate=0.2, learning_rate=0.01)
def endless(model, record):
    logits = model(wb.features(record))
    return nn.functional.cross_entropy(logits, record["diagnosis"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A domain whose steward is asked about requests above epsilon 1."""
    root = make_domain(tmp_path_factory.mktemp("rehearsals") / "hospital-a")
    (root / "domain.toml").open("a").write("[calls]\nrehearsals_per_person = 2\nrehearsals = 3\n")
    site = Site.open(root)
    policy = Approval(mode="policy", epsilon=0.6, purposes=("DUO:0000007",))
    site.client(site.steward).set_policy("breast-cancer", policy)
    yield site
    site.close()


@pytest.fixture(scope="module")
def numbers():
    """Numbers that no other request of the module has: the same request again is the same one."""
    return itertools.count()


@pytest.fixture
def wait_long(asked, numbers):
    """What submits requests whose rehearsals take long; they are cancelled in the end."""
    handles = []

    def ask(key=None):
        data = dataset(asked.client(key))
        handles.append(
            endless.submit(
                nn.Linear(30, 2), to=data, epsilon=1.0, purpose=PURPOSE, repeat=next(numbers)
            )
        )
        return handles[-1]

    yield ask
    for handle in handles:
        if handle.status.state == "pending":
            handle.cancel()
    wait_until(lambda: not jobs(asked))


def jobs(site):
    """The names of the jobs that are run now."""
    return [name for name, run in site.domain.runs.executor._runs.items() if run.pid]


def rehearsal(site, handle):
    return site.client(site.steward).review(handle.digest)["rehearsal"]


def rehearsing(site, handle):
    return f"rehearsal-{handle.digest[7:]}" in jobs(site)


def test_a_rehearsal_takes_no_slot_of_a_run(asked, wait_long):
    assert asked.domain.folder.config.limits.jobs == 1
    waiting = wait_long()
    wait_until(lambda: rehearsing(asked, waiting))
    assert submit(asked.client(), epsilon=0.5).wait(progress=False).verified
    assert rehearsing(asked, waiting)


def test_a_rehearsal_gives_way_to_runs_where_each_session_has_its_own_share(asked, wait_long):
    """Linux compares the priorities of one session only (man 7 sched, autogroup)."""
    waiting = wait_long()
    wait_until(lambda: rehearsing(asked, waiting))
    executor = asked.domain.runs.executor
    pid = executor._runs[f"rehearsal-{waiting.digest[7:]}"].pid
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) > 0)
    assert os.getsid(pid) == os.getsid(executor._worker.process.pid)
    assert os.getpgid(pid) == pid


@pytest.mark.parametrize("end", ["cancel", "deny", "approve"])
def test_a_rehearsal_ends_with_its_request(asked, wait_long, end):
    first, second = wait_long(), wait_long()
    wait_until(lambda: rehearsing(asked, first))
    for handle in (second, first):
        if end == "cancel":
            handle.cancel()
        else:
            asked.client(asked.steward).decide(handle.digest, end, "a reason")
    wait_until(lambda: not rehearsing(asked, first))
    for handle in (first, second):
        assert rehearsal(asked, handle)["state"] == "failed"
        assert not rehearsing(asked, handle)
        if end == "approve":
            handle.cancel()
    left = [path.name for path in (asked.domain.folder.state / "jobs").glob("rehearsal-*")]
    wait_until(lambda: not left or not list((asked.domain.folder.state / "jobs").glob("reh*")))


def test_few_rehearsals_of_one_person_and_in_all_wait(asked, wait_long):
    other, third = PrivateKey.create(), PrivateKey.create()
    for key in (other, third):
        asked.domain.operator.admit(key.public, "Otto Other", "researcher")
    mine = [wait_long() for _ in range(3)]
    assert "rehearsals_per_person" in rehearsal(asked, mine[2])["note"]
    theirs = wait_long(other)
    assert rehearsal(asked, theirs) == {"state": "waiting", "metrics": [], "note": ""}
    assert "(rehearsals)" in rehearsal(asked, wait_long(third))["note"]
    mine[0].cancel()
    wait_until(lambda: rehearsing(asked, theirs))
    assert not rehearsing(asked, mine[1])


def test_what_ends_leaves_room_for_the_next(asked, wait_long):
    """Submitted and cancelled, again and again: the lane is never more than one job deep."""
    for _ in range(4):
        handle = wait_long()
        assert rehearsal(asked, handle)["note"] == ""
        handle.cancel()
    wait_until(lambda: not jobs(asked))
