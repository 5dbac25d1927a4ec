"""Check that the inputs of a graph are the columns and the noise that a request names."""

from __future__ import annotations

import torch

from workbench.documents.inputs import NoiseInput
from workbench.documents.schema import Column, Schema
from workbench.errors import GraphRefused, UnknownColumn
from workbench.graphs.record_graph import RecordGraph, TensorSpec


def expected_spec(column: Column) -> TensorSpec:
    """Return the shape and dtype with which `column` reaches a training function."""
    if column.kind == "category":
        return TensorSpec((), torch.int64)
    return TensorSpec(column.shape, torch.float32)


def check_inputs(
    graph: RecordGraph, inputs: tuple[str, ...], schema: Schema, *, noise: bool = True
) -> None:
    """Check that the graph's inputs are the columns and the noise that `inputs` names.

    Parameters
    ----------
    graph, inputs, schema
        What is asked for, and of which table.
    noise
        Whether an input may be noise; a statistic has none.

    Raises
    ------
    UnknownColumn
        If the schema has no such usable column.
    GraphRefused
        If their number, shapes or dtypes are others.
    """
    if len(inputs) != len(graph.input_specs):
        raise GraphRefused(
            f"graph: {len(graph.input_specs)} inputs, but the request names {len(inputs)}"
        )
    usable = {column.name: column for column in schema.usable}
    for name, spec in zip(inputs, graph.input_specs, strict=True):
        drawn = NoiseInput.parse(name) if noise else None
        if drawn is None and name not in usable:
            raise UnknownColumn(f"the dataset has no column '{name}' to train on")
        expected = (
            expected_spec(usable[name]) if drawn is None else TensorSpec(drawn.shape, torch.float32)
        )
        if spec != expected:
            raise GraphRefused(
                f"graph: input '{name}' has shape {expected.shape} and {expected.dtype}, "
                f"the graph takes {spec.shape} and {spec.dtype}"
            )
