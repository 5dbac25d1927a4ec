"""Write an exported program as a ``.pt2`` file: equal functions give equal bytes."""

from __future__ import annotations

import copy
import io
import json
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from workbench.errors import GraphRefused
from workbench.graphs.content import InMemory
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.tensors import memory_of

A = torch.ops.aten


_SAME = {
    # Strides are others once the graph is mapped over records.
    A.view.default: A.reshape.default,
    A._unsafe_view.default: A.reshape.default,
    A.__and__.Tensor: A.bitwise_and.Tensor,
    A.__or__.Tensor: A.bitwise_or.Tensor,
}
"""Operators to others that compute the same and are allowed."""
_LAID_OUT = (torch.channels_last, torch.channels_last_3d)
PREFIX = "model."


def archived(program: torch.export.ExportedProgram) -> InMemory:
    """Return an exported program as a ``.pt2`` file, with the values that it has now.

    The values are copied once. The file lies around these copies.
    """
    for node in list(program.graph.nodes):
        if node.op == "call_function" and "_assert_tensor_metadata" in str(node.target):
            program.graph.erase_node(node)
        elif node.target in _SAME:
            node.target = _SAME[node.target]
        elif node.kwargs.get("memory_format") in _LAID_OUT:
            # A layout in memory is no value, and kernels are not to depend on it.
            node.kwargs = {k: v for k, v in node.kwargs.items() if k != "memory_format"}
        elif node.target is A.slice.Tensor:
            # The end of x[1:] is written as the largest integer; the loader takes no such sizes.
            node.args = tuple(
                None if argument == sys.maxsize else argument for argument in node.args
            )
    graph = _graph_of(program)
    signature = graph["graph_module"]["signature"]
    for spec in signature["input_specs"]:
        for key, name in (("parameter", "parameter_name"), ("buffer", "buffer_name")):
            if key in spec:
                spec[key][name] = spec[key][name].removeprefix(PREFIX)
                spec[key].pop("persistent", None) if key == "parameter" else None
    for node in graph["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {}
    calls = graph["graph_module"]["module_call_graph"]
    graph["graph_module"]["module_call_graph"] = [c for c in calls if c["fqn"] == ""]
    graph["torch_version"] = "2"
    in_state = {s.target for s in program.graph_signature.input_specs if s.target}
    state = {k.removeprefix(PREFIX): v for k, v in program.state_dict.items() if k in in_state}
    # A constant has no place in the model, so its name stays as it is: no parameter has that one.
    made = set(program.graph_signature.inputs_to_lifted_tensor_constants.values())
    constants = {
        k if k in made else k.removeprefix(PREFIX): v
        for k, v in program.constants.items()
        if k in in_state and isinstance(v, torch.Tensor)
    }
    weights, weight_table = _tensors(state, pt2.WEIGHTS + "weight_", True)
    tensors, constant_table = _tensors(constants, pt2.CONSTANTS + "tensor_", False)
    return pt2.written(pt2.Archive(graph, weight_table, constant_table, weights | tensors))


def _graph_of(program: torch.export.ExportedProgram) -> dict[str, Any]:
    """Return the graph of a program as PyTorch writes it."""
    # Its tensors are written here, without the copies that PyTorch makes of them.
    bare = copy.copy(program)
    bare._state_dict = {
        name: nn.Parameter(torch.empty(0), requires_grad=value.requires_grad)
        if isinstance(value, nn.Parameter)
        else torch.empty(0)
        for name, value in program.state_dict.items()
    }
    buffer = io.BytesIO()
    torch.export.save(bare, buffer)
    with zipfile.ZipFile(buffer) as file:
        graph: dict[str, Any] = json.loads(file.read(pt2.GRAPH))
    return graph


def _tensors(
    values: Mapping[str, torch.Tensor], prefix: str, weights: bool
) -> tuple[dict[str, pt2.Stored], dict[str, Any]]:
    """Return copies of tensors as members of an archive, and the table that describes them."""
    members: dict[str, pt2.Stored] = {}
    config: dict[str, Any] = {}
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    numbers = {
        torch.uint8: 1,
        torch.int32: 4,
        torch.int64: 5,
        torch.float32: 7,
        torch.float64: 8,
        torch.bool: 12,
    }
    for name, value in values.items():
        if value.dtype not in numbers:
            raise GraphRefused(f"tensor '{name}' is {value.dtype}; that dtype is not allowed")
        # Tied parameters share one member, which is how they are known again as tied.
        key = (value.data_ptr(), tuple(value.shape))
        path = seen.setdefault(key, f"{prefix}{len(members)}") if value.numel() else None
        path = path or f"{prefix}{len(members)}"
        if path not in members:
            copied = value.detach().cpu().clone(memory_format=torch.contiguous_format)
            members[path] = memory_of(copied)
        config[name] = {
            "path_name": path.rsplit("/", 1)[1],
            "is_param": weights and isinstance(value, nn.Parameter),
            "use_pickle": False,
            "tensor_meta": {
                "dtype": numbers[value.dtype],
                "sizes": [{"as_int": size} for size in value.shape],
                "requires_grad": bool(value.requires_grad),
                "device": {"type": "cpu", "index": None},
                "strides": [{"as_int": stride} for stride in _contiguous(value.shape)],
                "storage_offset": {"as_int": 0},
                "layout": 7,
            },
        }
    return members, {"config": config}


def _contiguous(shape: torch.Size) -> list[int]:
    """Return the strides of row-major order."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return strides[: len(shape)]
