"""The head of a clipped sum: a checked program for the factors of each record's gradients."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
import torch.fx

from workbench.engine.program.record_program import RecordProgram
from workbench.engine.program.runner import TappedRunner
from workbench.engine.sums.layers.factors import Call, Factors, Whole
from workbench.engine.sums.layers.table import RULES
from workbench.engine.sums.taps import Tap
from workbench.graphs.record_graph import RecordGraph


class GradientProgram(RecordProgram):
    """The head of a clipped sum: for each record the factors of its gradients.

    Shapes and dtypes: outputs are float32 ``(rows, ...)``, but for indices, which are integers;
    which axes follow, the class of each factor says.

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
            binding = graph.bindings[str(place.target)]
            name = binding.name
            if name is not None and name in self._fallback:
                value = value.expand(rows, *value.shape).detach().requires_grad_()
                copies[name] = value
            elif name in graph.trainable:
                value = value.detach().requires_grad_()
            given.append(value)
            dims.append(0 if binding.is_input or name in copies else None)
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
                (tap.weight, tap.bias), RULES[tap.node.target].factors(call), strict=True
            ):
                if parameter is not None and part is not None:
                    uses.setdefault(parameter, []).append(part)
        self._layout = {
            name: [(type(part), len(part.tensors)) for part in parts]
            for name, parts in uses.items()
        }
        return tuple(tensor for parts in uses.values() for part in parts for tensor in part.tensors)


def _gradients(losses: torch.Tensor, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the gradients of the sum of losses; zeros for what does not reach it."""
    if not leaves or not losses.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
    return [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
