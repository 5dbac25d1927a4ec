"""Compare the width of a model's output with the classes that a column of the record has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.documents import Schema

if TYPE_CHECKING:
    import torch.fx

    from workbench.graphs.record_graph import RecordGraph

_OF_CLASSES = ("cross_entropy_loss", "nll_loss_nd", "nll_loss", "nll_loss_forward")
_OF_TWO = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
_SAME_VALUE = (
    "_to_copy",
    "_unsafe_view",
    "alias",
    "clone",
    "detach",
    "expand",
    "reshape",
    "squeeze",
    "to",
    "unsqueeze",
    "view",
)


def class_doubts(graph: RecordGraph, schema: Schema) -> Iterator[str]:
    """Yield what is perhaps not meant in losses over classes, with the line where it is known.

    Too few logits are refused before, when the function is run at the columns' bounds.

    Parameters
    ----------
    graph
        With its inputs named.
    schema
        The dataset's.
    """
    from workbench.engine.preflight import line_of

    for node in graph.graph.nodes:
        name = _name(node)
        if name not in (*_OF_CLASSES, *_OF_TWO):
            continue
        column = _column(graph, node.args[1], schema)
        if column is None:
            continue
        label, classes = column
        line = line_of(graph, node)
        at = f"\nat {line}" if line else ""
        if name in _OF_TWO:
            if classes > 2:
                yield (
                    f"column '{label}' has {classes} classes, but the loss is one for two\n"
                    f"Use F.cross_entropy with {classes} logits.{at}"
                )
            continue
        shape = _shape(graph, node.args[0])
        width = shape[0 if len(shape) == 1 else 1] if shape else classes
        if width > classes:
            yield (
                f"the model gives {width} logits, but column '{label}' has {classes} classes\n"
                f"Give it {classes} outputs, if the others stand for nothing.{at}"
            )


def _name(node: torch.fx.Node) -> str:
    return str(node.target).split(".")[1] if str(node.target).count(".") > 1 else ""


def _shape(graph: RecordGraph, node: Any) -> tuple[int, ...]:
    spec = node.meta.get("spec")
    return () if spec is None else tuple(spec.shape)


def _column(graph: RecordGraph, node: Any, schema: Schema) -> tuple[str, int] | None:
    """Return the column that a node has the value of, and how many classes that has."""
    while node.op == "call_function" and _name(node) in _SAME_VALUE:
        node = node.all_input_nodes[0]
    binding = graph.bindings.get(str(node.target)) if node.op == "placeholder" else None
    if binding is None or not binding.is_input:
        return None
    name = graph.inputs[binding.position]
    column = next((one for one in schema.usable if one.name == name), None)
    if column is None or column.kind not in ("category", "integer"):
        return None
    if column.kind == "category":
        return name, len(column.categories)
    return name, int(column.upper or 0) + 1
