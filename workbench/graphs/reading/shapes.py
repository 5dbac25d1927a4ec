"""Find the shape of every value without data, check every call, and add up sizes."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx

from workbench.errors import GraphRefused, TooLarge
from workbench.graphs.operators.allowed import check_call, check_value
from workbench.graphs.record_graph import Binding, Limits, TensorSpec


def is_operator(node: torch.fx.Node) -> bool:
    """Return whether a node calls an ATen operator."""
    return isinstance(node.target, torch._ops.OpOverload)


class _Sizes(torch.fx.Interpreter):
    """Runs a graph on fake tensors: checks each call, notes each value's spec, adds up sizes."""

    def __init__(self, graph: torch.fx.Graph, limit: int) -> None:
        super().__init__(torch.nn.Module(), graph=graph)
        self.extra_traceback = False
        self.limit = limit
        self.total = 0

    def run_node(self, n: torch.fx.Node) -> Any:
        if is_operator(n):
            try:
                check_call(n)
            except GraphRefused as error:
                error.origin = n.meta.get("origin")
                raise
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            n.meta["spec"] = check_value(n.name, value)
        if n.op == "call_function" and isinstance(value, torch.Tensor):
            self.total += value.numel() * value.element_size()
            if self.total > self.limit:
                raise TooLarge(
                    f"graph: its intermediate values take over {self.limit} bytes for one record"
                )
        return value


def propagate(
    graph: torch.fx.Graph,
    bindings: dict[str, Binding],
    tensors: dict[str, torch.Tensor],
    specs: tuple[TensorSpec, ...],
    limits: Limits,
) -> tuple[int, tuple[TensorSpec, ...]]:
    """Return the bytes of all intermediate values of one record, and the outputs' specs.

    `tensors` are parameters and constants, of any shape and allowed dtype.

    Raises
    ------
    GraphRefused
        If the operators do not fit together, or an output is not a tensor.
    TooLarge
        If the values of one record are over the limit.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    sizes = _Sizes(graph, limits.activation_bytes)
    with FakeTensorMode(), torch.no_grad():
        inputs = [torch.empty(spec.shape, dtype=spec.dtype) for spec in specs]
        fixed = {n: torch.empty(value.shape, dtype=value.dtype) for n, value in tensors.items()}
        values = [binding.chosen(inputs, fixed, fixed) for binding in bindings.values()]
        try:
            outputs = sizes.run(*values)
        except (TooLarge, GraphRefused):
            raise
        except Exception as error:
            raise GraphRefused(
                f"graph: its operators do not fit together ({type(error).__name__})"
            ) from None
    if not all(isinstance(value, torch.Tensor) for value in outputs):
        raise GraphRefused("graph: an output is not a tensor")
    return sizes.total, tuple(TensorSpec(tuple(value.shape), value.dtype) for value in outputs)
