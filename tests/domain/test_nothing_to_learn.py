"""A domain refuses before a charge what it can know without private data, whatever sent it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import dataset
from workbench.budget import chain
from workbench.documents import Request
from workbench.errors import GraphRefused, InvalidArgument
from workbench.graphs.export.training import export

pytestmark = pytest.mark.slow


@wb.training_function(steps=3, sample_rate=0.01, learning_rate=0.1)
def study(model, record):
    return F.cross_entropy(model(wb.features(record)), record["digit"])


@pytest.fixture(scope="module")
def ds(site):
    return dataset(site.client(), "digits")


def sent(ds, function, model, **plan):
    """Send a request that no check of the researcher's machine has seen."""
    graph = export(function, model, ds.card.data_schema)
    ds.client.upload(graph.digest, graph.archive)
    request = Request.read(
        {
            "researcher": ds.client.key.key_id,
            "domain": ds.card.domain,
            "dataset": ds.card.name,
            "dataset_version": ds.card.dataset_version,
            "card": ds.card.digest,
            "function": "study",
            "graph": graph.digest,
            "inputs": list(graph.inputs),
            "metrics": list(graph.metrics),
            "plan": study.plan(ds.card, 1.0, 1e-5, len(graph.metrics)).model_dump() | plan,
            "epsilon": 1.0,
            "delta": 1e-5,
            "purpose": "DUO:0000042",
        }
    )
    return ds.client.submit(request)


def plain(model, record):
    return F.cross_entropy(model(wb.features(record)), record["digit"])


def detached(model, record):
    return plain(model, record).detach()


def zero_one(model, record):
    return (model(wb.features(record)).argmax() != record["digit"]).float()


def of_parameters_alone(model, record):
    return model.weight.square().sum(), {"zero": record["digit"] == 0}


def of_noise_alone(model, record):
    return model(wb.noise(record, 64)).sum(), {"zero": record["digit"] == 0}


@pytest.mark.parametrize(
    ("function", "changes", "error", "words"),
    [
        (detached, {}, GraphRefused, "the loss gives no parameter a gradient"),
        (zero_one, {}, GraphRefused, "the loss gives no parameter a gradient"),
        (of_parameters_alone, {}, GraphRefused, "no column of the record reaches the loss"),
        (of_noise_alone, {}, GraphRefused, "no column of the record reaches the loss"),
        (plain, {"momentum": 0.9}, InvalidArgument, "momentum is 0.9, but optimizer 'sgd' has"),
    ],
)
def test_what_would_train_nothing_is_refused(site, ds, function, changes, error, words):
    with site.domain.store.read() as connection:
        before = chain.count(connection)
    with pytest.raises(error, match=words):
        sent(ds, function, nn.Linear(64, 10), **changes)
    with site.domain.store.read() as connection:
        assert chain.count(connection) == before


def test_a_model_without_a_trained_parameter_is_refused(ds):
    with pytest.raises(GraphRefused, match="the model has no parameter to train"):
        sent(ds, plain, nn.Linear(64, 10).requires_grad_(False))


class Warm(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.temperature = nn.Linear(64, 10), nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.linear(x) * self.temperature


def test_a_parameter_of_no_dimension_is_trained(ds):
    asked = study.submit(Warm(), ds, noise_multiplier=1.0, purpose="DUO:0000042")
    result = asked.wait(progress=False)
    assert result.parameters["temperature"].shape == ()
    assert result.parameters["temperature"] != 1.0
    # Epsilon follows from the noise that was asked for.
    request = asked.last_status.request
    assert request.plan.noise_multiplier == 1.0
    cost = study.cost(Warm(), ds, noise_multiplier=1.0)
    assert request.epsilon == cost.epsilon >= cost.charged > cost.epsilon - 1e-4
