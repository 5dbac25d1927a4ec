"""Graphs of statistics: exported, loaded again by their role, and refused in any other."""

from __future__ import annotations

import pytest
import torch

from workbench.documents import Schema
from workbench.errors import GraphRefused, TooLarge, UnknownColumn
from workbench.graphs.export.features import noise
from workbench.graphs.export.statistic import export_statistic, export_update
from workbench.graphs.export.training import export
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import Limits
from workbench.graphs.roles import check_update

SCHEMA = Schema.read(
    {
        "columns": [
            {"name": "age", "kind": "number", "lower": 0, "upper": 100},
            {"name": "sex", "kind": "category", "categories": ["f", "m"]},
        ]
    }
)
STATE = {"centre": torch.zeros(2), "round": torch.zeros(())}


def pair(state, record):
    return torch.stack([record["age"] / 100, torch.ones(())]) - state["centre"]


@pytest.fixture(scope="module")
def summed():
    return export_statistic(pair, SCHEMA, STATE)


def moved(state, total):
    return {"centre": total.float() / 10, "round": state["round"] + 1}


def test_a_statistic_loads_to_the_same_graph(summed):
    again = load(summed.archive, role="sum")
    assert again.digest == summed.digest
    assert summed.inputs == ("age",)
    assert summed.state == ("centre", "round")
    assert summed.facts.released == 2
    assert summed.facts.trainable == 0


def test_equal_functions_give_equal_bytes(summed):
    assert export_statistic(pair, SCHEMA, STATE).digest == summed.digest


def test_one_number_is_a_vector_of_one_and_a_count_reads_some_column():
    graph = export_statistic(lambda record: torch.ones(()), SCHEMA)
    assert graph.output_specs[0].shape == (1,)
    assert graph.inputs == ("age",)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda record: 1.0, "must return a tensor"),
        (lambda record: torch.ones(2, 2) * record["age"], "one float32 vector"),
        (lambda record: torch.zeros(0) * record["age"], r"'size' is \[0\]"),
        (lambda record: torch.ones(1_000_001) * record["age"], "a vector of 1000001"),
        (lambda record: torch.rand(2) * record["age"], "not allowed"),
        (lambda record: torch.ones(2) * record["age"].item(), "not allowed"),
    ],
)
def test_a_function_that_is_no_statistic_is_refused(function, match):
    with pytest.raises((GraphRefused, TooLarge), match=match):
        export_statistic(function, SCHEMA)


def test_an_unknown_column_is_named():
    with pytest.raises(UnknownColumn, match="agee"):
        export_statistic(lambda record: record["agee"], SCHEMA)


def test_a_graph_is_refused_in_another_role(summed):
    from torch import nn

    update = export_update(moved, summed)
    loss = export(lambda model, record: model(record["age"].reshape(1))[0], nn.Linear(1, 1), SCHEMA)
    with pytest.raises(GraphRefused, match="the loss has shape"):
        load(summed.archive)
    with pytest.raises(GraphRefused, match="one float32 vector"):
        load(loss.archive, role="sum")
    with pytest.raises(GraphRefused, match="one float32 vector"):
        load(update.archive, role="sum")
    with pytest.raises(GraphRefused, match="the update takes"):
        check_update(load(loss.archive, role="update"), summed)
    for archive in (summed.archive, update.archive, loss.archive):
        assert load(archive, role=None).archive == archive


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda state, total: {"centre": total.float()}, "must return a dict of the state"),
        (lambda state, total: total, "must return a dict"),
        (
            lambda state, total: moved(state, total) | {"centre": total[:1].float()},
            "the update gives",
        ),
    ],
)
def test_an_update_that_gives_another_state_is_refused(summed, function, match):
    with pytest.raises(GraphRefused, match=match):
        export_update(function, summed)


def test_an_update_of_another_statistic_is_refused(summed):
    other = export_statistic(
        lambda state, record: record["age"].expand(3) - state["centre"],
        SCHEMA,
        {"centre": torch.zeros(3)},
    )
    stateless = export_statistic(lambda record: record["age"], SCHEMA)
    update = export_update(moved, summed)
    with pytest.raises(GraphRefused, match="the update takes"):
        check_update(update, other)
    with pytest.raises(GraphRefused, match="reads a state"):
        check_update(update, stateless)


def test_too_many_states_are_refused(summed):
    update = export_update(moved, summed)
    with pytest.raises(GraphRefused, match="outputs"):
        load(update.archive, Limits(states=1, metrics=0), role="update")


def test_a_statistic_that_draws_noise_is_refused():
    with pytest.raises(GraphRefused, match=r"takes no wb\.noise"):
        export_statistic(lambda record: record["age"] / 100 + noise(record), SCHEMA)
