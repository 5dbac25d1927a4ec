"""Find where records lie after an operator has changed, joined or dropped dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.engine.program.checker.values.call import Call, Unproven
from workbench.engine.program.checker.values.value import Place, Value


def rearranged(value: Value, out: Value, to: Mapping[int, int]) -> Value:
    """Return `out` where dimension d of `value` became ``to[d]``; one that is missing is gone."""
    if value.place is not None and value.place.dim not in to:
        raise Unproven("it reduces, or picks, along the records")

    def then(at: Place | int) -> Place | int:
        return to[at] if isinstance(at, int) else replace(at, dim=to[at.dim])

    same = frozenset(then(at) for at in value.same if (at if isinstance(at, int) else at.dim) in to)
    place = None if value.place is None else then(value.place)
    return replace(out, place=place, same=same, bounds=value.bounds)  # type: ignore[arg-type]


def broadcast(values: Sequence[Value], out: Value) -> Value:
    """Return `out`, computed entry by entry from operands that are broadcast against each other."""
    rank = len(out.shape)

    def at(value: Value, dim: int) -> int:
        return dim - (rank - len(value.shape))

    places = {replace(v.place, dim=v.place.dim + rank - len(v.shape)) for v in values if v.place}
    if len(places) > 1:
        raise Unproven("its operands have their records at different places")
    if not places:
        found = {dim for dim in range(rank) if all(_is_same(v, at(v, dim)) for v in values)}
        more = {
            p
            for v in values
            for q in v.same
            if isinstance(q, Place)
            for p in [replace(q, dim=q.dim + rank - len(v.shape))]
            if all(_is_same(o, at(o, p.dim), p) for o in values)
        }
        return replace(out, same=frozenset(found | more))
    (place,) = places
    for value in values:
        dim = at(value, place.dim)
        if value.place is None and not _is_same(value, dim, place):
            raise Unproven("a public operand differs along the records")
        if value.place is not None and value.shape[dim] != out.shape[place.dim]:
            raise Unproven("it repeats records")
    return replace(out, place=place)


def _is_same(value: Value, dim: int, place: Place | None = None) -> bool:
    """Return whether all entries along `dim` are equal, or equal at each position of `place`."""
    if dim < 0 or value.shape[dim] == 1 or dim in value.same:
        return True
    return place is not None and replace(place, dim=dim) in value.same


def clear_of(value: Value, *dims: int) -> None:
    """Check that the records do not lie along any of `dims`."""
    if value.place is not None and value.place.dim in dims:
        raise Unproven("it works along the records")


def without(value: Value, *dims: int) -> Value:
    """Return `value`, but with nothing known of its entries along `dims` any more."""
    same = {at for at in value.same if (at if isinstance(at, int) else at.dim) not in dims}
    return replace(value, same=frozenset(same), bounds=None)


def kept_dims(value: Value, gone: Sequence[int]) -> dict[int, int]:
    """Return for each dimension that is not `gone` which dimension of the result it becomes."""
    kept = [dim for dim in range(len(value.shape)) if dim not in gone]
    return {dim: position for position, dim in enumerate(kept)}


def place_between(shape: Sequence[int], before: int, records: int, after: int) -> Place | None:
    """Return the place with so many entries before and after it, in row-major order."""
    outside = 1
    for dim, size in enumerate(shape):
        inner, rest = before // outside, math.prod(shape[dim + 1 :])
        whole = before % outside == 0 and size % (inner * records) == 0 if inner else False
        if whole and size // (inner * records) * rest == after:
            return Place(dim, inner, size // (inner * records))
        outside *= size
    return None


def total_of(call: Call) -> Value:
    """Return the result of a call as a sum over records, if the program may make one."""
    if not call.sums:
        raise Unproven("it adds up records")
    return replace(call.out[0], total=True)
