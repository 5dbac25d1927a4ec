"""Rules of operators on images: pooling and enlarging."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workbench.engine.program.checker.values.call import Call, need
from workbench.engine.program.checker.values.places import broadcast, clear_of, rearranged, without
from workbench.engine.program.checker.values.value import Value


def pooling(call: Call) -> Value | list[Value]:
    """Rule of pooling: by windows of the last two dimensions, which are not the records'."""
    value = call.args["self"]
    rank = len(value.shape)
    need(rank in (3, 4) and value.dtype.is_floating_point, "it takes images")
    clear_of(value, rank - 2, rank - 1)
    need(_each_window_has_some(call, value.shape[-2:]), "a window lies beside the image")
    need(_scales_fit(call, value.shape[-2:], call.out[0].shape[-2:]), "its scales do not fit")
    found = [
        without(rearranged(value, out, {d: d for d in range(rank)}), rank - 2, rank - 1)
        for out in call.out
    ]
    if len(found) == 1:
        return found[0]
    found[1] = replace(found[1], bounds=(0, value.shape[-2] * value.shape[-1] - 1))
    return found


def _each_window_has_some(call: Call, sizes: Sequence[int]) -> bool:
    """Return whether windows that begin before the image reach into it.

    Else the index of their largest entry is beyond the image.
    """
    steps, margins = (call.args.get(name, [0]) for name in ("dilation", "padding"))
    each = zip(sizes, (list(steps) * 2)[:2], (list(margins) * 2)[:2], strict=True)
    return all(margin == 0 or step <= size for size, step, margin in each)


def _scales_fit(call: Call, sizes: Sequence[int], out: Sequence[int]) -> bool:
    """Return whether scales that are given are those of the sizes: kernels look where they tell."""
    given = [call.args.get(name) for name in ("scales_h", "scales_w")]
    return all(
        scale is None or (0 < scale < 2**31 and math.floor(size * scale) == then)
        for scale, size, then in zip(given, sizes, out, strict=True)
    )


def pooling_backward(call: Call) -> Value:
    """Rule of the gradients of `pooling`; what they were taken at has the same places."""
    value = call.args.get("self")
    gradient, out = call.args["grad_output"], call.out[0]
    rank = len(out.shape)
    need(rank in (3, 4) and len(gradient.shape) == rank, "it takes images")
    need(gradient.shape[:-2] == out.shape[:-2], "its operands have other sizes")
    fits = _scales_fit(call, out.shape[-2:], gradient.shape[-2:])
    need(fits, "its scales do not fit")
    others = [v for v in (value, call.args.get("indices")) if v is not None]
    for other in others:
        need(other.shape[:-2] == out.shape[:-2], "its operands have other sizes")
    if (indices := call.args.get("indices")) is not None:
        within = indices.bounds is not None and indices.bounds[0] >= 0
        most = out.shape[-2] * out.shape[-1] - 1
        need(within and indices.bounds[1] <= most, "its indices may be out of range")
        need(indices.shape == gradient.shape, "its indices have another shape")
    flat = [replace(v, shape=(*v.shape[:-2], 1, 1)) for v in (gradient, *others)]
    for one in (gradient, *others):
        clear_of(one, rank - 2, rank - 1)
    joined = broadcast(flat, replace(out, shape=(*out.shape[:-2], 1, 1)))
    return without(replace(joined, shape=out.shape), rank - 2, rank - 1)
