"""Check the threads for calls that may hang: there are few, and no work waits without need."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from workbench.lab.service.watching.crew import Crew

SECONDS = 10


@pytest.fixture
def busy():
    """Other threads that compute, and take turns with all others very often."""
    before, end = sys.getswitchinterval(), threading.Event()

    def compute():
        while not end.is_set():
            sum(range(50))

    others = [threading.Thread(target=compute) for _ in range(2)]
    for other in others:
        other.start()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)
    end.set()
    for other in others:
        other.join(SECONDS)


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
def test_work_never_waits_behind_a_call_that_hangs_while_a_thread_may_be_had():
    for _ in range(600):
        crew, go_on = Crew(3, "test"), threading.Event()
        crew.submit(int).result(SECONDS)
        # The thread waits for more by now, and would take either of the next two.
        time.sleep(0.0005)
        hanging = crew.submit(go_on.wait)
        try:
            assert crew.submit(lambda: 7).result(SECONDS) == 7
        finally:
            go_on.set()
        assert hanging.result(SECONDS)


def test_there_are_no_more_threads_than_allowed_and_all_work_is_done():
    crew, go_on, lock = Crew(4, "crew-of-four"), threading.Event(), threading.Lock()
    names = set()

    def work():
        with lock:
            names.add(threading.current_thread().ident)
        return go_on.wait(SECONDS)

    waiting = [crew.submit(work) for _ in range(40)]
    go_on.set()
    assert all(future.result(SECONDS) for future in waiting)
    assert 1 <= len(names) <= 4


def test_what_fails_tells_its_error_and_the_thread_goes_on():
    crew = Crew(1, "test")
    with pytest.raises(ZeroDivisionError):
        crew.submit(lambda: 1 / 0).result(SECONDS)
    assert crew.submit(lambda: 7).result(SECONDS) == 7


def test_threads_end_when_there_is_nothing_to_do_and_come_back(monkeypatch):
    monkeypatch.setattr("workbench.lab.service.watching.crew._IDLE_SECONDS", 0.05)
    crew = Crew(2, "short-lived")
    for _ in range(3):
        assert crew.submit(lambda: 7).result(SECONDS) == 7
        for thread in threading.enumerate():
            if thread.name == "short-lived":
                thread.join(SECONDS)
        assert "short-lived" not in [thread.name for thread in threading.enumerate()]
