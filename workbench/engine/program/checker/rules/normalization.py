"""Rules of layer and group normalization."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from workbench.engine.program.checker.values.call import Call, need
from workbench.engine.program.checker.values.places import broadcast, clear_of, rearranged, without
from workbench.engine.program.checker.values.value import Value


def layer_norm(call: Call) -> list[Value]:
    """Rule of ``native_layer_norm``: over the last dimensions, which are not the records'."""
    value, shape = call.args["input"], tuple(call.args["normalized_shape"])
    _over_last(value, shape)
    for name in ("weight", "bias"):
        other = call.args[name]
        _scales(other, shape, value.dtype)
    rank = len(value.shape)
    last = range(rank - len(shape), rank)
    return [without(rearranged(value, out, {d: d for d in range(rank)}), *last) for out in call.out]


def _scales(other: Value | None, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Check that a weight or bias is public and has this shape and dtype."""
    if other is not None:
        fits = other.place is None and (other.shape, other.dtype) == (shape, dtype)
        need(fits, "its weight or bias is another")


def _over_last(value: Value, shape: tuple[int, ...]) -> None:
    """Check that `shape` is that of the value's last dimensions, none of them the records'."""
    rank = len(value.shape)
    need(bool(shape) and value.shape[-len(shape) :] == shape, "it is not over the last dimensions")
    need(value.dtype.is_floating_point, "it takes floats")
    clear_of(value, *range(rank - len(shape), rank))


def layer_norm_backward(call: Call) -> list[Value]:
    """Rule of its gradient: those of weight and bias are sums over records."""
    shape = tuple(call.args["normalized_shape"])
    gradient, value = call.args["grad_out"], call.args["input"]
    out = call.out
    rank, size = len(value.shape), value.shape[: len(value.shape) - len(shape)]
    need(gradient.shape == value.shape, "its operands have other sizes")
    operands = []
    for name in ("grad_out", "input", "mean", "rstd"):
        operand = call.args[name]
        need(operand.dtype == value.dtype, "its dtypes differ")
        if name in ("mean", "rstd"):
            need(operand.shape == (*size, *[1] * len(shape)), f"'{name}' has another shape")
        else:
            _over_last(operand, shape)
        operands.append(operand)
    _scales(call.args["weight"], shape, value.dtype)
    joined = broadcast(operands, replace(out[0], shape=value.shape, dtype=value.dtype))
    found = without(joined, *range(rank - len(shape), rank))
    rest = [replace(o, total=True) if joined.place else o for o in out[1:]]
    return [found, *rest]


def group_norm(call: Call) -> list[Value]:
    """Rule of ``native_group_norm``: over groups of channels of each image; records are images."""
    value, out = call.args["input"], call.out
    _images(call, value)
    for name in ("weight", "bias"):
        other = call.args[name]
        _scales(other, (call.args["C"],), value.dtype)
    if value.place is None:
        return list(out)
    return [replace(o, place=value.place) for o in out]


def _images(call: Call, value: Value) -> None:
    """Check that the sizes a call gives are those of its images, and that records are images."""
    images, channels, positions = (call.args[name] for name in ("N", "C", "HxW"))
    need(len(value.shape) >= 2 and value.shape[:2] == (images, channels), "its sizes differ")
    need(math.prod(value.shape) == images * channels * positions, "its sizes differ")
    need(channels % call.args["group"] == 0, "its groups do not divide the channels")
    need(value.dtype.is_floating_point, "it takes floats")
    need(value.place is None or value.place.dim == 0, "it works along the records")


def group_norm_backward(call: Call) -> list[Value]:
    """Rule of its gradient: those of weight and bias are sums over records."""
    gradient, value, out = call.args["grad_out"], call.args["input"], call.out
    _images(call, value)
    _images(call, gradient)
    groups = (call.args["N"], call.args["group"])
    operands = [gradient, value]
    need(gradient.shape == value.shape, "its operands have other sizes")
    for name in ("mean", "rstd"):
        operand = call.args[name]
        need(operand.shape == groups and operand.dtype == value.dtype, f"'{name}' is another")
        operands.append(replace(operand, shape=(groups[0], *[1] * (len(value.shape) - 1))))
    _scales(call.args["weight"], (call.args["C"],), value.dtype)
    joined = broadcast(operands, replace(out[0], shape=value.shape, dtype=value.dtype))
    need(joined.place is None or joined.place.dim == 0, "it works along the records")
    found = without(joined, *range(1, len(value.shape)))
    rest = [replace(o, total=True) if joined.place else o for o in out[1:]]
    return [found, *rest]
