"""Read the tensors of an archive: bounded in size and magnitude, and finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from workbench.errors import GraphRefused
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.nodes import SCALAR_TYPES
from workbench.graphs.reading.nodes import field as value_of
from workbench.graphs.record_graph import Limits, TensorSpec


@dataclass(frozen=True)
class Read:
    """What the tensors of an archive are.

    Attributes
    ----------
    tensors
        By name, of the shape and dtype with which the archive describes them. Names of one tensor
        share its memory. Tensors whose values were not kept are on the meta device.
    trainable
        The names of those that are trained.
    groups
        The names of each stored tensor.
    extremes
        By name the least and the largest entry of floating tensors, both NaN if there is a NaN.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    trainable: set[str] = field(default_factory=set)
    groups: list[list[str]] = field(default_factory=list)
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)


def read_tensors(content: pt2.Archive, *, values: bool = True) -> Read:
    """Return the tensors of an archive.

    Parameters
    ----------
    content
        The archive.
    values
        Whether to keep the values. Without them they are looked at all the same, piece by piece.

    Raises
    ------
    GraphRefused
        If a tensor is pickled, or is not described once and rightly.
    """
    found = Read()
    tensors = found.tensors
    owners: dict[str, list[str]] = {}
    for folder, table in (
        (pt2.WEIGHTS, content.weight_table),
        (pt2.CONSTANTS, content.constant_table),
    ):
        for name, entry in value_of(table, "config", dict).items():
            if name in tensors or len(name) > 500 or not isinstance(entry, dict):
                raise GraphRefused(f"graph: tensor '{name[:100]}' is described twice or wrongly")
            if entry.get("use_pickle") is not False:
                raise GraphRefused(f"graph: tensor '{name}' is pickled; nothing is unpickled here")
            meta = value_of(entry, "tensor_meta", dict)
            place = folder + value_of(entry, "path_name", str)
            member = content.member(place)
            spec = _described(name, meta, member)
            same = owners.setdefault(place, [])
            if same and spec != TensorSpec(tuple(tensors[same[0]].shape), tensors[same[0]].dtype):
                raise GraphRefused(f"graph: '{name}' and '{same[0]}' are one tensor of two forms")
            # Read once: many names of one large tensor would be as many copies of it.
            if same:
                tensors[name], ends = tensors[same[0]], found.extremes.get(same[0])
            else:
                tensors[name], ends = _read_tensor(name, spec, member, values)
            if ends is not None:
                found.extremes[name] = ends
            same.append(name)
            if meta.get("requires_grad") is True:
                found.trainable.add(name)
    if set(content.tensors) - set(owners):
        raise GraphRefused("graph: the archive holds tensors that nothing describes")
    found.groups.extend(owners.values())
    return found


def check_entries(
    parameters: Iterable[str],
    constants: Iterable[str],
    extremes: Mapping[str, tuple[float, float]],
    limits: Limits,
) -> None:
    """Check that parameters are finite and not too large, and that no constant has a NaN.

    A constant may be infinite, as a mask is: an operator could fill one so.

    Parameters
    ----------
    parameters, constants
        Their names.
    extremes
        As in `Read`.
    limits
        What to accept.

    Raises
    ------
    GraphRefused
        If not; names the tensor.
    """
    of_model = dict.fromkeys(parameters)
    for name in (*of_model, *constants):
        least, most = extremes.get(name, (0.0, 0.0))
        wrong = ""
        if math.isnan(least) or math.isnan(most):
            wrong = "that are NaN"
        elif name in of_model and math.inf in (-least, most):
            wrong = "that are infinite"
        elif name in of_model and max(-least, most) > limits.weight:
            wrong = f"above {limits.weight:g}"
        if wrong:
            refused = GraphRefused(f"graph: tensor '{name}' has entries {wrong}")
            refused.origin = name
            raise refused


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
    name: str, spec: TensorSpec, member: pt2.Member | None, values: bool
) -> tuple[torch.Tensor, tuple[float, float] | None]:
    """Return one tensor, with its values or without them, and its extremes if it is floating."""
    if member is None or member.size == 0:
        return torch.empty(spec.shape, dtype=spec.dtype), None
    there = _in_place(member, spec) if values else None
    found = torch.empty(spec.shape if values and there is None else 0, dtype=spec.dtype)
    target = memory_of(found)
    at = 0
    ends: tuple[float, float] | None = None
    for piece in member.pieces():
        ends = _extremes(name, torch.frombuffer(piece, dtype=spec.dtype), ends)
        if found.numel():
            target[at : at + len(piece)] = piece
            at += len(piece)
    if not values:
        return torch.empty(spec.shape, dtype=spec.dtype, device="meta"), ends
    return (found if there is None else there), ends


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


def _extremes(
    name: str, part: torch.Tensor, ends: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the extremes of a floating tensor up to and with a part; without a copy of it."""
    if part.dtype is torch.bool and int(part.view(torch.uint8).max()) > 1:
        raise GraphRefused(f"graph: tensor '{name}' holds bytes that are not bool")
    if not part.is_floating_point():
        return None
    least, most = (float(value) for value in part.aminmax())
    if ends is None or math.isnan(least):
        return least, most
    return ends if math.isnan(ends[0]) else (min(least, ends[0]), max(most, ends[1]))


def _sizes(meta: dict[str, Any], key: str) -> list[int]:
    """Return a list of sizes or strides, each a whole number."""
    sizes = []
    for size in value_of(meta, key, list):
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
