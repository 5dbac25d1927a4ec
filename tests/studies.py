"""What tests submit, and the space files that they connect with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

import workbench as wb
from workbench.space.datasets import Dataset

PURPOSE = "DUO:0000007 cancer"


def linear(inputs=30, classes=2):
    model = nn.Linear(inputs, classes)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return model


@wb.training_function(
    steps=20, sample_rate=1.0, learning_rate=1.0, optimizer="momentum", momentum=0.8
)
def diagnose(model, record):
    logits = model(wb.features(record) + 0.5)
    loss = F.cross_entropy(logits, record["diagnosis"])
    return loss, {"accuracy": logits.argmax() == record["diagnosis"]}


# Takes a minute and, on a slow machine, still less than a domain allows.
@wb.training_function(steps=60_000, sample_rate=0.2, learning_rate=0.01)
def endless(model, record):
    logits = model(wb.features(record))
    return F.cross_entropy(logits, record["diagnosis"])


@wb.training_function(steps=30, sample_rate=1.0, learning_rate=0.5)
def progression(model, record):
    target = (record["progression"] - 185) / 160
    return (model(5 * wb.features(record))[0] - target) ** 2


def dataset(client, name="breast-cancer"):
    return Dataset(client.dataset(name), client)


def submit(client, function=diagnose, model=None, name="breast-cancer", **options):
    options = {"epsilon": 2.0, "purpose": PURPOSE} | options
    return function.submit(model or linear(), to=dataset(client, name), **options)


def submit_progression(client, **options):
    return submit(client, progression, linear(10, 1), "diabetes", **options)


def space_file(folder, key, *entries):
    """Write a space.toml with domains of (name, address, public key), and the key beside it."""
    if not (folder / "me.key").exists():
        key.save(folder / "me.key")
    lines = ['key = "me.key"']
    for name, url, public in entries:
        lines += ["[[domains]]", f'name = "{name}"', f'url = "{url}"', f'public_key = "{public}"']
    (folder / "space.toml").write_text("\n".join(lines))
    return folder / "space.toml"
