"""Ten typical mistakes of somebody who writes a training function for the first time.

As a script it makes all of them, each as an error that nobody catches, and ends with the last.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch.nn.functional as F
from torch import nn

import workbench as wb

SETTINGS = {"steps": 3, "sample_rate": 0.5, "learning_rate": 0.1}


def forgot_the_loss(model, record):
    logits = model(wb.features(record))
    F.cross_entropy(logits, record["digit"])


def returned_logits(model, record):
    return model(wb.features(record))


def a_loss_of_shape_1(model, record):
    return (model(wb.features(record))[:1] - record["digit"]) ** 2


def item_of_a_value(model, record):
    loss = F.cross_entropy(model(wb.features(record)), record["digit"])
    return loss * record["image"].mean().item()


def if_on_a_value(model, record):
    logits = model(wb.features(record))
    if record["digit"] == 1:
        return -logits[1]
    return -logits[0]


def math_instead_of_torch(model, record):
    x = math.log(record["image"].mean())
    return F.cross_entropy(model(wb.features(record)) * x, record["digit"])


def a_column_that_is_not_there(model, record):
    return F.cross_entropy(model(wb.features(record)), record["digits"])


def classes_as_floats(model, record):
    label = record["digit"].float()
    return F.cross_entropy(model(wb.features(record)), label)


def a_batch_dimension(model, record):
    logits = model(wb.features(record))
    correct = logits.argmax(dim=1) == record["digit"]
    return F.cross_entropy(logits, record["digit"]), {"accuracy": correct}


def printed_a_value(model, record):
    x = wb.features(record)
    print(f"the mean is {x.mean():.3f}")
    return F.cross_entropy(model(x), record["digit"])


MISTAKES = {
    forgot_the_loss: ("def forgot_the_loss", "return loss"),
    returned_logits: ("def returned_logits", "Reduce it"),
    a_loss_of_shape_1: ("def a_loss_of_shape_1", "Reduce it"),
    item_of_a_value: ('record["image"].mean().item()', "use torch.where"),
    if_on_a_value: ('if record["digit"] == 1', "Use torch.where"),
    math_instead_of_torch: ("x = math.log", "torch instead of float() and math"),
    a_column_that_is_not_there: ('record["digits"]', "Did you mean digit"),
    classes_as_floats: ("F.cross_entropy(model(wb.features(record)), label)", "whole number"),
    a_batch_dimension: ("argmax(dim=1)", "no batch dimension"),
    printed_a_value: ('print(f"the mean is', "no formatted text"),
}
"""Each function, with a part of the line at fault and a part of the remedy."""


def tried(function, dataset):
    """Do with a function what a first cell does."""
    return wb.training_function(**SETTINGS)(function).cost(nn.Linear(64, 10), dataset, epsilon=2.0)


def main(card: str) -> None:
    """Make all mistakes with the dataset of a card; none of them comes as far as its domain."""
    from workbench.documents import DatasetCard
    from workbench.space.datasets import Dataset

    dataset = Dataset(DatasetCard.parse(Path(card).read_bytes()), None)
    *first, last = MISTAKES
    for function in first:
        try:
            tried(function, dataset)
        except wb.errors.WorkbenchError:
            sys.excepthook(*sys.exc_info())
            print("---", file=sys.stderr)
    tried(last, dataset)


if __name__ == "__main__":
    main(sys.argv[1])
