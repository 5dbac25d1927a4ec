"""The models of the benchmarks: each with its data, its loss for a batch and for one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from workbench.documents import Schema

CLASSES = 10


def classify(model, record):
    return F.cross_entropy(model(record["x"].unsqueeze(0))[0], record["y"])


def classify_tokens(model, record):
    return F.cross_entropy(model(record["x"].long().unsqueeze(0))[0], record["y"])


def next_token(model, record):
    tokens = record["x"].long().unsqueeze(0)
    logits = model(tokens)[:, :-1]
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))


class Block(nn.Module):
    """A transformer block with the norms first."""

    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.first(x)).chunk(3, -1)
        split = [
            p.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2) for p in parts
        ]
        mixed = F.scaled_dot_product_attention(*split, is_causal=self.causal)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Transformer(nn.Module):
    """Two blocks of width 128; classifies a sequence, or predicts each next token."""

    def __init__(self, tokens, length, causal=False):
        super().__init__()
        width = 128
        self.token, self.place = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block(width, 4, causal) for _ in range(2)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, tokens if causal else CLASSES)
        self.causal = causal
        self.register_buffer("places", torch.arange(length))

    def forward(self, x):
        hidden = self.token(x) + self.place(self.places.expand(x.shape))
        hidden = self.norm(self.blocks(hidden))
        return self.head(hidden if self.causal else hidden.mean(1))


class Recurrent(nn.Module):
    """The last output of an LSTM of width 64, given by `layer`."""

    def __init__(self, layer=nn.LSTM):
        super().__init__()
        self.rnn, self.head = layer(32, 64, batch_first=True), nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Residual(nn.Module):
    """Two 3 x 3 convolutions with group norms beside a short cut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.one = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.two = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.first, self.second = nn.GroupNorm(8, outputs), nn.GroupNorm(8, outputs)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        hidden = F.relu(self.first(self.one(x)))
        return F.relu(self.second(self.two(hidden)) + self.short(x))


class LowRank(nn.Module):
    """A frozen linear layer with a trained update of rank 8."""

    def __init__(self, base):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, 8, bias=False)
        self.up = nn.Linear(8, base.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def logreg():
    return nn.Linear(30, CLASSES)


def mlp():
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, CLASSES)
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 8, 2, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Conv2d(16, 32, 4, 2),
        nn.ReLU(),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 32),
        nn.ReLU(),
        nn.Linear(32, CLASSES),
    )


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False),
        nn.GroupNorm(8, 16),
        nn.ReLU(),
        Residual(16, 16, 1),
        Residual(16, 32, 2),
        Residual(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def lora():
    model = Transformer(1000, 32).requires_grad_(False)
    for block in model.blocks:
        block.qkv, block.out = LowRank(block.qkv), LowRank(block.out)
    model.head.requires_grad_(True)
    return model


@dataclass(frozen=True)
class Case:
    """A model with the shape and range of a record, and the batch size that is timed."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch: int
    limit: float
    function: Callable = classify
    tokens: int = 0

    @property
    def schema(self) -> Schema:
        upper = max(self.tokens - 1, 1)
        x = {
            "name": "x",
            "kind": "tensor",
            "shape": list(self.shape),
            "lower": 0 if self.tokens else -1,
            "upper": upper,
        }
        y = {"name": "y", "kind": "category", "role": "target", "categories": list(range(CLASSES))}
        return Schema.read({"columns": [x, y]})

    def data(self, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand((rows, *self.shape), generator=generator) * 2 - 1
        if self.tokens:
            x = torch.randint(self.tokens, (rows, *self.shape), generator=generator).float()
        return x, torch.randint(CLASSES, (rows,), generator=generator)


CASES = {
    "logreg": Case(logreg, (30,), 256, 1.25),
    "MLP": Case(mlp, (784,), 256, 1.25),
    "CNN": Case(cnn, (1, 28, 28), 256, 1.25),
    "transformer": Case(lambda: Transformer(1000, 32), (32,), 256, 1.25, classify_tokens, 1000),
    "LSTM": Case(Recurrent, (32, 32), 256, 2.0),
    "ResNet-like": Case(resnet, (3, 32, 32), 128, 2.0),
    "GPT-like": Case(lambda: Transformer(256, 64, True), (64,), 64, 2.0, next_token, 256),
    "LoRA": Case(lora, (32,), 256, 2.0, classify_tokens, 1000),
}
