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
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.engine.models import CLASSES, MODELS, _schema, classify
from tests.engine.operator_samples import BINARY, SAMPLES, UNARY
from tests.engine.test_clipping import batch
from tests.engine.test_independence import values_and_gradients
from tests.engine.test_soundness import flat
from workbench.domain import executor
from workbench.engine.batches import TILE, chunk_size, preferred_size
from workbench.engine.clipping import ClippedSum
from workbench.engine.layers import Call, contribution
from workbench.engine.layers.conv2d import conv2d
from workbench.graphs.export import export
from workbench.graphs.record_graph import TensorSpec

BOUND = 1e-2
ANY_SHAPE = {f"aten.{name}.default" for name in (*UNARY, *BINARY)}
"""Operators whose samples work for a record of another shape, of an odd number of values."""
ROOT = Path(__file__).parents[2]


def two(width, hidden, between):
    return lambda: nn.Sequential(nn.Linear(width, hidden), between(), nn.Linear(hidden, CLASSES))


FAMILIES = MODELS | {
    "narrow": (lambda: nn.Linear(30, CLASSES), classify, _schema((30,))),
    "tanh": (two(30, 17, nn.Tanh), classify, _schema((30,))),
    "silu": (two(31, 17, nn.SiLU), classify, _schema((31,))),
    "gelu": (two(5, 10, nn.GELU), classify, _schema((5,))),
    "wide": (two(784, 64, nn.ReLU), classify, _schema((784,))),
}


def moved(name: str, rows: int) -> int:
    """Return for how many places one record's clipped contribution is another than at the first.

    The graph's float32 values must agree in every bit. The float64 sums after it may group the
    terms of one record differently, by 1e-15, which nothing can amplify any more.
    """
    make, function, schema = FAMILIES[name]
    torch.manual_seed(0)
    graph = export(function, make(), schema)
    summing = ClippedSum(graph, BOUND)
    columns = batch(schema, rows)
    inputs = tuple(columns[n][:1].expand_as(columns[n]).contiguous() for n in graph.inputs)
    found = []
    for place in range(rows):
        present = torch.zeros(rows, dtype=torch.bool)
        present[place] = True
        found.append(summing(graph.parameters, inputs, present))
    first = flat(found[0])
    return sum(float((flat(one) - first).norm()) > 1e-12 * BOUND for one in found)


def convolutions_moved(rows: int) -> list[str]:
    """Return the convolutions whose gradient for a record tells its place or its neighbours.

    All records are found in one convolution, each a group of channels.
    """
    generator = torch.Generator().manual_seed(0)
    found = []
    shapes = itertools.product(
        (1, 3, 8, 16), (1, 5, 16), (1, 2, 3, 5), ((1, 0), (2, 0), (2, 1)), (1, 2)
    )
    for inputs, outputs, kernel, (stride, padding), images in shapes:
        height, width = ((n + 2 * padding - kernel) // stride + 1 for n in (9, 12))
        image = torch.randn((1, images, inputs, 9, 12), generator=generator)
        gradient = torch.randn((1, images, outputs, height, width), generator=generator)
        args = {"stride": [stride] * 2, "padding": [padding] * 2}
        call = Call(args, (outputs, inputs, kernel, kernel), image.repeat(rows, 1, 1, 1, 1),
                    gradient.repeat(rows, 1, 1, 1, 1))  # fmt: skip
        alike = contribution([conv2d(call)[0]], call.weight_shape, 1).gradients
        call.recorded[1::2], call.gradient[1::2] = math.nan, 1e30
        among = contribution([conv2d(call)[0]], call.weight_shape, 1).gradients
        if not (torch.equal(alike, alike[:1].expand_as(alike))
                and torch.equal(among[::2], alike[::2])):  # fmt: skip
            found.append(f"{call.weight_shape}, {args}, {images}")
    return found


def operators_moved(rows: int) -> list[str]:
    """Return the operators whose value or gradient has other bits at another place."""
    generator = torch.Generator().manual_seed(0)
    found = set()
    for (name, samples), shared in itertools.product(SAMPLES.items(), (True, False)):
        shapes = ((4, 6), (5, 7)) if name in ANY_SHAPE else ((4, 6),)
        for sample, shape in itertools.product(samples, shapes):
            base = [torch.randn((rows, *shape), generator=generator) for _ in range(3)]
            base[2] = base[2][0] if shared else base[2]
            first = values_and_gradients(sample, *base, shared)
            for step in (1, 3, rows // 2):
                rolled = [t.roll(step, 0) if t.dim() == 3 else t for t in base]
                then = values_and_gradients(sample, *rolled, shared)
                pairs = zip(first, then, strict=True)
                if any(not torch.equal(a.nan_to_num(), b.roll(-step, 0).nan_to_num())
                       for a, b in pairs):  # fmt: skip
                    found.add(name)
    return sorted(found)


def in_a_worker(expression: str) -> object:
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.engine.test_places import *\n"
        f"print(json.dumps({expression}))"
    )
    command = [sys.executable, "-c", code, str(ROOT)]
    environment = executor.worker_environment(threads=1)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


SIZES = [TILE, 3 * TILE, 7 * TILE]


@pytest.mark.slow
@pytest.mark.parametrize("rows", SIZES)
def test_in_a_domains_worker_a_record_has_the_same_bits_at_every_place(rows):
    found = in_a_worker(f"{{name: moved(name, {rows}) for name in FAMILIES}}")
    assert found == dict.fromkeys(FAMILIES, 0)


@pytest.mark.slow
@pytest.mark.parametrize("rows", SIZES)
def test_in_a_domains_worker_no_operator_tells_a_place(rows):
    assert in_a_worker(f"operators_moved({rows})") == []


@pytest.mark.slow
@pytest.mark.parametrize("rows", SIZES)
def test_in_a_domains_worker_no_convolution_tells_a_place_or_its_neighbours(rows):
    assert in_a_worker(f"convolutions_moved({rows})") == []


@given(
    expected=st.floats(0.1, 1e5), per_unit=st.integers(1, 100), activations=st.integers(0, 1 << 28),
    copied=st.lists(st.integers(1, 10**6), max_size=9), ranks=st.integers(1, 3),
)  # fmt: skip
def test_chunks_are_whole_tiles_wherever_memory_allows(
    expected, per_unit, activations, copied, ranks
):
    graph = public(activations)
    size = chunk_size(graph, expected, per_unit, copied, ranks)
    bytes_per_unit = per_unit * (4 * activations + 6 * sum(copied) + 1)
    tile = TILE // math.gcd(TILE, per_unit)
    assert size >= 1
    assert size == 1 or size * bytes_per_unit <= 1 << 30
    assert size * per_unit % TILE == 0 or tile * bytes_per_unit > 1 << 30
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


def test_where_calls_are_the_cost_a_round_is_one_chunk():
    size = chunk_size(public(100), 256, 1)
    assert size >= 256 + 2 * 16
