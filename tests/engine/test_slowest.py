"""No values make a chunk take longer than its public time."""

from __future__ import annotations

import math
import time
from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.checker.traced import NAMES, traced
from tests.engine.models import schema_of
from workbench.engine.program.program import noted
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.timing.pace import SLACK
from workbench.engine.timing.slowest import slowest
from workbench.graphs.export.training import export

pytestmark = pytest.mark.slow

ROWS, WIDTH = 64, 16
WAIT = 20_000
PATIENCE = 20.0
"""Seconds after which times that are not as they should be never will be."""
A = torch.ops.aten


@pytest.fixture(autouse=True)
def as_in_a_worker():
    """One thread and no subnormal numbers, as `workbench.domain.worker.surroundings` makes it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


def when(found, fast, slow):
    """Numbers of which all are slow for a record that a researcher waits for."""
    return torch.where(found, slow, fast) + NOTHING


NOTHING = torch.zeros(WAIT)
UNEVEN = torch.cos(torch.arange(float(WAIT)) * 7.7)

WAITING = {
    "logit of 2": lambda found: when(found, 0.5, 2.0).logit(),
    "logarithm of 0": lambda found: when(found, 0.5, 0.0).log(),
    "exponential of infinity": lambda found: when(found, 0.5, 1e30).exp(),
    "sine of a large number": lambda found: when(found, 0.5, 1e30).sin(),
    "arc cosine": lambda found: when(found, 0.5, 1e30).acos(),
    "sorted": lambda found: (UNEVEN * found).sort()[0],
}


def chunk(clipped, parameters, columns):
    """Return what computes one chunk."""
    present = torch.ones(ROWS, dtype=torch.bool)
    return lambda: clipped(parameters, columns, present)


def least(calls, holds, turns=8):
    """Return the shortest processor time of each call, in seconds; they take turns.

    A machine shared with others may be slower for a second, whatever is computed. So turns are
    taken until the times are as they should be, or long enough to know that they are not: what
    takes longer because of its values does so in each turn.
    """
    times, began = dict.fromkeys(calls, math.inf), time.monotonic()
    while time.monotonic() - began < PATIENCE:
        for _ in range(turns):
            for name, call in calls.items():
                start = time.thread_time()
                call()
                times[name] = min(times[name], time.thread_time() - start)
        if holds(times):
            break
    return times


@pytest.mark.parametrize("name", WAITING)
def test_a_chunk_of_slow_values_takes_no_longer_than_its_public_time(name):
    def waits(model, record):
        waited = WAITING[name](record["x"][0] == 0.75)
        return model(record["x"]).sum() * (1 + 1e-30 * torch.nan_to_num(waited).sum())

    torch.manual_seed(0)
    model = nn.Linear(WIDTH, 2)
    graph = export(waits, model, schema_of((WIDTH,), -1.0, 1.0))
    clipped = ClippedSum(graph, 1.0)
    calls = {
        "usual": chunk(clipped, graph.parameters, (torch.zeros(ROWS, WIDTH),)),
        "hostile": chunk(clipped, graph.parameters, (torch.full((ROWS, WIDTH), 0.75),)),
    }
    with noted() as programs:
        calls["usual"]()
    room = slowest(programs).wall

    def within(times):
        # A little more, for what else runs on this machine.
        return times["hostile"] <= 1.15 * SLACK * (times["usual"] + room)

    times = least(calls, within)
    assert within(times), (times, room)
    assert times["hostile"] > SLACK * times["usual"], "it waits for nothing here"


def test_what_no_value_slows_down_costs_little_more():
    def plain(model, record):
        return F.relu(model(record["x"])).sum()

    graph = export(plain, nn.Linear(512, 512), schema_of((512,), -1.0, 1.0))
    clipped = ClippedSum(graph, 1.0)
    usual = chunk(clipped, graph.parameters, (torch.zeros(ROWS, 512),))
    with noted() as programs:
        usual()
    room = slowest(programs).wall
    assert room <= least({"usual": usual}, lambda times: True)["usual"]


CONVOLVED = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
PRODUCTS = {
    "mm": lambda x: A.mm(x.reshape(256, 256), x.reshape(256, 256)),
    "bmm": lambda x: A.bmm(x.reshape(16, 64, 64), x.reshape(16, 64, 64)),
    "addmm": lambda x: A.addmm(x[:256], x.reshape(256, 256), x.reshape(256, 256)),
    "baddbmm": lambda x: A.baddbmm(*[x.reshape(16, 64, 64)] * 3),
    "convolution": lambda x: A.convolution(
        x.reshape(16, 16, 16, 16), x[:2304].reshape(16, 16, 3, 3), None, *CONVOLVED
    ),
    "convolution_backward": lambda x: A.convolution_backward(
        x.reshape(16, 16, 16, 16),
        x.reshape(16, 16, 16, 16),
        x[:2304].reshape(16, 16, 3, 3),
        None,
        *CONVOLVED,
        [True, True, False],
    ),
}
NUMBERS = {
    "zero": torch.zeros(1 << 16),
    "subnormal": torch.full((1 << 16,), 1e-40),
    "large": torch.full((1 << 16,), 1e30),
    "infinite": torch.full((1 << 16,), torch.inf),
    "NaN": torch.full((1 << 16,), torch.nan),
    "usual": torch.randn(1 << 16, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_and_convolutions_take_equal_times_for_all_numbers(name):
    """So they are not tried for each run."""

    def equal(times):
        return max(times.values()) <= 1.2 * min(times.values())

    with torch.inference_mode():
        calls = {kind: partial(PRODUCTS[name], x) for kind, x in NUMBERS.items()}
        times = least(calls, equal, turns=25)
    assert equal(times), times


def test_each_operator_that_a_graph_may_use_takes_some_of_the_numbers():
    """Else a run with it would fail: nothing would be known of its time."""
    measured = 0
    for name in NAMES:
        made = traced(name, 0, 16)
        if made is not None:
            module = SimpleNamespace(graph=made.graph)
            program = SimpleNamespace(module=module, constants=made.attributes, gives="records")
            assert slowest([program]).wall >= 0, name
            measured += 1
    assert measured > 0.9 * len(NAMES)
