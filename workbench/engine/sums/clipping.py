"""The clipped sum of per-unit gradients of a record graph: ``sum_u clip(gradient_u, C)``.

It is computed by two checked programs, one after the other (`workbench.engine.program.program`):

- the *head* comes from the record graph. It runs under ``torch.func.vmap``; the outputs of
  operators that have a rule (`workbench.engine.sums.layers`) are tapped, their inputs recorded, and
  one backward pass to the taps gives the factors of each record's gradients. Every other trained
  parameter is handed to each record as its own copy, whose gradient is the record's gradient:
  always right, also for parameters that are used in ways that no rule knows. The checker proves
  that each factor of a record comes from that record alone.
- the *tail* is the engine's own and depends on shapes only: norms, clip factors, weighted sums and
  the count. It is traced from the code below and checked over units; nothing of the record graph is
  in it, so what it does to a unit's gradient is known by reading this file.

A unit whose gradient is not finite, or whose norm is beyond float32 or above 2^60 C, adds exactly
zero, by selection.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.program import Program
from workbench.engine.program.record_program import RecordProgram, values_program
from workbench.engine.program.remembered import remembered
from workbench.engine.program.runner import TappedRunner, pruned
from workbench.engine.program.tiles import TILE, filled, whole_tiles
from workbench.engine.sums.contributions import (
    LARGEST_SHARE,
    MATERIALISED,
    UNDERFLOW,
    Contribution,
    float32_share,
    float64_share,
    gamma,
)
from workbench.engine.sums.layers import RULES, Call, Factors, Whole, contribution
from workbench.engine.sums.taps import Tap, find_taps
from workbench.graphs.record_graph import RecordGraph

_BOUND = 1.0 - 1e-6
"""Clips slightly below C, to cover the rounding of float64 sums over units."""

_LEAST_BOUND = 1e-10

_NONE = torch.zeros((), dtype=torch.float64)

_LEAST_WEIGHT = 2.0**-60
"""A unit with a smaller clip factor adds nothing: float32 could round it upwards. Nor to a float64
sum, so that a unit adds the same in every chunk of a round."""


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

    Attributes
    ----------
    max_grad_norm
        C, which may change between calls.
    exact
        Whether all sums are float64; true at first.
    counting
        Whether `with_count` counts; true at first.

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
        self.trained = tuple(sorted(graph.trainable))
        self._groups = tuple(tuple(sorted(group)) for group in groups) or (self.trained,)
        if sorted(name for group in self._groups for name in group) != list(self.trained):
            raise ValueError("each trained parameter belongs to one group")
        self.exact = True
        self.counting = True
        self._share = _BOUND
        self._loss = pruned(graph.graph, slice(0, 1))
        self._limit = torch.zeros((), dtype=torch.float64)
        self._taps = find_taps(graph, self._loss)
        tapped = {name for tap in self._taps for name in (tap.weight, tap.bias) if name}
        self.fallback = tuple(name for name in self.trained if name not in tapped)
        self._programs: dict[int, GradientProgram] = {}
        self._tails: dict[tuple[int, bool, bool], Program] = {}

    def allow_float32(self, units: int, largest_batch: int) -> None:
        """Sum in float32 where asked, if the limit needs to give up at most 1/64 of C for it.

        Parameters
        ----------
        units
            How many units one call has at most.
        largest_batch
            How many units all calls for one logical batch have together at most.
        """
        share = float32_share(units, largest_batch)
        # Below the least bound, float32's smallest numbers would be no small error.
        self.exact = share > LARGEST_SHARE or self.max_grad_norm < _LEAST_BOUND
        doubles = 1.0 + float64_share(units, largest_batch, self._positions)
        self._share = _BOUND / doubles / (1.0 if self.exact else 1.0 + share)

    @property
    def _positions(self) -> int:
        """How many terms one parameter's gradient of a unit has at most, where a rule adds them."""
        found: dict[str | None, int] = {}
        for tap in self._taps:
            looked_up = tap.node.target is torch.ops.aten.embedding.default
            width = tap.weight_shape[1] if looked_up else tap.weight_shape[0]
            terms = max(math.prod(tap.node.meta["spec"].shape) // width, 1)
            found[tap.weight] = found.get(tap.weight, 0) + terms
        return self.records_per_unit * max(found.values(), default=1)

    @property
    def copied(self) -> tuple[int, ...]:
        """The sizes of the parameters of which each unit may have a gradient of its own."""
        once = [tap.weight for tap in self._taps]
        cheap = {tap.weight for tap in self._taps if tap.is_cheap and once.count(tap.weight) == 1}
        if self.records_per_unit > 1:
            cheap.clear()
        sizes = {n: self.graph.parameters[n].numel() for n in self.trained if n not in cheap}
        return tuple(n for name, n in sizes.items() if name in self.fallback or n <= MATERIALISED)

    @property
    def limit(self) -> float:
        """What each unit's norm is clipped to: C less what rounding can add."""
        return self.max_grad_norm * self._share

    def __call__(
        self,
        parameters: Mapping[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
        exact: bool = True,
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
        exact
            Whether to sum in float64 even if `allow_float32` was called.

        Returns
        -------
        dict of str to torch.Tensor
            For each trained parameter the sum over units, float64, or float32 if not `exact`.
            Adding or removing one unit changes all of them together by at most C in L2 norm.
        """
        return self.with_count(parameters, columns, present, exact)[0]

    def with_count(
        self,
        parameters: Mapping[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
        exact: bool = True,
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Return the clipped sum and how many units were within their bounds, centred.

        Parameters are those of a plain call. A unit within adds 1/2 to the count, one that was
        clipped -1/2, filling and a unit that is not finite 0: one unit changes it by at most 1/2.
        """
        rows = len(present)
        wanted = whole_tiles(rows, self.records_per_unit)
        if wanted > rows:
            columns = tuple(filled(column, wanted) for column in columns)
            present = filled(present, wanted)
        factors = self.program(wanted)(parameters, columns)
        limit = self._limit.fill_(self.limit / math.sqrt(len(self._groups)))
        found = self._tail(wanted, exact or self.exact)(limit, present, *factors)
        sums = found[-len(self.trained) :]
        return dict(zip(self.trained, sums, strict=True)), found[0] if self.counting else _NONE

    def program(self, rows: int) -> GradientProgram:
        """Return the head for chunks of so many rows.

        Raises
        ------
        GraphRefused
            If the checker refuses it.
        """

        def make() -> GradientProgram:
            return GradientProgram(self.graph, self._loss, self._taps, self.fallback, rows)

        if rows not in self._programs:
            self._programs[rows] = remembered(self.graph, ("gradient", rows), make)
        return self._programs[rows]

    def _tail(self, rows: int, exact: bool) -> Program:
        def make() -> Program:
            head, per_unit = self.program(rows), self.records_per_unit
            place = Place(0, 1, per_unit)
            inputs = [
                Value((), torch.float64, laid=True),
                Value((rows,), torch.bool, place, laid=True),
                *(
                    Value(v.shape, v.dtype, place, bounds=v.bounds, laid=v.laid)
                    for v in head.outputs
                ),
            ]

            def tail(limit: torch.Tensor, present: torch.Tensor, *factors: torch.Tensor) -> Any:
                return self._summed(limit, present, head.uses(factors), exact)

            return Program(tail, inputs, rows // per_unit, "totals")

        key = (rows, exact, self.counting)
        if key not in self._tails:
            whole = ("tail", *key, self.records_per_unit, self._groups)
            self._tails[key] = remembered(self.graph, whole, make)
        return self._tails[key]

    def _summed(
        self,
        limit: torch.Tensor,
        present: torch.Tensor,
        uses: Mapping[str, list[Factors]],
        exact: bool,
    ) -> tuple[torch.Tensor, ...]:
        """Return the centred count and the clipped sums."""
        per_unit = self.records_per_unit
        chosen = present
        if per_unit > 1:
            chosen = present.reshape(-1, per_unit).any(1)
            uses = {name: [use.kept(present) for use in parts] for name, parts in uses.items()}
        found = {
            name: contribution(parts, tuple(self.graph.parameters[name].shape), per_unit)
            for name, parts in uses.items()
        }
        norms = [self._norms(group, found) for group in self._groups]
        factors = [(limit / norm).clamp(max=1.0) for norm in norms]
        # Not true for NaN and infinity.
        for norm in norms:
            chosen = chosen & (norm < limit / _LEAST_WEIGHT)
        weights = [torch.where(chosen, f, torch.zeros_like(f)) for f in factors]
        if not exact:
            weights = [weight.float() for weight in weights]
        sums = tuple(
            found[name]
            .weighted_sum(weights[self._group(name)], exact)
            .reshape(self.graph.parameters[name].shape)
            for name in self.trained
        )
        if not self.counting:
            return sums
        within = norms[0] <= limit
        for norm in norms[1:]:
            within = within & (norm <= limit)
        half = torch.where(within, 0.5, -0.5).double()
        return (torch.where(chosen, half, torch.zeros_like(half)).sum(0), *sums)

    def _group(self, name: str) -> int:
        return next(number for number, group in enumerate(self._groups) if name in group)

    def _norms(self, group: Collection[str], found: Mapping[str, Contribution]) -> torch.Tensor:
        """Return upper bounds on the norms of a group of parameters, ``(units,)``, float64."""
        parts = torch.stack([found[name].norms() for name in group], 1)
        norms = torch.linalg.vector_norm(parts, dim=1).double()
        numbers = sum(self.graph.parameters[name].numel() for name in group)
        hidden = 2 * math.sqrt((numbers + len(group)) * UNDERFLOW)
        error = max(found[name].error for name in group) + gamma(len(group) + 4)
        bounds: torch.Tensor = norms * (1 + error) + hidden
        return bounds


def check_programs(graph: RecordGraph) -> None:
    """Return None if all programs of a graph keep records apart, in chunks of some size.

    For the researcher's machine, where a refusal can name the line. A domain checks the programs of
    the sizes that it runs.

    Raises
    ------
    GraphRefused
        If one does not; names the operator, the line where it is known, and what to use.
    """
    rows = 3 * TILE
    if not graph.trainable:
        values_program(graph, slice(0, 1), rows)
        return
    ClippedSum(graph, 1.0).program(rows)
    if graph.metrics:
        values_program(graph, slice(1, 1 + len(graph.metrics)), rows)


class GradientProgram(RecordProgram):
    """The head of a clipped sum: for each record the factors of its gradients.

    Parameters
    ----------
    graph
        The record graph.
    loss
        The part of it that computes the loss.
    taps
        The calls whose outputs are tapped.
    fallback
        The parameters of which each record gets a copy.
    rows
        How many records a chunk has.

    Raises
    ------
    GraphRefused
        If the checker refuses it.
    """

    def __init__(
        self,
        graph: RecordGraph,
        loss: torch.fx.Graph,
        taps: Sequence[Tap],
        fallback: Collection[str],
        rows: int,
    ) -> None:
        self._graph, self._loss = graph, loss
        self._taps, self._fallback = taps, fallback
        self._layout: dict[str, list[tuple[type[Factors], int]]] = {}
        self._places = [node for node in loss.nodes if node.op == "placeholder"]
        super().__init__(graph, self._places, self._factors, rows)

    def uses(self, outputs: Sequence[torch.Tensor]) -> dict[str, list[Factors]]:
        """Return the outputs of a call as the factors of each use of each trained parameter."""
        remaining = iter(outputs)
        return {
            name: [kind(*(next(remaining) for _ in range(count))) for kind, count in layout]
            for name, layout in self._layout.items()
        }

    def _factors(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return what each record adds to each parameter's gradient, as tensors ``(rows, ...)``."""
        graph, rows = self._graph, self.rows
        copies: dict[str, torch.Tensor] = {}
        given, dims = [], []
        for place, value in zip(self._places, values, strict=True):
            kind, name = graph.bindings[str(place.target)]
            if name in self._fallback:
                value = value.expand(rows, *value.shape).detach().requires_grad_()
                copies[str(name)] = value
            elif name in graph.trainable:
                value = value.detach().requires_grad_()
            given.append(value)
            dims.append(0 if kind == "input" or name in copies else None)
        tapped = [tap.node for tap in self._taps]
        runner = TappedRunner(self._loss, rows, tapped, [tap.recorded for tap in self._taps])
        with torch.enable_grad():
            (losses,) = torch.func.vmap(runner.run, in_dims=tuple(dims))(*given)
            leaves = [*(runner.outputs[node] for node in tapped), *copies.values()]
            gradients = _gradients(losses, leaves)
        uses: dict[str, list[Factors]] = {
            name: [Whole(gradient)]
            for name, gradient in zip(copies, gradients[len(tapped) :], strict=True)
        }
        for tap, gradient in zip(self._taps, gradients, strict=False):
            recorded = runner.inputs[tap.recorded].detach()
            call = Call(tap.args, tap.weight_shape, recorded, gradient)
            for parameter, part in zip(
                (tap.weight, tap.bias), RULES[tap.node.target][0](call), strict=True
            ):
                if parameter is not None and part is not None:
                    uses.setdefault(parameter, []).append(part)
        self._layout = {
            name: [(type(part), len(part.tensors)) for part in parts]
            for name, parts in uses.items()
        }
        return tuple(tensor for parts in uses.values() for part in parts for tensor in part.tensors)


def _gradients(losses: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    if not leaves or not losses.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
