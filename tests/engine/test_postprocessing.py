"""A public loss is reached by no record, and what it trains costs no privacy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.families.adversarial import Adversarial, adversarial, points
from workbench.documents import Plan
from workbench.engine.rehearsal import rehearse
from workbench.engine.train import train
from workbench.errors import GraphRefused, RequestFailed
from workbench.graphs.export.features import noise
from workbench.graphs.export.training import export
from workbench.graphs.public_loss import publicly_trained
from workbench.records import Records

SCHEMA = points().schema
PUBLIC = {"learning_rate": 0.05, "draws": 16}


def plan(**changes):
    base = {
        "learning_rate": 0.1,
        "steps": 3,
        "sample_rate": 0.5,
        "max_grad_norm": 1.0,
        "noise_multiplier": 1.0,
        "metrics_noise_multiplier": 1.0,
        "public_loss": PUBLIC,
    }
    return Plan.read(base | changes)


def run(graph, rows=40, seed=bytes(32), **changes):
    columns = {"point": points().columns["point"][:rows]}
    records = Records.each_its_own(columns)
    return train(
        graph,
        plan(**changes),
        records,
        records.select(np.arange(rows) < 5),
        record_count=50,
        holdout_fraction=0.2,
        max_records_per_unit=1,
        seed=seed,
    )


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return export(adversarial, Adversarial(), SCHEMA)


def test_each_parameter_is_trained_by_one_of_the_two(graph):
    public = publicly_trained(graph, graph.inputs)
    assert public == {n for n in graph.trainable if n.startswith("generator.")}
    result = run(graph)
    for name in graph.trainable:
        assert not torch.equal(result.parameters[name], graph.parameters[name]), name


def test_records_reach_the_generator_through_the_noised_discriminator_alone(graph):
    """With a discriminator that never moves, other records give the same generator, bit for bit."""
    still = {"learning_rate": 1e-30}
    few, many = run(graph, 8, **still), run(graph, 40, **still)
    moved = False
    for name in publicly_trained(graph, graph.inputs):
        assert torch.equal(few.parameters[name], many.parameters[name]), name
        moved |= not torch.equal(few.parameters[name], graph.parameters[name])
    assert moved


def test_the_generators_parameters_take_no_part_in_clipping_and_noise(graph):
    """Huge noise moves the discriminator far and the generator by Adam's steps only."""
    result = run(graph, noise_multiplier=1e4, steps=1)
    for name in graph.trainable:
        moved = float((result.parameters[name] - graph.parameters[name]).abs().max())
        if name.startswith("generator."):
            assert moved <= 1.01 * PUBLIC["learning_rate"]
        else:
            assert moved > 10


def test_a_run_repeats_bit_for_bit(graph):
    first, again, other = run(graph), run(graph), run(graph, seed=bytes([1]) * 32)
    names = publicly_trained(graph, graph.inputs)
    assert all(torch.equal(first.parameters[n], again.parameters[n]) for n in names)
    assert not any(torch.equal(first.parameters[n], other.parameters[n]) for n in names)


@pytest.mark.parametrize("chunk", [100, 16, 5, 1])
def test_a_step_is_that_of_the_mean_over_all_draws_in_chunks_of_any_size(chunk, monkeypatch):
    """With noise that does not count, the step is that of plain SGD on the loss."""

    def even(model, record):
        private, metrics, _ = adversarial(model, record)
        same = 0 * noise(record, 2) + torch.tensor([0.3, -0.2])
        return private, metrics, F.softplus(-model.discriminator(model.generator(same))).sum()

    torch.manual_seed(0)
    model = Adversarial()
    graph = export(even, model, SCHEMA)
    monkeypatch.setattr("workbench.engine.postprocessing.chunk_size", lambda *_: chunk)
    sgd = {"optimizer": "sgd", "learning_rate": 1.0, "draws": 16}
    result = run(graph, steps=1, learning_rate=1e-9, public_loss=sgd)
    fake = model.generator(torch.tensor([0.3, -0.2]))
    F.softplus(-model.discriminator(fake)).sum().backward()
    for name, parameter in model.generator.named_parameters():
        expected = parameter.detach() - parameter.grad
        assert torch.allclose(result.parameters[f"generator.{name}"], expected, atol=1e-6)


def test_metrics_are_those_of_the_metrics_outputs(graph):
    result = run(graph, metrics_noise_multiplier=1e-9)
    assert [m.name for m in result.metrics] == ["told_apart"]
    assert 0 <= result.metrics[0].value <= 1


def test_a_rehearsal_trains_the_generator_too(graph):
    records = Records.each_its_own({"point": points().columns["point"][:40]})
    result = rehearse(graph, plan(), records, seed=bytes(32), record_count=40)
    name = next(iter(publicly_trained(graph, graph.inputs)))
    assert not torch.equal(result.parameters[name], graph.parameters[name])


def test_a_public_loss_that_overflows_closes_the_run(graph):
    with pytest.raises(RequestFailed, match="diverged") as failed:
        run(
            graph,
            steps=30,
            public_loss={"optimizer": "sgd", "learning_rate": 1e4, "draws": 4},
            learning_rate=1e4,
        )
    assert failed.value.failure == "not-finite"


def refused(function, match):
    with pytest.raises(GraphRefused, match=match) as caught:
        export(function, Adversarial(), SCHEMA)
    return caught.value


def test_a_public_loss_that_sees_a_column_is_refused():
    def peeking(model, record):
        private, metrics, public = adversarial(model, record)
        return private, metrics, public + 0 * record["point"].detach().sum()

    assert "wb.noise" in refused(peeking, "depends on column 'point'").hint


def test_a_column_that_is_hidden_behind_constants_and_comparisons_is_found():
    def hidden(model, record):
        private, metrics, public = adversarial(model, record)
        chosen = torch.where(record["point"][0] > 0, 1.0, 2.0)
        return private, metrics, public * chosen

    refused(hidden, "depends on column 'point'")


def test_the_domain_decides_by_the_requests_names_what_is_a_column(graph):
    """The same file, with its noise said to be a column."""
    with pytest.raises(GraphRefused, match="depends on column 'x'"):
        publicly_trained(graph, ("point", "x"))
    with pytest.raises(GraphRefused, match="depends on column 'point'"):
        run(replace(graph, inputs=("point", "point")))


def test_a_generator_that_records_train_is_refused_with_the_remedy():
    def leaky(model, record):
        fake = model.generator(noise(record, 2))
        private = F.softplus(-model.discriminator(record["point"]) + model.discriminator(fake))
        return private.sum(), {}, F.softplus(-model.discriminator(fake)).sum()

    assert "detach" in refused(leaky, "trains no parameter of its own").hint


def test_a_graph_without_a_public_output_cannot_pass_its_loss_off_as_one():
    graph = export(lambda m, r: m(r["point"]).sum(), nn.Linear(2, 1), SCHEMA)
    with pytest.raises(GraphRefused, match="must be an output of its own"):
        publicly_trained(graph, graph.inputs)
