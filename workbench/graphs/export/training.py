"""Export a training function for ONE record, on the researcher's machine.

The function runs here, once, under ``torch.export``; what comes out is data. In-place and composite
operators are made functional, recurrent layers are taken apart into linear operators (their fused
forms cannot be mapped over records), and everything that would tell about this machine (paths,
stack traces, ids) is left out, so equal functions give equal bytes.
"""

from __future__ import annotations

import inspect
import io
import json
import operator
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.fx.proxy
from torch import nn

from workbench.documents.inputs import MAX_NOISE_NUMBERS, NoiseInput, noise_numbers
from workbench.documents.schema import Schema
from workbench.errors import GraphRefused, WorkbenchError
from workbench.graphs.export.attention import attention
from workbench.graphs.export.dropout import dropout_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.following import at_bounds, followed, line_of, not_followed
from workbench.graphs.export.normalization import without_batch_norm
from workbench.graphs.operators.allowed import ALLOWED, remedy
from workbench.graphs.public_loss import publicly_trained
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.load import expected_spec, load
from workbench.graphs.record_graph import RecordGraph, Role

A = torch.ops.aten
Metrics = Mapping[str, torch.Tensor]
Outputs = torch.Tensor | tuple[torch.Tensor, Metrics] | tuple[torch.Tensor, Metrics, torch.Tensor]
TrainingStep = Callable[[nn.Module, Mapping[str, torch.Tensor]], Outputs]

_SAME = {
    # Strides are others once the graph is mapped over records.
    A.view.default: A.reshape.default,
    A._unsafe_view.default: A.reshape.default,
    A.__and__.Tensor: A.bitwise_and.Tensor,
    A.__or__.Tensor: A.bitwise_or.Tensor,
}
"""Operators to others that compute the same and are allowed."""

_PREFIX = "model."


class _OneRecord(nn.Module):
    """The function and its model as one module of one record's columns."""

    def __init__(
        self, function: TrainingStep, model: nn.Module, schema: Schema, inputs: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.model = model
        self._call = (function, schema, inputs)

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        function, schema, inputs = self._call
        view = RecordView(schema, dict(zip(inputs, values, strict=True)))
        with dropout_from(view):
            returned = followed(function, self.model, view)
        loss, metrics = outputs_of(returned)
        public = public_loss_of(returned)
        numbers = (torch.as_tensor(metrics[name]).to(torch.float32) for name in metrics)
        return (loss, *numbers, *([] if public is None else [public]))


def outputs_of(value: Outputs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss and the metrics that a training function returned.

    Raises
    ------
    GraphRefused
        If it returned neither a loss nor ``(loss, {name: value})``, with or without a public loss.
    """
    loss, metrics, *public = value if isinstance(value, tuple) and value else (value, {})
    if (
        not isinstance(loss, torch.Tensor)
        or not isinstance(metrics, Mapping)
        or len(public) > 1
        or not all(isinstance(other, torch.Tensor) for other in public)
    ):
        raise GraphRefused(
            "the training function must return a loss, or a loss and a dict of metrics",
            "For example: return loss, {'accuracy': logits.argmax() == record['label']}. A loss "
            "that only wb.noise(record, …) reaches may come third.",
        )
    return loss, {str(name): metric for name, metric in metrics.items()}


def public_loss_of(value: Outputs) -> torch.Tensor | None:
    """Return the public loss, the third value of a training function, or None."""
    return value[2] if isinstance(value, tuple) and len(value) == 3 else None


def export(
    function: TrainingStep, model: nn.Module, schema: Schema, *, in_tables: bool = False
) -> RecordGraph:
    """Return `function` with `model`'s present parameters as a record graph.

    Parameters
    ----------
    function
        Takes the model and one record, returns the loss (float32, shape ``()``), or the loss and
        a dict of metrics (shape ``()``, values in [0, 1]), or these and a public loss; see
        `workbench.graphs.public_loss`.
    model
        Is left as it is. Its parameters must be float32; those with ``requires_grad=False`` stay
        as they are. Batch normalization is converted on a copy, with a notice.
    schema
        The dataset's schema.
    in_tables
        Whether to refuse a function that looks up beyond a table for a value that a column can
        have, see `workbench.graphs.export.following.at_bounds`; a domain gives the last row then.

    Raises
    ------
    GraphRefused
        If the function cannot be a record graph; the message names the layer or operator and
        says what to use instead.
    UnknownColumn
        If the function asks for a column that the schema does not have.
    """
    model = without_batch_norm(model)
    _check_layers(model)
    if in_tables:
        at_bounds(lambda record: _called(function, model, RecordView(schema, record)), schema)
    examples = {c.name: _example(c) for c in schema.usable}
    inputs, metrics = _dry_run(function, model, schema, examples)
    for name in inputs:
        noise = NoiseInput.parse(name)
        if noise is not None:
            examples[name] = torch.zeros(noise.shape)
    module = _OneRecord(function, model, schema, inputs)
    program = _export(module, tuple(examples[name] for name in inputs), function)
    graph = loaded(program)
    _try_mapped(graph)
    graph = replace(graph, inputs=inputs, metrics=metrics)
    if graph.outputs > 1 + len(metrics):
        publicly_trained(graph, inputs)
    return graph


def _example(column: Any) -> torch.Tensor:
    spec = expected_spec(column)
    if spec.dtype == torch.int64:
        return torch.zeros((), dtype=torch.int64)
    return torch.full(spec.shape, (column.lower + column.upper) / 2, dtype=torch.float32)


def _check_layers(model: nn.Module) -> None:
    for name, layer in model.named_modules():
        kind = type(layer).__name__
        if isinstance(layer, nn.AlphaDropout | nn.FeatureAlphaDropout):
            random = layer.training and layer.p > 0
        else:
            random = isinstance(layer, nn.RNNBase) and layer.training and layer.dropout > 0
        if random:
            raise GraphRefused(
                f"layer '{name}' ({kind}) drops out in a way that cannot be repeated",
                "Set its dropout to 0 and put nn.Dropout between the layers if you need it.",
            )
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            raise GraphRefused(
                f"parameter '{name}' is {parameter.dtype}; expected float32", "Call model.float()."
            )


def _called(
    function: TrainingStep, model: nn.Module, view: RecordView
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    with torch.no_grad(), dropout_from(view):
        return outputs_of(function(model, view))


def _dry_run(
    function: TrainingStep, model: nn.Module, schema: Schema, examples: dict[str, torch.Tensor]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run once on example values to learn which columns, noise and metrics there are."""
    view = RecordView(schema, examples)
    _, metrics = _called(function, model, view)
    if not view.used:
        raise GraphRefused("the training function reads no column of the record")
    columns = (c.name for c in schema.usable if c.name in view.used)
    if noise_numbers(view.drawn) > MAX_NOISE_NUMBERS:
        raise GraphRefused(
            f"the function draws {noise_numbers(view.drawn)} random numbers for one record; "
            f"at most {MAX_NOISE_NUMBERS}",
            "Draw fewer, or leave out dropout on the largest layers.",
        )
    return (*columns, *view.drawn), tuple(metrics)


def _export(
    module: nn.Module, values: tuple[torch.Tensor, ...], function: Callable[..., Any]
) -> torch.export.ExportedProgram:
    # So that lines of the function are noted beside those of forward() methods.
    anchor = getattr(torch.fx.proxy, "_register_stack_trace_anchor", None)
    if anchor is not None:
        anchor(inspect.unwrap(function))
    decompositions = {
        operator: how
        for operator, how in dict(torch.export.default_decompositions()).items()
        if str(operator) not in ALLOWED
    } | {A.scaled_dot_product_attention.default: attention}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: torch.export.ExportedProgram = torch.export.export(module, values)
            program = program.run_decompositions(decompositions)
    except WorkbenchError as error:
        # Without the frames of torch.export, which tell a researcher nothing.
        raise error.with_traceback(None) from None
    except Exception as error:
        raise not_followed(error) from None
    mutated = [*program.graph_signature.buffers_to_mutate.values()]
    if mutated:
        raise GraphRefused(
            f"buffer '{mutated[0].removeprefix(_PREFIX)}' is written in forward(); a record graph "
            "keeps no state",
            "Remove running statistics and counters from the model.",
        )
    return program


def loaded(program: torch.export.ExportedProgram, role: Role = "loss") -> RecordGraph:
    """Return an exported program as the record graph that a domain would load.

    Raises
    ------
    GraphRefused, TooLarge
        If a domain would refuse it; names the line of the researcher's code where it is known.
    """
    lines = {node.name: line for node in program.graph.nodes if (line := _line(node))}
    _check_effects(program)
    constants = program.graph_signature.inputs_to_lifted_tensor_constants
    # A constant is where it is used first.
    used = {
        constants[node.name]: next(
            (lines[user.name] for user in node.users if user.name in lines), ""
        )
        for node in program.graph.nodes
        if node.name in constants
    }
    try:
        graph = load(_archive(program), role=role)
    except GraphRefused as error:
        origin = _UNUSED.sub("", error.origin or "")
        raise error.at((used | lines).get(origin)) from None
    return replace(graph, lines=lines)


def _check_effects(program: torch.export.ExportedProgram) -> None:
    """Return None if no operator is ordered by a token, as those are that raise errors."""
    ordered = torch.ops.higher_order.with_effects
    for node in program.graph.nodes:
        if node.target is ordered:
            name = str(node.args[1])
            refused = GraphRefused(f"graph: operator '{name}' is not allowed", remedy(name))
            raise refused.at(next(filter(None, map(_line, (node, *node.all_input_nodes))), ""))


_UNUSED = re.compile(r"_unused_\d+$")
"""What the name of an output that nothing uses ends with, after its operator's name."""
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in .*\n\s+(.*)')


def _line(node: torch.fx.Node) -> str:
    """Return the researcher's line that made a value, or of several values this one."""
    if node.target is operator.getitem:
        return _line(node.all_input_nodes[0])
    found = _FRAME.findall(str(node.meta.get("stack_trace", "")))
    return line_of((path, int(number), code) for path, number, code in found)


def _archive(program: torch.export.ExportedProgram) -> bytes:
    for node in list(program.graph.nodes):
        if node.op == "call_function" and "_assert_tensor_metadata" in str(node.target):
            program.graph.erase_node(node)
        elif node.target in _SAME:
            node.target = _SAME[node.target]
        elif node.target is A.slice.Tensor:
            # The end of x[1:] is written as the largest integer; the loader takes no such sizes.
            node.args = tuple(
                None if argument == sys.maxsize else argument for argument in node.args
            )
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    with zipfile.ZipFile(buffer) as file:
        graph = json.loads(file.read(pt2.GRAPH))
    signature = graph["graph_module"]["signature"]
    for spec in signature["input_specs"]:
        for key, name in (("parameter", "parameter_name"), ("buffer", "buffer_name")):
            if key in spec:
                spec[key][name] = spec[key][name].removeprefix(_PREFIX)
                spec[key].pop("persistent", None) if key == "parameter" else None
    for node in graph["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {}
    calls = graph["graph_module"]["module_call_graph"]
    graph["graph_module"]["module_call_graph"] = [c for c in calls if c["fqn"] == ""]
    graph["torch_version"] = "2"
    in_state = {s.target for s in program.graph_signature.input_specs if s.target}
    state = {k.removeprefix(_PREFIX): v for k, v in program.state_dict.items() if k in in_state}
    constants = {
        k.removeprefix(_PREFIX): v
        for k, v in program.constants.items()
        if k in in_state and isinstance(v, torch.Tensor)
    }
    weights, weight_table = _tensors(state, pt2.WEIGHTS + "weight_", True)
    tensors, constant_table = _tensors(constants, pt2.CONSTANTS + "tensor_", False)
    return pt2.write(pt2.Archive(graph, weight_table, constant_table, weights | tensors))


def _tensors(
    values: Mapping[str, torch.Tensor], prefix: str, weights: bool
) -> tuple[dict[str, bytes], dict[str, Any]]:
    members: dict[str, bytes] = {}
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
        plain = value.detach().cpu().contiguous()
        members[path] = plain.numpy().tobytes()
        config[name] = {
            "path_name": path.rsplit("/", 1)[1],
            "is_param": weights and isinstance(value, nn.Parameter),
            "use_pickle": False,
            "tensor_meta": {
                "dtype": numbers[value.dtype],
                "sizes": [{"as_int": size} for size in plain.shape],
                "requires_grad": bool(value.requires_grad),
                "device": {"type": "cpu", "index": None},
                "strides": [{"as_int": stride} for stride in _contiguous(plain.shape)],
                "storage_offset": {"as_int": 0},
                "layout": 7,
            },
        }
    return members, {"config": config}


def _contiguous(shape: torch.Size) -> list[int]:
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return strides[: len(shape)]


def _try_mapped(graph: RecordGraph) -> None:
    """Run the graph over two records, so that what cannot be mapped fails here, at no cost."""
    run = torch.fx.Interpreter(nn.Module(), graph=graph.graph).run
    fixed = {**graph.parameters, **graph.constants}
    values, dims = [], []
    for kind, name in graph.bindings.values():
        if kind == "input":
            spec = graph.input_specs[int(name)]
            values.append(torch.zeros((2, *spec.shape), dtype=spec.dtype))
        else:
            values.append(fixed[str(name)])
        dims.append(0 if kind == "input" else None)
    try:
        with torch.no_grad():
            torch.func.vmap(run, in_dims=tuple(dims))(*values)
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise GraphRefused(
            f"the function cannot be mapped over records: {first[0][:500]}",
            "See docs/researcher.md for layers that work and their replacements.",
        ) from None
