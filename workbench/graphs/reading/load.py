"""Load a record graph from a stranger: every node checked, nothing executed or unpickled.

1. The archive's members are checked and decoded (`workbench.graphs.reading.archive`).
2. The signature says which placeholder is a parameter, a constant or an input; mutations and
   anything else are refused.
3. Raw tensors are read, bounded in size and magnitude, and must be finite.
4. Nodes become calls of allowed operators (`workbench.graphs.operators.allowed`) on earlier values.
5. Shapes are propagated without data. Each call has to be one that its operator's signature
   allows (`workbench.graphs.operators.signatures`), no tensor may be empty, and graphs that do not
   fit together or need too much memory are found.
6. The outputs are those of the graph's role (`workbench.graphs.roles`).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
import torch.fx

from workbench.documents.base import digest_bytes
from workbench.documents.inputs import NoiseInput
from workbench.documents.schema import Column, Schema
from workbench.errors import GraphRefused, TooLarge, UnknownColumn
from workbench.graphs.operators.allowed import check_call, check_value
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.nodes import SCALAR_TYPES, NodeReader, field
from workbench.graphs.record_graph import GraphFacts, Limits, RecordGraph, Role, TensorSpec
from workbench.graphs.roles import check_outputs

_KINDS = {
    "parameter": ("parameter", "parameter_name"),
    "buffer": ("constant", "buffer_name"),
    "tensor_constant": ("constant", "tensor_constant_name"),
}


def load(
    archive: bytes,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    role: Role | None = "loss",
) -> RecordGraph:
    """Return the record graph in `archive`.

    Parameters
    ----------
    archive
        A ``.pt2`` file.
    limits
        What to accept.
    role
        What its outputs have to be; None leaves that open, for a graph that no request names yet.

    Raises
    ------
    TooLarge
        If a size is over `limits`.
    GraphRefused
        If anything in it is not allowed; the message names it.
    """
    content = pt2.read(archive, limits)
    module = field(content.graph, "graph_module", dict)
    body, signature = field(module, "graph", dict), field(module, "signature", dict)
    tensors, trainable, shared = _read_tensors(content, limits)
    bindings = _read_inputs(field(signature, "input_specs", list), tensors)
    specs = _input_specs(bindings, field(body, "tensor_values", dict))
    outputs = _read_outputs(field(signature, "output_specs", list))
    graph = _build(bindings, field(body, "nodes", list), outputs, limits)

    parameters = {n: t for kind, n, t in _bound(bindings, tensors) if kind == "parameter"}
    constants = {n: t for kind, n, t in _bound(bindings, tensors) if kind == "constant"}
    _check_sizes(parameters, constants, limits)
    used = {p.name for p in graph.nodes if p.op == "placeholder" and p.users}
    live = {str(name) for place, (_, name) in bindings.items() if place in used}
    ties = _ties([[n for n in names if n in parameters] for names in shared], live)
    activation_bytes, output_specs = _propagate(graph, bindings, tensors, specs, limits)
    check_outputs(output_specs, role, limits)
    facts = GraphFacts(
        operators=dict(
            sorted(Counter(str(n.target) for n in graph.nodes if _is_operator(n)).items())
        ),
        parameters=sum(t.numel() for t in parameters.values()),
        trainable=sum(t.numel() for n, t in parameters.items() if n in trainable),
        constants=sum(t.numel() for t in constants.values()),
        archive_bytes=len(archive),
        activation_bytes=activation_bytes,
        released=sum(math.prod(spec.shape) for spec in output_specs),
    )
    return RecordGraph(
        graph=graph,
        parameters=parameters,
        constants=constants,
        trainable=frozenset(trainable & set(parameters)) - frozenset(ties),
        ties=ties,
        bindings=bindings,
        input_specs=specs,
        output_specs=output_specs,
        facts=facts,
        archive=archive,
        digest=digest_bytes(archive),
    )


def _is_operator(node: torch.fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload)


def _bound(
    bindings: dict[str, tuple[str, str | int]], tensors: dict[str, torch.Tensor]
) -> list[tuple[str, str, torch.Tensor]]:
    return [(kind, str(n), tensors[str(n)]) for kind, n in bindings.values() if kind != "input"]


def _read_tensors(
    content: pt2.Archive, limits: Limits
) -> tuple[dict[str, torch.Tensor], set[str], list[list[str]]]:
    """Return the tensors, the names that are trained, and the groups of names of one tensor."""
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


def _ties(groups: list[list[str]], live: set[str]) -> dict[str, str]:
    """Return each tied name's other name: the one of its group that the graph uses."""
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
    spec = _spec(name, meta)
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
    value = torch.frombuffer(bytearray(data), dtype=spec.dtype).reshape(spec.shape)
    if value.is_floating_point():
        if not bool(torch.isfinite(value).all()):
            found = GraphRefused(f"graph: tensor '{name}' has entries that are NaN or infinite")
            found.origin = name
            raise found
        if float(value.abs().max()) > limits.weight:
            raise GraphRefused(f"graph: tensor '{name}' has entries above {limits.weight:g}")
    return value


def _sizes(meta: dict[str, Any], key: str) -> list[int]:
    sizes = []
    for size in field(meta, key, list):
        value = size.get("as_int") if isinstance(size, dict) and len(size) == 1 else None
        if type(value) is not int or not 0 <= value <= 1 << 40:
            raise GraphRefused(f"graph: {key} must be whole numbers; shapes are fixed")
        sizes.append(value)
    return sizes


def _spec(name: str, meta: dict[str, Any]) -> TensorSpec:
    number = meta.get("dtype")
    dtype = SCALAR_TYPES.get(number) if isinstance(number, int) else None
    if dtype is None:
        raise GraphRefused(f"graph: tensor '{name}' has a dtype that is not allowed")
    shape = tuple(_sizes(meta, "sizes"))
    if len(shape) > 8:
        raise GraphRefused(f"graph: tensor '{name}' has {len(shape)} dimensions; at most 8")
    return TensorSpec(shape, dtype)


def _read_inputs(
    specs: list[Any], tensors: dict[str, torch.Tensor]
) -> dict[str, tuple[str, str | int]]:
    bindings: dict[str, tuple[str, str | int]] = {}
    position = 0
    for spec in specs:
        if not isinstance(spec, dict) or len(spec) != 1:
            raise GraphRefused("graph: an input specification is malformed")
        (kind, value), *_ = spec.items()
        if kind == "user_input":
            place = field(field(field(value, "arg", dict), "as_tensor", dict), "name", str)
            bound: tuple[str, str | int] = ("input", position)
            position += 1
        elif kind in _KINDS:
            role, key = _KINDS[kind]
            place = field(field(value, "arg", dict), "name", str)
            bound = (role, field(value, key, str))
            if bound[1] not in tensors:
                raise GraphRefused(f"graph: no tensor for '{bound[1]}'")
            if role == "parameter" and tensors[str(bound[1])].dtype != torch.float32:
                raise GraphRefused(f"graph: parameter '{bound[1]}' is not float32")
        else:
            raise GraphRefused(f"graph: inputs of kind '{kind[:50]}' are not allowed")
        if place in bindings or bound in bindings.values():
            raise GraphRefused(f"graph: '{place[:100]}' is bound twice")
        bindings[place] = bound
    if position == 0:
        raise GraphRefused("graph: it reads no column of the record")
    return bindings


def _input_specs(
    bindings: dict[str, tuple[str, str | int]], values: dict[str, Any]
) -> tuple[TensorSpec, ...]:
    places = [place for place, (kind, _) in bindings.items() if kind == "input"]
    return tuple(_spec(place, field(values, place, dict)) for place in places)


def _read_outputs(specs: list[Any]) -> list[str]:
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


def _build(
    bindings: dict[str, tuple[str, str | int]], nodes: list[Any], outputs: list[str], limits: Limits
) -> torch.fx.Graph:
    if len(nodes) > limits.nodes:
        raise TooLarge(f"graph: {len(nodes)} operators; at most {limits.nodes}")
    graph = torch.fx.Graph()
    reader = NodeReader(graph, {place: graph.placeholder(place) for place in bindings})
    for node in nodes:
        reader.read(node)
    graph.output(tuple(reader.value(name) for name in outputs))
    return graph


def _check_sizes(
    parameters: dict[str, torch.Tensor], constants: dict[str, torch.Tensor], limits: Limits
) -> None:
    count = sum(t.numel() for t in parameters.values())
    if count > limits.parameters:
        raise TooLarge(f"graph: {count} parameters; at most {limits.parameters}")
    size = sum(t.numel() * t.element_size() for t in constants.values())
    if size > limits.constant_bytes:
        raise TooLarge(f"graph: constants of {size} bytes; at most {limits.constant_bytes}")


class _Sizes(torch.fx.Interpreter):
    """Runs a graph on fake tensors: checks each call, notes each value's spec, adds up sizes."""

    def __init__(self, graph: torch.fx.Graph, limit: int) -> None:
        super().__init__(torch.nn.Module(), graph=graph)
        self.extra_traceback = False
        self.limit = limit
        self.total = 0

    def run_node(self, n: torch.fx.Node) -> Any:
        if _is_operator(n):
            try:
                check_call(n)
            except GraphRefused as error:
                error.origin = n.meta.get("origin")
                raise
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            n.meta["spec"] = check_value(n.name, value)
        if n.op == "call_function" and isinstance(value, torch.Tensor):
            self.total += value.numel() * value.element_size()
            if self.total > self.limit:
                raise TooLarge(
                    f"graph: its intermediate values take over {self.limit} bytes for one record"
                )
        return value


def _propagate(
    graph: torch.fx.Graph,
    bindings: dict[str, tuple[str, str | int]],
    tensors: dict[str, torch.Tensor],
    specs: tuple[TensorSpec, ...],
    limits: Limits,
) -> tuple[int, tuple[TensorSpec, ...]]:
    from torch._subclasses.fake_tensor import FakeTensorMode

    sizes = _Sizes(graph, limits.activation_bytes)
    with FakeTensorMode(), torch.no_grad():
        values = [
            torch.empty(specs[int(name)].shape, dtype=specs[int(name)].dtype)
            if kind == "input"
            else torch.empty(tensors[str(name)].shape, dtype=tensors[str(name)].dtype)
            for kind, name in bindings.values()
        ]
        try:
            outputs = sizes.run(*values)
        except (TooLarge, GraphRefused):
            raise
        except Exception as error:
            raise GraphRefused(
                f"graph: its operators do not fit together ({type(error).__name__})"
            ) from None
    if not all(isinstance(value, torch.Tensor) for value in outputs):
        raise GraphRefused("graph: an output is not a tensor")
    return sizes.total, tuple(TensorSpec(tuple(value.shape), value.dtype) for value in outputs)


def expected_spec(column: Column) -> TensorSpec:
    """Return the shape and dtype with which `column` reaches a training function."""
    if column.kind == "category":
        return TensorSpec((), torch.int64)
    return TensorSpec(column.shape, torch.float32)


def check_inputs(
    graph: RecordGraph, inputs: tuple[str, ...], schema: Schema, *, noise: bool = True
) -> None:
    """Return None if the graph's inputs are the columns and the noise that `inputs` names.

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
