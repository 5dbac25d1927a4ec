"""Programs that let records meet are found by running them, whatever a checker says of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from tests.engine.models import MODELS
from tests.engine.small_runs import PLAN, SCHEMA, SEED, graph_and_records, values
from workbench.documents import StatisticPlan
from workbench.engine.probe import check_statistic, check_training
from workbench.engine.probing.compare import probe
from workbench.engine.probing.records import Drawn
from workbench.engine.program.record_program import RecordProgram
from workbench.engine.train import train
from workbench.errors import GraphRefused
from workbench.graphs.export.statistic import export_statistic
from workbench.graphs.export.training import export
from workbench.graphs.record_graph import TensorSpec

ROWS = 32
SPECS = (TensorSpec((5,), torch.float32), TensorSpec((), torch.int64))
BOUNDS = ((-2.0, 2.0), (0.0, 3.0))
NONE = {"weight": torch.zeros(())}


@dataclass
class Function:
    """A program made of a function of two columns and a weight."""

    function: object
    rows: int = ROWS

    def __call__(self, parameters, columns):
        return (self.function(*columns, parameters["weight"]),)


def probed(function, rows=ROWS):
    drawn = Drawn(SPECS, BOUNDS, torch.Generator().manual_seed(0))
    probe(Function(function, rows), NONE, drawn, "the gradient")


def own(x, k, weight):
    return torch.sin(x) * weight + x.sum(1, keepdim=True) / k[:, None]


HONEST = {
    "own values": own,
    "values that are not finite": lambda x, k, w: 1 / (x - x) + k[:, None],
    "bits that are not visible": lambda x, k, w: torch.sqrt(-x.abs()) * k[:, None],
    "whole numbers": lambda x, k, w: x.nan_to_num().argmax(1) + k.clamp(0, 3),
    "truth": lambda x, k, w: (x > 0).any(1) & (k > 1),
    "look-ups in a table": lambda x, k, w: torch.arange(4.0)[k.clamp(0, 3)],
}

MIXING = {
    "rows that are rolled": lambda x, k, w: x.roll(1, 0),
    "a mean over all": lambda x, k, w: x - x.mean(0),
    "a mean over all, masked": lambda x, k, w: (x - x.nan_to_num(0, 0, 0).mean(0)).nan_to_num(),
    "a count of rare values": lambda x, k, w: k + x.isnan().any().long(),
    "a record beside an infinite one": lambda x, k, w: torch.where(
        x.isinf().any(1).roll(1), 0.0, x[:, 0]
    ),
    "the sign of another's zero": lambda x, k, w: x[:, 0] + (1 / x[:, 1]).min(0).values.sign(),
    "what a weight of zero hides": lambda x, k, w: x + w * x.nan_to_num(0, 0, 0).sum(0),
    "the last bit of a sum over all": lambda x, k, w: (
        x[:, 0] + 1e-7 * x[:, 1].nan_to_num(0, 0, 0).clamp(-2, 2).sum(0)
    ),
    "another's category": lambda x, k, w: k.sort().values,
}

UNSET = {
    "a result that nothing sets": lambda x, k, w: torch.empty_like(x),
    "its last rows": lambda x, k, w: torch.cat([x[:-1], torch.empty(1, 5)]),
    "a part of a small one": lambda x, k, w: torch.cat([x[:-1, 0], torch.empty(1)]),
    "one of many bytes": lambda x, k, w: torch.empty(ROWS, 200_000)[:, ::50_000],
    "whole numbers": lambda x, k, w: torch.empty_like(k) % 5,
    "truth": lambda x, k, w: torch.empty(ROWS, 3, dtype=torch.bool),
    "random numbers": lambda x, k, w: torch.rand(ROWS),
}

PLACED = {
    "the place": lambda x, k, w: torch.arange(ROWS) + k,
    "the last row": lambda x, k, w: x * torch.cat([torch.ones(ROWS - 1, 1), torch.full((1, 1), 3)]),
    "a last bit by place": lambda x, k, w: x * (1 + 2.0**-23 * (torch.arange(ROWS) % 2)[:, None]),
}


@pytest.mark.parametrize("rows", [2, 16, ROWS, 200])
@pytest.mark.parametrize("name", HONEST)
def test_what_looks_at_its_own_record_only_passes(name, rows):
    probed(HONEST[name], rows)


@pytest.mark.parametrize("name", MIXING)
def test_a_record_that_sees_another_is_found(name):
    with pytest.raises(GraphRefused, match="depends on other records"):
        probed(MIXING[name])


@pytest.mark.parametrize("name", UNSET)
def test_memory_that_nothing_sets_is_found(name):
    with pytest.raises(GraphRefused, match="memory before"):
        probed(UNSET[name])


@pytest.mark.parametrize("name", PLACED)
def test_a_record_that_sees_its_place_is_found(name):
    with pytest.raises(GraphRefused, match="place among other records"):
        probed(PLACED[name])


def refuses(condition):
    def function(x, k, weight):
        if bool(condition(x, k)):
            raise IndexError("a value of the record")
        return x

    return function


FAILING = {
    "NaN": lambda x, k: x.isnan().any(),
    "infinity": lambda x, k: (x == torch.inf).any(),
    "negative infinity": lambda x, k: (x == -torch.inf).any(),
    "zeros of negative sign": lambda x, k: ((x == 0) & x.signbit()).any(),
    "subnormal numbers": lambda x, k: ((x != 0) & (x.abs() < 1e-39)).any(),
    "huge numbers": lambda x, k: ((x > 1e29) & (x < 1e31)).any(),
    "upper bounds": lambda x, k: (x == 2).all(1).any(),
    "NaN, by the category beyond": lambda x, k: (k == 4).any(),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_value_that_a_program_fails_for_is_found_and_named(name):
    with pytest.raises(GraphRefused, match=f"fails for a record of.*{name.split(',')[0]}"):
        probed(refuses(FAILING[name]))


def test_a_program_that_fails_for_certain_neighbours_is_found():
    with pytest.raises(GraphRefused, match="fails for some records together"):
        probed(refuses(lambda x, k: x.isnan().any() & x.isinf().any()))


def test_what_has_not_a_row_for_each_record_is_refused():
    with pytest.raises(GraphRefused, match="not one row for each record"):
        probed(lambda x, k, w: x[1:])


@pytest.mark.parametrize("name", ["linear", "embedding"])
def test_what_is_probed_is_what_a_run_runs(name, monkeypatch):
    graph, records = graph_and_records(name)
    check_training(
        graph, PLAN, bounds_of(name), record_count=120, holdout_fraction=0.5, max_records_per_unit=1
    )

    def make(*arguments):
        raise AssertionError("another program is made")

    monkeypatch.setattr(RecordProgram, "__init__", make)
    train(
        graph,
        PLAN,
        records,
        records,
        record_count=120,
        holdout_fraction=0.5,
        max_records_per_unit=1,
        seed=SEED,
    )


def bounds_of(name):
    _, function, schema = MODELS[name]
    graph = export(function, MODELS[name][0](), schema)
    return [
        (0.0, len(schema[n].categories) - 1.0)
        if schema[n].kind == "category"
        else (schema[n].lower, schema[n].upper)
        for n in graph.inputs
    ]


def test_a_statistic_is_probed_too():
    graph = export_statistic(values, SCHEMA)
    plan = StatisticPlan(max_norm=1.0, noise_multiplier=1.0)
    check_statistic(graph, plan, [(-1.0, 1.0)] * 3, record_count=60, max_records_per_unit=2)


def test_what_cannot_be_run_at_all_is_refused():
    graph, _ = graph_and_records("linear")
    name = next(iter(graph.trainable))
    graph.parameters[name] = torch.zeros((1, 1))
    with pytest.raises(Exception, match="[Ss]ize|shape"):
        check_training(
            graph,
            PLAN,
            bounds_of("linear"),
            record_count=120,
            holdout_fraction=0.5,
            max_records_per_unit=1,
        )
