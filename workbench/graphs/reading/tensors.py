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
    content: pt2.Archive, limits: Limits, *, values: bool = True
) -> tuple[dict[str, torch.Tensor], set[str], list[list[str]]]:
    """Return the tensors, the names that are trained, and the groups of names of one tensor.

    Tensors have the shape and dtype with which the archive describes them. Names of one tensor
    share its memory.

    Parameters
    ----------
    content
        The archive.
    limits
        What to accept.
    values
        Whether to keep the values. Without them they are checked all the same, piece by piece, and
        the tensors are on the meta device.

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
            place = folder + field(entry, "path_name", str)
            member = content.member(place)
            spec = _described(name, meta, member)
            same = owners.setdefault(place, [])
            if same and spec != TensorSpec(tuple(tensors[same[0]].shape), tensors[same[0]].dtype):
                raise GraphRefused(f"graph: '{name}' and '{same[0]}' are one tensor of two forms")
            # Read once: many names of one large tensor would be as many copies of it.
            tensors[name] = (
                tensors[same[0]] if same else _read_tensor(name, spec, member, limits, values)
            )
            same.append(name)
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


def _described(name: str, meta: dict[str, Any], member: pt2.Member | None) -> TensorSpec:
    """Return a tensor's shape and dtype, if its bytes are as many as its description needs."""
    spec = spec_of(name, meta)
    expected = math.prod(spec.shape) * spec.dtype.itemsize
    if member is None or member.size != expected:
        got = "nothing" if member is None else f"{member.size} bytes"
        raise GraphRefused(f"graph: tensor '{name}' needs {expected} bytes, has {got}")
    contiguous = [math.prod(spec.shape[i + 1 :]) for i in range(len(spec.shape))]
    if _sizes(meta, "strides") != contiguous or meta.get("storage_offset") != {"as_int": 0}:
        raise GraphRefused(f"graph: tensor '{name}' is not stored contiguously")
    return spec


_ALIGNED = 64
"""Where torch lets its own tensors begin: at multiples of so many bytes."""


def _read_tensor(
    name: str, spec: TensorSpec, member: pt2.Member | None, limits: Limits, values: bool
) -> torch.Tensor:
    """Return one tensor with its values, or without them, after they were checked."""
    if member is None or member.size == 0:
        return torch.empty(spec.shape, dtype=spec.dtype)
    there = _in_place(member, spec) if values else None
    found = torch.empty(spec.shape if values and there is None else 0, dtype=spec.dtype)
    target = memory_of(found)
    at = 0
    for piece in member.pieces():
        _check_values(name, torch.frombuffer(piece, dtype=spec.dtype), limits)
        if found.numel():
            target[at : at + len(piece)] = piece
            at += len(piece)
    if not values:
        return torch.empty(spec.shape, dtype=spec.dtype, device="meta")
    return found if there is None else there


def _in_place(member: pt2.Member, spec: TensorSpec) -> torch.Tensor | None:
    """Return a tensor in the memory in which its bytes lie, if they lie as torch lays them."""
    memory = member.memory()
    if memory is None or memory.readonly:
        return None
    found = torch.frombuffer(memory, dtype=spec.dtype).reshape(spec.shape)
    return None if found.data_ptr() % _ALIGNED else found


def memory_of(tensor: torch.Tensor) -> memoryview:
    """Return the memory of a contiguous tensor of any shape and dtype, as bytes."""
    found: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    return memoryview(found)


def _check_values(name: str, part: torch.Tensor, limits: Limits) -> None:
    """Check a part of a tensor; without a copy of it."""
    if part.dtype is torch.bool:
        if int(part.view(torch.uint8).max()) > 1:
            raise GraphRefused(f"graph: tensor '{name}' holds bytes that are not bool")
    elif part.is_floating_point():
        # NaN is the least and the largest of all.
        least, most = (float(value) for value in part.aminmax())
        if not (math.isfinite(least) and math.isfinite(most)):
            found = GraphRefused(f"graph: tensor '{name}' has entries that are NaN or infinite")
            found.origin = name
            raise found
        if max(-least, most) > limits.weight:
            raise GraphRefused(f"graph: tensor '{name}' has entries above {limits.weight:g}")


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
