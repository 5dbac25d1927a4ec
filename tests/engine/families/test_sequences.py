"""Recurrent networks and transformers, encoder and decoder, on generated sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.families.common import (
    Study,
    assert_sum_is_that_of_autograd,
    category,
    metric,
    schema,
    tensor,
    trained,
)
from tests.engine.families.sentences import LENGTH, WORDS, counting, sentences


def _walks() -> Study:
    """Two classes of random walks: drifting up or down."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    steps = rng.normal(0.15 * (2 * y[:, None, None] - 1), 0.3, (400, 10, 2))

    def classify(model, record):
        logits = model(record["walk"])
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    columns = {"walk": steps.cumsum(1).clip(-5, 5).astype(np.float32), "y": y}
    return Study(classify, schema(tensor("walk", (10, 2), -5, 5), category("y", 2)), columns)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(2, 8, batch_first=True, **options)
        self.out = nn.Linear(16 if options.get("bidirectional") else 8, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(-2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {}),
        ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
        ("LSTM", {}),
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {}),
        ("GRU", {"num_layers": 2, "bidirectional": True}),
    ],
    ids=["rnn", "rnn_relu_2_layers", "lstm", "lstm_2_both_ways", "gru", "gru_2_both_ways"],
)
def test_recurrent_network(kind, options):
    study = _walks()
    torch.manual_seed(0)
    model = Recurrent(kind, **options)
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(study, model, optimizer="adam", learning_rate=0.02, steps=25)
    assert metric(result, "accuracy") > 0.8


class Encoder(nn.Module):
    """DistilBERT's shape: token and position embedding, layers, the first position's class."""

    def __init__(self, norm_first, layers=2, width=16):
        super().__init__()
        self.tokens = nn.Embedding(WORDS, width)
        self.positions = nn.Embedding(LENGTH, width)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, 2)

    def forward(self, ids):
        h = self.norm(self.tokens(ids) + self.positions(torch.arange(ids.shape[1])))
        return self.classifier(self.encoder(h).mean(1))


@pytest.mark.slow
@pytest.mark.parametrize("norm_first", [False, True], ids=["post_norm", "pre_norm"])
def test_transformer_encoder(norm_first):
    study = sentences()
    torch.manual_seed(0)
    model = Encoder(norm_first)
    assert_sum_is_that_of_autograd(study, model)
    _, result = trained(study, model, optimizer="adam", learning_rate=0.01, steps=25)
    assert metric(result, "accuracy") > 0.8


class DecoderBlock(nn.Module):
    """GPT-2's block (Radford et al. 2019): norm first, causal attention, GELU."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.heads = heads

    def forward(self, x):
        batch, length, width = x.shape
        shape = (batch, length, self.heads, width // self.heads)
        q, k, v = (p.reshape(shape).transpose(1, 2) for p in self.qkv(self.norm1(x)).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class Decoder(nn.Module):
    def __init__(self, tied, layers=2, width=16):
        super().__init__()
        self.tokens = nn.Embedding(WORDS, width)
        self.positions = nn.Embedding(LENGTH, width)
        self.blocks = nn.Sequential(*(DecoderBlock(width, 2) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, WORDS, bias=False)
        nn.init.normal_(self.tokens.weight, std=0.2)
        nn.init.normal_(self.positions.weight, std=0.2)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids):
        h = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(h)))


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_transformer_decoder(tied):
    study = counting()
    torch.manual_seed(0)
    model = Decoder(tied)
    assert_sum_is_that_of_autograd(study, model)
    graph, result = trained(
        study,
        model,
        optimizer="adam",
        learning_rate=0.01,
        steps=40,
        sample_rate=0.5,
        noise_multiplier=0.8,
    )
    assert len(graph.ties) == tied
    # Chance is 1/12; half of the sentences' steps can be guessed without looking back.
    assert metric(result, "next_word") > 0.6
    if tied:
        names = ("tokens.weight", "head.weight")
        assert torch.equal(*(result.parameters[name] for name in names))
