"""Export the two graphs of a statistic: the vector of ONE record, and the update of the state.

A statistic sums a float32 vector over records. Where it takes several rounds, it reads a state
(named float32 tensors, public), and an update makes the next state from the noisy sum. The update
never sees a record, so nothing about privacy rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from workbench.documents.schema import Schema
from workbench.errors import GraphRefused
from workbench.graphs.export.constants import ConstantsComputed
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.following import at_bounds, followed
from workbench.graphs.export.forms.patching import seen_by_modes
from workbench.graphs.export.functions import one_path
from workbench.graphs.export.tracing import example_of, exported, loaded, try_mapped
from workbench.graphs.record_graph import RecordGraph
from workbench.graphs.roles import check_update

State = Mapping[str, torch.Tensor]
"""Name to tensor of any shape, float32: what one round leaves for the next."""
RecordFunction = Callable[..., torch.Tensor]
"""``f(record)``, or ``f(state, record)`` where there is a state.

Gives a number or a vector: of shape ``()`` or ``(d,)`` and any dtype.
"""
UpdateFunction = Callable[[dict[str, torch.Tensor], torch.Tensor], State]
"""``update(state, noisy_sum)``, the sum being float64 of shape ``(d,)``; gives the new state."""


class _OneVector(nn.Module):
    """The function and its state as one module of one record's columns."""

    def __init__(
        self, function: RecordFunction, schema: Schema, inputs: tuple[str, ...], state: State
    ) -> None:
        super().__init__()
        self.model = nn.ParameterDict(
            {
                name: nn.Parameter(value.detach().clone(), requires_grad=False)
                for name, value in state.items()
            }
        )
        self._call = (function, schema, inputs)

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        function, schema, inputs = self._call
        view = RecordView(schema, dict(zip(inputs, values, strict=True)))
        with seen_by_modes(), ConstantsComputed(), one_path():
            return followed(vector_of, function, view, dict(self.model.items()))


def vector_of(function: RecordFunction, record: RecordView, state: State) -> torch.Tensor:
    """Return what `function` gives for one record, as a float32 vector of shape ``(d,)``.

    Raises
    ------
    GraphRefused
        If it gives no tensor.
    """
    value = function(dict(state), record) if state else function(record)
    if not isinstance(value, torch.Tensor):
        raise GraphRefused(
            f"a statistic must return a tensor, not {type(value).__name__}",
            "For example: return torch.stack([record['age'] / 100, record['height'] / 250])",
        )
    return value.reshape(1).to(torch.float32) if value.dim() == 0 else value.to(torch.float32)


def export_statistic(
    function: RecordFunction, schema: Schema, state: State | None = None, *, in_tables: bool = False
) -> RecordGraph:
    """Return a function of one record as a graph that gives one vector.

    Parameters
    ----------
    function
        Takes a record, or a state and a record; returns a tensor of shape ``()`` or ``(d,)``.
    schema
        The dataset's schema.
    state
        Name to float32 tensor: where the first round starts.
    in_tables
        As in `workbench.graphs.export.training.export`.

    Raises
    ------
    GraphRefused
        If it cannot be such a graph; the message says what to use instead.
    UnknownColumn
        If the function asks for a column that the schema does not have.
    """
    examples = {column.name: example_of(column) for column in schema.usable}
    view = RecordView(schema, examples)

    def called(view: RecordView) -> None:
        with torch.no_grad():
            vector_of(function, view, state or {})

    if in_tables:
        at_bounds(lambda record: called(RecordView(schema, record)), schema)
    called(view)
    if view.drawn:
        raise GraphRefused(
            "a statistic takes no wb.noise(record, …)", "The domain adds what noise is needed."
        )
    # A count reads no column, but a record graph has to read one.
    used = view.used or {schema.usable[0].name}
    inputs = tuple(column.name for column in schema.usable if column.name in used)
    module = _OneVector(function, schema, inputs, state or {})
    program = exported(module, tuple(examples[name] for name in inputs), function)
    graph = loaded(program, "sum")
    try_mapped(graph)
    return replace(graph, inputs=inputs)


class _Update(nn.Module):
    """The update as a module of the noisy sum and the state's tensors, sorted by name."""

    def __init__(self, function: UpdateFunction, names: tuple[str, ...]) -> None:
        super().__init__()
        self._call = (function, names)

    def forward(self, noisy_sum: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        function, names = self._call
        with seen_by_modes(), one_path():
            found: Any = followed(function, dict(zip(names, state, strict=True)), noisy_sum)
        if not isinstance(found, Mapping) or set(found) != set(names):
            raise GraphRefused(f"an update must return a dict of the state: {', '.join(names)}")
        return tuple(found[name].to(torch.float32) for name in names)


def export_update(function: UpdateFunction, summed: RecordGraph) -> RecordGraph:
    """Return the update of a statistic as a graph.

    Parameters
    ----------
    function
        Takes the state and the noisy sum (float64, shape ``(d,)``); returns the new state with
        the same names and shapes.
    summed
        The statistic that it belongs to.

    Raises
    ------
    GraphRefused
        If it cannot be such a graph.
    """
    state = tuple(summed.parameters[name] for name in summed.state)
    example = torch.zeros(summed.output_specs[0].shape, dtype=torch.float64)
    program = exported(_Update(function, summed.state), (example, *state), function)
    graph = loaded(program, "update")
    check_update(graph, summed)
    return graph
