"""Typical mistakes of somebody who writes a training function for the first time.

As a script it makes all of them, each as an error that nobody catches, and ends with the last.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
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


def stepped(model, record):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = F.cross_entropy(model(wb.features(record)), record["digit"])
    optimizer.step()
    return loss


def zeroed_gradients(model, record):
    OPTIMIZERS[0].zero_grad()
    return F.cross_entropy(model(wb.features(record)), record["digit"])


def stepped_outside(model, record):
    loss = F.cross_entropy(model(wb.features(record)), record["digit"])
    OPTIMIZERS[0].step()
    return loss


def went_back(model, record):
    loss = F.cross_entropy(model(wb.features(record)), record["digit"])
    loss.backward()
    return loss


def whole_target(model, record):
    return F.mse_loss(model(wb.features(record))[0], record["digit"])


def another_width(model, record):
    return F.cross_entropy(nn.functional.linear(wb.features(record), WIDE), record["digit"])


def took_apart(model, record):
    x, y = record
    return F.cross_entropy(model(x), y)


def changed_in_place(model, record):
    x = record["image"].div_(16)
    return F.cross_entropy(model(x.flatten()), record["digit"])


def doubled(model, record):
    return F.cross_entropy(model(record["image"].double().flatten()), record["digit"])


def looked_up_by_a_float(model, record):
    found = F.embedding(record["image"].mean(), model.weight)
    return F.cross_entropy(model(found), record["digit"])


def normalized_the_batch(model, record):
    x = F.batch_norm(wb.features(record)[None], None, None, training=True)
    return F.cross_entropy(model(x[0]), record["digit"])


OPTIMIZERS = [torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)]
WIDE = torch.ones(10, 784)
MISTAKES = {
    stepped: ("optimizer = torch.optim.SGD(", "Return the loss."),
    zeroed_gradients: ("OPTIMIZERS[0].zero_grad()", "Return the loss."),
    stepped_outside: ("OPTIMIZERS[0].step()", "Return the loss."),
    went_back: ("loss.backward()", "Return the loss"),
    whole_target: ("F.mse_loss(", ".float()"),
    another_width: ("nn.functional.linear(", "expects 784 numbers, and is given 64"),
    took_apart: ("return F.cross_entropy(model(x), y)", "record['age']"),
    changed_in_place: ('record["image"].div_(16)', "Make a new tensor"),
    doubled: ('record["image"].double()', "leave out .double()"),
    looked_up_by_a_float: ("found = F.embedding(", ".long()"),
    normalized_the_batch: ("x = F.batch_norm(", "GroupNorm"),
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
