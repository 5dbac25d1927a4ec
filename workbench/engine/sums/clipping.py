"""The clipped sum of per-unit gradients of a record graph: ``sum_u clip(gradient_u, C)``.

It is computed by two checked programs, one after the other (`workbench.engine.program.program`):

- the *head* comes from the record graph. It runs under ``torch.func.vmap``; the outputs of
  operators that have a rule (`workbench.engine.sums.layers`) are tapped, their inputs recorded, and
  one backward pass to the taps gives the factors of each record's gradients. Every other trained
  parameter is handed to each record as its own copy, whose gradient is the record's gradient:
  always right, also for parameters that are used in ways that no rule knows. The checker proves
  that each factor of a record comes from that record alone.
- the *tail* is the engine's own and depends on shapes only (`workbench.engine.sums.tail`): norms,
  clip factors, weighted sums and the count. It is traced and checked over units; nothing of the
  record graph is in it.

A unit whose gradient is not finite, or whose norm is beyond float32 or above 2^60 C, adds exactly
zero, by selection.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.program import Program
from workbench.engine.program.record_program import values_program
from workbench.engine.program.remembered import remembered
from workbench.engine.program.runner import pruned
from workbench.engine.program.tiles import TILE, filled, whole_tiles
from workbench.engine.sums.contributions.forms import MATERIALISED
from workbench.engine.sums.contributions.rounding import LARGEST_SHARE, float32_share, float64_share
from workbench.engine.sums.head import GradientProgram
from workbench.engine.sums.tail import Tail
from workbench.engine.sums.taps import find_taps
from workbench.graphs.record_graph import RecordGraph

_BOUND = 1.0 - 1e-6
"""Clips slightly below C, to cover the rounding of float64 sums over units."""
_LEAST_BOUND = 1e-10
_NONE = torch.zeros((), dtype=torch.float64)


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

    Guarantees
    ----------
    Adding or removing one unit changes the sums of all parameters together by at most
    `max_grad_norm` in L2 norm, for the very floats that are summed, and the count by at most 1/2.

    =========================================  ====================================================
    a unit's gradient                          what it adds
    =========================================  ====================================================
    norm 0                                     zeros
    at most the bound                          itself
    above the bound                            itself, scaled down to the bound
    NaN or infinite, or norm above 2^60 C      exactly zero, by selection; 0 to the count
    =========================================  ====================================================
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

        Shapes and dtypes are those too; the count is a float64 scalar.
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

            shapes = {n: tuple(self.graph.parameters[n].shape) for n in self.trained}
            tail = Tail(shapes, self._groups, per_unit, self.counting, exact)

            def run(limit: torch.Tensor, present: torch.Tensor, *factors: torch.Tensor) -> Any:
                return tail(limit, present, head.uses(factors))

            return Program(run, inputs, rows // per_unit, "totals")

        key = (rows, exact, self.counting)
        if key not in self._tails:
            whole = ("tail", *key, self.records_per_unit, self._groups)
            self._tails[key] = remembered(self.graph, whole, make)
        return self._tails[key]


def check_programs(graph: RecordGraph) -> None:
    """Check that all programs of a graph keep records apart, in chunks of some size.

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
