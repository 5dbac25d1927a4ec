"""Tell what can be known of a graph before a private record is touched, so that nothing is charged.

What follows from the graph alone is checked by the researcher's machine and again by the domain.
What needs records is tried on a synthetic snippet, on the researcher's machine.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.fx

from workbench.documents.inputs import NoiseInput
from workbench.documents.plans import Plan
from workbench.engine.postprocessing import private_part
from workbench.engine.program.runner import Runner, pruned
from workbench.engine.sampling.batches import UnitTable, chunk_size
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import SEED_BYTES, StreamName
from workbench.errors import GraphRefused
from workbench.graphs.record_graph import RecordGraph
from workbench.graphs.roles import check_trainable
from workbench.records import Records

_AT_ONCE = 64
_RECORDS = 1000
"""How many records of a snippet are looked at."""
_BY_ITSELF = 100
"""Of how many records the gradient is computed, until one has one that can be used. Of the others
it is computed together, and of each by itself only where it is not 0."""
_ALIKE = 20
"""How many records with the same gradient are told of, if none before has another one."""
_FLAT = frozenset(
    getattr(torch.ops.aten, name).default
    for name in ("sign", "sgn", "floor", "ceil", "round", "trunc")
)
"""Operators whose gradient is 0 wherever there is one."""
_LEARN = (
    "Compute it from the model's output without detach(), no_grad(), argmax, round or a "
    "comparison, for example with F.cross_entropy(logits, record['label'])."
)
_FINITE = "Look for log, sqrt and divisions of what can be 0 or negative; .clamp_min(1e-6) it."


def check_learning(graph: RecordGraph, plan: Plan) -> tuple[str, ...]:
    """Check by the graph alone that records train some parameter.

    Parameters
    ----------
    graph
        With its inputs named.
    plan
        What would be run.

    Returns
    -------
    tuple of str
        What is perhaps not meant, in words.

    Raises
    ------
    GraphRefused
        If no parameter is trained, no column reaches the loss, the loss reaches no parameter, or
        the graph cannot be run.
    """
    check_trainable(graph)
    trained = private_part(graph, plan, SealedRandom(bytes(SEED_BYTES)), graph.parameters)[0]
    if not any(_column_reaches(graph, 0)):
        raise _refused(
            graph,
            0,
            "graph: no column of the record reaches the loss",
            "Compute the loss from the record's columns.",
        )
    columns = [torch.zeros((2, *spec.shape), dtype=spec.dtype) for spec in graph.input_specs]
    try:
        found = _gradients(trained, columns, _Reaching)
    except (RuntimeError, IndexError) as error:
        if "alloc" in str(error):
            # A lack of memory has a word of its own, which whoever set the limit knows.
            raise
        first = (str(error).splitlines() or [""])[0][:300]
        raise GraphRefused(
            f"graph: it cannot be run on records of its inputs' shapes: {first}"
        ) from None
    unreached = sorted(name for name, gradient in found.items() if gradient is None)
    if len(unreached) == len(found):
        raise _refused(graph, 0, "graph: the loss gives no parameter a gradient", _LEARN)
    if not unreached:
        return ()
    names = ", ".join(f"'{name}'" for name in unreached[:5]) + (", …" if unreached[5:] else "")
    return (
        f"no record reaches the parameters {names}: each step gives them noise and nothing else\n"
        "Freeze them with requires_grad_(False), or use them in the loss; round, floor, sign and "
        "comparisons let no gradient through.",
    )


def check_on_snippet(graph: RecordGraph, plan: Plan, records: Records) -> tuple[str, ...]:
    """Check loss, gradient and metrics on synthetic records.

    Parameters
    ----------
    graph
        With its inputs and metrics named; `check_learning` accepts it.
    plan
        What would be run.
    records
        A decoded snippet.

    Returns
    -------
    tuple of str
        What is perhaps not meant, in words.

    Raises
    ------
    GraphRefused
        If loss or metric is NaN or infinite for every record, or no record has a gradient that is
        finite and not 0.
    """
    doubts: list[str] = []
    values = _values(graph, records)
    loss, metrics = values[0], values[1 : 1 + len(graph.metrics)]
    finite = torch.isfinite(loss)
    doubts += _check_finite(graph, 0, "the loss", finite)
    trained = private_part(graph, plan, SealedRandom(bytes(SEED_BYTES)), graph.parameters)[0]
    doubts += _check_gradients(trained, records, finite)
    for position, (name, metric) in enumerate(zip(graph.metrics, metrics, strict=True), 1):
        usable = torch.isfinite(metric)
        doubts += _check_finite(graph, position, f"metric '{name}'", usable)
        least, most = float(metric[usable].min()), float(metric[usable].max())
        if least < 0 or most > 1:
            doubts.append(
                f"metric '{name}' is from {least:.4g} to {most:.4g} on synthetic records; a domain "
                "clamps it to [0, 1]\n"
                "Return a number from 0 to 1, such as 1 - error / largest_error."
                + _at(graph, position)
            )
    return tuple(doubts)


def check_vector(graph: RecordGraph, records: Records) -> tuple[str, ...]:
    """Check the vector of a statistic on synthetic records.

    Parameters and errors are as for `check_on_snippet`; the graph's one output is the vector.

    Raises
    ------
    GraphRefused
        If the vector has a NaN or infinite entry for every record.
    """
    (vectors,) = _values(graph, records)
    return tuple(_check_finite(graph, 0, "the vector", torch.isfinite(vectors).all(1)))


def _values(graph: RecordGraph, records: Records) -> list[torch.Tensor]:
    """Return all outputs of the first records, each of shape ``(records, *shape)``."""
    size = min(chunk_size(graph, _AT_ONCE, 1), _AT_ONCE)
    parts = []
    for columns, present in _chunks(graph, records, size, range(_RECORDS)):
        with torch.no_grad():
            outputs = _run(graph, graph.graph, columns, graph.parameters)
        parts.append([output[present] for output in outputs])
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def _chunks(
    graph: RecordGraph, records: Records, size: int, which: range
) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
    stream = SealedRandom(os.urandom(SEED_BYTES)).stream(StreamName.RECORD_NOISE, 0)
    table = UnitTable(records, graph.inputs, 1, stream)
    return table.chunks(np.arange(which.start, min(table.units, which.stop)), size)


class _Reaching(Runner):
    """Gives what it computes the gradients that are not 0 by the operators alone."""

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Call an operator."""
        found = super().call_function(target, args, kwargs)
        return found.detach() if target in _FLAT else found


def _run(
    graph: RecordGraph,
    part: torch.fx.Graph,
    columns: Sequence[torch.Tensor],
    parameters: dict[str, torch.Tensor],
    runner: type[Runner] = Runner,
) -> tuple[torch.Tensor, ...]:
    """Return the outputs of a part of a graph, mapped over records."""
    bindings = [graph.bindings[str(node.target)] for node in part.nodes if node.op == "placeholder"]
    values = [b.chosen(columns, parameters, graph.constants) for b in bindings]
    dims = tuple(0 if binding.is_input else None for binding in bindings)
    rows = len(columns[0])
    found = torch.func.vmap(runner(part).run, in_dims=dims)(*values)
    return tuple(value.expand(rows, *value.shape[1:]) for value in found)


def _gradients(
    graph: RecordGraph, columns: Sequence[torch.Tensor], runner: type[Runner] = Runner
) -> dict[str, torch.Tensor | None]:
    """Return the gradient of the sum of losses by parameter; None where there is no way to it."""
    names = sorted(graph.trainable)
    leaves = {name: graph.parameters[name].detach().requires_grad_() for name in names}
    with torch.enable_grad():
        part = pruned(graph.graph, slice(0, 1))
        (losses,) = _run(graph, part, columns, graph.parameters | leaves, runner)
        if not names or not losses.requires_grad:
            return dict.fromkeys(names)
        wanted = [leaves[name] for name in names]
        found = torch.autograd.grad(losses.sum(), wanted, allow_unused=True)
    return dict(zip(names, found, strict=True))


def _check_gradients(graph: RecordGraph, records: Records, finite: torch.Tensor) -> Iterator[str]:
    """Check that some record whose loss is finite has a gradient that can be used.

    Yields a doubt if all have the same one, as where a penalty is all that reaches the parameters.
    """
    first: dict[str, torch.Tensor] | None = None
    alike, seen_zero = 0, False
    for columns in _not_flat(graph, records, finite):
        found = {name: g for name, g in _gradients(graph, columns).items() if g is not None}
        norm = _largest(found)
        if not math.isfinite(norm):
            continue
        seen_zero = seen_zero or norm == 0
        if norm > 0 and first is not None:
            alike += 1
            if any(not torch.equal(first[name], gradient) for name, gradient in found.items()):
                return
        elif norm > 0:
            first = found
        if first is not None and (seen_zero or alike == _ALIKE):
            break
    if first is not None:
        if alike and not seen_zero:
            yield (
                "the gradient of the loss is the same for every synthetic record: nothing is "
                f"learned from the records\n{_LEARN}{_at(graph, 0)}"
            )
        return
    what, hint = ("0", _LEARN) if seen_zero else ("NaN or infinite", _FINITE)
    message = f"graph: the gradient of the loss is {what} for every synthetic record"
    raise _refused(graph, 0, message, hint)


def _not_flat(
    graph: RecordGraph, records: Records, finite: torch.Tensor
) -> Iterator[Sequence[torch.Tensor]]:
    """Yield the columns of records, each by itself, of the losses that are finite.

    Beyond the first ones, records are left out whose gradients are 0 together.
    """
    for (columns, _), usable in zip(
        _chunks(graph, records, 1, range(_BY_ITSELF)), finite.tolist(), strict=False
    ):
        if usable:
            yield columns
    size = min(chunk_size(graph, _AT_ONCE, 1), _AT_ONCE)
    at = _BY_ITSELF
    for columns, present in _chunks(graph, records, size, range(at, len(finite))):
        together = {name: g for name, g in _gradients(graph, columns).items() if g is not None}
        if _largest(together) != 0:
            rows = torch.nonzero(present).flatten().tolist()
            for place, row in enumerate(rows, at):
                if finite[place]:
                    yield [column[row : row + 1] for column in columns]
        at += int(present.sum())


def _largest(gradients: dict[str, torch.Tensor]) -> float:
    """Return the largest entry of gradients, without its sign; not finite if one is not."""
    found = [gradient.abs().max() for gradient in gradients.values() if gradient.numel()]
    return float(torch.stack(found).max()) if found else 0.0


def _check_finite(
    graph: RecordGraph, position: int, what: str, finite: torch.Tensor
) -> Iterator[str]:
    wrong, every = int((~finite).sum()), len(finite)
    if every and wrong == every:
        message = f"graph: {what} is NaN or infinite for every synthetic record"
        raise _refused(graph, position, message, _FINITE)
    if wrong:
        yield (
            f"{what} is NaN or infinite for {wrong} of {every} synthetic records; such a record "
            f"adds nothing\n{_FINITE}{_at(graph, position)}"
        )


def _column_reaches(graph: RecordGraph, position: int) -> Iterator[bool]:
    for node in pruned(graph.graph, slice(position, position + 1)).nodes:
        binding = graph.bindings[str(node.target)] if node.op == "placeholder" else None
        if binding is not None and binding.is_input and node.users:
            yield NoiseInput.parse(graph.inputs[binding.position]) is None


def _refused(graph: RecordGraph, position: int, message: str, hint: str) -> GraphRefused:
    return GraphRefused(message, hint).at(_line(graph, position))


def _at(graph: RecordGraph, position: int) -> str:
    line = _line(graph, position)
    return f"\nat {line}" if line else ""


def line_of(graph: RecordGraph, node: torch.fx.Node) -> str:
    """Return the researcher's line that made a value of a graph; empty if it is not known."""
    return graph.lines.get(node.meta.get("origin", node.name), "")


def _line(graph: RecordGraph, position: int) -> str:
    """Return the researcher's line that made an output, or what it is made from."""
    (outputs,) = next(node for node in graph.graph.nodes if node.op == "output").args
    assert isinstance(outputs, tuple)
    waiting = [outputs[position]]
    for node in waiting:
        assert isinstance(node, torch.fx.Node)
        if line := line_of(graph, node):
            return line
        waiting += [other for other in node.all_input_nodes if other not in waiting]
    return ""
