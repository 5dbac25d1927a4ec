"""Rules of operators that take tensors apart, or put them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from workbench.engine.program.checker.values.bounds import bounded, bounds_together
from workbench.engine.program.checker.values.call import Call, Unproven, meta
from workbench.engine.program.checker.values.places import (
    broadcast,
    clear_of,
    kept_dims,
    rearranged,
    without,
)
from workbench.engine.program.checker.values.value import Value

A = torch.ops.aten


def select(call: Call) -> Value:
    """Rule of ``select``: one entry of a dimension that is not the records'."""
    value = call.args["self"]
    return rearranged(value, call.out[0], kept_dims(value, [call.dim()]))


def unbind(call: Call) -> list[Value]:
    """Rule of ``unbind``: all entries of a dimension that is not the records'."""
    value = call.args["self"]
    return [rearranged(value, out, kept_dims(value, [call.dim()])) for out in call.out]


def part(call: Call) -> Value | list[Value]:
    """Rule of ``slice`` and ``split``: parts of a dimension that is not the records'."""
    value, dim = call.args["self"], call.dim()
    if call.out[0].shape != value.shape:
        clear_of(value, dim)
    kept = {d: d for d in range(len(value.shape))}
    whole = replace(
        value, same=frozenset(at for at in value.same if isinstance(at, int) or at.dim != dim)
    )
    found = [rearranged(whole, out, kept) for out in call.out]
    return found[0] if call.args["_name"] == "slice" else found


def part_backward(call: Call) -> Value:
    """Rule of ``select_backward`` and ``slice_backward``: zeros around what comes back."""
    value, out = call.args["grad_output"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    if call.args["_name"] == "select_backward":
        _comes_from(call, A.select.int, dim, call.args["index"])
        found = rearranged(value, out, {d: d + (d >= dim) for d in range(len(value.shape))})
    else:
        _comes_from(call, A.slice.Tensor, dim, *(call.args[n] for n in ("start", "end", "step")))
        if out.shape != value.shape:
            clear_of(value, dim)
        found = rearranged(value, out, {d: d for d in range(len(value.shape))})
    return without(found, dim)


def _comes_from(call: Call, operator: Callable[..., torch.Tensor], *args: Any) -> None:
    """Check that a gradient has the shape of what it is the gradient of: none is broadcast."""
    forward = operator(meta(call.out[0]), *args)
    if forward.shape != call.args["grad_output"].shape:
        raise Unproven("its operand has another size")


def diagonal(call: Call) -> Value:
    """Rule of ``diagonal``: two dimensions, neither the records', become one at the end."""
    value = call.args["self"]
    return without(
        rearranged(value, call.out[0], kept_dims(value, [call.dim("dim1"), call.dim("dim2")])),
        len(call.out[0].shape) - 1,
    )


def diagonal_backward(call: Call) -> Value:
    """Rule of ``diagonal_backward``: the last dimension, not the records', becomes two."""
    value, out = call.args["grad_output"], call.out[0]
    rank = len(out.shape)
    new = [call.dim("dim1", rank), call.dim("dim2", rank)]
    _comes_from(call, A.diagonal.default, *(call.args[n] for n in ("offset", "dim1", "dim2")))
    kept = [dim for dim in range(rank) if dim not in new]
    return without(rearranged(value, out, dict(enumerate(kept))), *new)


def cat(call: Call) -> Value:
    """Rule of ``cat``: tensors are put one behind the other along a dimension not the records'."""
    values, out = call.args["tensors"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    if any(len(value.shape) != len(out.shape) for value in values):
        raise Unproven("its operands have different ranks")
    # Along `dim` nothing is broadcast, whatever the sizes are.
    stretched = [
        replace(v, shape=(*v.shape[:dim], out.shape[dim], *v.shape[dim + 1 :])) for v in values
    ]
    found = broadcast(stretched, out)
    clear_of(found, dim)
    both = bounds_together(values)
    return without(found, dim) if both is None else bounded(without(found, dim), *both)


def stack(call: Call) -> Value:
    """Rule of ``stack``: as `cat`, along a new dimension."""
    values, out = call.args["tensors"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    rank = len(values[0].shape)
    flat = replace(out, shape=values[0].shape)
    found = rearranged(broadcast(values, flat), out, {d: d + (d >= dim) for d in range(rank)})
    both = bounds_together(values)
    return without(found, dim) if both is None else bounded(without(found, dim), *both)
