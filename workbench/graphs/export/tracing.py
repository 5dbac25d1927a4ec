"""Trace a module of one record under ``torch.export``, and load it as a domain would."""

from __future__ import annotations

import functools
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
import torch.fx.traceback
from torch import nn

from workbench.errors import (
    GraphRefused,
    ReductionOfOneRecord,
    WorkbenchError,
    warn_at_their_line,
)
from workbench.graphs.export.decompositions.table import DECOMPOSITIONS
from workbench.graphs.export.following import line_of, not_followed
from workbench.graphs.export.reductions import told_reductions, warning_of
from workbench.graphs.export.writing import PREFIX, archived
from workbench.graphs.inputs import expected_spec
from workbench.graphs.operators.allowed import ALLOWED, remedy
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import MOST_PARAMETERS, Limits, RecordGraph, Role


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
    } | {operator: _telling_its_line(how) for operator, how in DECOMPOSITIONS.items()}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            program: torch.export.ExportedProgram = torch.export.export(module, values)
            _check_shapes(program)
            told = [warning_of(words, _line(node)) for node, words in told_reductions(program)]
            program = program.run_decompositions(decompositions)
    except WorkbenchError as error:
        # Without the frames of torch.export, which tell a researcher nothing.
        raise error.with_traceback(None) from None
    except Exception as error:
        raise not_followed(error) from None
    _check_unwritten(program)
    # What PyTorch warns of while it exports is not for researchers.
    told += [w.message for w in caught if isinstance(w.message, ReductionOfOneRecord)]
    for words in dict.fromkeys(map(str, told)):
        warn_at_their_line(words, ReductionOfOneRecord)
    return program


def _check_shapes(program: torch.export.ExportedProgram) -> None:
    """Check that no mask chooses entries: there would be as many as the record's values say."""
    for node in program.graph.nodes:
        indices = node.args[1] if node.target is torch.ops.aten.index.Tensor else ()
        if any(i is not None and i.meta["val"].dtype == torch.bool for i in indices):
            raise GraphRefused(
                "x[mask] has a shape that depends on the record's values",
                "Use torch.where with masks: torch.where(mask, x, 0.0).",
            ).at(_line(node))


def _check_unwritten(program: torch.export.ExportedProgram) -> None:
    """Check that the function writes no parameter, no buffer and no column of the record."""
    signature = program.graph_signature
    changed = set(signature.user_inputs_to_mutate)
    for node in program.graph.nodes:
        if node.name in changed:
            raise GraphRefused(
                "a column of the record is changed in place",
                "Make a new tensor: x = record['image'] / 16 instead of .div_(16).",
            ).at(_line(node))
    written = [("buffer", name) for name in signature.buffers_to_mutate.values()]
    written += [("parameter", name) for name in signature.parameters_to_mutate.values()]
    if written:
        kind, name = written[0]
        raise GraphRefused(
            f"{kind} '{name.removeprefix(PREFIX)}' is written in forward(); a record graph keeps "
            "no state",
            "Remove running statistics and counters from the model, and max_norm from embeddings; "
            ".eval() keeps the statistics of spectral_norm as they are.",
        )


def loaded(program: torch.export.ExportedProgram, role: Role = "loss") -> RecordGraph:
    """Return an exported program as the record graph that a domain would load.

    Raises
    ------
    GraphRefused, TooLarge
        If a domain would refuse it; names the line of the researcher's code where it is known.
    """
    lines = {node.name: line for node in program.graph.nodes if (line := _line(node))}
    called = {node.name: _called(node) for node in program.graph.nodes}
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
        raise _of_composite(error, called.get(origin)).at((used | lines).get(origin)) from None
    return replace(graph, lines=lines)


def _check_effects(program: torch.export.ExportedProgram) -> None:
    """Check that no operator is ordered by a token, as those are that raise errors."""
    ordered = torch.ops.higher_order.with_effects
    for node in program.graph.nodes:
        if node.target is ordered:
            name = str(node.args[1])
            refused = GraphRefused(f"graph: operator '{name}' is not allowed", remedy(name))
            raise refused.at(next(filter(None, map(_line, (node, *node.all_input_nodes))), ""))


def _telling_its_line(how: Callable[..., Any]) -> Callable[..., Any]:
    """Return `how` to take an operator apart, with the researcher's line in what it refuses."""

    @functools.wraps(how)
    def told(*args: Any, **named: Any) -> Any:
        try:
            return how(*args, **named)
        except GraphRefused as error:
            meta = torch.fx.traceback.get_current_meta()
            called = _source(meta.get("from_node"))
            own = remedy(called or "")
            raise GraphRefused(
                error.message if called is None else f"'{called}': {error.message}",
                error.hint if own == remedy("") else own,
            ).at(_line_in(meta.get("stack_trace"))) from None

    return told


def _called(node: torch.fx.Node) -> str | None:
    """Return the operator that the researcher called, of which `node` is a part."""
    return _source(node.meta.get("from_node"))


def _source(sources: Any) -> str | None:
    while sources and sources[-1].from_node:
        sources = sources[-1].from_node
    return str(sources[-1].target) if sources else None


def _of_composite(error: GraphRefused, called: str | None) -> GraphRefused:
    """Return a refusal that names what was called, where that is made of what is refused."""
    found = _NOT_ALLOWED.fullmatch(error.message)
    if not found or called in (None, found[1]) or not str(called).startswith("aten."):
        return error
    message = f"graph: operator '{called}' needs '{found[1]}', which is not allowed"
    own = remedy(str(called))
    refused = GraphRefused(message, error.hint if own == remedy("") else own)
    refused.origin = error.origin
    return refused


_NOT_ALLOWED = re.compile(r"graph: operator '(.+)' is not allowed")
_UNUSED = re.compile(r"_unused_\d+$")
"""What the name of an output that nothing uses ends with, after its operator's name."""
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in .*\n\s+(.*)')


def _line(node: torch.fx.Node) -> str:
    """Return the researcher's line that made a value, or of several values this one."""
    if node.target is operator.getitem:
        return _line(node.all_input_nodes[0])
    return _line_in(node.meta.get("stack_trace"))


def _line_in(trace: str | None) -> str:
    found = _FRAME.findall(trace or "")
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
            "See docs/models.md for layers that work and their replacements.",
        ) from None


def example_of(column: Any) -> torch.Tensor:
    """Return an example of a column: int64 of shape ``()``, or float32 of the column's shape."""
    spec = expected_spec(column)
    if spec.dtype == torch.int64:
        return torch.zeros((), dtype=torch.int64)
    return torch.full(spec.shape, (column.lower + column.upper) / 2, dtype=torch.float32)
