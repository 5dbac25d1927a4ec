"""Walk over a program, node by node: prove that it keeps records apart, or refuse it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker.rules.order import ORDERED, lies_in_order
from workbench.engine.program.checker.rules.table import AFTER_TOTALS, FROM_NOTHING, RULES
from workbench.engine.program.checker.values.call import Call, Unproven, meta
from workbench.engine.program.checker.values.value import DTYPES, Value, constant

MOST_NODES = 400_000


class Refused(Exception):
    """Raised for a node that no rule allows.

    Attributes
    ----------
    node
        The node of the program.
    reason
        What about it, in words.
    """

    def __init__(self, node: torch.fx.Node, reason: str) -> None:
        super().__init__(f"{node.target}: {reason}")
        self.node, self.reason = node, reason


def check(
    graph: torch.fx.Graph,
    inputs: Sequence[Value],
    attributes: Mapping[str, torch.Tensor],
    records: int,
    *,
    sums: bool = False,
    refused: frozenset[str] = frozenset(),
) -> tuple[Value, ...]:
    """Check every node of a program and return what is known of its outputs.

    Parameters
    ----------
    graph
        The program. The object that is checked is the one that has to run.
    inputs
        What its placeholders are, in their order.
    attributes
        The constants that it holds, public, by name; of any shape and dtype.
    records
        How many records a chunk has, at least 2.
    sums
        Whether totals may be made.
    refused
        Names of operators that are refused whatever their rule says.

    Raises
    ------
    Refused
        At the first node that no rule allows.
    ValueError
        If `records` is below 2, or the program has no output.
    """
    if records < 2:
        raise ValueError("a chunk has at least two records")
    known: dict[torch.fx.Node, Any] = {}
    remaining = iter(inputs)
    for count, node in enumerate(graph.nodes):
        try:
            if count > MOST_NODES:
                raise Unproven(f"over {MOST_NODES} operators")
            if node.op == "placeholder":
                known[node] = next(remaining)
            elif node.op == "get_attr":
                known[node] = constant(attributes[str(node.target)], records)
            elif node.op == "output":
                if next(remaining, None) is not None:
                    raise Unproven("there are more inputs than placeholders")
                return tuple(known[value] for value in _outputs(node))
            else:
                known[node] = called(node, known, records, sums, refused)
        except Unproven as error:
            raise Refused(node, str(error)) from None
        except Exception as error:
            # What PyTorch, or a rule, makes nothing of is refused as well.
            why = f"its arguments are not taken ({type(error).__name__})"
            raise Refused(node, why) from error
    raise ValueError("the program has no output")


def _outputs(node: torch.fx.Node) -> list[torch.fx.Node]:
    """Return the values that the output node names; there must be some, all tensors."""
    (values,) = node.args
    flat = list(values) if isinstance(values, list | tuple) else [values]
    if not flat or not all(isinstance(value, torch.fx.Node) for value in flat):
        raise Unproven("an output is not a tensor")
    return flat  # type: ignore[return-value]


def called(
    node: torch.fx.Node,
    known: Mapping[torch.fx.Node, Any],
    records: int,
    sums: bool,
    refused: frozenset[str],
) -> Any:
    """Check one call and return what is known of its results: a `Value`, or a list of them."""
    if node.target is operator.getitem:
        source, position = node.args
        found = known[source][position]  # type: ignore[index]
        if found is None:
            raise Unproven("it is a result that was not asked for")
        return found
    rule = RULES.get(node.target)
    if node.op != "call_function" or rule is None:
        raise Unproven("the checker has no rule for it")
    if str(node.target) in refused:
        raise Unproven("it did not pass this machine's tests at the start")
    args = torch.fx.map_arg((list(node.args), dict(node.kwargs)), lambda n: known[n])
    schema = node.target._schema  # type: ignore[union-attr]
    named = {a.name: a.default_value if a.has_default_value() else None for a in schema.arguments}
    named |= dict(zip((a.name for a in schema.arguments), args[0], strict=False)) | args[1]
    for argument in schema.arguments:
        number = named[argument.name]
        # PyTorch takes a plain number for a tensor of rank 0.
        if "Tensor" in str(argument.type) and isinstance(number, bool | int | float):
            named[argument.name] = constant(torch.tensor(number))
    _check_options(named)
    results = node.target(*meta(args[0]), **meta(args[1] | FROM_NOTHING.get(node.target, {})))  # type: ignore[operator]
    several = isinstance(results, list | tuple)
    out = tuple(
        Value((), torch.uint8, total=True) if r is None else Value(tuple(r.shape), r.dtype)
        for r in (results if several else [results])
    )
    call = Call(named, out, records, sums)
    if node.target in ORDERED and not all(value.laid for value in call.tensors):
        raise Unproven("its operands are not known to lie in row-major order")
    for value in (*call.tensors, *out):
        if value.dtype not in DTYPES:
            raise Unproven(f"{value.dtype} is not allowed")
        if 0 in value.shape:
            raise Unproven("an operand is empty")
    if any(value.total for value in call.tensors):
        if node.target not in AFTER_TOTALS or not all(value.total for value in call.tensors):
            raise Unproven("it computes with a sum over records")
        if not out[0].dtype.is_floating_point and {v.dtype for v in call.tensors} != {out[0].dtype}:
            raise Unproven("it rounds a sum over records")
        return replace(out[0], total=True)
    before = [value.laid for value in call.tensors]
    found = rule(call)
    if not several:
        laid = lies_in_order(node.target, args[1], before, results)
        return replace(found, laid=laid)  # type: ignore[type-var]
    # Kernels may return something where they were told not to: nobody may have it.
    return [
        None if r is None else replace(v, laid=lies_in_order(node.target, args[1], before, r))
        for r, v in zip(results, found, strict=True)  # type: ignore[arg-type]
    ]


def _check_options(named: Mapping[str, Any]) -> None:
    """Check that a call asks for dense tensors on the CPU, in the usual memory format."""
    for name, allowed in (
        ("device", (None, torch.device("cpu"))),
        ("layout", (None, torch.strided)),
        ("pin_memory", (None, False)),
        ("memory_format", (None, torch.contiguous_format, torch.preserve_format)),
    ):
        if named.get(name) not in allowed:
            raise Unproven(f"{name}={named[name]} is not allowed")
