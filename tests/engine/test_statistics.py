"""Noisy sums: the bound holds for the very floats that are summed, and only the data moves them."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.small_runs import COLUMNS, SCHEMA, values
from workbench.documents import Schema, StatisticPlan
from workbench.engine import statistics
from workbench.engine.statistics import noisy_sums
from workbench.engine.sums.bounded import BoundedSum
from workbench.errors import InvalidData
from workbench.graphs.export.statistic import export_statistic, export_update
from workbench.records import Records

SEED = bytes(range(32))
WIDTH = 3
PER_PERSON = Schema.read(
    {
        "columns": [
            *({"name": n, "kind": "number", "lower": -1, "upper": 1} for n in COLUMNS),
            {"name": "person", "kind": "integer", "role": "unit"},
        ],
        "privacy_unit": "person",
        "max_records_per_unit": 3,
    }
)


@pytest.fixture(scope="module")
def graph():
    return export_statistic(values, SCHEMA)


def records_of(rows, units=None):
    array = np.asarray(rows, dtype=np.float32).reshape(-1, WIDTH)
    columns = {name: array[:, i].copy() for i, name in enumerate(COLUMNS)}
    if units is None:
        return Records.each_its_own(columns)
    return Records(columns, np.asarray(units, dtype=np.int64))


def plan(**changes):
    base = {"max_norm": 1.0, "noise_multiplier": 1.0}
    return StatisticPlan.read(base | changes)


def run(graph, source, asked=None, seed=SEED, **options):
    options = {"record_count": 100, "max_records_per_unit": 1} | options
    return noisy_sums(graph, asked or plan(), source, seed=seed, **options).sums.numpy()


def exact_sum(graph, rows, max_norm, units=None, per_unit=1):
    """Return the clipped sum before the noise, in exact arithmetic."""
    table = records_of(rows, units)
    bounded = BoundedSum(graph, max_norm, per_unit)
    state = dict(graph.parameters)
    columns = tuple(torch.from_numpy(table.columns[name]) for name in graph.inputs)
    found = bounded(state, columns, torch.ones(len(table), dtype=torch.bool))
    return [Fraction(value) * Fraction(bounded.grid) for value in found.tolist()]


HOSTILE = {
    "nan": [math.nan, 0, 0],
    "inf": [0, math.inf, 0],
    "both infinities": [math.inf, -math.inf, 1],
    "huge": [3e38, 3e38, -3e38],
    "huge and tiny": [3e38, 1e-38, 0],
    "subnormal": [1e-45, 0, 0],
    "at the bound": [1, 0, 0],
    "a rounding above the bound": [0.57735027, 0.57735027, 0.57735027],
    "zero": [0, 0, 0],
}


@pytest.mark.parametrize("max_norm", [1e-6, 0.1, 1.0, math.sqrt(2), 3.7, 1e6])
@pytest.mark.parametrize("name", HOSTILE)
def test_removing_a_hostile_unit_moves_the_sum_by_at_most_the_bound(graph, name, max_norm):
    others = np.random.default_rng(0).uniform(-2, 2, (40, WIDTH)) * max_norm
    without = exact_sum(graph, others, max_norm)
    with_it = exact_sum(graph, [*others[:7], HOSTILE[name], *others[7:]], max_norm)
    alone = exact_sum(graph, [HOSTILE[name]], max_norm)
    moved = [b - a for a, b in zip(without, with_it, strict=True)]
    assert sum(value**2 for value in moved) <= Fraction(max_norm) ** 2
    assert moved == alone


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=WIDTH, max_size=WIDTH),
    st.floats(min_value=1e-6, max_value=1e6),
)
def test_no_vector_is_longer_than_the_bound(row, max_norm):
    found = exact_sum(_GRAPH, [row], max_norm)
    assert sum(value**2 for value in found) <= Fraction(max_norm) ** 2


_GRAPH = export_statistic(values, SCHEMA)


def test_a_vector_within_the_bound_is_kept_and_one_beyond_it_keeps_its_direction(graph):
    assert exact_sum(graph, [[0.5, -0.25, 0.125]], 1.0) == [0.5, -0.25, 0.125]
    assert exact_sum(graph, [[1, 0, 0]] * 1000, 1.0) == [1000, 0, 0]
    clipped = np.array([float(v) for v in exact_sum(graph, [[3, 4, 0]], 1.0)])
    assert np.allclose(clipped, [0.6, 0.8, 0], atol=1e-7)


def test_what_is_not_finite_adds_exactly_nothing(graph):
    for name in ("nan", "inf", "both infinities"):
        assert exact_sum(graph, [HOSTILE[name]], 1.0) == [0, 0, 0]


def test_the_order_of_the_records_does_not_matter(graph):
    rows = np.random.default_rng(1).standard_normal((500, WIDTH))
    assert np.array_equal(run(graph, records_of(rows)), run(graph, records_of(rows[::-1])))


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 12, 1 << 16, 1 << 24])
def test_the_size_of_chunks_does_not_change_a_bit(graph, chunk_bytes, monkeypatch):
    rows = np.random.default_rng(2).standard_normal((333, WIDTH))
    expected = run(graph, records_of(rows), plan(sample_rate=0.5))
    monkeypatch.setattr(statistics, "_CHUNK_BYTES", chunk_bytes)
    assert np.array_equal(run(graph, records_of(rows), plan(sample_rate=0.5)), expected)


def parts_of(records, *borders):
    edges = [0, *borders, len(records)]
    return [records.select(np.arange(a, b)) for a, b in itertools.pairwise(edges)]


@pytest.mark.parametrize("rate", [1.0, 0.4])
def test_a_stream_of_chunks_gives_what_records_in_memory_give(graph, rate):
    records = records_of(np.random.default_rng(3).standard_normal((1000, WIDTH)))
    expected = run(graph, records, plan(sample_rate=rate))
    streamed = parts_of(records, 1, 17, 600)
    assert np.array_equal(run(graph, streamed, plan(sample_rate=rate)), expected)
    assert np.array_equal(run(graph, iter(streamed), plan(sample_rate=rate)), expected)


def test_a_unit_in_two_chunks_of_a_stream_is_refused(graph):
    first, second = records_of(np.ones((2, 3)), [0, 5]), records_of(np.ones((2, 3)), [5, 6])
    with pytest.raises(InvalidData, match="not in the order of their units"):
        run(graph, [first, second])


def test_a_stream_that_can_be_read_once_is_refused_for_several_rounds():
    summed, update = centred()
    records = records_of(np.ones((4, WIDTH)))
    with pytest.raises(InvalidData, match="read once"):
        run(summed, iter([records]), rounds_of(update, 2), update=update)


def test_a_unit_with_several_records_is_clipped_once():
    graph = export_statistic(values, PER_PERSON)
    rows = [[1, 0, 0], [1, 0, 0], [0, 0.5, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]]
    units = [0, 0, 1, 1, 2, 2]
    found = exact_sum(graph, rows, 1.0, units, per_unit=2)
    assert found == [2, 0.5, 0]
    broken = [[1, 0, 0], [math.nan, 0, 0], *rows[2:]]
    assert exact_sum(graph, broken, 1.0, units, per_unit=2) == [1, 0.5, 0]


def test_of_a_unit_with_too_many_records_only_the_published_number_counts():
    graph = export_statistic(values, PER_PERSON)
    records = records_of([[0.125, 0, 0]] * 7, [4, 2, 4, 4, 4, 4, 2])
    quiet = plan(noise_multiplier=1e-9, max_norm=2.0)
    assert run(graph, records, quiet, max_records_per_unit=3)[0, 0] == pytest.approx(5 * 0.125)


def test_the_noise_has_the_plans_standard_deviation_and_lies_on_the_grid(graph):
    empty = records_of(np.zeros((0, WIDTH)))
    asked = plan(noise_multiplier=2.5, max_norm=3.0)
    drawn = np.concatenate(
        [
            run(graph, empty, asked, seed=bytes([i % 256, i // 256]) + bytes(30))[0]
            for i in range(2000)
        ]
    )
    assert abs(drawn.std() / 7.5 - 1) < 5 / math.sqrt(2 * len(drawn))
    assert abs(drawn.mean()) < 5 * 7.5 / math.sqrt(len(drawn))
    grid = BoundedSum(graph, 3.0).grid
    assert np.array_equal(drawn / grid, np.round(drawn / grid))


def test_a_seed_repeats_a_run_and_no_other_does(graph):
    records = records_of(np.random.default_rng(4).standard_normal((50, WIDTH)))
    assert np.array_equal(run(graph, records), run(graph, records))
    assert not np.array_equal(run(graph, records), run(graph, records, seed=bytes(32)))


def test_sampling_takes_units_with_their_rate(graph):
    records = records_of(np.tile([1.0, 0, 0], (20_000, 1)))
    quiet = plan(noise_multiplier=1e-6, sample_rate=0.25)
    assert abs(run(graph, records, quiet)[0, 0] - 5000) < 5 * math.sqrt(20_000 * 0.25 * 0.75)


def centred():
    """Each round sums distances to a state, which the update moves to the mean so far."""
    summed = export_statistic(
        lambda state, record: values(record) - state["centre"],
        SCHEMA,
        {"centre": torch.zeros(WIDTH), "round": torch.zeros(())},
    )
    update = export_update(
        lambda state, total: {"centre": state["centre"] + total / 50, "round": state["round"] + 1},
        summed,
    )
    return summed, update


def rounds_of(update, rounds, **changes):
    return plan(rounds=rounds, update=update.digest, **changes)


def test_rounds_follow_each_other_through_the_state():
    summed, update = centred()
    rows = np.random.default_rng(5).uniform(-0.3, 0.3, (50, WIDTH))
    asked = rounds_of(update, 3, noise_multiplier=1e-9, max_norm=2.0)
    found = noisy_sums(
        summed,
        asked,
        records_of(rows),
        record_count=50,
        max_records_per_unit=1,
        seed=SEED,
        update=update,
    )
    assert found.sums.shape == (3, WIDTH)
    assert found.sums[0].numpy() == pytest.approx(rows.sum(0), abs=1e-4)
    assert found.sums[1:].numpy() == pytest.approx(np.zeros((2, WIDTH)), abs=1e-4)
    assert found.state["centre"].numpy() == pytest.approx(rows.mean(0), abs=1e-5)
    assert found.state["round"] == 3


def test_a_state_that_is_not_finite_leaves_noise_alone():
    summed, _ = centred()
    update = export_update(lambda state, total: {k: v * 0 / 0.0 for k, v in state.items()}, summed)
    asked = rounds_of(update, 2)
    with_data = run(summed, records_of(np.ones((30, WIDTH))), asked, update=update)
    without = run(summed, records_of(np.zeros((0, WIDTH))), asked, update=update)
    assert np.array_equal(with_data[1], without[1])


MOVED = """
import numpy as np, torch
from tests.engine.test_statistics import plan, run
from workbench.documents import Schema
from workbench.records import Records
from workbench.graphs.export.statistic import export_statistic

torch.manual_seed(0)
column = {"name": "x", "kind": "tensor", "shape": [30], "lower": -9, "upper": 9}
mix = torch.randn(30, 30)
graph = export_statistic(lambda record: mix @ record["x"], Schema.read({"columns": [column]}))
x = np.random.default_rng(0).standard_normal((1003, 30)).astype(np.float32)

def total(rows):
    return run(graph, Records.each_its_own({"x": rows}), plan(noise_multiplier=1e-9))

for row in (0, 1, 7, 500, 1002):
    moved = total(x) - total(np.delete(x, row, 0))
    assert np.array_equal(moved, total(x[row : row + 1])), row
"""


@pytest.mark.slow
def test_a_unit_that_is_removed_changes_no_other_ones_vector_though_all_move_by_a_row():
    environment = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MKL_CBWR": "COMPATIBLE",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    subprocess.run([sys.executable, "-c", MOVED], check=True, env=environment)
