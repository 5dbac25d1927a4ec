"""No values make a chunk take longer than its public time."""

from __future__ import annotations

import time

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.models import _schema
from workbench.engine.clipping import ClippedSum
from workbench.engine.pace import SLACK
from workbench.engine.program import noted
from workbench.engine.slowest import slowest
from workbench.graphs.export import export

pytestmark = pytest.mark.slow

ROWS, WIDTH = 64, 16
WAIT = 20_000


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


def taken(clipped, parameters, columns):
    """Return the seconds of processor time of one chunk: the least of some, and of each half."""
    times = []
    for _ in range(7):
        began = time.thread_time()
        clipped(parameters, columns, torch.ones(ROWS, dtype=torch.bool))
        times.append(time.thread_time() - began)
    return min(times[1:])


@pytest.mark.parametrize("name", WAITING)
def test_a_chunk_of_slow_values_takes_no_longer_than_its_public_time(name):
    def waits(model, record):
        waited = WAITING[name](record["x"][0] == 0.75)
        return model(record["x"]).sum() * (1 + 1e-30 * torch.nan_to_num(waited).sum())

    torch.manual_seed(0)
    model = nn.Linear(WIDTH, 2)
    graph = export(waits, model, _schema((WIDTH,), -1.0, 1.0))
    clipped = ClippedSum(graph, 1.0)
    filling = (torch.zeros(ROWS, WIDTH),)
    with noted() as programs:
        usual = taken(clipped, graph.parameters, filling)
    hostile = taken(clipped, graph.parameters, (torch.full((ROWS, WIDTH), 0.75),))
    public = SLACK * (usual + slowest(programs.values()).wall)
    # A little more, for what else runs on this machine.
    assert hostile <= 1.3 * public
    # How much slower the others are depends on the processor.
    if name in ("logit of 2", "logarithm of 0"):
        assert hostile > SLACK * usual, "it waits for nothing here"


def test_what_no_value_slows_down_costs_little_more():
    def plain(model, record):
        return F.relu(model(record["x"])).sum()

    graph = export(plain, nn.Linear(512, 512), _schema((512,), -1.0, 1.0))
    clipped = ClippedSum(graph, 1.0)
    with noted() as programs:
        usual = taken(clipped, graph.parameters, (torch.zeros(ROWS, 512),))
    assert slowest(programs.values()).wall <= usual
