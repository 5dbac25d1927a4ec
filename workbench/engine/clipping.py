"""The clipped sum of per-unit gradients of a record graph: ``sum_u clip(gradient_u, C)``.

The graph is run for every record of a batch under ``torch.func.vmap``, so no record can influence
another's term. A zero "tap" is added to the output of each linear, conv2d and embedding operator
whose weight is used once, and its input is recorded; one backward pass to the taps gives all that
the norms and the clipped sum need. Every other trained parameter is handed to each record as its
own copy, whose gradient is the record's gradient: always right, also for parameters that are used
twice.

A unit whose loss, recorded inputs or gradients are not all finite contributes exactly zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx

import workbench.engine.layers.conv2d
import workbench.engine.layers.embedding
import workbench.engine.layers.linear  # noqa: F401 - registers its rule, as the two above
from workbench.engine.contributions import Contribution, PerUnit
from workbench.engine.guards import GUARDS
from workbench.engine.layers import RULES, Call
from workbench.graphs.record_graph import RecordGraph

_BOUND = 1.0 - 1e-6
"""Clips slightly below C, to cover the rounding of the float64 sum over units."""


@dataclass(frozen=True)
class _Tap:
    """An operator call whose parameters need no gradient per record."""

    node: torch.fx.Node
    recorded: torch.fx.Node
    weight: str | None
    bias: str | None
    weight_shape: tuple[int, ...]
    args: dict[str, Any]


def pruned(graph: torch.fx.Graph, outputs: slice) -> torch.fx.Graph:
    """Return a copy of a record graph that computes only some of its outputs."""
    copy = torch.fx.Graph()
    values: dict[torch.fx.Node, torch.fx.Node] = {}
    found = copy.graph_copy(graph, values)
    copy.output(tuple(found)[outputs])  # type: ignore[arg-type]
    for node in reversed(list(copy.nodes)):
        if node.op == "call_function" and not node.users:
            copy.erase_node(node)
    return copy


class Runner(torch.fx.Interpreter):
    """Runs a record graph for one record, with look-ups made total and taps added."""

    def __init__(self, graph: torch.fx.Graph) -> None:
        super().__init__(torch.nn.Module(), graph=graph)
        self.taps: dict[torch.fx.Node, int] = {}
        self.given: tuple[torch.Tensor, ...] = ()

    def run_node(self, n: torch.fx.Node) -> Any:
        """Run one node of the graph."""
        value = super().run_node(n)
        position = self.taps.get(n)
        return value if position is None else value + self.given[position]

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call an operator, or what makes it total."""
        return GUARDS.get(target, target)(*args, **kwargs)


class ClippedSum:
    """Computes clipped sums for one graph.

    Parameters
    ----------
    graph
        The record graph; its first output is the loss.
    max_grad_norm
        The bound C on each unit's L2 norm over all trained parameters together.
    records_per_unit
        How many consecutive rows of a batch belong to one unit (missing ones masked).
    groups
        Groups of parameter names to be clipped apart, each to ``max_grad_norm / sqrt(groups)``,
        so that the bound on all together stays C; by default one group of all.

    Raises
    ------
    ValueError
        If not every trained parameter is in exactly one group.
    """

    def __init__(
        self,
        graph: RecordGraph,
        max_grad_norm: float,
        records_per_unit: int = 1,
        groups: Sequence[Collection[str]] = (),
    ) -> None:
        self.graph = graph
        self.max_grad_norm = max_grad_norm
        self.records_per_unit = records_per_unit
        groups = groups or (graph.trainable,)
        if sorted(name for group in groups for name in group) != sorted(graph.trainable):
            raise ValueError("each trained parameter belongs to one group")
        self._groups = len(groups)
        self._group = {name: number for number, group in enumerate(groups) for name in group}
        self._loss = pruned(graph.graph, slice(0, 1))
        self._places = [node for node in self._loss.nodes if node.op == "placeholder"]
        self._taps = self._find_taps()
        tapped = {name for tap in self._taps for name in (tap.weight, tap.bias) if name}
        self.fallback = tuple(sorted(graph.trainable - tapped))

    def _parameter_used_once(self, value: Any) -> str | None:
        if not isinstance(value, torch.fx.Node) or value.op != "placeholder":
            return None
        kind, name = self.graph.bindings[str(value.target)]
        if kind != "parameter" or name not in self.graph.trainable or len(value.users) != 1:
            return None
        user = next(iter(value.users))
        once = sum(argument is value for argument in user.all_input_nodes) == 1
        flat = [a for a in (*user.args, *user.kwargs.values()) if a is value]
        return str(name) if once and len(flat) == 1 else None

    def _find_taps(self) -> tuple[_Tap, ...]:
        taps = []
        for node in self._loss.nodes:
            if node.target not in RULES:
                continue
            _, recorded_name, weight_name = RULES[node.target]
            names = [a.name for a in node.target._schema.arguments]
            args: dict[str, Any] = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
            weight = self._parameter_used_once(args.get(weight_name))
            bias = self._parameter_used_once(args.get("bias"))
            recorded = args.get(recorded_name)
            if (weight or bias) and isinstance(recorded, torch.fx.Node):
                shape = args[weight_name].meta["spec"].shape
                fixed = {k: v for k, v in args.items() if not isinstance(v, torch.fx.Node)}
                taps.append(_Tap(node, recorded, weight, bias, shape, fixed))
        return tuple(taps)

    def __call__(
        self,
        parameters: Mapping[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Return the clipped sum of one batch.

        Parameters
        ----------
        parameters
            Name to present value, float32.
        columns
            The graph's inputs, each of shape ``(units * records_per_unit, *shape)``.
        present
            Which rows are records, not filling; bool, ``(units * records_per_unit,)``.

        Returns
        -------
        dict of str to torch.Tensor
            For each trained parameter the sum over units, float64. Adding or removing one unit
            changes all of them together by at most `max_grad_norm` in L2 norm.
        """
        return self.with_count(parameters, columns, present)[0]

    def with_count(
        self,
        parameters: Mapping[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
    ) -> tuple[dict[str, torch.Tensor], float]:
        """Return the clipped sum and how many units were within their bounds, centred.

        Parameters are those of a plain call. A unit within adds 1/2 to the count, one that was
        clipped -1/2, filling and a unit that is not finite 0: one unit changes it by at most 1/2.
        """
        contributions, finite = self._contributions(parameters, columns, present)
        squared = torch.zeros((self._groups, len(finite)), dtype=torch.float64)
        for name, contribution in contributions:
            squared[self._group[name]] += contribution.squared_norms()
        norms = squared.sqrt()
        limit = self.max_grad_norm * _BOUND / math.sqrt(self._groups)
        counted = finite & torch.isfinite(norms).all(0)
        weights = torch.where(norms <= limit, torch.ones(()).double(), limit / norms)
        weights = torch.where(counted, weights, torch.zeros(()).double())
        counted &= present.reshape(-1, self.records_per_unit).any(1)
        within = (norms <= limit).all(0)[counted]
        count = float(within.sum()) - len(within) / 2
        sums = {name: c.weighted_sum(weights[self._group[name]]) for name, c in contributions}
        return sums, count

    def _contributions(
        self,
        parameters: Mapping[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
    ) -> tuple[list[tuple[str, Contribution]], torch.Tensor]:
        losses, recorded, gradients, copies = self._backward(parameters, columns)
        finite = torch.isfinite(losses)
        for value in (*recorded, *gradients, *copies):
            if value.is_floating_point():
                finite &= torch.isfinite(value.flatten(1)).all(1)
        units = self.records_per_unit
        # Filling rows must not spoil their unit, and add nothing to it.
        finite_units = (finite | ~present).reshape(-1, units).all(1)
        keep = finite & present

        def kept(value: torch.Tensor) -> torch.Tensor:
            mask = keep.reshape(-1, *[1] * (value.dim() - 1))
            return torch.where(mask, value, torch.zeros((), dtype=value.dtype))

        found: list[tuple[str, Contribution]] = []
        for tap, value, gradient in zip(self._taps, recorded, gradients, strict=True):
            function = RULES[tap.node.target][0]
            call = Call(tap.args, tap.weight_shape, kept(value), kept(gradient), units)
            weight, bias = function(call)
            found += [(n, c) for n, c in ((tap.weight, weight), (tap.bias, bias)) if n]
        for name, copy in zip(self.fallback, copies, strict=True):
            by_unit = kept(copy).reshape(-1, units, *copy.shape[1:]).sum(1)
            found.append((name, PerUnit(by_unit)))
        return found, finite_units

    def _backward(
        self, parameters: Mapping[str, torch.Tensor], columns: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        rows = len(columns[0])
        copies = {
            name: parameters[name].detach().expand(rows, *parameters[name].shape).requires_grad_()
            for name in self.fallback
        }
        taps = tuple(
            torch.zeros((rows, *tap.node.meta["spec"].shape), requires_grad=True)
            for tap in self._taps
        )
        values, dims = [], []
        for place in self._places:
            kind, name = self.graph.bindings[str(place.target)]
            if kind == "input":
                values.append(columns[int(name)])
            elif kind == "constant":
                values.append(self.graph.constants[str(name)])
            else:
                values.append(copies.get(str(name), parameters[str(name)].detach()))
            dims.append(0 if kind == "input" or name in copies else None)
        losses, *recorded = torch.func.vmap(self._one_record, in_dims=(tuple(dims), 0))(
            tuple(values), taps
        )
        leaves = [*taps, *copies.values()]
        found = (
            torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
            if leaves and losses.requires_grad
            else [None] * len(leaves)
        )
        gradients = [
            torch.zeros(leaf.shape) if gradient is None else gradient
            for leaf, gradient in zip(leaves, found, strict=True)
        ]
        return (
            losses.detach(),
            [value.detach() for value in recorded],
            gradients[: len(taps)],
            gradients[len(taps) :],
        )

    def _one_record(
        self, values: tuple[torch.Tensor, ...], taps: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        runner = Runner(self._loss)
        runner.taps = {tap.node: position for position, tap in enumerate(self._taps)}
        runner.given = taps
        runner.garbage_collect_values = False
        (loss,) = runner.run(*values)
        return (loss, *(runner.env[tap.recorded] for tap in self._taps))
