"""Sentences of made-up words, for models that read sequences."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F

from tests.engine.families.common import Study, category, schema, tensor

LENGTH, WORDS = 8, 12


def tokens(name: str, length: int) -> dict:
    """Token ids travel as a tensor column of whole numbers."""
    return tensor(name, (length,), 0, WORDS - 1)


def sentences() -> Study:
    """A sentence is of class 1 if it has more high words than low ones."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400)
    high = rng.random((400, LENGTH)) < np.where(y[:, None] == 1, 0.75, 0.25)
    ids = np.where(high, rng.integers(6, 12, high.shape), rng.integers(0, 6, high.shape))

    def classify(model, record):
        logits = model(record["ids"].long().unsqueeze(0))[0]
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    columns = {"ids": ids.astype(np.float32), "y": y}
    return Study(classify, schema(tokens("ids", LENGTH), category("y", 2)), columns)


def counting() -> Study:
    """Sentences that count on by a fixed step: the next word follows from the last two."""
    rng = np.random.default_rng(2)
    start, step = rng.integers(0, WORDS, (400, 1)), rng.integers(1, 3, (400, 1))
    ids = (start + step * np.arange(LENGTH)) % WORDS

    def predict(model, record):
        ids = record["ids"].long()
        logits = model(ids[:-1].unsqueeze(0))[0]
        loss = F.cross_entropy(logits, ids[1:])
        right = (logits[1:].argmax(-1) == ids[2:]).float().mean()
        return loss, {"next_word": right}

    return Study(predict, schema(tokens("ids", LENGTH)), {"ids": ids.astype(np.float32)})
