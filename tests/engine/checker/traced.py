"""Programs of the form that the engine makes: samples of operators, under vmap and autograd."""

from __future__ import annotations

import torch.fx

from tests.engine.checker.generator import Program
from tests.engine.operator_samples import CALLS, Draw, batched, operands_of
from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.tracing.trace import trace

NAMES = tuple(CALLS)
"""The operators that a record graph may use."""


def traced(name: str, seed: int, records: int) -> Program | None:
    """Return the value and gradient of one operator for a chunk, all values as outputs.

    None if no record has a part in it.
    """
    call = CALLS[name](Draw(seed, records))
    operands = operands_of(call)
    if not operands:
        return None

    def function(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, gradients = batched(name, call, list(values))
        return (*outputs, *gradients)

    inputs = [
        Value(tuple(o.value.shape), o.value.dtype, Place(0) if o.mapped else None, laid=True)
        for o in operands
    ]
    module, constants = trace(function, inputs)
    graph = module.graph
    graph.erase_node(next(node for node in reversed(graph.nodes) if node.op == "output"))
    graph.output(tuple(graph.nodes))
    return Program(graph, inputs, constants, records)
