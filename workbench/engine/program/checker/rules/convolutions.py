"""Rules of convolutions."""

from __future__ import annotations

from dataclasses import replace

import torch

from workbench.engine.program.checker.values.call import Call, meta, need
from workbench.engine.program.checker.values.value import Place, Value

A = torch.ops.aten


def convolution(call: Call) -> Value:
    """Rule of ``convolution``: records are images, or groups of channels with their own weights."""
    value, weight, bias = (call.args[name] for name in ("input", "weight", "bias"))
    out = call.out[0]
    _convolved(call, value, weight)
    if weight.place is None and (value.place is None or value.place.dim == 0):
        need(bias is None or bias.place is None, "its bias is one record's")
        return replace(out, place=value.place)
    own = _own_weights(call, value, weight)
    need(bias is None or _lies(bias, own), "its bias lies elsewhere")
    return replace(out, place=replace(own, dim=1))


def _lies(value: Value, place: Place) -> bool:
    """Return whether records lie at `place`, or could: a public value that is the same there."""
    return value.place == place or (value.place is None and value.is_same_at(place))


def _own_weights(call: Call, value: Value, weight: Value) -> Place:
    """Return where the records lie in the weights, where each record has its own."""
    records, groups = call.records, call.args["groups"]
    place = Place(0, 1, weight.shape[0] // records)
    need(weight.shape[0] % records == 0 and _lies(weight, place), "its weights lie elsewhere")
    need(not call.args["transposed"], "it is transposed, with weights of each record's own")
    if value.place is None and groups == 1:
        return place
    need(groups % records == 0, "its groups are not those of the records")
    need(_lies(value, Place(1, 1, value.shape[1] // records)), "its channels lie elsewhere")
    return place


def _convolved(call: Call, value: Value, weight: Value) -> None:
    """Check the sizes and options of a convolution, and that each window meets the image."""
    rank = len(value.shape)
    need(rank in (3, 4, 5) and len(weight.shape) == rank, "its operands have other ranks")
    need(value.dtype == weight.dtype and value.dtype.is_floating_point, "its dtypes differ")
    for name, least in (("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)):
        given = call.args[name]
        need(len(given) in (1, rank - 2) and min(given) >= least, f"'{name}' is out of range")
    for dim, size in enumerate(weight.shape[2:]):
        padding, dilation = (call.args[n][dim % len(call.args[n])] for n in ("padding", "dilation"))
        # PyTorch's kernel for channels that come last reads what is not its own there; one that is
        # transposed uses it for its gradient.
        need(padding <= dilation * (size - 1), "a window lies beside the image")


def convolution_backward(call: Call) -> list[Value]:
    """Rule of its gradient: that of the input, and of weights where they are each record's own."""
    gradient, value, weight = (call.args[name] for name in ("grad_output", "input", "weight"))
    out = call.out
    _convolved(call, value, weight)
    how = [
        call.args[name]
        for name in ("stride", "padding", "dilation", "transposed", "output_padding", "groups")
    ]
    forward = A.convolution.default(meta(value), meta(weight), None, *how)
    alike = (gradient.shape, gradient.dtype) == (forward.shape, value.dtype)
    need(alike, "its gradient has another size")
    if call.args["output_mask"][2]:
        sizes = call.args["bias_sizes"] or ()
        need(tuple(sizes) == forward.shape[1:2], "its bias has another size")
    total = [replace(one, total=True) for one in out]
    place = gradient.place or value.place
    if place is None and weight.place is None:
        return list(out)
    if weight.place is None and place is not None and place.dim == 0:
        alike = _lies(gradient, place) and _lies(value, place)
        need(alike, "its operands have their records at different places")
        return [replace(out[0], place=place), total[1], total[2]]
    own = _own_weights(call, value, weight)
    need(_lies(gradient, replace(own, dim=1)), "its gradient lies elsewhere")
    inputs = Place(1, 1, value.shape[1] // call.records)
    return [
        replace(out[0], place=inputs) if call.args["groups"] > 1 else total[0],
        replace(out[1], place=own),
        replace(out[2], place=own),
    ]
