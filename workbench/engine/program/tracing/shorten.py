"""Shorten a list of operators without changing a number that it gives."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx

A = torch.ops.aten


_COPIES = (A.detach.default, A.alias.default, A.lift_fresh_copy.default)
_SHAPES = (
    A.view.default,
    A._unsafe_view.default,
    A.reshape.default,
    A.unsqueeze.default,
    A.squeeze.dim,
    A.squeeze.dims,
)
"""Operators that give the same entries in the same order, in another shape."""
_PARTS = (
    A.select.int,
    A.select_backward.default,
    A.slice.Tensor,
    A.slice_backward.default,
    A.expand.default,
)
"""Operators that do too where they give as many entries as they are given."""
_IN_PLACE = {A.squeeze_.dim: A.squeeze.dim, A.squeeze_.dims: A.squeeze.dims}
"""Operators that change only how a tensor's memory is read, which ``vmap`` uses on its own."""


def out_of_place(node: torch.fx.Node) -> None:
    """Let later nodes read a new view instead of one that was changed."""
    if node.target not in _IN_PLACE:
        return
    source = node.args[0]
    assert isinstance(source, torch.fx.Node)
    node.target = _IN_PLACE[node.target]
    later = False
    for other in list(node.graph.nodes):
        if later and source in other.all_input_nodes:
            other.replace_input_with(source, node)
        later = later or other is node


def once(graph: torch.fx.Graph) -> None:
    """Make equal calls once; numbers are told apart by their dtype and by the sign of 0."""
    seen: dict[object, torch.fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        key = (node.target, _exact(node.args), _exact(node.kwargs))
        first = seen.setdefault(key, node)
        if first is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)


def _exact(value: Any) -> object:
    """Return a key that is equal for arguments that are equal to the last bit."""
    if isinstance(value, list | tuple):
        return (list, *(_exact(v) for v in value))
    if isinstance(value, dict):
        return (dict, *((k, _exact(v)) for k, v in value.items()))
    return (float, value.hex()) if isinstance(value, float) else (type(value), value)


def shorten(node: torch.fx.Node) -> None:
    """Take out steps that only give the same entries in the same order, or write them as one."""
    source = node.args[0] if node.args else None
    if not isinstance(source, torch.fx.Node):
        return
    if node.target in _COPIES or _multiplies_by_one(node):
        node.replace_all_uses_with(source)
    elif node.target in _SHAPES or _only_takes_a_shape(node, source):
        shape = list(node.meta["val"].shape)
        if source.target is A.reshape.default and isinstance(source.args[0], torch.fx.Node):
            source = source.args[0]
        # The same entries, whatever the strides of what it is given.
        node.target, node.args, node.kwargs = A.reshape.default, (source, shape), {}
        if list(source.meta["val"].shape) == shape:
            node.replace_all_uses_with(source)


def _only_takes_a_shape(node: torch.fx.Node, source: torch.fx.Node) -> bool:
    """Return whether a node picks all of what it is given, or all of what it gives."""
    one, two = source.meta.get("val"), node.meta.get("val")
    return (
        node.target in _PARTS
        and isinstance(one, torch.Tensor)
        and isinstance(two, torch.Tensor)
        and one.numel() == two.numel()
    )


def _multiplies_by_one(node: torch.fx.Node) -> bool:
    """Return whether a node multiplies by 1 and changes no dtype."""
    if node.target is not A.mul.Scalar or node.args[1] != 1:
        return False
    source = node.args[0]
    return isinstance(source, torch.fx.Node) and (
        node.meta["val"].dtype == source.meta["val"].dtype
    )
