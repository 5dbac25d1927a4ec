"""Rules of operators that go entry by entry."""

from __future__ import annotations

import math
import operator
from dataclasses import replace

import torch

from workbench.engine.program.checker.values.bounds import bounded, bounds_together, is_whole
from workbench.engine.program.checker.values.call import Call, Unproven, need
from workbench.engine.program.checker.values.places import broadcast
from workbench.engine.program.checker.values.value import Value


def elementwise(call: Call) -> Value:
    """Rule: operands are broadcast; each entry of the result needs one entry of each."""
    if call.args["_name"].endswith("_backward"):
        # Else kernels give another dtype than they should.
        dtypes = {value.dtype for value in (*call.tensors, call.out[0])}
        need(len(dtypes) == 1 and call.out[0].dtype.is_floating_point, "its dtypes differ")
    # `pow` of a truth value gives another dtype than PyTorch foretells.
    need(not isinstance(call.args.get("exponent"), bool), "its exponent is no number")
    # Nor does NaN compare alike in vectors and beside them; to be filled in it is as good as any.
    limits = [number for name, number in call.args.items() if name != "value"]
    need(not any(isinstance(n, float) and math.isnan(n) for n in limits), "a number is NaN")
    return broadcast(call.tensors, call.out[0])


def affine(call: Call) -> Value:
    """Rule of ``add``, ``sub`` and ``mul``: entry by entry, with the bounds of whole numbers."""
    found = elementwise(call)
    other = call.args["other"]
    first = call.args["self"].limits
    second = other.limits if isinstance(other, Value) else (other, other)
    plain = call.args.get("alpha", 1) == 1 and first and second
    if not plain or found.dtype is not torch.int64 or not all(map(is_whole, (*first, *second))):  # type: ignore[misc]
        return found
    how = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}[call.args["_name"]]
    ends = [how(a, b) for a in first for b in second]  # type: ignore[union-attr]
    inside = min(ends) >= -(2**62) and max(ends) <= 2**62
    return replace(found, bounds=(min(ends), max(ends)) if inside else None)


def clamp(call: Call) -> Value:
    """Rule of ``clamp``, ``clamp_min``, ``clamp_max`` by numbers: entry by entry, with bounds."""
    found, before = elementwise(call), call.args["self"].limits
    low, high = (call.args.get(name) for name in ("min", "max"))
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if before is None or any(isinstance(end, Value) or math.isnan(end) for end in (low, high)):
        return found
    # A whole number that the dtype does not hold is another one, or none at all.
    most = found.limits
    if most and any(math.isfinite(e) and not most[0] <= e <= most[1] for e in (low, high)):
        return found
    return bounded(found, *(min(max(end, low), high) for end in before))


def where(call: Call) -> Value:
    """Rule of ``where`` and ``masked_fill``: entry by entry, with the bounds of both choices."""
    found = elementwise(call)
    options = [call.args[name] for name in ("self", "other", "value") if name in call.args]
    both = bounds_together(options)
    return found if both is None else bounded(found, *both)


def nan_to_num(call: Call) -> Value:
    """Rule of ``nan_to_num``: entry by entry; no entry is NaN afterwards, so bounds are known."""
    found = elementwise(call)
    if not found.dtype.is_floating_point:
        return found
    most = torch.finfo(found.dtype).max
    given = [call.args[name] for name in ("nan", "posinf", "neginf")]
    if any(number is not None and not math.isfinite(number) for number in given):
        return found
    ends = [most, -most, *(number for number in given if number is not None)]
    return bounded(found, min(ends), max(ends))


def to_copy(call: Call) -> Value:
    """Rule of a change of dtype: a private number becomes a whole one only if it surely fits.

    Processors turn what does not fit into one number in vectors and into another one beside them.
    """
    source, found = call.args["self"], elementwise(call)
    if found.dtype is torch.bool:
        return found
    if found.dtype.is_floating_point:
        return found if source.limits is None else bounded(found, *source.limits)
    inside = torch.iinfo(found.dtype)
    ends = source.limits
    fits = ends is not None and inside.min <= ends[0] and ends[1] <= inside.max
    if source.dtype.is_floating_point and not (fits and abs(ends[0]) < 2**62 > abs(ends[1])):
        raise Unproven("a number that may not fit becomes a whole one: clamp it before")
    whole = (math.floor(ends[0]), math.ceil(ends[1])) if fits and ends else None
    return replace(found, bounds=whole)


def copied(call: Call) -> Value:
    """Rule of copies: the same entries, with their bounds."""
    return replace(elementwise(call), bounds=call.args["self"].bounds)
