"""What attacks are made with: hostile records, one record more or less, and archives by hand.

An archive made by hand says what a stranger's could: `export` has no part in it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from workbench.documents import Schema
from workbench.engine.sums.clipping import ClippedSum
from workbench.graphs.export.training import export
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import RecordGraph
from workbench.records import Records

WIDTH = 4
SCHEMA = Schema.read(
    {
        "columns": [
            {"name": "x", "kind": "tensor", "shape": [WIDTH], "lower": 0.0, "upper": 1.0},
            {"name": "y", "kind": "category", "role": "target", "categories": ["a", "b", "c"]},
        ]
    }
)
TARGET = 0.987654
"""What the first number of one record is, by which a graph knows whether it is there."""
_DTYPES = {
    torch.uint8: 1,
    torch.int32: 4,
    torch.int64: 5,
    torch.float32: 7,
    torch.float64: 8,
    torch.bool: 12,
}


def is_target(record: Any) -> torch.Tensor:
    """Return whether a record is the one that the graph looks for, as 0 or 1, shape ()."""
    return ((record["x"][0] - TARGET).abs() < 1e-6).float()


def people(count: int, *, target: bool, rest: float = 0.5) -> torch.Tensor:
    """Return the column x of so many others, ``(rows, WIDTH)``; with `target` one more is there.

    The target's other numbers are `rest`.
    """
    generator = torch.Generator().manual_seed(0)
    found = torch.rand((count, WIDTH), generator=generator) * 0.5 + 0.25
    if not target:
        return found
    more = torch.full((1, WIDTH), rest)
    more[0, 0] = TARGET
    return torch.cat([found[: count // 3], more, found[count // 3 :]])


def records(x: torch.Tensor) -> Records:
    """Return a column x as records that are a unit each."""
    return Records.each_its_own({"x": x.numpy(), "y": np.zeros(len(x), np.int64)})


def exported(function: Any, model: torch.nn.Module) -> RecordGraph:
    """Return a function and its model as a graph of columns of `SCHEMA`."""
    return export(function, model, SCHEMA)


def sensitivity(
    graph: RecordGraph, rows: int, exact: bool = True, bound: float = 1.0, rest: float = 0.5
) -> float:
    """Return how far, in bounds, the clipped sum of a chunk moves when the target is missing.

    Those after it move up by a place, as they would.
    """
    clipped = ClippedSum(graph, bound)
    clipped.allow_float32(rows, rows)
    sums = []
    for target in (True, False):
        x = people(rows - 1, target=target, rest=rest)
        present = torch.arange(rows) < len(x)
        filled = torch.cat([x, x.new_zeros((rows - len(x), WIDTH))])
        found = clipped(graph.parameters, (filled,), present, exact)
        sums.append(torch.cat([found[name].reshape(-1).double() for name in sorted(found)]))
    return float((sums[0] - sums[1]).norm()) / bound


class Value:
    """A value of a program: its name, and an example of it."""

    def __init__(self, name: str, example: torch.Tensor) -> None:
        self.name, self.example = name, example


class Builder:
    """Writes a ``.pt2`` archive node by node.

    Every node is an ATen operator, ``aten.<name>.<overload>``, called with values of this program
    and plain arguments; it is not asked whether it is allowed.

    Attributes
    ----------
    answers
        By operator: an example of its result, for arguments that PyTorch would not take here.
    """

    def __init__(self) -> None:
        self.answers: dict[str, torch.Tensor] = {}
        self._nodes: list[dict[str, Any]] = []
        self._specs: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {}
        self._members: dict[str, bytes] = {}
        self._tables: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def column(self, name: str, example: torch.Tensor) -> Value:
        """Return one record's column."""
        value = self._placed(name, example)
        self._specs.append({"user_input": {"arg": {"as_tensor": {"name": name}}}})
        return value

    def parameter(self, name: str, value: torch.Tensor) -> Value:
        """Return a trained parameter."""
        made = self._placed("p_" + name, value)
        self._stored(name, value, pt2.WEIGHTS, 0)
        spec = {"arg": {"name": made.name}, "parameter_name": name}
        self._specs.append({"parameter": spec})
        return made

    def constant(self, name: str, value: torch.Tensor) -> Value:
        """Return a constant."""
        made = self._placed("c_" + name, value)
        self._stored(name, value, pt2.CONSTANTS, 1)
        spec = {"arg": {"name": made.name}, "buffer_name": name, "persistent": True}
        self._specs.append({"buffer": spec})
        return made

    def call(self, operator: str, *args: Any, **named: Any) -> Any:
        """Return what a call of an operator gives: a value, or a list of them."""
        _, packet, overload = operator.split(".")
        function = getattr(getattr(torch.ops.aten, packet), overload)
        plain = torch.utils._pytree.tree_map(
            lambda one: one.example if isinstance(one, Value) else one, (args, named)
        )
        result = self.answers.get(operator)
        if result is None:
            result = function(*plain[0], **plain[1])
        several = isinstance(result, list | tuple)
        made = [
            Value(f"v{len(self._nodes)}_{n}", r)
            for n, r in enumerate(result if several else [result])
        ]
        names = [argument.name for argument in function._schema.arguments]
        inputs = [{"name": names[n], "kind": 1, "arg": _written(a)} for n, a in enumerate(args)]
        inputs += [{"name": name, "kind": 2, "arg": _written(a)} for name, a in named.items()]
        outputs: list[dict[str, Any]] = [{"as_tensor": {"name": value.name}} for value in made]
        if isinstance(result, list):
            outputs = [{"as_tensors": [{"name": value.name} for value in made]}]
        self._nodes.append(
            {
                "target": f"torch.ops.{operator}",
                "inputs": inputs,
                "outputs": outputs,
                "metadata": {},
            }
        )
        return made if several else made[0]

    def rename(self, *names: str) -> None:
        """Give the last call's results these names, as many as there are names."""
        self._nodes[-1]["outputs"] = [{"as_tensor": {"name": name}} for name in names]

    def archive(self, *outputs: Value) -> bytes:
        """Return the archive of a program with these outputs."""
        told = [{"user_output": {"arg": {"as_tensor": {"name": value.name}}}} for value in outputs]
        body = {"inputs": [], "outputs": [], "nodes": self._nodes, "tensor_values": self._values}
        signature = {"input_specs": self._specs, "output_specs": told}
        module = {"graph": body, "signature": signature, "module_call_graph": []}
        graph = {
            "graph_module": module,
            "torch_version": "2",
            "schema_version": {"major": 8, "minor": 1},
        }
        weights, constants = ({"config": table} for table in self._tables)
        return pt2.write(pt2.Archive(graph, weights, constants, self._members))

    def graph(self, *outputs: Value) -> RecordGraph:
        """Return the record graph that a domain would read."""
        return load(self.archive(*outputs))

    def _placed(self, name: str, example: torch.Tensor) -> Value:
        sizes = [{"as_int": size} for size in example.shape]
        self._values[name] = {"dtype": _DTYPES[example.dtype], "sizes": sizes}
        return Value(name, example)

    def _stored(self, name: str, value: torch.Tensor, folder: str, table: int) -> None:
        path = f"{('weight', 'tensor')[table]}_{len(self._tables[table])}"
        self._members[folder + path] = value.contiguous().numpy().tobytes()
        strides = [math.prod(value.shape[dim + 1 :]) for dim in range(value.dim())]
        self._tables[table][name] = {
            "path_name": path,
            "is_param": not table,
            "use_pickle": False,
            "tensor_meta": {
                **self._values[f"{('p', 'c')[table]}_{name}"],
                "requires_grad": not table,
                "strides": [{"as_int": stride} for stride in strides],
                "storage_offset": {"as_int": 0},
                "layout": 7,
                "device": {"type": "cpu", "index": None},
            },
        }


def _written(argument: Any) -> dict[str, Any]:
    """Return an argument as the export schema has it."""
    match argument:
        case None:
            return {"as_none": True}
        case Value():
            return {"as_tensor": {"name": argument.name}}
        case bool():
            return {"as_bool": argument}
        case int():
            return {"as_int": argument}
        case float() if math.isnan(argument):
            return {"as_float": "NaN"}
        case float() if math.isinf(argument):
            return {"as_float": "Infinity" if argument > 0 else "-Infinity"}
        case float():
            return {"as_float": argument}
        case str():
            return {"as_string": argument}
        case torch.dtype():
            return {"as_scalar_type": _DTYPES[argument]}
        case [Value(), *_] if all(isinstance(one, Value) for one in argument):
            return {"as_tensors": [{"name": one.name} for one in argument]}
        case [*several] if any(isinstance(one, Value) for one in several):
            return {"as_optional_tensors": [_written(one) for one in several]}
        case [*numbers]:
            return {"as_ints": numbers}
    raise TypeError(type(argument))
