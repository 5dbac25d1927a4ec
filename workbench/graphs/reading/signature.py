"""Read what each placeholder stands for, and which values are outputs."""

from __future__ import annotations

from typing import Any, Literal

import torch

from workbench.errors import GraphRefused
from workbench.graphs.reading.nodes import field
from workbench.graphs.reading.tensors import spec_of
from workbench.graphs.record_graph import Binding, TensorSpec

_KINDS: dict[str, tuple[Literal["parameter", "constant"], str]] = {
    "parameter": ("parameter", "parameter_name"),
    "buffer": ("constant", "buffer_name"),
    "tensor_constant": ("constant", "tensor_constant_name"),
}


def read_inputs(specs: list[Any], tensors: dict[str, torch.Tensor]) -> dict[str, Binding]:
    """Return what each placeholder stands for, by its name.

    `tensors` have any shape; those that are parameters must be float32.

    Raises
    ------
    GraphRefused
        If one is malformed, bound twice or of a kind that is not allowed, or names no tensor; if a
        parameter is not float32, or no column is read.
    """
    bindings: dict[str, Binding] = {}
    position = 0
    for spec in specs:
        if not isinstance(spec, dict) or len(spec) != 1:
            raise GraphRefused("graph: an input specification is malformed")
        (kind, value), *_ = spec.items()
        if kind == "user_input":
            place = field(field(field(value, "arg", dict), "as_tensor", dict), "name", str)
            bound = Binding("input", position)
            position += 1
        elif kind in _KINDS:
            role, key = _KINDS[kind]
            place = field(field(value, "arg", dict), "name", str)
            bound = Binding(role, name := field(value, key, str))
            if name not in tensors:
                raise GraphRefused(f"graph: no tensor for '{name}'")
            if role == "parameter" and tensors[name].dtype != torch.float32:
                raise GraphRefused(f"graph: parameter '{name}' is not float32")
        else:
            raise GraphRefused(f"graph: inputs of kind '{kind[:50]}' are not allowed")
        if place in bindings or bound in bindings.values():
            raise GraphRefused(f"graph: '{place[:100]}' is bound twice")
        bindings[place] = bound
    if position == 0:
        raise GraphRefused("graph: it reads no column of the record")
    return bindings


def input_specs(bindings: dict[str, Binding], values: dict[str, Any]) -> tuple[TensorSpec, ...]:
    """Return shape and dtype of each input, in their order."""
    places = [place for place, binding in bindings.items() if binding.is_input]
    return tuple(spec_of(place, field(values, place, dict)) for place in places)


def read_outputs(specs: list[Any]) -> list[str]:
    """Return the names of the outputs; whatever changes state is refused.

    Raises
    ------
    GraphRefused
        If an output is not one of the function's own.
    """
    names = []
    for spec in specs:
        kind, value = next(iter(spec.items())) if isinstance(spec, dict) and spec else ("", {})
        if kind != "user_output":
            raise GraphRefused(
                f"graph: it changes state ('{kind[:50]}'); a record graph must have none",
                "Remove buffers that forward() writes to, such as running statistics.",
            )
        names.append(field(field(field(value, "arg", dict), "as_tensor", dict), "name", str))
    return names
