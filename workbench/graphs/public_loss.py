"""Check a loss that no record reaches: what it trains is post-processing.

A generator is trained so: the discriminator learns from records under differential privacy, the
generator from the discriminator and random numbers alone. It is the last output of a graph, after
the metrics, in a plan that has a `public_loss`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.fx

from workbench.documents.inputs import NoiseInput
from workbench.errors import GraphRefused
from workbench.graphs.record_graph import RecordGraph

_NO_GRADIENT = (torch.ops.aten.detach.default,)


def publicly_trained(graph: RecordGraph, inputs: Sequence[str]) -> frozenset[str]:
    """Return the parameters that the public loss trains and the private loss does not.

    Parameters
    ----------
    graph
        Its last output is the public loss.
    inputs
        What the graph's inputs are, as the request names them.

    Raises
    ------
    GraphRefused
        If a column of the record reaches the public loss, if it is not float32, or if it trains no
        parameter of its own.
    """
    private, public = _output(graph, 0), _output(graph, -1)
    if graph.outputs < 2 or public.meta["spec"].dtype != torch.float32:
        raise GraphRefused("graph: the public loss must be an output of its own, float32")
    for place in _reached(public, stop=()):
        binding = graph.bindings[str(place.target)]
        # Everything is a column until its name says that it is noise.
        if binding.is_input and NoiseInput.parse(inputs[binding.position]) is None:
            raise GraphRefused(
                f"graph: the public loss depends on column '{inputs[binding.position]}' of the "
                "record",
                "Only parameters, constants and wb.noise(record, …) may enter it.",
            )
    trained = [
        {
            name
            for place in _reached(output, stop=_NO_GRADIENT)
            if (name := graph.bindings[str(place.target)].parameter) in graph.trainable
        }
        for output in (private, public)
    ]
    found = frozenset(trained[1] - trained[0])
    if not found:
        raise GraphRefused(
            "graph: the public loss trains no parameter of its own",
            "In the private loss use the generator's output .detach()ed: a parameter that records "
            "train cannot be trained without noise.",
        )
    return found


def _output(graph: RecordGraph, position: int) -> torch.fx.Node:
    (outputs,) = next(node for node in graph.graph.nodes if node.op == "output").args
    node = outputs[position]
    assert isinstance(node, torch.fx.Node)
    return node


def _reached(output: torch.fx.Node, stop: Sequence[object]) -> set[torch.fx.Node]:
    """Return the placeholders that `output` is made from, not looking behind `stop`."""
    seen: set[torch.fx.Node] = set()
    waiting = [output]
    while waiting:
        node = waiting.pop()
        if node not in seen and node.target not in stop:
            seen.add(node)
            waiting += node.all_input_nodes
    return {node for node in seen if node.op == "placeholder"}
