"""Flatten a function of tensors into one list of operator calls.

The function is followed once on tensors without data (``make_fx`` on fake tensors), through
``vmap`` and ``autograd``. What comes out is a plain sequence of the same ATen operators, forward
and backward: the same numbers, without the cost of following it again for every batch. TorchScript
then runs that sequence without Python in between; nothing is compiled, so no bit changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.fx
from torch._functorch.compile_utils import fx_graph_cse
from torch.fx.experimental.proxy_tensor import make_fx

_COPIES = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)
_OF_SHAPES = (
    torch.ops.aten.zeros_like.default,
    torch.ops.aten.ones_like.default,
    torch.ops.aten.full_like.default,
    torch.ops.aten.new_zeros.default,
    torch.ops.aten.scalar_tensor.default,
)
"""Operators that make tensors from shapes alone."""
_FOLDED = 1 << 16
"""How many numbers a tensor may have to be kept instead of being made each time."""
_VIEWS = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)


def flatten(function: Callable[..., Any], examples: Sequence[torch.Tensor]) -> Callable[..., Any]:
    """Return a function that does the same on tensors of the examples' shapes and dtypes.

    Parameters
    ----------
    function
        Takes as many tensors as there are `examples`; must not look at their values.
    examples
        Only their shapes and dtypes count.
    """
    module = make_fx(function, tracing_mode="fake")(*examples)
    for node in module.graph.nodes:
        if node.op == "call_function":
            _shorten(node)
    _fold(module)
    module.graph.eliminate_dead_code()
    flat = torch.fx.GraphModule(module, fx_graph_cse(module.graph))
    found: Callable[..., Any] = _without_python(flat, tuple(examples))
    return found


def _without_python(flat: torch.fx.GraphModule, examples: tuple[torch.Tensor, ...]) -> Any:
    with torch.no_grad(), warnings.catch_warnings():
        # It warns of its age; and of values that the shapes fix, which is what is wanted.
        warnings.simplefilter("ignore")
        try:
            return torch.jit.trace(flat, examples, check_trace=False)  # type: ignore[no-untyped-call]
        except RuntimeError:
            # It cannot write down the gradient of a convolution, whose cost is not in Python.
            return flat


def _fold(module: torch.fx.GraphModule) -> None:
    """Compute once what depends on shapes alone; what only that needed then goes."""
    written = _written(module.graph)
    known: dict[torch.fx.Node, torch.Tensor] = {}
    for node in list(module.graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or node in written or not isinstance(value, torch.Tensor):
            continue
        from_known = node.all_input_nodes and all(n in known for n in node.all_input_nodes)
        if value.numel() > _FOLDED or not (from_known or node.target in _OF_SHAPES):
            continue
        arguments = torch.fx.map_arg(
            (node.args, node.kwargs), lambda n: known[n] if n in known else _empty(n.meta["val"])
        )
        known[node] = node.target(*arguments[0], **arguments[1])
    for node, found in known.items():
        if not all(user in known for user in node.users):
            name = f"_folded_{node.name}"
            module.register_buffer(name, found)
            with module.graph.inserting_before(node):
                kept = module.graph.get_attr(name)
            kept.meta["val"] = node.meta["val"]
            node.replace_all_uses_with(kept, delete_user_cb=lambda user: user not in known)


def _empty(value: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)


def _written(graph: torch.fx.Graph) -> set[torch.fx.Node]:
    """Return the nodes into whose memory an operator may write, or who gets the results."""
    found: set[torch.fx.Node] = set()
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op != "output" and not (schema and schema.is_mutable):
            continue
        waiting = list(node.all_input_nodes)
        while waiting:
            one = waiting.pop()
            found.add(one)
            made = getattr(one.target, "_schema", None)
            if made and any(value.alias_info for value in made.returns):
                waiting += one.all_input_nodes
    return found


def _shorten(node: torch.fx.Node) -> None:
    """Take out steps that only give the same tensor, or a view of a view."""
    source = node.args[0] if node.args else None
    if not isinstance(source, torch.fx.Node):
        return
    if node.target in _VIEWS:
        if source.target in _VIEWS and isinstance(source.args[0], torch.fx.Node):
            node.update_arg(0, source.args[0])
            source = source.args[0]
        if node.meta["val"].shape == source.meta["val"].shape:
            node.replace_all_uses_with(source)
    elif node.target in _COPIES or _multiplies_by_one(node):
        node.replace_all_uses_with(source)


def _multiplies_by_one(node: torch.fx.Node) -> bool:
    if node.target is not torch.ops.aten.mul.Scalar or node.args[1] != 1:
        return False
    source = node.args[0]
    return isinstance(source, torch.fx.Node) and (
        node.meta["val"].dtype == source.meta["val"].dtype
    )
