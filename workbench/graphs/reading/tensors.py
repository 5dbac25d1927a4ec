"""Read the tensors of an archive: bounded in size and magnitude, and finite."""

from __future__ import annotations

import math
from typing import Any

import torch

from workbench.errors import GraphRefused
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.nodes import SCALAR_TYPES, field
from workbench.graphs.record_graph import Limits, TensorSpec


def read_tensors(
    content: pt2.Archive, limits: Limits
) -> tuple[dict[str, torch.Tensor], set[str], list[list[str]]]:
    """Return the tensors, the names that are trained, and the groups of names of one tensor.

    Tensors have the shape and dtype with which the archive describes them.

    Raises
    ------
    GraphRefused
        If a tensor is pickled, or is not described once and rightly.
    """
    tensors: dict[str, torch.Tensor] = {}
    trainable: set[str] = set()
    owners: dict[str, list[str]] = {}
    for folder, table in (
        (pt2.WEIGHTS, content.weight_table),
        (pt2.CONSTANTS, content.constant_table),
    ):
        for name, entry in field(table, "config", dict).items():
            if name in tensors or len(name) > 500 or not isinstance(entry, dict):
                raise GraphRefused(f"graph: tensor '{name[:100]}' is described twice or wrongly")
            if entry.get("use_pickle") is not False:
                raise GraphRefused(f"graph: tensor '{name}' is pickled; nothing is unpickled here")
            meta = field(entry, "tensor_meta", dict)
            member = folder + field(entry, "path_name", str)
            tensors[name] = _read_tensor(name, meta, content.tensors.get(member), limits)
            owners.setdefault(member, []).append(name)
            if meta.get("requires_grad") is True:
                trainable.add(name)
    if set(content.tensors) - set(owners):
        raise GraphRefused("graph: the archive holds tensors that nothing describes")
    return tensors, trainable, list(owners.values())


def ties_of(groups: list[list[str]], live: set[str]) -> dict[str, str]:
    """Return each tied name's other name: the one of its group that the graph uses.

    Raises
    ------
    GraphRefused
        If the graph uses two names of one group.
    """
    ties: dict[str, str] = {}
    for names in groups:
        in_use = [name for name in names if name in live] or names[-1:]
        if len(in_use) > 1:
            raise GraphRefused(
                f"graph: tied parameters '{in_use[0]}' and '{in_use[1]}' are used apart"
            )
        ties |= {name: in_use[0] for name in names if name != in_use[0]}
    return ties


def _read_tensor(
    name: str, meta: dict[str, Any], data: bytes | None, limits: Limits
) -> torch.Tensor:
    """Return one tensor from its raw bytes, if they are as many as its description needs."""
    spec = spec_of(name, meta)
    expected = math.prod(spec.shape) * spec.dtype.itemsize
    if data is None or len(data) != expected:
        got = "nothing" if data is None else f"{len(data)} bytes"
        raise GraphRefused(f"graph: tensor '{name}' needs {expected} bytes, has {got}")
    contiguous = [math.prod(spec.shape[i + 1 :]) for i in range(len(spec.shape))]
    if _sizes(meta, "strides") != contiguous or meta.get("storage_offset") != {"as_int": 0}:
        raise GraphRefused(f"graph: tensor '{name}' is not stored contiguously")
    if expected == 0:
        return torch.empty(spec.shape, dtype=spec.dtype)
    if spec.dtype is torch.bool and not set(data) <= {0, 1}:
        raise GraphRefused(f"graph: tensor '{name}' holds bytes that are not bool")
    return torch.frombuffer(bytearray(data), dtype=spec.dtype).reshape(spec.shape)


def check_entries(
    parameters: dict[str, torch.Tensor], constants: dict[str, torch.Tensor], limits: Limits
) -> None:
    """Check that parameters are finite and not too large, and that no constant has a NaN.

    Of any shape and dtype. A constant may be infinite, as a mask is: an operator could fill one so.

    Raises
    ------
    GraphRefused
        If not; names the tensor.
    """
    for name, value in (parameters | constants).items():
        if not value.is_floating_point() or not value.numel():
            continue
        wrong = ""
        if bool(value.isnan().any()):
            wrong = "that are NaN"
        elif name in parameters and not bool(torch.isfinite(value).all()):
            wrong = "that are infinite"
        elif name in parameters and float(value.abs().max()) > limits.weight:
            wrong = f"above {limits.weight:g}"
        if wrong:
            refused = GraphRefused(f"graph: tensor '{name}' has entries {wrong}")
            refused.origin = name
            raise refused


def _sizes(meta: dict[str, Any], key: str) -> list[int]:
    """Return a list of sizes or strides, each a whole number."""
    sizes = []
    for size in field(meta, key, list):
        value = size.get("as_int") if isinstance(size, dict) and len(size) == 1 else None
        if type(value) is not int or not 0 <= value <= 1 << 40:
            raise GraphRefused(f"graph: {key} must be whole numbers; shapes are fixed")
        sizes.append(value)
    return sizes


def spec_of(name: str, meta: dict[str, Any]) -> TensorSpec:
    """Return the shape and dtype that a description of a tensor gives.

    Raises
    ------
    GraphRefused
        If the dtype is not allowed, or there are over 8 dimensions.
    """
    number = meta.get("dtype")
    dtype = SCALAR_TYPES.get(number) if isinstance(number, int) else None
    if dtype is None:
        raise GraphRefused(f"graph: tensor '{name}' has a dtype that is not allowed")
    shape = tuple(_sizes(meta, "sizes"))
    if len(shape) > 8:
        raise GraphRefused(f"graph: tensor '{name}' has {len(shape)} dimensions; at most 8")
    return TensorSpec(shape, dtype)
