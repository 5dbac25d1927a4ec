"""Find where a record graph uses trained parameters in ways that a rule knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx

from workbench.engine.sums.layers.table import RULES
from workbench.graphs.record_graph import RecordGraph


@dataclass(frozen=True)
class Tap:
    """One call of an operator that has a rule.

    Attributes
    ----------
    node
        The call; its output is tapped.
    recorded
        What the rule needs of its inputs.
    weight, bias
        The names of the trained parameters among its arguments.
    weight_shape
        The shape of the weight.
    args
        Its arguments by schema name, without tensors.
    """

    node: torch.fx.Node
    recorded: torch.fx.Node
    weight: str | None
    bias: str | None
    weight_shape: tuple[int, ...]
    args: dict[str, Any]

    @property
    def is_cheap(self) -> bool:
        """Return whether the weight's gradient is never made per record: an outer product, a table.

        Holds for a weight that is used once.
        """
        shape = self.node.meta["spec"].shape
        linear = self.node.target is torch.ops.aten.linear.default and math.prod(shape[:-1]) == 1
        return linear or self.node.target is torch.ops.aten.embedding.default


def find_taps(graph: RecordGraph, loss: torch.fx.Graph) -> tuple[Tap, ...]:
    """Return the taps of `loss`, a part of `graph`; of a parameter all uses are tapped, or none."""
    roles = _roles(graph, loss)
    taps = []
    for node in loss.nodes:
        if node.target not in RULES:
            continue
        rule, args = RULES[node.target], _arguments(node)
        recorded, matrix = args.get(rule.recorded), args.get(rule.weight)
        found = [roles.get(args.get(role)) for role in (rule.weight, "bias")]
        if any(found) and isinstance(recorded, torch.fx.Node) and matrix is not None:
            fixed = {k: v for k, v in args.items() if not isinstance(v, torch.fx.Node)}
            shape = matrix.meta["spec"].shape
            taps.append(Tap(node, recorded, found[0], found[1], shape, fixed))
    return tuple(taps)


def _arguments(node: torch.fx.Node) -> dict[str, Any]:
    names = [a.name for a in node.target._schema.arguments]  # type: ignore[union-attr]
    return dict(zip(names, node.args, strict=False)) | dict(node.kwargs)


def _roles(graph: RecordGraph, loss: torch.fx.Graph) -> dict[Any, str]:
    """Return the placeholders of trained parameters all of whose uses one rule knows."""
    known: dict[Any, str] = {}
    for place in loss.nodes:
        if place.op != "placeholder":
            continue
        name = graph.bindings[str(place.target)].parameter
        if name is not None and name in graph.trainable:
            roles = {_role(user, place) for user in place.users}
            if len(roles) == 1 and None not in roles:
                known[place] = name
    return known


def _role(user: torch.fx.Node, place: torch.fx.Node) -> tuple[Any, str] | None:
    """Return operator and argument if `user` has a rule for its one use of `place`."""
    if user.target not in RULES:
        return None
    args = _arguments(user)
    found = [name for name, value in args.items() if value is place]
    weight_name = RULES[user.target].weight
    if len(found) != 1 or found[0] not in (weight_name, "bias") or args[weight_name] is None:
        return None
    return (user.target, found[0])
