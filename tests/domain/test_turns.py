"""Nobody's many calls keep others waiting."""

from __future__ import annotations

import threading

import pytest

from tests.support import wait_until
from workbench.domain.runs.turns import Turns


@pytest.fixture
def order():
    return []


@pytest.fixture
def held(order):
    """What notes that a call of an owner began, and lets it go on until it is told to end."""
    ends = {}

    def call(name):
        ends[name] = threading.Event()

        def wait():
            order.append(name)
            assert ends[name].wait(20)

        return wait

    call.end = lambda name: ends[name].set()
    return call


def test_owners_have_turns_however_many_calls_one_has(order, held):
    turns = Turns(1, "test")
    for name in ("a1", "a2", "a3", "a4", "b1", "c1", "b2"):
        turns.submit(name[0], name, held(name))
    for number in range(7):
        wait_until(lambda n=number: len(order) == n + 1)
        held.end(order[-1])
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]
    turns.close()


def test_one_owner_leaves_a_thread_for_others(order, held):
    turns = Turns(2, "test", per_owner=1)
    for name in ("a1", "a2"):
        turns.submit("a", name, held(name))
    wait_until(lambda: order == ["a1"])
    turns.submit("b", "b1", held("b1"))
    wait_until(lambda: order == ["a1", "b1"])
    for name in ("b1", "a1", "a2"):
        held.end(name)
    turns.close()


def test_what_is_taken_back_is_not_called_and_what_fails_hurts_nobody(order, held):
    turns = Turns(1, "test")
    turns.submit("a", "a1", held("a1"))
    wait_until(lambda: order == ["a1"])
    turns.submit("a", "a2", held("a2"))
    turns.submit("a", "a3", lambda: 1 / 0)
    turns.submit("a", "a4", lambda: order.append("a4"))
    turns.drop("a2")
    held.end("a1")
    wait_until(lambda: order == ["a1", "a4"])
    turns.close()
