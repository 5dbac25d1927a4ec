"""The functions that were exported into the graphs of `data`; other bytes here, other digests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.today.names import export, export_statistic, export_update


@wb.training_function(steps=5, sample_rate=0.5, learning_rate=1.0)
def ill(model, record):
    logits = model(record["age"].reshape(1) / 100)
    return F.cross_entropy(logits, record["ill"]), {"right": logits.argmax() == record["ill"]}


@wb.training_function(
    steps=6,
    sample_rate=0.5,
    learning_rate=0.5,
    clipping="adaptive",
    evaluations=3,
    public_learning_rate=0.01,
    public_draws=4,
)
def adversarial(model, record):
    """Draw from every stream of a run: it has noise inputs, adaptive clipping, a public loss."""
    fake = model.generator(wb.noise(record, 2))
    true = record["age"].reshape(1) / 100
    judged = model.discriminator(torch.stack([true, fake.detach()]))[:, 0]
    private = F.softplus(-judged[0]) + F.softplus(judged[1])
    public = F.softplus(-model.discriminator(fake)).sum()
    return private, {"fooled": judged[1] > judged[0]}, public


@wb.statistic(bound=1.0)
def mean_age(record):
    return record["age"] / 100


class Adversarial(nn.Module):
    """A generator of ages and who judges them; it starts the same everywhere."""

    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = nn.Linear(2, 1), nn.Linear(1, 1)
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                parameter.copy_(
                    torch.linspace(-0.5, 0.5 + number / 4, parameter.numel()).reshape(
                        parameter.shape
                    )
                )


def linear():
    model = nn.Linear(1, 2)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return model


def middle(state, record):
    return torch.stack([record["age"] / 100 - state["middle"], torch.ones(())])


def moved(state, total):
    return {"middle": (state["middle"] + total[0] / total[1].clamp_min(1.0)).float()}


def exported(schema):
    """Return the digests of the graphs of these functions by name."""
    summed = export_statistic(middle, schema, {"middle": torch.zeros(())})
    graphs = {
        "ill": export(ill, linear(), schema),
        "adversarial": export(adversarial, Adversarial(), schema),
        "middle": summed,
        "moved": export_update(moved, summed),
    }
    return {name: graph.digest for name, graph in graphs.items()}
