"""A record's contribution has the same bits at every place of a chunk, as runs compute it.

A graph can amplify last bits without bound. If they told a record's place, then adding one record,
which moves others to other places, could move their terms as well. Matrix products look at where a
row begins in memory, unless MKL is told to take one code path, as the domain's worker does; and
processors take the end of an array by other instructions, so chunks are multiples of two vectors.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import CLASSES, MODELS, classify, schema_of
from tests.engine.support import batch
from workbench.domain.worker.surroundings import worker_environment
from workbench.engine.program import places
from workbench.engine.program.checker.rules.table import RULES
from workbench.engine.program.tiles import CODE_PATH, TILE, tile_of_units
from workbench.engine.program.trials.convolutions import add_convolution
from workbench.engine.program.trials.table import SAMPLES
from workbench.engine.sampling.batches import chunk_size, preferred_size
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import GraphRefused
from workbench.graphs.export.training import export
from workbench.graphs.record_graph import TensorSpec

ROOT = Path(__file__).parents[2]
SIZES = [TILE, 3 * TILE, 7 * TILE]


def two(width, hidden, between):
    return lambda: nn.Sequential(nn.Linear(width, hidden), between(), nn.Linear(hidden, CLASSES))


def apart(model, record):
    """Add up images in a tensor where each image of all records lies behind the one before."""
    x = record["x"]
    seen = F.conv2d(x.unsqueeze(1), x[:1, :3, :3].unsqueeze(0))
    return F.cross_entropy(model(seen.sum(0).flatten()), record["y"])


FAMILIES = MODELS | {
    "apart": (lambda: nn.Linear(9, CLASSES), apart, schema_of((7, 5, 5))),
    "narrow": (lambda: nn.Linear(30, CLASSES), classify, schema_of((30,))),
    "tanh": (two(30, 17, nn.Tanh), classify, schema_of((30,))),
    "silu": (two(31, 17, nn.SiLU), classify, schema_of((31,))),
    "gelu": (two(5, 10, nn.GELU), classify, schema_of((5,))),
    "wide": (two(784, 64, nn.ReLU), classify, schema_of((784,))),
}
COPIES = """
_unsafe_view alias arange arange.start arange.start_step bitwise_and.Tensor bitwise_not
bitwise_or.Tensor cat clone constant_pad_nd detach diagonal diagonal_backward embedding expand eye
flip full full_like gather index_select lift_fresh_copy linspace new_full new_ones new_zeros ones
ones_like permute reshape scalar_tensor select.int select_backward slice.Tensor slice_backward
split.Tensor split_with_sizes squeeze.dim squeeze.dims stack t transpose.int tril triu unbind.int
unsqueeze view zeros zeros_like
"""
"""Operators whose entries are those of their operands, or follow from shapes: none is rounded."""
PUBLIC = "all any dot mean mv sum"
"""Operators, by these overloads, that no record may enter."""


def moved(name: str, rows: int) -> int:
    """Return at how many places a record's part of a gradient has other bits than at the first."""
    make, function, schema = FAMILIES[name]
    torch.manual_seed(0)
    graph = export(function, make(), schema)
    columns = batch(schema, rows)
    inputs = tuple(columns[n][:1].expand_as(columns[n]).contiguous() for n in graph.inputs)
    found = ClippedSum(graph, 1.0).program(rows)(graph.parameters, inputs)
    parts = [part.reshape(rows, -1) for part in found]
    return sum(any(not torch.equal(p[place], p[0]) for p in parts) for place in range(rows))


def convolutions(rows: int) -> list[str]:
    """Try many shapes of convolutions, and nothing else, at `rows` places."""
    SAMPLES.clear()
    for inputs, outputs, kernel, (stride, padding) in itertools.product(
        (1, 3, 8, 16), (1, 16), (1, 2, 3, 5), ((1, 0), (2, 1))
    ):
        add_convolution(SAMPLES, inputs, outputs, (kernel, kernel), stride, padding)
    return places.moved([rows], draws=1)


def in_a_worker(expression: str) -> object:
    """Return what an expression gives in the surroundings of a domain's worker."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.engine.test_places import *\n"
        "from workbench.domain.worker.surroundings import settle\n"
        f"settle(); print(json.dumps({expression}))"
    )
    command = [sys.executable, "-c", code, str(ROOT)]
    done = subprocess.run(
        command, env=worker_environment(), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_worker_has_the_environment_that_tiles_need():
    assert CODE_PATH.items() <= worker_environment().items()


@pytest.mark.slow
def test_in_a_domains_worker_a_record_has_the_same_bits_at_every_place():
    found = in_a_worker(f"{{name: moved(name, {3 * TILE}) for name in FAMILIES}}")
    assert found == dict.fromkeys(FAMILIES, 0)


@pytest.mark.slow
def test_in_a_domains_worker_no_operator_tells_a_place_or_its_neighbours():
    assert in_a_worker(f"places.moved({SIZES}, draws=4)") == []


@pytest.mark.slow
def test_in_a_domains_worker_no_convolution_tells_a_place_or_its_neighbours():
    assert in_a_worker(f"convolutions({3 * TILE})") == []


@pytest.mark.slow
def test_a_chunk_that_is_no_whole_tile_is_found_out():
    found = in_a_worker(f"places.moved([{TILE + 1}])")
    assert {"aten.atan2.default", "aten.logaddexp.default", "aten.softplus.default"} <= set(found)


def test_every_operator_of_the_checkers_table_that_rounds_is_tried():
    names = {str(operator) for operator in RULES}
    words = {*COPIES.split(), *PUBLIC.split()}
    others = {f"aten.{word}" + ("" if "." in word else ".default") for word in words}
    assert names - others == set(SAMPLES)
    assert not others & set(SAMPLES)


@pytest.fixture
def refusing():
    yield places.refuse
    places.refuse(frozenset())


def test_what_tells_a_place_on_this_machine_is_refused(refusing):
    make, function, schema = FAMILIES["tanh"]
    summing = ClippedSum(export(function, make(), schema), 1.0)
    refusing(frozenset({"aten.tanh.default"}))
    with pytest.raises(GraphRefused, match=r"tanh.*did not pass this machine's tests"):
        summing.program(TILE)


@given(
    expected=st.floats(0.1, 1e5),
    per_unit=st.integers(1, 100),
    activations=st.integers(0, 1 << 28),
    copied=st.lists(st.integers(1, 10**6), max_size=9),
    ranks=st.integers(1, 3),
)
def test_chunks_are_whole_tiles_and_one_tile_even_where_memory_is_short(
    expected, per_unit, activations, copied, ranks
):
    graph = public(activations)
    size = chunk_size(graph, expected, per_unit, copied, ranks)
    bytes_per_unit = per_unit * (4 * activations + 6 * sum(copied) + 1)
    tile = tile_of_units(per_unit)
    assert size >= 2
    assert size * per_unit % TILE == 0
    assert size == tile or size * bytes_per_unit <= 1 << 30
    assert size <= preferred_size(graph, expected, per_unit, copied)
    assert size <= expected + 2 * math.sqrt(expected) + 1 + tile


def public(activations: int, operators: int = 9) -> SimpleNamespace:
    """Return what the size of a chunk may depend on."""
    facts = SimpleNamespace(activation_bytes=activations, operators={"any": operators})
    spec = TensorSpec((activations,), torch.uint8)
    node = SimpleNamespace(op="call_function", meta={"spec": spec})
    return SimpleNamespace(facts=facts, graph=SimpleNamespace(nodes=[node]), inputs=())


def rows_of_a_round(size: int, expected: float) -> float:
    drawn = np.random.default_rng(0).poisson(expected, 20_000)
    return float((np.ceil(drawn / size) * size).mean())


@pytest.mark.parametrize("expected", [64, 256, 1000])
def test_where_calls_cost_little_a_round_has_little_filling(expected):
    size = chunk_size(public(1 << 20, operators=20), expected, 1)
    assert rows_of_a_round(size, expected) <= 1.15 * expected


def test_a_tensor_is_a_little_larger_than_caches_where_that_saves_many_calls():
    records_in_caches = 128
    wide = (8 << 20) // records_in_caches
    assert chunk_size(public(wide, operators=100), 256, 1) == 144
    assert chunk_size(public(wide, operators=1), 256, 1) <= records_in_caches


def test_where_calls_are_the_cost_a_round_is_one_chunk():
    size = chunk_size(public(100), 256, 1)
    assert size >= 256 + 2 * 16
