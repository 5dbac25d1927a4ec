"""Let constants hold infinite and very large entries, as masks of attention do.

A domain takes no tensor with such entries. They are numbers of the program instead: the constant
holds a code in their place, and ``where`` puts them back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableMapping
from typing import Any

import torch
import torch.fx
from torch import nn

from workbench.graphs.record_graph import Limits

A = torch.ops.aten
_MOST = 4
"""How many different extreme numbers a constant may have: it is ``where`` for each."""


def carry_extremes(program: torch.export.ExportedProgram) -> None:
    """Change a program such that its constants hold no extreme entries, and its results are equal.

    Parameters
    ----------
    program
        Is changed; the tensors that it was made with are left as they are.
    """
    signature = program.graph_signature
    names = signature.inputs_to_lifted_tensor_constants | signature.inputs_to_buffers
    for node in [n for n in program.graph.nodes if n.name in names]:
        for values in _holders(program, names[node.name]):
            value = values[names[node.name]]
            numbers = _extremes(value)
            if 0 < len(numbers) <= _MOST:
                values[names[node.name]] = _coded(program.graph, node, value, numbers)
    program.graph.lint()


def _holders(
    program: torch.export.ExportedProgram, name: str
) -> Iterator[MutableMapping[str, Any]]:
    for values in (program.state_dict, program.constants):
        if isinstance(values.get(name), torch.Tensor):
            yield values


def _extremes(value: torch.Tensor) -> list[float]:
    """Return the different extreme numbers in a tensor of any shape and dtype; NaN is none."""
    if isinstance(value, nn.Parameter) or not value.is_floating_point():
        return []
    found = value[value.abs() > Limits().weight]
    return sorted(set(found.tolist()))


def _coded(
    graph: torch.fx.Graph, node: torch.fx.Node, value: torch.Tensor, numbers: list[float]
) -> torch.Tensor:
    """Return `value` with codes for `numbers`; what `node` gives is decoded in the graph."""
    users = list(node.users)
    coded, last = value.detach().clone(), node
    # The next free whole numbers: equal to no entry.
    free = (float(number) for number in range(1 << 20) if not bool((value == number).any()))
    for number in numbers:
        code = next(free)
        coded[value == number] = code
        with graph.inserting_after(last):
            chosen = graph.call_function(A.eq.Scalar, (node, code))
        with graph.inserting_after(chosen):
            decoded = graph.call_function(A.where.ScalarSelf, (chosen, number, last))
        fake = node.meta["val"]
        with fake.fake_mode:
            chosen.meta = {**node.meta, "val": fake == code}
        decoded.meta = dict(node.meta)
        last = decoded
    for user in users:
        user.replace_input_with(node, last)
    assert math.isfinite(float(coded.abs().max()))
    return coded
