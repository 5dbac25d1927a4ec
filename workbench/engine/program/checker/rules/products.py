"""Rules of products of matrices."""

from __future__ import annotations

from dataclasses import replace

from workbench.engine.program.checker.values.call import Call, Unproven
from workbench.engine.program.checker.values.places import broadcast, total_of, without
from workbench.engine.program.checker.values.value import Value


def _product(call: Call, left: Value, right: Value) -> Value:
    """Find where records lie in ``(n, m) @ (m, p)``, or in ``(b, n, m) @ (b, m, p)``."""
    out = call.out[0]
    batch = len(out.shape) - 2
    one, two = left.place, right.place
    if one and two and (one.dim, two.dim) == (batch + 1, batch):
        if replace(one, dim=0) != replace(two, dim=0):
            raise Unproven("its operands have their records at different places")
        return total_of(call)
    for place, inner in ((one, batch + 1), (two, batch)):
        if place is not None and place.dim == inner:
            raise Unproven("it adds up records")
    if two is not None and two.dim == batch + 1:
        raise Unproven(
            "its records are columns, which are added up in an order that their place sets"
        )
    sides = [
        replace(without(left, batch + 1), shape=(*out.shape[:-1], 1)),
        # Equal columns are not added up in equal orders.
        replace(without(right, batch, batch + 1), shape=(*out.shape[:-2], 1, out.shape[-1])),
    ]
    return broadcast(sides, out)


def mm(call: Call) -> Value:
    """Rule of ``mm`` and ``bmm``: records are rows of the result, or apart from the product."""
    first, second = call.tensors
    return _product(call, first, second)


def addmm(call: Call) -> Value:
    """Rule of ``addmm`` and ``baddbmm``: a product and what is added to it."""
    names = ("mat1", "mat2") if "mat1" in call.args else ("batch1", "batch2")
    product = _product(call, *(call.args[name] for name in names))
    if product.total:
        raise Unproven("it adds to a sum over records")
    return broadcast([call.args["self"], product], call.out[0])
