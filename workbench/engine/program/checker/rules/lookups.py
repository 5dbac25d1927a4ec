"""Rules of operators that look up, or add, at an index."""

from __future__ import annotations

from dataclasses import replace

import torch

from workbench.engine.program.checker.values.call import Call, need
from workbench.engine.program.checker.values.places import (
    broadcast,
    clear_of,
    rearranged,
    total_of,
    without,
)
from workbench.engine.program.checker.values.value import Value


def _within(index: Value, size: int) -> None:
    """Check that an index, of whole numbers, is surely at least 0 and below `size`."""
    ends = index.limits
    need(index.dtype in (torch.int64, torch.int32), "its index is not of whole numbers")
    need(ends is not None and ends[0] >= 0 and ends[1] < size, "its index may be out of range")


def embedding(call: Call) -> Value:
    """Rule of ``embedding``: rows of a public table."""
    table, index, out = call.args["weight"], call.args["indices"], call.out[0]
    need(len(table.shape) == 2, "its table is no table")
    need(not call.args["scale_grad_by_freq"] and not call.args["sparse"], "an option is on")
    need(table.place is None, "each record has a table of its own: use gather")
    _within(index, table.shape[0])
    return replace(out, place=index.place, same=index.same, bounds=table.bounds)


def gather(call: Call) -> Value:
    """Rule of ``gather``: within each record, along a dimension that is not the records'."""
    value, index, out = call.args["self"], call.args["index"], call.out[0]
    dim = call.dim()
    need(len(index.shape) == len(value.shape) > 0, "its operands have different ranks")
    _within(index, value.shape[dim])
    for d in range(len(value.shape)):
        need(d == dim or index.shape[d] == value.shape[d], "its operands have other sizes")
    source = replace(value, shape=index.shape, same=value.same - {dim})
    clear_of(value, dim)
    clear_of(index, dim)
    return replace(broadcast([source, index], out), bounds=value.bounds)


def scatter_add(call: Call) -> Value:
    """Rule of ``scatter_add``: within each record, along a dimension that is not the records'."""
    value, index, source = (call.args[name] for name in ("self", "index", "src"))
    dim = call.dim()
    need(
        len(value.shape) == len(index.shape) > 0 and index.shape == source.shape,
        "its operands have other sizes",
    )
    _within(index, value.shape[dim])
    for d in range(len(value.shape)):
        need(d == dim or index.shape[d] == value.shape[d], "its operands have other sizes")
    for operand in (value, index, source):
        clear_of(operand, dim)
    same = [replace(v, shape=value.shape, same=v.same - {dim}) for v in (index, source)]
    return without(broadcast([value, *same], call.out[0]), dim)


def index_select(call: Call) -> Value:
    """Rule of ``index_select``: public indices into anything, private ones into a public table."""
    value, index, out = call.args["self"], call.args["index"], call.out[0]
    dim = call.dim()
    need(len(index.shape) == 1 and bool(value.shape), "its index is no list")
    _within(index, value.shape[dim])
    if index.place is None:
        clear_of(value, dim)
        kept = {d: d for d in range(len(value.shape))}
        return replace(without(rearranged(value, out, kept), dim), bounds=value.bounds)
    need(value.place is None, "private indices into a table of each record's own: use gather")
    return replace(out, place=replace(index.place, dim=dim), bounds=value.bounds)


def index_add(call: Call) -> Value:
    """Rule of ``index_add`` by a public index; along the records it is a total."""
    value, index, source = (call.args[name] for name in ("self", "index", "source"))
    dim = call.dim()
    need(
        len(index.shape) == 1 and len(value.shape) == len(source.shape) > 0,
        "its operands have different ranks",
    )
    _within(index, value.shape[dim])
    need(
        source.shape == (*value.shape[:dim], index.shape[0], *value.shape[dim + 1 :]),
        "its operands have other sizes",
    )
    if index.place is not None:
        need(
            source.place == replace(index.place, dim=dim) and value.place is None,
            "its operands have their records at different places",
        )
        return total_of(call)
    clear_of(value, dim)
    clear_of(source, dim)
    stretched = replace(source, shape=value.shape, same=source.same - {dim})
    return without(broadcast([value, stretched], call.out[0]), dim)
