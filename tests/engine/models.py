"""The models that the engine's tests train: one per family and per trap."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from workbench.documents import Schema

Case = tuple[Callable[[], nn.Module], Callable, Schema]
CLASSES = 3


def schema_of(shape: tuple[int, ...], lower: float = -1.0, upper: float = 1.0) -> Schema:
    return Schema.read(
        {
            "columns": [
                {
                    "name": "x",
                    "kind": "tensor",
                    "shape": list(shape),
                    "lower": lower,
                    "upper": upper,
                },
                {
                    "name": "y",
                    "kind": "category",
                    "role": "target",
                    "categories": list(range(CLASSES)),
                },
            ]
        }
    )


def classify(model, record):
    logits = model(record["x"])
    return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}


def regress(model, record):
    return F.mse_loss(model(record["x"]).sum(), record["y"].to(torch.float32))


class Net(nn.Module):
    """A module from its parts and a forward function."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


def linear():
    return nn.Linear(6, CLASSES)


def mlp():
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8, bias=False), nn.Tanh(), nn.Linear(8, CLASSES)
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Conv2d(6, 4, 2, groups=2),
        nn.ReLU(),
        nn.Flatten(-3),
        nn.Linear(4 * 3 * 3, CLASSES),
    )


def group_norm_cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.GroupNorm(2, 4),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(-3),
        nn.Linear(4, CLASSES),
    )


def classify_image(model, record):
    logits = model(record["x"].unsqueeze(0))[0]
    return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}


def embedding():
    return Net(
        lambda m, x: m.out(m.table((x * 10).long()).mean(-2)),
        table=nn.Embedding(11, 5),
        out=nn.Linear(5, CLASSES),
    )


def dilated():
    return nn.Sequential(
        nn.Conv2d(2, CLASSES, 3, dilation=2),
        nn.Flatten(-2),
        nn.LogSoftmax(-1),
        Net(lambda m, x: x.sum(-1)),
    )


def padded_embedding():
    return Net(
        lambda m, x: m.out(m.table((x * 10).long()).mean(-2)),
        table=nn.Embedding(11, 5, padding_idx=0),
        out=nn.Linear(5, CLASSES),
    )


def tied():
    def forward(m, x):
        h = m.table((x * 10).long())
        return F.linear(torch.tanh(m.mix(h)), m.table.weight).mean(0)[:CLASSES]

    return Net(forward, table=nn.Embedding(11, 5), mix=nn.Linear(5, 5))


def called_twice():
    return Net(
        lambda m, x: m.out(torch.relu(m.layer(torch.relu(m.layer(x))))),
        layer=nn.Linear(6, 6),
        out=nn.Linear(6, CLASSES),
    )


def gru():
    return Net(lambda m, x: m.out(m.rnn(x)[0][-1]), rnn=nn.GRU(3, 4), out=nn.Linear(4, CLASSES))


def lstm():
    return Net(lambda m, x: m.out(m.rnn(x)[0][-1]), rnn=nn.LSTM(3, 4), out=nn.Linear(4, CLASSES))


def transformer():
    def forward(m, x):
        return m.out(m.encoder(x.unsqueeze(0))[0].mean(0))

    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    return Net(
        forward,
        encoder=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
        out=nn.Linear(8, CLASSES),
    )


def causal_attention():
    def forward(m, x):
        q, k, v = m.qkv(x).chunk(3, -1)
        mask = torch.triu(torch.ones(5, 5), 1).bool()
        scores = (q @ k.mT / math.sqrt(8)).masked_fill(mask, float("-inf"))
        return m.out((scores.softmax(-1) @ v)[..., -1, :])

    return Net(forward, qkv=nn.Linear(8, 24), out=nn.Linear(8, CLASSES))


def frozen_base():
    base = nn.Linear(6, 8)
    base.requires_grad_(False)
    return Net(
        lambda m, x: m.out(torch.relu(m.base(x) + m.up(m.down(x)))),
        base=base,
        down=nn.Linear(6, 2, bias=False),
        up=nn.Linear(2, 8, bias=False),
        out=nn.Linear(8, CLASSES),
    )


def scaled():
    """Parameters that no rule knows, one of shape (), a bias alone, and a layer without a use."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(6))
            self.temperature = nn.Parameter(torch.tensor(1.5))
            self.layer = nn.Linear(6, CLASSES)
            self.unseen = nn.Linear(6, 2)

        def forward(self, x):
            self.unseen(x)
            return self.layer(x * self.gain) * self.temperature

    return Scaled()


MODELS: dict[str, Case] = {
    "linear": (linear, classify, schema_of((6,))),
    "mlp": (mlp, classify, schema_of((6,))),
    "cnn": (cnn, classify, schema_of((2, 8, 8))),
    "group_norm_cnn": (group_norm_cnn, classify_image, schema_of((2, 8, 8))),
    "embedding": (embedding, classify, schema_of((7,), 0.0, 1.0)),
    "dilated": (dilated, classify, schema_of((2, 8, 8))),
    "padded_embedding": (padded_embedding, classify, schema_of((7,), 0.0, 1.0)),
    "tied": (tied, classify, schema_of((7,), 0.0, 1.0)),
    "called_twice": (called_twice, classify, schema_of((6,))),
    "gru": (gru, classify, schema_of((5, 3))),
    "lstm": (lstm, classify, schema_of((5, 3))),
    "transformer": (transformer, classify, schema_of((5, 8))),
    "causal_attention": (causal_attention, classify, schema_of((5, 8))),
    "frozen_base": (frozen_base, classify, schema_of((6,))),
    "scaled": (scaled, classify, schema_of((6,))),
    "regression": (mlp, regress, schema_of((6,))),
}
