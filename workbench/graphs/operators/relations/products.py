"""Relations of the operands of products."""

from __future__ import annotations

from workbench.graphs.operators.arguments.base import Arguments, Relation
from workbench.graphs.operators.relations.tensors import broadcasts_to, shapes_of
from workbench.graphs.record_graph import TensorSpec


def multiplied(left: str, right: str, added: str | None = None) -> Relation:
    """Check that two matrices, or lists of as many, fit, and what is added to them."""

    def relation(call: Arguments) -> str | None:
        one, two = call[left].shape, call[right].shape
        if one[:-2] != two[:-2] or one[-1] != two[-2]:
            return f"{shapes_of(call, (left, right))}; they cannot be multiplied"
        if added is None:
            return None
        product = {**call, "product": TensorSpec((*one[:-1], two[-1]), call[left].dtype)}
        return broadcasts_to("product", added)(product)

    return relation


def linear(call: Arguments) -> str | None:
    """Check that weight and bias fit the input's last dimension."""
    value, weight, bias = call["input"].shape, call["weight"].shape, call["bias"]
    if value[-1] != weight[1]:
        return f"{shapes_of(call, ('input', 'weight'))}; their last dimensions have to be equal"
    if bias is not None and bias.shape != weight[:1]:
        return f"'bias' has shape {bias.shape}; it has to be {weight[:1]}"
    return None
