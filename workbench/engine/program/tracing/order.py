"""Copy operands into row-major order where the checker asks for it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker.rules.order import ORDERED, lies_in_order
from workbench.engine.program.checker.values.value import Value

A = torch.ops.aten


def lay_together(graph: torch.fx.Graph, inputs: Sequence[Value]) -> None:
    """Copy into row-major order what is not known to lie so, for operators that need it."""
    given = iter(inputs)
    laid: dict[torch.fx.Node, Any] = {}
    for node in list(graph.nodes):
        if node.op == "placeholder":
            laid[node] = next(given).laid
        elif node.target is operator.getitem:
            laid[node] = laid[node.args[0]][node.args[1]]
        elif node.op == "get_attr":
            laid[node] = True
        elif node.op == "call_function":
            if node.target in ORDERED:
                for source in node.all_input_nodes:
                    if not laid[source]:
                        _copy_before(node, source, laid)
            before = [laid[source] for source in node.all_input_nodes]
            value = node.meta["val"]
            found = [
                r is not None and lies_in_order(node.target, node.kwargs, before, r)
                for r in (value if isinstance(value, list | tuple) else [value])
            ]
            laid[node] = found if isinstance(value, list | tuple) else found[0]


def in_order(tensor: torch.Tensor) -> torch.Tensor:
    # Not by `contiguous`, which leaves the strides of dimensions of size 1.
    """Return a copy, in row-major order, of a tensor of any shape and dtype."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _copy_before(
    node: torch.fx.Node, source: torch.fx.Node, laid: dict[torch.fx.Node, Any]
) -> None:
    """Let `node` read a copy of `source` that lies in row-major order."""
    with node.graph.inserting_before(node):
        copy = node.graph.call_function(
            A.clone.default, (source,), {"memory_format": torch.contiguous_format}
        )
    copy.meta = dict(node.meta) | {"val": in_order(source.meta["val"])}
    node.replace_input_with(source, copy)
    laid[copy] = True
