"""Relations of numbers to the tensors that they go with."""

from __future__ import annotations

import math

import torch

from workbench.graphs.operators.arguments.base import Arguments, Relation
from workbench.graphs.operators.relations.tensors import listed

MOST_STEPS = 128
"""How many numbers ``cumprod`` multiplies at most: it is taken apart into so many products."""


def holds(value: str, tensor: str = "self") -> Relation:
    """Check that a number is one of those that the tensor's dtype has."""

    def relation(call: Arguments) -> str | None:
        return _held(call[value], call[tensor].dtype, value)

    return relation


def holds_dtype(value: str, default: torch.dtype | None = None) -> Relation:
    """Check that a number is one of those that the argument `dtype` has."""

    def relation(call: Arguments) -> str | None:
        dtype = call["dtype"] or (call["self"].dtype if "self" in call else default)
        return None if dtype is None else _held(call[value], dtype, value)

    return relation


def _held(number: float, dtype: torch.dtype, name: str) -> str | None:
    if dtype.is_floating_point:
        return None
    ends = (0, 1) if dtype is torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    if math.isfinite(number) and number == int(number) and ends[0] <= number <= ends[1]:
        return None
    kind = str(dtype).removeprefix("torch.")
    return f"'{name}' is {number}; it has to be a number of {kind}"


def whole_power(call: Arguments) -> str | None:
    """Check that a whole number is not raised to a power below zero."""
    whole = not call["self"].dtype.is_floating_point
    if whole and call["exponent"] < 0:
        return "'exponent' is below 0; for whole numbers it has to be 0 or more"
    return None


def given_dtype_is_float(call: Arguments) -> str | None:
    """Check that the result is of floats."""
    dtype = call["dtype"] or call["self"].dtype
    return (
        None if dtype.is_floating_point else "the mean of whole numbers needs a 'dtype' of floats"
    )


def some(*names: str) -> Relation:
    """Check that at least one argument is given."""

    def relation(call: Arguments) -> str | None:
        if any(call[name] is not None for name in names):
            return None
        return f"one of {listed(names)} has to be given"

    return relation


def steps_are_few(call: Arguments) -> str | None:
    """Check that ``cumprod`` is not over too many numbers."""
    size = call["self"].shape[call["dim"]]
    return None if size <= MOST_STEPS else f"'dim' has {size} entries; at most {MOST_STEPS}"


def counts(call: Arguments) -> str | None:
    """Check that ``arange`` gives some numbers, and not too many."""
    step = call.get("step", 1)
    numbers = (call["end"] - call.get("start", 0)) / step if step else 0
    return None if 0 < numbers <= 1 << 31 else f"it would give {numbers:g} numbers; at least 1"


def topk(call: Arguments) -> str | None:
    """Check that there are as many entries as ``topk`` takes."""
    size = call["self"].shape[call["dim"]]
    return None if call["k"] <= size else f"'k' is {call['k']}; there are {size} entries"
