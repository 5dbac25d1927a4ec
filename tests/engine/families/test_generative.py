"""Autoencoders on 8x8 digits, and a generative adversarial network on points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tests.engine.families.adversarial import Adversarial, points
from tests.engine.families.common import (
    Study,
    assert_sum_is_that_of_autograd,
    metric,
    schema,
    tensor,
    trained,
)
from workbench.graphs.export.features import noise
from workbench.models.modules import load_into

PIXELS = 64


def _images(function) -> Study:
    x, _ = load_digits(return_X_y=True)
    return Study(
        function, schema(tensor("image", (PIXELS,), 0, 16)), {"image": x.astype(np.float32)}
    )


def autoencode(model, record):
    x = record["image"] / 16
    error = F.mse_loss(model(x), x)
    return PIXELS * error, {"error": error}


def variance() -> float:
    """The error of the best constant image."""
    return float((_images(autoencode).columns["image"] / 16).var(0).mean())


@pytest.mark.slow
def test_autoencoder():
    study = _images(autoencode)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(PIXELS, 32),
        nn.ReLU(),
        nn.Linear(32, 8),
        nn.Linear(8, 32),
        nn.ReLU(),
        nn.Linear(32, PIXELS),
        nn.Sigmoid(),
    )
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(study, model, optimizer="adam", learning_rate=0.005, steps=120)
    assert metric(result, "error") < 0.8 * variance()


class VariationalAutoencoder(nn.Module):
    """Kingma and Welling 2014, arXiv:1312.6114; the random numbers are given from outside."""

    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 32), nn.ReLU(), nn.Linear(32, 2 * latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, PIXELS), nn.Sigmoid()
        )

    def forward(self, x, drawn):
        mean, log_variance = self.encoder(x).chunk(2, -1)
        z = mean + drawn * (log_variance / 2).exp()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
        return self.decoder(z), kl


def variational(model, record):
    x = record["image"] / 16
    decoded, kl = model(x, noise(record, 4))
    error = F.mse_loss(decoded, x)
    return 0.5 * PIXELS * error / 0.05 + kl, {"error": error, "kl": (kl / 10).clamp(max=1)}


@pytest.mark.slow
def test_variational_autoencoder():
    study = _images(variational)
    torch.manual_seed(0)
    model = VariationalAutoencoder()
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(study, model, optimizer="adam", learning_rate=0.005, steps=200)
    assert graph.inputs == ("image", "noise:0:4")
    assert metric(result, "error") < 0.75 * variance()
    # The latent code says something about the image.
    assert metric(result, "kl") > 0.05


@pytest.mark.slow
def test_generative_adversarial_network():
    study = points()
    torch.manual_seed(0)
    model = Adversarial()
    public = {"learning_rate": 0.003, "draws": 128}
    _, result = trained(study, model, steps=500, sample_rate=0.1, public_loss=public)
    after = load_into(model, result.parameters)

    def made(net):
        with torch.no_grad():
            return net.generator(torch.randn(4000, 2, generator=torch.Generator().manual_seed(1)))

    real = torch.from_numpy(study.columns["point"])
    before, now = (float((made(net).mean(0) - real.mean(0)).norm()) for net in (model, after))
    assert before > 1.0
    assert now < 0.3
    # They spread as the data do, and are not one point in their middle.
    spread = made(after).std(0) / real.std(0)
    assert 0.4 < float(spread.min()) <= float(spread.max()) < 2
    assert 0.3 < metric(result, "told_apart") < 0.9
