"""Architectures of the field, from a package that nobody here wrote, train as they are.

Each is chosen for what it does that others do not. `benchmarks/zoo.py` tries a hundred classes.
"""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F

from tests.graphs.agreement import check_sums
from workbench.documents.schema import Schema
from workbench.graphs.export.training import export

hf = pytest.importorskip("transformers", reason="the extra huggingface is not installed")
SMALL = {
    "vocab_size": 16, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 8, "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip


def schema(shape, low, high):
    label = {"name": "y", "kind": "category", "categories": [0, 1, 2], "role": "target"}
    column = {"name": "x", "kind": "tensor", "shape": shape, "lower": low, "upper": high}
    return Schema.read({"columns": [column, label]})


def ids(r):
    return (r["x"].abs() * 4).long().unsqueeze(0)


def next_word(m, r):
    return m(input_ids=ids(r), labels=ids(r), use_cache=False).loss


def kind_of_text(m, r):
    logits = m(input_ids=ids(r), attention_mask=torch.ones_like(ids(r))).logits[0]
    return F.cross_entropy(logits, r["y"])


def kind_of_image(m, r):
    return F.cross_entropy(m(r["x"].expand(3, 8, 4).repeat(1, 1, 2).unsqueeze(0)).logits[0], r["y"])


MODELS = {
    "relative positions in buckets, labels shifted in place": (
        next_word,
        lambda: hf.T5ForConditionalGeneration(
            hf.T5Config(vocab_size=16, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2,
                        decoder_start_token_id=0, dropout_rate=0.0)
        ),
    ),
    "attention taken apart by content and place": (
        kind_of_text,
        lambda: hf.DebertaV2ForSequenceClassification(
            hf.DebertaV2Config(**SMALL, num_labels=3, relative_attention=True,
                               pos_att_type=["c2p", "p2c"])
        ),
    ),
    "rotary places, one key for all queries, labels of -100": (
        next_word,
        lambda: hf.MistralForCausalLM(
            hf.MistralConfig(**SMALL, num_key_value_heads=1, head_dim=4)
        ),
    ),
    "a state space that is scanned": (
        next_word,
        lambda: hf.MambaForCausalLM(hf.MambaConfig(**SMALL, state_size=4)),
    ),
    "stochastic depth between convolutions": (
        kind_of_image,
        lambda: hf.ConvNextForImageClassification(
            hf.ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 2], num_stages=2,
                              drop_path_rate=0.0, num_labels=3)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_its_gradients_are_those_of_autograd_record_by_record(name):
    function, make = MODELS[name]
    image = function is kind_of_image
    table = schema([1, 8, 4] if image else [4], -1, 1)

    def model():
        torch.manual_seed(0)
        return make().train()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_sums(function, model, export(function, model(), table), table, count=2)
