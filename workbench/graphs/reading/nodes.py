"""Read the nodes of a ``.pt2`` graph into calls of allowed operators."""

from __future__ import annotations

import operator
import re
from typing import Any, TypeVar

import torch
import torch.fx

from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import ALLOWED, remedy

T = TypeVar("T")

SCALAR_TYPES: dict[object, torch.dtype] = {
    1: torch.uint8,
    4: torch.int32,
    5: torch.int64,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
}
"""The dtypes that are allowed, by their number in PyTorch's export schema."""

_OTHERS = {2: "int8", 3: "int16", 6: "float16", 10: "complex64", 13: "bfloat16"}
_MEMORY_FORMATS = {1: torch.contiguous_format, 4: torch.preserve_format}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,500}")
_TARGET = re.compile(r"torch\.ops\.(aten\.[a-z0-9_A-Z]+\.[a-z0-9_A-Z]+)")
_FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
_LARGEST = 1 << 31


def field(value: Any, key: str, kind: type[T]) -> T:
    """Return ``value[key]`` if it is there and of `kind`.

    Raises
    ------
    GraphRefused
        If it is not.
    """
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise GraphRefused(f"graph: '{key}' is missing or not a {kind.__name__}")
    return found


def _a_name(node: Any) -> str | None:
    """Return the name of a node's first output, or of an operand where it has none."""
    match node:
        case {"outputs": [{"as_tensor": {"name": str(name)}}, *_]}:
            return name
        case {"outputs": [{"as_tensors": [{"name": str(name)}, *_]}, *_]}:
            return name
        case {"outputs": [dict(kind), *_]} if (found := _symbol(kind)) is not None:
            return found
        case {"inputs": [{"arg": {"as_tensor": {"name": str(name)}}}, *_]}:
            return name
        case _:
            return None


def _symbol(output: dict[str, Any]) -> str | None:
    match output:
        case (
            {"as_sym_int": {"as_name": str(name)}}
            | {"as_sym_float": {"as_name": str(name)}}
            | {"as_sym_bool": {"as_name": str(name)}}
        ):
            return name
        case _:
            return None


class NodeReader:
    """Adds nodes to an ``fx.Graph``; a node can only refer to values that came before it.

    Parameters
    ----------
    graph
        The graph to add to.
    values
        Name to placeholder for what exists before the first node.
    """

    def __init__(self, graph: torch.fx.Graph, values: dict[str, torch.fx.Node]) -> None:
        self.graph = graph
        self.values = values

    def value(self, name: str) -> torch.fx.Node:
        """Return the value called `name`.

        Raises
        ------
        GraphRefused
            If nothing before has that name.
        """
        if name not in self.values:
            raise GraphRefused(f"graph: '{name[:100]}' is used before it is made")
        return self.values[name]

    def read(self, node: Any) -> None:
        """Add one node of the export schema.

        Raises
        ------
        GraphRefused
            If its operator is not allowed, or an argument does not fit.
        """
        target = field(node, "target", str)
        match = _TARGET.fullmatch(target)
        name = match.group(1) if match else target[:100]
        if name not in ALLOWED:
            refused = GraphRefused(f"graph: operator '{name}' is not allowed", remedy(name))
            refused.origin = _a_name(node)
            raise refused
        _, packet, overload = name.split(".")
        function = getattr(getattr(torch.ops.aten, packet), overload)
        try:
            args, kwargs = self._arguments(name, function._schema, field(node, "inputs", list))
        except GraphRefused as error:
            error.origin = error.origin or _a_name(node)
            raise
        self._define(field(node, "outputs", list), self.graph.call_function(function, args, kwargs))

    def _arguments(
        self, name: str, schema: torch.FunctionSchema, inputs: list[Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        known = [argument.name for argument in schema.arguments]
        for entry in inputs:
            argument, kind = field(entry, "name", str), field(entry, "kind", int)
            value = self._argument(field(entry, "arg", dict))
            if kind == 1 and not kwargs and len(args) < len(known) and known[len(args)] == argument:
                args.append(value)
            elif argument in known[len(args) :] and argument not in kwargs:
                kwargs[argument] = value
            else:
                raise GraphRefused(f"graph: {name} has no argument '{argument[:50]}' there")
        return tuple(args), kwargs

    def _argument(self, arg: dict[str, Any]) -> Any:
        if len(arg) != 1:
            raise GraphRefused("graph: an argument is malformed")
        (kind, value), *_ = arg.items()
        match kind, value:
            case "as_none", _:
                return None
            case "as_tensor", {"name": str(name)}:
                return self.value(name)
            case "as_tensors", [*items]:
                return [self.value(field(item, "name", str)) for item in items]
            case "as_optional_tensors", [*items]:
                return [self._argument(item) if isinstance(item, dict) else None for item in items]
            case "as_bool", bool():
                return value
            case "as_int", int() if not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63:
                return value
            case "as_int", 0x7FFF_FFFF_FFFF_FFFF:
                # The end of an open slice, x[1:].
                return value
            case "as_ints", [*items] if all(type(i) is int and abs(i) <= _LARGEST for i in items):
                return items
            case "as_bools", [*items] if all(type(i) is bool for i in items):
                return items
            case "as_float", float() | int() if not isinstance(value, bool):
                return float(value)
            case "as_float", str() if value in _FLOATS:
                return _FLOATS[value]
            case "as_floats", [*items] if all(type(i) in (int, float) for i in items):
                return [float(i) for i in items]
            case "as_scalar_type", int() if value in SCALAR_TYPES:
                return SCALAR_TYPES[value]
            case "as_scalar_type", int():
                raise GraphRefused(
                    f"graph: numbers of {_OTHERS.get(value, 'this dtype')} are not allowed",
                    "Use float32, int64 or bool, and leave out torch.autocast, .half() and the "
                    "like.",
                )
            case "as_memory_format", int() if value in _MEMORY_FORMATS:
                return _MEMORY_FORMATS[value]
            case "as_layout", 7:
                return torch.strided
            case "as_device", {"type": "cpu", "index": None}:
                return torch.device("cpu")
            case "as_string", str() if len(value) <= 100:
                return value
        raise GraphRefused(f"graph: an argument of kind '{str(kind)[:50]}' is not allowed")

    def _define(self, outputs: list[Any], call: torch.fx.Node) -> None:
        kinds = [
            next(iter(o.items())) if isinstance(o, dict) and o else ("", None) for o in outputs
        ]
        if len(kinds) == 1 and kinds[0][0] == "as_tensor":
            self._name(field(kinds[0][1], "name", str), call)
            return
        if len(kinds) == 1 and kinds[0][0] == "as_tensors" and isinstance(kinds[0][1], list):
            kinds = [("as_tensor", item) for item in kinds[0][1]]
        if not kinds or any(kind != "as_tensor" for kind, _ in kinds):
            raise GraphRefused("graph: an operator's outputs must be tensors")
        for position, (_, value) in enumerate(kinds):
            item = self.graph.call_function(operator.getitem, (call, position))
            self._name(field(value, "name", str), item)
            call.meta.setdefault("origin", item.meta["origin"])

    def _name(self, name: str, node: torch.fx.Node) -> None:
        if not _NAME.fullmatch(name) or name in self.values:
            raise GraphRefused(f"graph: the name '{name[:100]}' is malformed or taken")
        self.values[name] = node
        # A refusal names the value, so that a researcher can be told the line it comes from.
        node.meta["origin"] = name
