"""Load a record graph from a stranger: every node checked, nothing executed or unpickled.

1. The archive's members are checked and decoded (`workbench.graphs.reading.archive`).
2. The signature says which placeholder is a parameter, a constant or an input; mutations and
   anything else are refused.
3. Raw tensors are read, bounded in size and magnitude, and must be finite.
4. Nodes become calls of allowed operators (`workbench.graphs.operators.allowed`) on earlier values.
5. Shapes are propagated without data. Each call has to be one that its operator's signature
   allows (`workbench.graphs.operators.table`), no tensor may be empty, and graphs that do not
   fit together or need too much memory are found.
6. The outputs are those of the graph's role (`workbench.graphs.roles`).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
import torch.fx

from workbench.errors import TooLarge
from workbench.graphs.content import Content, InMemory
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.nodes import NodeReader, field
from workbench.graphs.reading.shapes import is_operator, propagate
from workbench.graphs.reading.signature import input_specs, read_inputs, read_outputs
from workbench.graphs.reading.tensors import check_entries, read_tensors, ties_of
from workbench.graphs.record_graph import Binding, GraphFacts, Limits, RecordGraph, Role
from workbench.graphs.roles import check_outputs


def load(
    archive: bytes | Content,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    role: Role | None = "loss",
    *,
    values: bool = True,
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
    values
        Whether to keep the values of parameters and constants. They are checked in any case.
        Without them a graph of any size takes little memory, and its tensors are on the meta
        device.

    Raises
    ------
    TooLarge
        If a size is over `limits`.
    GraphRefused
        If anything in it is not allowed; the message names it.
    """
    whole = archive if isinstance(archive, Content) else InMemory(archive)
    content = pt2.read(whole, limits)
    module = field(content.graph, "graph_module", dict)
    body, signature = field(module, "graph", dict), field(module, "signature", dict)
    read = read_tensors(content, values=values)
    tensors, trainable = read.tensors, read.trainable
    bindings = read_inputs(field(signature, "input_specs", list), tensors)
    specs = input_specs(bindings, field(body, "tensor_values", dict))
    outputs = read_outputs(field(signature, "output_specs", list))
    graph = _build(bindings, field(body, "nodes", list), outputs, limits)

    parameters, constants = (_bound(bindings, tensors, kind) for kind in ("parameter", "constant"))
    _check_sizes(parameters, constants, limits)
    check_entries(parameters, constants, read.extremes, limits)
    used = {p.name for p in graph.nodes if p.op == "placeholder" and p.users}
    in_use = (binding.name for place, binding in bindings.items() if place in used)
    live = {name for name in in_use if name is not None}
    ties = ties_of([[n for n in names if n in parameters] for names in read.groups], live)
    activation_bytes, output_specs = propagate(graph, bindings, tensors, specs, limits)
    check_outputs(output_specs, role, limits)
    facts = GraphFacts(
        operators=dict(
            sorted(Counter(str(n.target) for n in graph.nodes if is_operator(n)).items())
        ),
        parameters=sum(t.numel() for t in parameters.values()),
        trainable=sum(t.numel() for n, t in parameters.items() if n in trainable),
        constants=sum(t.numel() for t in constants.values()),
        archive_bytes=whole.size,
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
        content=whole,
    )


def _bound(
    bindings: dict[str, Binding], tensors: dict[str, torch.Tensor], kind: str
) -> dict[str, torch.Tensor]:
    """Return the tensors that placeholders of one kind stand for, by name."""
    names = [str(binding.name) for binding in bindings.values() if binding.kind == kind]
    return {name: tensors[name] for name in names}


def _build(
    bindings: dict[str, Binding], nodes: list[Any], outputs: list[str], limits: Limits
) -> torch.fx.Graph:
    """Return the graph: placeholders, calls of allowed operators, one tuple of outputs."""
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
    """Check how many numbers parameters and constants have."""
    count = sum(t.numel() for t in parameters.values())
    limits.check_parameters(count)
    size = sum(t.numel() * t.element_size() for t in constants.values())
    if size > limits.constant_bytes:
        raise TooLarge(f"graph: constants of {size} bytes; at most {limits.constant_bytes}")
