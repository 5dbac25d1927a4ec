"""Compute once what depends on shapes alone."""

from __future__ import annotations

import torch
import torch.fx

from workbench.engine.program.tracing.order import in_order

A = torch.ops.aten


_OF_SHAPES = (
    A.zeros.default,
    A.ones.default,
    A.full.default,
    A.zeros_like.default,
    A.ones_like.default,
    A.full_like.default,
    A.new_zeros.default,
    A.new_ones.default,
    A.new_full.default,
    A.scalar_tensor.default,
    A.arange.default,
    A.arange.start,
    A.arange.start_step,
    A.eye.default,
    A.linspace.default,
)
"""Operators that make tensors from shapes alone."""
_FOLDED = 1 << 24
"""How many numbers a program's constants may have together; what is more is made each time."""


def fold(module: torch.fx.GraphModule) -> dict[str, torch.Tensor]:
    """Compute once what depends on shapes alone, and return it by name, of any shape and dtype."""
    constants: dict[str, torch.Tensor] = {}
    room = _FOLDED
    known: dict[torch.fx.Node, torch.Tensor] = {}
    for node in list(module.graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, torch.Tensor):
            continue
        from_known = node.all_input_nodes and all(n in known for n in node.all_input_nodes)
        if value.numel() > room or not (from_known or node.target in _OF_SHAPES):
            continue
        room -= value.numel()
        arguments = torch.fx.map_arg(
            (node.args, node.kwargs), lambda n: known[n] if n in known else _empty(n.meta["val"])
        )
        known[node] = in_order(node.target(*arguments[0], **arguments[1]))
    for node, found in known.items():
        if not all(user in known for user in node.users):
            name = f"_folded_{node.name}"
            constants[name] = found
            # A plain attribute is found faster than a buffer.
            object.__setattr__(module, name, found)
            with module.graph.inserting_before(node):
                kept = module.graph.create_node("get_attr", name)
            kept.meta = dict(node.meta)
            node.replace_all_uses_with(kept, delete_user_cb=lambda user: user not in known)
    return constants


def _empty(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor that lies as `value` does; nobody reads its numbers."""
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)
