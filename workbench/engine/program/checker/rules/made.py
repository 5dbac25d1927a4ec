"""Rules of operators that make tensors from shapes alone, or from public values."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from workbench.engine.program.checker.values.bounds import bounded, is_whole
from workbench.engine.program.checker.values.call import Call, Unproven
from workbench.engine.program.checker.values.value import Value


def filled(call: Call) -> Value:
    """Rule of ``zeros``, ``ones``, ``full``: all entries are one number, which is known."""
    out = call.out[0]
    out = replace(out, same=frozenset(range(len(out.shape))))
    number = call.args.get("fill_value", call.args.get("s", int("ones" in call.args["_name"])))
    if not isinstance(number, int | float):
        raise Unproven("it is filled with something that is no number")
    return bounded(out, number, number) if math.isfinite(number) else out


def counted(call: Call) -> Value:
    """Rule of ``arange``: entries differ, but lie between its ends."""
    out = call.out[0]
    start, end = call.args.get("start") or 0, call.args["end"]
    if out.dtype is not torch.int64 or not (is_whole(start) and is_whole(end)):
        return out
    return replace(out, bounds=(min(start, end), max(start, end)))


def public(call: Call) -> Value:
    """Rule: allowed for public values only; nothing is known of the entries."""
    if any(value.place is not None for value in call.tensors):
        raise Unproven("it is allowed for public values only")
    return call.out[0]
