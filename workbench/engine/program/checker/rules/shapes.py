"""Rules of operators that give the same entries in another shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from workbench.engine.program.checker.values.call import Call, Unproven
from workbench.engine.program.checker.values.places import kept_dims, place_between, rearranged
from workbench.engine.program.checker.values.value import Place, Value


def view(call: Call) -> Value:
    """Rule of ``reshape``: records lie where as many entries are before and after as there were."""
    value, out = call.args["self"], call.out[0]
    shape, records = value.shape, call.records

    def then(at: Place) -> Place | None:
        before = math.prod(shape[: at.dim]) * at.before
        return place_between(out.shape, before, records, math.prod(shape[at.dim + 1 :]) * at.after)

    if value.place is not None:
        place = then(value.place)
        if place is None:
            raise Unproven("it cuts the records apart")
        return replace(out, place=place, bounds=value.bounds)
    places = {at for at in value.same if isinstance(at, Place)}
    same: set[Place | int] = set()
    for dims in _runs(value):
        covered = _covered(
            out.shape, math.prod(shape[: dims[0]]), math.prod(shape[d] for d in dims)
        )
        same |= covered
        if not covered:
            for dim in dims:
                same |= _covered(out.shape, math.prod(shape[:dim]), shape[dim])
            places |= {Place(dim) for dim in dims if shape[dim] == records}
    same |= {there for at in places if (there := then(at)) is not None}
    return replace(out, same=frozenset(same), bounds=value.bounds)


def _runs(value: Value) -> list[list[int]]:
    """Return the dimensions along which a public tensor is the same, neighbours together."""
    runs: list[list[int]] = []
    for dim, size in enumerate(value.shape):
        if size == 1 or dim in value.same:
            if runs and runs[-1][-1] == dim - 1:
                runs[-1].append(dim)
            else:
                runs.append([dim])
    return runs


def _covered(shape: Sequence[int], before: int, size: int) -> set[int]:
    """Return the dimensions that together are what a dimension of `size` was, if there are any."""
    outside = 1
    for first in range(len(shape)):
        if outside == before:
            inside, last = 1, first
            while last < len(shape) and inside < size:
                inside *= shape[last]
                last += 1
            return set(range(first, last)) if inside == size else set()
        outside *= shape[first]
    return set()


def permute(call: Call) -> Value:
    """Rule of ``permute``, ``transpose`` and ``t``: dimensions change places."""
    value = call.args["self"]
    rank = len(value.shape)
    order = list(range(rank))
    if call.args["_name"] == "permute":
        order = call.dims("dims") if rank else []
    elif call.args["_name"] == "t":
        order.reverse()
    elif rank:
        one, two = call.dim("dim0"), call.dim("dim1")
        order[one], order[two] = order[two], order[one]
    return rearranged(value, call.out[0], {dim: order.index(dim) for dim in range(rank)})


def unsqueeze(call: Call) -> Value:
    """Rule of ``unsqueeze``: there is a new dimension of size 1."""
    value = call.args["self"]
    new = call.dim(rank=len(value.shape) + 1)
    return rearranged(value, call.out[0], {d: d + (d >= new) for d in range(len(value.shape))})


def squeeze(call: Call) -> Value:
    """Rule of ``squeeze``: named dimensions of size 1 go, others stay, also in a batch of one."""
    value = call.args["self"]
    dims = call.dims() if isinstance(call.args["dim"], list | tuple) else [call.dim()]
    return rearranged(
        value, call.out[0], kept_dims(value, [d for d in dims if value.shape[d : d + 1] == (1,)])
    )


def expand(call: Call) -> Value:
    """Rule of ``expand``: what is repeated is the same along the new entries."""
    value, out = call.args["self"], call.out[0]
    shift = len(out.shape) - len(value.shape)
    found = rearranged(value, out, {dim: dim + shift for dim in range(len(value.shape))})
    if found.place is not None:
        return found
    new = {d for d in range(len(out.shape)) if d < shift or value.shape[d - shift] == 1}
    return replace(found, same=found.same | new)
