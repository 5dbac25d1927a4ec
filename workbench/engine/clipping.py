"""The clipped sum of per-unit gradients of a record graph: ``sum_u clip(gradient_u, C)``.

The graph is run for every record of a batch under ``torch.func.vmap``, so no record can influence
another's term. The outputs of operators that have a rule (`workbench.engine.layers`) are tapped and
their inputs recorded; one backward pass to the taps gives all that norms and sums need. Every other
trained parameter is handed to each record as its own copy, whose gradient is the record's gradient:
always right, also for parameters that are used in ways that no rule knows.

A unit whose gradient is not finite contributes exactly zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
import torch.fx

from workbench.engine.contributions import (
    LARGEST_SHARE,
    MATERIALISED,
    UNDERFLOW,
    Contribution,
    float32_share,
    float64_share,
    gamma,
)
from workbench.engine.flat import flatten
from workbench.engine.layers import RULES, Call, Factors, Whole, contribution
from workbench.engine.runner import TappedRunner, pruned
from workbench.engine.taps import find_taps
from workbench.graphs.record_graph import RecordGraph

_BOUND = 1.0 - 1e-6
"""Clips slightly below C, to cover the rounding of float64 sums over units."""

_LEAST_BOUND = 1e-10

_LEAST_WEIGHT = 2.0**-60
"""A smaller clip factor is not handled in float32, where it could be rounded upwards."""


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
    flat
        Whether to flatten forward and backward pass once per batch size, which pays for many
        calls; false at first.
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
        self._places = [node for node in self._loss.nodes if node.op == "placeholder"]
        self._bindings = [graph.bindings[str(place.target)] for place in self._places]
        self._limit = torch.zeros((), dtype=torch.float64)
        self._taps = find_taps(graph, self._loss)
        tapped = {name for tap in self._taps for name in (tap.weight, tap.bias) if name}
        self.fallback = tuple(name for name in self.trained if name not in tapped)
        self.flat = False
        self._functions: dict[tuple[int, bool], Callable[..., Any]] = {}

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
        doubles = 1.0 + float64_share(largest_batch)
        self._share = _BOUND / doubles / (1.0 if self.exact else 1.0 + share)

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
        exact = exact or self.exact
        given: dict[str, Mapping[Any, torch.Tensor]] = {
            "input": dict(enumerate(columns)),
            "constant": self.graph.constants,
            "parameter": parameters,
        }
        values = [given[kind][name] for kind, name in self._bindings]
        limit = self._limit.fill_(self.limit / math.sqrt(len(self._groups)))
        function = self._function(len(present), exact)
        with torch.inference_mode(self.flat):
            least, count, sums = function(limit, present, *values)
        if not bool(least > (0.0 if exact else _LEAST_WEIGHT)):
            # Not finite, or out of float32's range: by selection, which costs a pass more.
            _, count, sums = self._step(limit, present, *values, exact=True, select=True)
        return dict(zip(self.trained, sums, strict=True)), count

    def _function(self, rows: int, exact: bool) -> Callable[..., Any]:
        def step(*arguments: torch.Tensor) -> Any:
            return self._step(*arguments, exact=exact)

        if not self.flat:
            return step
        if (rows, exact) not in self._functions:
            examples = [torch.zeros((), dtype=torch.float64), torch.ones(rows, dtype=torch.bool)]
            for place in self._places:
                spec = place.meta["spec"]
                mapped = self.graph.bindings[str(place.target)][0] == "input"
                shape = (rows, *spec.shape) if mapped else spec.shape
                examples.append(torch.zeros(shape, dtype=spec.dtype))
            self._functions[rows, exact] = flatten(step, examples)
        return self._functions[rows, exact]

    def _step(
        self,
        limit: torch.Tensor,
        present: torch.Tensor,
        *values: torch.Tensor,
        exact: bool,
        select: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return the smallest clip factor, NaN if there is one, the centred count and the sums."""
        found, kept = self._gradients(values, present, select)
        norms = [self._norms(group, found, select) for group in self._groups]
        factors = [(limit / norm).clamp(max=1.0) for norm in norms]
        chosen = kept
        if self.records_per_unit > 1:
            chosen = kept.reshape(-1, self.records_per_unit).any(1)
        if select:
            for norm in norms:
                chosen = chosen & torch.isfinite(norm)
            weights = [torch.where(chosen, f, torch.zeros_like(f)) for f in factors]
        else:
            weights = [factor * chosen for factor in factors]
        if not exact:
            weights = [weight.float() for weight in weights]
        sums = tuple(
            found[name].weighted_sum(weights[self._group(name)], exact)
            .reshape(self.graph.parameters[name].shape)
            for name in self.trained
        )  # fmt: skip
        least = torch.cat(factors).min() if len(factors) > 1 else factors[0].min()
        count = torch.zeros((), dtype=torch.float64)
        if self.counting:
            within = torch.stack([norm <= limit for norm in norms]).all(0)
            count = ((within.double() - 0.5) * chosen).sum()
        # A norm of infinity gives the factor 0.
        return least, count, sums

    def _group(self, name: str) -> int:
        return next(number for number, group in enumerate(self._groups) if name in group)

    def _norms(
        self, group: Collection[str], found: Mapping[str, Contribution], wide: bool
    ) -> torch.Tensor:
        """Return upper bounds on the norms of a group of parameters, ``(units,)``, float64.

        `wide` ones are found where others are infinite; where they are not, both are equal.
        """
        parts = torch.stack([found[name].norms() for name in group])
        norms = torch.linalg.vector_norm(parts, dim=0).double()
        if wide:
            more = torch.stack([found[name].norms(wide=True) for name in group])
            norms = torch.where(torch.isfinite(norms), norms, more.square().sum(0).sqrt())
        numbers = sum(self.graph.parameters[name].numel() for name in group)
        hidden = 2 * math.sqrt((numbers + len(group)) * UNDERFLOW)
        error = max(found[name].error for name in group) + gamma(len(group) + 4)
        bounds: torch.Tensor = norms * (1 + error) + hidden
        return bounds

    def _gradients(
        self, values: tuple[torch.Tensor, ...], present: torch.Tensor, select: bool
    ) -> tuple[dict[str, Contribution], torch.Tensor]:
        """Return what each unit adds to each parameter's gradient, and which records count."""
        rows = len(present)
        copies: dict[str, torch.Tensor] = {}
        given, dims = [], []
        for place, value in zip(self._places, values, strict=True):
            kind, name = self.graph.bindings[str(place.target)]
            if name in self.fallback:
                value = value.expand(rows, *value.shape).detach().requires_grad_()
                copies[str(name)] = value
            elif name in self.graph.trainable:
                value = value.detach().requires_grad_()
            given.append(value)
            dims.append(0 if kind == "input" or name in copies else None)
        tapped = [tap.node for tap in self._taps]
        runner = TappedRunner(self._loss, rows, tapped, [tap.recorded for tap in self._taps])
        with torch.enable_grad():
            (losses,) = torch.func.vmap(runner.run, in_dims=tuple(dims))(*given)
            leaves = [*(runner.outputs[node] for node in tapped), *copies.values()]
            gradients = _gradients(losses, leaves)
        recorded = [runner.inputs[tap.recorded].detach() for tap in self._taps]
        keep = present
        if select or self.records_per_unit > 1:
            if select:
                for value in (*recorded, *gradients):
                    if value.is_floating_point():
                        keep = keep & torch.isfinite(value.reshape(rows, -1)).all(1)
                broken = (present & ~keep).reshape(-1, self.records_per_unit).any(1)
                keep = keep & ~broken.repeat_interleave(self.records_per_unit)
                recorded = [_selected(value, keep) for value in recorded]
            gradients = [_selected(value, keep) for value in gradients]
        own = dict(zip(copies, gradients[len(tapped) :], strict=True))
        return self._contributions(recorded, gradients[: len(tapped)], own), keep

    def _contributions(
        self,
        recorded: list[torch.Tensor],
        gradients: list[torch.Tensor],
        copies: dict[str, torch.Tensor],
    ) -> dict[str, Contribution]:
        uses: dict[str, list[Factors]] = {name: [Whole(g)] for name, g in copies.items()}
        for tap, value, gradient in zip(self._taps, recorded, gradients, strict=True):
            call = Call(tap.args, tap.weight_shape, value, gradient)
            factors = RULES[tap.node.target][0](call)
            for name, part in zip((tap.weight, tap.bias), factors, strict=True):
                if name is not None and part is not None:
                    uses.setdefault(name, []).append(part)
        return {
            name: contribution(parts, tuple(self.graph.parameters[name].shape),
                               self.records_per_unit)
            for name, parts in uses.items()
        }  # fmt: skip


def _gradients(losses: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    if not leaves or not losses.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]


def _selected(value: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Return `value` with the rows that are not kept set to zero, by selection."""
    mask = keep.reshape(-1, *[1] * (value.dim() - 1))
    return torch.where(mask, value, torch.zeros((), dtype=value.dtype))
