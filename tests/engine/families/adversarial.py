"""A generative adversarial network on points, trained with a public loss."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import nn

from tests.engine.families.common import Study, schema, tensor
from workbench.graphs.export.features import noise


class Adversarial(nn.Module):
    """Goodfellow et al. 2014, arXiv:1406.2661: points in the plane from random numbers."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def adversarial(model, record):
    """The discriminator learns from a record; the generator from the discriminator alone."""
    real = model.discriminator(record["point"])
    fake = model.generator(noise(record, 2))
    judged = model.discriminator(fake.detach())
    private = F.softplus(-real).sum() + F.softplus(judged).sum()
    public = F.softplus(-model.discriminator(fake)).sum()
    right = ((real > 0).float() + (judged < 0).float()).sum() / 2
    return private, {"told_apart": right}, public


def points() -> Study:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 2000)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * 0.4 + [1.5, -1.0]
    columns = {"point": (ring + rng.normal(0, 0.05, ring.shape)).astype(np.float32)}
    return Study(adversarial, schema(tensor("point", (2,), -3, 3)), columns)
