"""Trace a module of one record under ``torch.export``, and load it as a domain would."""

from __future__ import annotations

import inspect
import operator
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.fx
import torch.fx.proxy
from torch import nn

from workbench.errors import GraphRefused, WorkbenchError
from workbench.graphs.export.attention import attention
from workbench.graphs.export.following import line_of, not_followed
from workbench.graphs.export.writing import PREFIX, archived
from workbench.graphs.inputs import expected_spec
from workbench.graphs.operators.allowed import ALLOWED, remedy
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import MOST_PARAMETERS, Limits, RecordGraph, Role

A = torch.ops.aten


def exported(
    module: nn.Module, values: tuple[torch.Tensor, ...], function: Callable[..., Any]
) -> torch.export.ExportedProgram:
    # So that lines of the function are noted beside those of forward() methods.
    """Return a module of one record as an exported program of allowed operators.

    `values` are an example record's columns; for their shapes and dtypes see `example_of`.

    Raises
    ------
    GraphRefused
        If ``torch.export`` cannot follow it, or it writes a buffer.
    """
    anchor = getattr(torch.fx.proxy, "_register_stack_trace_anchor", None)
    if anchor is not None:
        anchor(inspect.unwrap(function))
    decompositions = {
        operator: how
        for operator, how in dict(torch.export.default_decompositions()).items()
        if str(operator) not in ALLOWED
    } | {A.scaled_dot_product_attention.default: attention}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: torch.export.ExportedProgram = torch.export.export(module, values)
            program = program.run_decompositions(decompositions)
    except WorkbenchError as error:
        # Without the frames of torch.export, which tell a researcher nothing.
        raise error.with_traceback(None) from None
    except Exception as error:
        raise not_followed(error) from None
    mutated = [*program.graph_signature.buffers_to_mutate.values()]
    if mutated:
        raise GraphRefused(
            f"buffer '{mutated[0].removeprefix(PREFIX)}' is written in forward(); a record graph "
            "keeps no state",
            "Remove running statistics and counters from the model.",
        )
    return program


def loaded(program: torch.export.ExportedProgram, role: Role = "loss") -> RecordGraph:
    """Return an exported program as the record graph that a domain would load.

    Raises
    ------
    GraphRefused, TooLarge
        If a domain would refuse it; names the line of the researcher's code where it is known.
    """
    lines = {node.name: line for node in program.graph.nodes if (line := _line(node))}
    _check_effects(program)
    constants = program.graph_signature.inputs_to_lifted_tensor_constants
    # A constant is where it is used first.
    used = {
        constants[node.name]: next(
            (lines[user.name] for user in node.users if user.name in lines), ""
        )
        for node in program.graph.nodes
        if node.name in constants
    }
    try:
        graph = load(archived(program), Limits(MOST_PARAMETERS), role)
    except GraphRefused as error:
        origin = _UNUSED.sub("", error.origin or "")
        raise error.at((used | lines).get(origin)) from None
    return replace(graph, lines=lines)


def _check_effects(program: torch.export.ExportedProgram) -> None:
    """Check that no operator is ordered by a token, as those are that raise errors."""
    ordered = torch.ops.higher_order.with_effects
    for node in program.graph.nodes:
        if node.target is ordered:
            name = str(node.args[1])
            refused = GraphRefused(f"graph: operator '{name}' is not allowed", remedy(name))
            raise refused.at(next(filter(None, map(_line, (node, *node.all_input_nodes))), ""))


_UNUSED = re.compile(r"_unused_\d+$")
"""What the name of an output that nothing uses ends with, after its operator's name."""
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in .*\n\s+(.*)')


def _line(node: torch.fx.Node) -> str:
    """Return the researcher's line that made a value, or of several values this one."""
    if node.target is operator.getitem:
        return _line(node.all_input_nodes[0])
    found = _FRAME.findall(str(node.meta.get("stack_trace", "")))
    return line_of((path, int(number), code) for path, number, code in found)


def try_mapped(graph: RecordGraph) -> None:
    """Check that the graph can be mapped over records, so that it fails here, at no cost.

    Raises
    ------
    GraphRefused
        If it cannot.
    """
    run = torch.fx.Interpreter(nn.Module(), graph=graph.graph).run
    bindings = graph.bindings.values()
    records = [torch.zeros((2, *spec.shape), dtype=spec.dtype) for spec in graph.input_specs]
    values = [b.chosen(records, graph.parameters, graph.constants) for b in bindings]
    dims = tuple(0 if binding.is_input else None for binding in bindings)
    try:
        with torch.no_grad():
            torch.func.vmap(run, in_dims=dims)(*values)
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise GraphRefused(
            f"the function cannot be mapped over records: {first[0][:500]}",
            "See docs/researcher.md for layers that work and their replacements.",
        ) from None


def example_of(column: Any) -> torch.Tensor:
    """Return an example of a column: int64 of shape ``()``, or float32 of the column's shape."""
    spec = expected_spec(column)
    if spec.dtype == torch.int64:
        return torch.zeros((), dtype=torch.int64)
    return torch.full(spec.shape, (column.lower + column.upper) / 2, dtype=torch.float32)
