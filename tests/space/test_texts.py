"""Texts from a holder's file to a released model: tokens, tokenizers, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import workbench as wb
from tests.studies import dataset
from tests.support import Site, add_dataset, make_domain
from workbench.documents import digest_bytes
from workbench.errors import InvalidDocument, InvalidSchema, UnknownColumn

GOOD = ("great", "kind", "quick")
BAD = ("slow", "rude", "cold")
WORDS = ("the", "ward", "was", "staff", *GOOD, *BAD)
PURPOSE = "DUO:0000042"


def tokenizer():
    """A file of Hugging Face's tokenizers: whole words."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {word: number for number, word in enumerate(("[PAD]", "[UNK]", *WORDS))}
    found = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    found.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return found.to_str()


def reviews():
    """600 texts, half of them good; who wrote a short one left out their age."""
    random = np.random.default_rng(0)
    liked = random.integers(0, 2, 600)
    texts = [f"the staff was {random.choice(GOOD if one else BAD)}" for one in liked]
    age = [None if random.random() < (0.8 if one else 0.1) else 50 for one in liked]
    return pd.DataFrame(
        {"text": texts, "words": texts, "age": age, "liked": np.where(liked, "yes", "no")}
    )


COLUMNS = [
    {"name": "text", "kind": "text", "tokenizer": "bytes", "length": 24},
    {"name": "words", "kind": "text", "tokenizer": "words.json", "length": 5},
    {"name": "age", "kind": "number", "lower": 0, "upper": 99, "missing": [""], "indicator": True},
    {"name": "liked", "kind": "category", "categories": ["no", "yes"], "role": "target"},
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("texts") / "clinic", "clinic", ())
    add_dataset(root, "reviews", reviews(), COLUMNS)
    (root / "datasets" / "reviews" / "words.json").write_text(tokenizer())
    with_texts = Site.open(root)
    yield with_texts
    with_texts.close()


class Words(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocabulary, 8), nn.Linear(8, 2)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(0))


@wb.training_function(steps=40, batch_size=200, learning_rate=0.5, optimizer="adam")
def like(model, record):
    logits = model(record["words"].long())
    return F.cross_entropy(logits, record["liked"]), {
        "accuracy": logits.argmax() == record["liked"]
    }


@wb.training_function(steps=10, batch_size=200, learning_rate=0.5)
def like_by_age(model, record):
    logits = model(wb.missing(record, "age").reshape(1) - 0.5)
    return F.cross_entropy(logits, record["liked"]), {
        "accuracy": logits.argmax() == record["liked"]
    }


def test_a_model_of_words_is_trained_and_released(site):
    ds = dataset(site.client(), "reviews")
    words = ds.tokenizer("words")
    torch.manual_seed(0)
    result = like.submit(Words(words.told.vocabulary), to=ds, epsilon=8.0, purpose=PURPOSE).wait(
        progress=False
    )
    assert result.metrics["accuracy"].value > 0.8
    good = torch.tensor(words.encode(["the ward was great"], 5)[0]).long()
    assert result.model(good).argmax() == 1


def test_what_is_missing_can_be_learned_from(site):
    ds = dataset(site.client(), "reviews")
    result = like_by_age.submit(nn.Linear(1, 2), to=ds, epsilon=8.0, purpose=PURPOSE)
    assert result.wait(progress=False).metrics["accuracy"].value > 0.65


def test_researchers_read_tokens_and_make_them(site):
    ds = dataset(site.client(), "reviews")
    by_bytes, by_words = ds.tokenizer("text"), ds.tokenizer("words")
    assert by_bytes.decode(by_bytes.encode(["the ward"], 24)[0]) == "the ward"
    assert by_words.encode(["the ward unheard"], 5).tolist() == [[2, 3, 1, 0, 0]]
    assert by_words.decode([2.0, 3.0, 0.0]) == "the ward"
    shown = str(ds.schema)
    assert "257 tokens (bytes)" in shown
    assert "12 tokens (words.json)" in shown


def test_features_leave_texts_out(site):
    @wb.training_function(steps=1, batch_size=10, learning_rate=0.1)
    def plain(model, record):
        return F.cross_entropy(model(wb.features(record)), record["liked"])

    ds = dataset(site.client(), "reviews")
    assert plain.rehearse(nn.Linear(2, 2), ds).model is not None


def test_a_column_that_is_no_text_has_no_tokenizer(site):
    with pytest.raises(UnknownColumn, match="'age' has no tokenizer") as caught:
        dataset(site.client(), "reviews").tokenizer("age")
    assert "text, words" in caught.value.hint


def test_where_nothing_is_told_missing_names_the_way():
    with pytest.raises(UnknownColumn, match="is not published") as caught:
        wb.missing({"age": torch.ones(())}, "age")
    assert "indicator: true" in caught.value.hint


def test_another_tokenizer_than_that_of_the_card_is_refused(site):
    from workbench.catalog.tokenizers import TextTokens

    told = dataset(site.client(), "reviews").card.data_schema["words"].tokenizer
    assert told.content == digest_bytes(tokenizer().encode())
    with pytest.raises(InvalidDocument, match="not the one that the card names"):
        TextTokens(told, tokenizer().encode() + b" ")


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"model": {"type": "Other"}}', "\x00\xff"])
def test_what_is_no_tokenizer_is_refused_when_publishing(site, content):
    path = site.domain.folder.datasets / "reviews" / "words.json"
    before = path.read_text()
    path.write_text(content)
    try:
        with pytest.raises(InvalidSchema, match="words.json"):
            site.domain.operator.check("reviews")
    finally:
        path.write_text(before)
