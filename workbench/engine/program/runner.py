"""Run a record graph for one record, with look-ups made total and some outputs tapped."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
import torch.fx
from torch._C._functorch import _add_batch_dim, _remove_batch_dim, maybe_get_level

from workbench.engine.program.guards import GUARDS


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
    """Runs a record graph for one record."""

    def __init__(self, graph: torch.fx.Graph) -> None:
        super().__init__(torch.nn.Module(), graph=graph)
        for node in graph.nodes:
            # What is traced from it inherits this, so that a refusal can name it.
            node.meta.setdefault("origin", node.name)
            node.meta["operator"] = str(node.target)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call an operator, or what makes it total."""
        return GUARDS.get(target, target)(*args, **kwargs)


class TappedRunner(Runner):
    """A `Runner` for use under one level of ``vmap`` that keeps values of the whole batch.

    Parameters
    ----------
    graph
        The graph.
    rows
        The batch size.
    tapped
        Nodes whose outputs are kept as tensors ``(rows, ...)`` that the rest of the graph is
        computed from, so that autograd gives one gradient per record for them.
    recorded
        Nodes whose outputs are kept as they are, ``(rows, ...)``.
    """

    def __init__(
        self,
        graph: torch.fx.Graph,
        rows: int,
        tapped: Collection[torch.fx.Node],
        recorded: Collection[torch.fx.Node],
    ) -> None:
        super().__init__(graph)
        self._rows = rows
        self._tapped, self._recorded = frozenset(tapped), frozenset(recorded)
        self.outputs: dict[torch.fx.Node, torch.Tensor] = {}
        self.inputs: dict[torch.fx.Node, torch.Tensor] = {}
        self._level = 0

    def run(self, *args: Any, **options: Any) -> Any:
        """Run the graph; some argument must be mapped by ``vmap``."""
        self._level = max(maybe_get_level(value) for value in args)
        return super().run(*args, **options)

    def run_node(self, n: torch.fx.Node) -> Any:
        """Run one node of the graph."""
        value = super().run_node(n)
        if n in self._recorded:
            self.inputs[n] = self._whole(value)
        if n in self._tapped:
            self.outputs[n] = whole = self._whole(value)
            value = _add_batch_dim(whole, 0, self._level)
        return value

    def _whole(self, value: torch.Tensor) -> torch.Tensor:
        if maybe_get_level(value) == self._level:
            return _remove_batch_dim(value, self._level, self._rows, 0)
        return value.expand(self._rows, *value.shape)
