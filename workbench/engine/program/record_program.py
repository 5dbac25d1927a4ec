"""Make programs of record graphs; a refusal names the operator of the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.checker.walk import Refused
from workbench.engine.program.program import Program
from workbench.engine.program.remembered import remembered
from workbench.engine.program.runner import Runner, pruned
from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import remedy
from workbench.graphs.record_graph import RecordGraph


class RecordProgram:
    """A checked program that computes tensors for each record of a chunk of a record graph.

    Parameters
    ----------
    graph
        The graph; its bindings say where parameters, constants and columns go.
    places
        The placeholders, in the order in which `function` takes their values.
    function
        As for `Program`.
    rows
        How many records a chunk has.

    Raises
    ------
    GraphRefused
        If the checker refuses it; names the operator of the graph and what to use.
    """

    def __init__(
        self,
        graph: RecordGraph,
        places: Sequence[torch.fx.Node],
        function: Callable[..., Any],
        rows: int,
    ) -> None:
        self.rows = rows
        self._bindings = [graph.bindings[str(place.target)] for place in places]
        self._constants = graph.constants
        inputs = []
        for place, binding in zip(places, self._bindings, strict=True):
            spec, mapped = place.meta["spec"], binding.is_input
            shape = (rows, *spec.shape) if mapped else spec.shape
            inputs.append(Value(shape, spec.dtype, Place(0) if mapped else None, laid=True))
        try:
            self.program = Program(function, inputs, rows)
        except Refused as error:
            raise _told(error, graph) from None

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What is known of its outputs."""
        return self.program.outputs

    def __call__(
        self, parameters: Mapping[str, torch.Tensor], columns: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """Return the tensors of one chunk, each of shape ``(rows, ...)``.

        Parameters
        ----------
        parameters
            Name to present value, float32.
        columns
            The graph's inputs, each of shape ``(rows, *shape)``.
        """
        constants = self._constants
        return self.program(*(b.chosen(columns, parameters, constants) for b in self._bindings))


def values_program(graph: RecordGraph, outputs: slice, rows: int) -> RecordProgram:
    """Return the program that computes some outputs of a graph for each record, without gradients.

    Parameters
    ----------
    graph
        The graph.
    outputs
        Which of its outputs.
    rows
        How many records a chunk has.

    Raises
    ------
    GraphRefused
        If the checker refuses it.
    """

    def make() -> RecordProgram:
        part = pruned(graph.graph, outputs)
        places = [node for node in part.nodes if node.op == "placeholder"]
        dims = tuple(0 if graph.bindings[str(p.target)].is_input else None for p in places)

        def run(*values: torch.Tensor) -> Any:
            with torch.no_grad():
                return torch.func.vmap(Runner(part).run, in_dims=dims)(*values)

        return RecordProgram(graph, places, run, rows)

    return remembered(graph, (outputs.start, outputs.stop, rows), make)


def public_program(
    graph: RecordGraph, function: Callable[..., Any], inputs: Sequence[Value]
) -> Program:
    """Return a checked program of tensors that no record has a part in.

    Parameters
    ----------
    graph
        Where `function` comes from, for messages.
    function, inputs
        As for `Program`; all inputs are public.

    Raises
    ------
    GraphRefused
        If the checker refuses it.
    """
    try:
        return Program(function, inputs, 2, "public")
    except Refused as error:
        raise _told(error, graph) from None


def _told(error: Refused, graph: RecordGraph) -> GraphRefused:
    """Return the error for a researcher: the operator of their graph, why, and what to use."""
    origin = _origin(error.node)
    name = str(origin.get("operator", error.node.target))
    found = GraphRefused(
        f"graph: '{name}' does not keep records apart: {error.reason} ({error.node.target})",
        remedy(name),
    )
    found.origin = origin.get("origin")
    return found.at(graph.lines.get(found.origin or ""))


def _origin(node: torch.fx.Node) -> dict[str, Any]:
    """Return the meta data of the nearest node that came from an operator of the record graph."""
    seen: set[torch.fx.Node] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop(0)
        if "origin" in one.meta:
            return dict(one.meta)
        if one not in seen:
            seen.add(one)
            waiting += one.all_input_nodes
    return {}
