"""kill -9 at random moments: the ledger, the log and the releases stay exact.

Server, worker or both are killed again and again while requests come in, until more was asked than
the total allows. Nothing is charged and lost, released twice or differently, or admitted above the
total. ``WORKBENCH_KILLS=100`` says how often; ``WORKBENCH_SEED`` repeats a run's moments.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time

import numpy as np
import psutil
import pytest
import torch.nn.functional as F
import yaml

import workbench as wb
from tests.processes import ServerSite
from tests.studies import submit
from tests.support import wait_until
from workbench.budget import chain
from workbench.budget.accountant import ORDERS, epsilon_of, filter_budget, run_curve
from workbench.documents import State, digest_bytes
from workbench.domain.access import log
from workbench.domain.heads import head
from workbench.domain.service import Domain
from workbench.errors import (
    BudgetExhausted,
    DomainUnavailable,
    GraphRefused,
    LimitReached,
)
from workbench.evidence.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0 if "WORKBENCH_KILLS" in os.environ else 300)]

KILLS = int(os.environ.get("WORKBENCH_KILLS", "2"))
SEED = int(os.environ.get("WORKBENCH_SEED", str(random.SystemRandom().randrange(10**6))))
# A third more is asked for than there is room for.
EPSILON, ASKED = (1.5, 8) if KILLS < 20 else (0.4, 90)
TOTAL, DELTA = 4.0, 1e-5


@wb.training_function(steps=600, sample_rate=0.2, learning_rate=0.05)
def short(model, record):
    logits = model(wb.features(record))
    return F.cross_entropy(logits, record["diagnosis"])


class Submitter:
    """A researcher who asks for one run after the other, whatever happens to the domain."""

    def __init__(self, site):
        self.client = site.client()
        self.first = submit(self.client, short, epsilon=EPSILON).last_status.request
        self.taken = {self.first.digest}
        self.refused = set()
        self.released = {}
        self.allowed = self.asked = 1
        self.ended = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        while not self.ending.is_set():
            with contextlib.suppress(DomainUnavailable, LimitReached):
                if self.asked < self.allowed:
                    self._ask(self.asked)
                    self.asked += 1
                found = self.client.requests()
                self.ended = sum(State(status.state).final for status in found)
                for status in found:
                    if status.state == State.RELEASED:
                        self._look(status.request_digest)
            time.sleep(0.05)

    def open(self):
        """Whether a request was taken that has not ended, or one is about to be."""
        return self.asked < self.allowed or self.ended + len(self.refused) < self.asked

    def _ask(self, repeat):
        request = self.first.model_copy(update={"repeat": repeat})
        try:
            self.client.submit(request)
        except BudgetExhausted:
            self.refused.add(request.digest)
        except GraphRefused as error:
            if "ended without a result" not in error.message:
                raise
            # The worker was killed as it looked at the graph; nothing was taken.
            self._ask(repeat)
        else:
            self.taken.add(request.digest)

    def _look(self, digest):
        """What was released once stays byte for byte what it was."""
        if digest not in self.released:
            self.released[digest] = self.fetched(digest)

    def fetched(self, digest):
        """Return the bytes of a release, verified."""
        evidence, model = self.client.evidence(digest), self.client.model(digest)
        verify(evidence, self.client.public_key, model)
        return evidence.canonical(), digest_bytes(model)


def kill_some(site, asks, choose):
    """kill -9 the server, its worker with its jobs, or all; returns whether the server lives.

    Mostly while a run is at work, at its beginning or at its end; now and then at any moment.
    """
    if choose.random() < 0.8:
        with contextlib.suppress(DomainUnavailable, psutil.NoSuchProcess):
            deadline = time.monotonic() + 15
            while not site.jobs() and asks.open() and time.monotonic() < deadline:
                time.sleep(0.01)
        time.sleep(choose.uniform(0.0, 1.0))
    else:
        time.sleep(choose.uniform(0.0, 8.0))
    whom = choose.choice(["server", "worker", "worker", "all"])
    if whom in ("worker", "all"):
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in site.descendants():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
    if whom in ("server", "all"):
        site.kill()
        return False
    return True


@pytest.fixture
def site(tmp_path, database_url):
    site = ServerSite(tmp_path / "hospital-a", database=database_url)
    terms = site.root / "datasets" / "breast-cancer" / "terms.yaml"
    values = yaml.safe_load(terms.read_text()) | {
        "epsilon_total": TOTAL,
        "epsilon_per_run": TOTAL,
        "delta": DELTA,
        "epsilon_per_researcher": None,
        "approval": {"mode": "policy", "epsilon": TOTAL, "purposes": ["DUO:0000007"]},
    }
    terms.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))
    yield site
    site.stop()


def test_after_kills_at_random_moments_all_is_exact(site, request):
    choose = random.Random(SEED)
    print(f"WORKBENCH_SEED={SEED}")
    with contextlib.closing(Domain(site.root)) as domain:
        # Only down: the dataset's own terms are narrower than its population's.
        domain.operator.publish("breast-cancer")
    site.start()
    asks = Submitter(site)
    asks.thread.start()
    for kill in range(KILLS):
        asks.allowed = 1 + ASKED * (kill + 1) // KILLS
        if not kill_some(site, asks, choose):
            # Now and then it is killed again before it is up.
            site.start(ready=False)
            if choose.random() < 0.2:
                time.sleep(choose.uniform(0.0, 3.0))
                site.kill()
                site.start(ready=False)
            wait_until(site.answers, 120)
    wait_until(lambda: asks.asked == asks.allowed, 240)
    final = {str(state) for state in State if state.final}
    wait_until(lambda: all(str(s.state) in final for s in asks.client.requests()), 240)
    wait_until(lambda: len(asks.released) == len(asks.client.requests("released")), 60)
    asks.ending.set()
    asks.thread.join(30)
    states = {s.request_digest: s for s in asks.client.requests()}
    assert asks.released == {digest: asks.fetched(digest) for digest in asks.released}
    site.stop()
    counts = exact(site, asks, states)
    print(f"{request.node.name}: {KILLS} kills, {counts}")


def exact(site, asks, states):
    """Compare ledger, log, releases and what the researcher saw; returns how many there were."""
    assert asks.taken == set(states)
    assert not asks.taken & asks.refused
    with contextlib.closing(Domain(site.root)) as domain, domain.store.read() as connection:
        chain.check(connection)
        log.check(connection)
        head.check(connection, domain.folder, domain.key)
        rows = chain.entries(connection, population="breast-cancer")
        lines, _ = log.page(connection, limit=10_000)
        folder = domain.folder
    events = {}
    for row in rows:
        events.setdefault(row.request, []).append(row.event)
    assert set(events) == set(states)
    told = {}
    for line in reversed(lines):
        told.setdefault(line.subject, []).append(line.event)
    for digest, status in states.items():
        # No request was denied or cancelled here: whatever was taken ran, and is charged once.
        assert events[digest] == ["reserve", "charge"]
        assert status.charged
        assert status.state in ("released", "failed")
        ended = "release" if status.state == "released" else "fail"
        launches = told[digest].count("launch")
        assert 1 <= launches <= 3
        assert told[digest] == ["submit", "decide", *["launch"] * launches, ended]
        if status.state == "failed":
            assert (status.failure, launches) == ("worker-died", 3)
    released = {digest for digest, s in states.items() if s.state == "released"}
    assert set(asks.released) == released
    places = {path.name for path in (folder.state / "releases").iterdir()}
    assert places == {digest.removeprefix("sha256:") for digest in released}
    _within_the_total(states)
    assert asks.refused, "the total was never reached: nothing was shown about it"
    return {"requests": len(states), "released": len(released), "refused": len(asks.refused)}


def _within_the_total(states):
    """What the worst person has been charged, from the plans that were taken."""
    total = np.zeros(len(ORDERS))
    for status in states.values():
        total = total + run_curve(status.request.plan, len(status.request.metrics))
    order, budget = filter_budget(TOTAL, DELTA)
    assert total[order] <= budget
    assert epsilon_of(total, DELTA) <= TOTAL
