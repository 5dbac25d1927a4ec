"""Rules of operators that reduce, sort or accumulate along dimensions."""

from __future__ import annotations

import math
from dataclasses import replace

from workbench.engine.program.checker.values.call import Call, Unproven, counted_dim, need
from workbench.engine.program.checker.values.places import (
    broadcast,
    clear_of,
    kept_dims,
    rearranged,
    total_of,
    without,
)
from workbench.engine.program.checker.values.value import Place, Value


def reduction(call: Call) -> Value | list[Value]:
    """Rule of sums, extremes and norms: one number for each position of the other dimensions.

    A sum along the records is a total.
    """
    value = call.args["self"]
    _keeps_floats(call)
    given = call.args.get("dim")
    if isinstance(given, int):
        dims = [call.dim()]
    elif not given:
        dims = list(range(len(value.shape)))
    else:
        dims = call.dims()
    if value.place is not None and value.place.dim in dims and call.args["_name"] == "sum":
        return total_of(call)
    if value.place is not None and not given and given != 0:
        raise Unproven("it reduces all records to one number")
    if any(one.dtype.is_floating_point for one in (value, *call.out)):
        place = value.place
        outermost = place is None or _is_outermost(value, place)
        need(outermost, "its records do not lie one behind the other in memory")
        # Of equal columns PyTorch may make sums that differ in their last bits.
        value = replace(value, same=frozenset(at for at in value.same if _is_outermost(value, at)))
    kept = call.args.get("keepdim", False)
    to = (
        {d: d for d in range(len(value.shape)) if d not in dims} if kept else kept_dims(value, dims)
    )
    found = [replace(rearranged(value, out, to), bounds=None) for out in call.out]
    sizes = [value.shape[dim] for dim in dims if value.shape]
    if call.args["_name"] in _INDICES:
        found[-1] = replace(found[-1], bounds=(0, math.prod(sizes) - 1))
    return found if len(found) > 1 else found[0]


_INDICES = ("argmax", "argmin", "max", "min")
"""Reductions whose only or last result is a position."""


def _is_outermost(value: Value, at: Place | int) -> bool:
    """Return whether all numbers of a record lie together, one record behind the other.

    The value lies in row-major order (`ORDERED`). Else PyTorch reduces the numbers of several
    records side by side: in blocks, and in another order, or by other instructions, in what is left
    over.
    """
    dim, before = (at, 1) if isinstance(at, int) else (at.dim, at.before)
    return math.prod(value.shape[:dim]) * before == 1


def _keeps_floats(call: Call) -> None:
    """Check that numbers do not become whole ones on the way, which `to_copy` has a rule for."""
    if call.args.get("dtype") is not None and call.tensors[0].dtype.is_floating_point:
        need(call.out[0].dtype.is_floating_point, "it makes whole numbers")


def along(call: Call) -> Value | list[Value]:
    """Rule of softmax, running sums, sorting, flipping: along dimensions not the records'."""
    first = call.tensors[0]
    _keeps_floats(call)
    names = "dims" if "dims" in call.args else "dim"
    given = call.args[names]
    rank = len(first.shape)
    need(all(v.shape == first.shape for v in call.tensors), "its operands have other sizes")
    dims = [counted_dim(d, rank) for d in (given if isinstance(given, list | tuple) else [given])]
    found = []
    for out in call.out:
        joined = broadcast(call.tensors, replace(out, shape=first.shape))
        clear_of(joined, *dims)
        found.append(without(replace(joined, shape=out.shape), *dims))
    if len(found) == 2 and rank:
        found[1] = replace(found[1], bounds=(0, first.shape[dims[0]] - 1))
    elif len(found) == 2:
        found[1] = replace(found[1], bounds=(0, 0))
    return found if len(found) > 1 else found[0]


def triangle(call: Call) -> Value:
    """Rule of ``tril`` and ``triu``: by the last two dimensions, which are not the records'."""
    value = call.args["self"]
    last = (len(value.shape) - 2, len(value.shape) - 1)
    clear_of(value, *last)
    return without(rearranged(value, call.out[0], {d: d for d in range(len(value.shape))}), *last)


def pad(call: Call) -> Value:
    """Rule of ``constant_pad_nd``: it adds entries along dimensions that are not the records'."""
    value, amounts = call.args["self"], call.args["pad"]
    rank = len(value.shape)
    changed = [rank - 1 - n // 2 for n, amount in enumerate(amounts) if amount]
    clear_of(value, *changed)
    return without(rearranged(value, call.out[0], {d: d for d in range(rank)}), *changed)
