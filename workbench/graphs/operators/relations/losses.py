"""Relations of losses and look-ups: one target for each, and indices that fit."""

from __future__ import annotations

import math

from workbench.graphs.operators.arguments.base import Arguments


def one_class_each(call: Arguments) -> str | None:
    """Check that there is one class for each place of the scores, or a probability for each."""
    scores, target, weight = call["self"], call["target"], call["weight"]
    axis = 0 if len(scores.shape) == 1 else 1
    if target.dtype.is_floating_point:
        right = scores.shape
    else:
        right = scores.shape[:axis] + scores.shape[axis + 1 :]
    if target.shape != right:
        return f"'target' has shape {target.shape}; it has to be {right}"
    if weight is not None and weight.shape != (scores.shape[axis],):
        return f"'weight' has shape {weight.shape}; it has to be {(scores.shape[axis],)}"
    return None


def one_sign_each(call: Arguments) -> str | None:
    """Check that there is one target for each pair of rows, or one for two vectors."""
    right, given = call["input1"].shape[:-1], call["target"].shape
    return None if given == right else f"'target' has shape {given}; it has to be {right}"


def slopes(call: Arguments) -> str | None:
    """Check that there is one slope, or one for each channel."""
    shape, given = call["self"].shape, call["weight"].shape
    channels = shape[1] if len(shape) > 1 else 1
    if math.prod(given) in (1, channels):
        return None
    return f"'weight' has shape {given}; it has to have 1 or {channels} entries"


def in_table(call: Arguments) -> str | None:
    """Check that the padding is a row of the table."""
    rows = call["weight"].shape[0]
    if call["padding_idx"] < rows:
        return None
    return f"'padding_idx' is {call['padding_idx']}; the table has {rows} rows"


def gathered(call: Arguments) -> str | None:
    """Check that the index has the tensor's rank, and no more entries along other dimensions."""
    shape, index, rank = call["self"].shape, call["index"].shape, len(call["self"].shape)
    axis = call["dim"] % rank
    fits = len(index) == rank and all(
        i <= n for d, (i, n) in enumerate(zip(index, shape, strict=True)) if d != axis
    )
    return None if fits else f"'index' has shape {index}; it has to fit into {shape} but for 'dim'"


def indexed(call: Arguments) -> str | None:
    """Check that there is a dimension for each index."""
    rank, given = len(call["self"].shape), len(call["indices"])
    return None if given <= rank else f"there are {given} indices for {rank} dimensions"
