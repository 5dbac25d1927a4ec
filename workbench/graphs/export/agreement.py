"""Check that an exported function has the gradients that plain PyTorch gives it.

The function is run as it is, record by record, and so is its graph, on made-up records within the
columns' public bounds. What export cannot keep (a gradient of somebody's own, a hook, numbers from
elsewhere) shows here, on the researcher's machine, and is refused.

All but the first record are tried with moved parameters, as they will be after some steps. So what
a head of zeros hides shows too, and what follows a parameter from outside of the function. It is a
sample: what is other for few records only, or by less than rounding, does not show.
"""

from __future__ import annotations

import random as random_of_python
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx
from torch import nn

from workbench.documents.inputs import NoiseInput
from workbench.documents.schema import Column, Schema
from workbench.errors import GraphRefused
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.following import fails_by_itself
from workbench.graphs.export.layers import is_copied, left_as_it_is
from workbench.graphs.export.sketches import sketches
from workbench.graphs.record_graph import RecordGraph

Numbers = tuple[torch.Tensor, ...]
"""Numbers of one record, each of shape ``()`` and any dtype."""
Losses = Callable[[RecordView], tuple[Numbers, Numbers]]
"""Takes a record; gives the loss, and the public loss where there is one, each floating, of
shape ``()``; and the metrics, of that shape and any dtype."""
_RECORDS = 3
_RECORDS_IF_NOTED = 12
"""How many records are tried where something has gradients of its own, perhaps for few of them."""
_NEAR, _OF_ALL, _SMALL = 2e-3, 5e-5, 1e-6
"""How far a gradient may be apart, of its norm, of all gradients' norm and beside both: rounding of
float32."""
_MOVED = 0.05
"""How far parameters are moved, of their size; those of zeros by as much as if it were 1."""
_MOST_MOVED = 1 << 20
"""How many numbers of a large model are moved for one record: each is copied twice."""
_SLACK = 3.0
"""How many times as far as PyTorch's own, of a record with other last bits, they may be apart."""
_SHARED = (
    " A tensor from outside of the function stays as it is now, also where it shares memory with a "
    "parameter: use the parameter itself, or a copy that stays."
)
_ELSEWHERE = (
    "It must depend on the record and the model only: random numbers of Python and NumPy, and what "
    "changes from call to call, cannot travel." + _SHARED
)


@dataclass(frozen=True)
class Found:
    """A loss or metric of one record.

    Attributes
    ----------
    loss
        Its value, of shape ``()``.
    gradients
        Name of a parameter to the sketch of its gradient; one that is zero may be left out.
    """

    loss: torch.Tensor
    gradients: dict[str, torch.Tensor]


@dataclass(frozen=True)
class _Plain:
    """A function and its model, run as plain PyTorch; `trained` has the graph's names."""

    call: Losses
    model: nn.Module
    trained: dict[str, torch.Tensor]

    def __call__(self, view: RecordView, moved: Mapping[str, torch.Tensor]) -> list[Found]:
        """Return what it gives for a record, with some parameters moved."""
        with left_as_it_is(self.model), self._with(moved), drawing_from(view):
            before = _states()
            losses, metrics = self.call(view)
            if _states() != before:
                raise GraphRefused("the function draws random numbers from elsewhere", _ELSEWHERE)
            found = [Found(loss.detach(), sketches(loss, self.trained)) for loss in losses]
            return found + [_metric(metric) for metric in metrics]

    @contextmanager
    def _with(self, moved: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """Move parameters, and put them back: a large model is not copied to be put back."""
        before = {name: self.trained[name].detach().clone() for name in moved}
        self._set(moved)
        try:
            with torch.enable_grad():
                yield
        finally:
            self._set(before)

    @torch.no_grad()
    def _set(self, values: Mapping[str, torch.Tensor]) -> None:
        for name, value in values.items():
            self.trained[name].copy_(value)


def check_agreement(
    call: Losses,
    model: nn.Module,
    graph: RecordGraph,
    schema: Schema,
    noted: Mapping[str, str],
    compared: bool = False,
) -> None:
    """Check that the graph has the losses and gradients of the function.

    Parameters
    ----------
    call
        Returns the function's losses of one record, floating, of shape ``()``.
    model
        What it trains, with the names that the graph knows.
    graph
        What was exported; its ``inputs`` are known.
    schema
        The columns; the records are made up within their public bounds.
    noted
        What may be the cause: words to the researcher's line.
    compared
        Whether to refuse a function that fails in plain PyTorch for every record, so that there is
        nothing to compare.

    Raises
    ------
    GraphRefused
        If they differ; names the cause where it is known, else the parameter.
    """
    failed: list[Exception] = []
    count = _RECORDS_IF_NOTED if noted else _RECORDS
    plainly = _Plain(call, model, _trained(model, graph))
    random = torch.Generator().manual_seed(0)
    for number in range(count):
        record = _record(graph, schema, random)
        moved = _moved(plainly, number, random) if number else {}
        try:
            plain = plainly(RecordView(schema, record), moved)
        except (RuntimeError, IndexError, ValueError) as error:
            # PyTorch itself fails for such a record: it has no gradient to compare with.
            failed.append(error)
            continue
        exported = _exported(graph, [record[name] for name in graph.inputs], moved)
        if all(map(_agree, plain, exported)):
            continue
        # Else what changes from call to call would be taken for what jumps, below.
        for first, again in zip(plain, plainly(RecordView(schema, record), moved), strict=True):
            if not _agree(first, again):
                raise _refusal("the function gives another result at each call", _ELSEWHERE, noted)
        # Where a maximum or a sign changes hands, PyTorch's own gradient jumps with the last bit.
        beside = plainly(RecordView(schema, _beside(record, schema, random)), moved)
        for wanted, got, other in zip(plain, exported, beside, strict=True):
            _check(wanted, got, other, noted)
    if compared and len(failed) == count:
        raise fails_by_itself(failed[0])


def _moved(plainly: _Plain, number: int, random: torch.Generator) -> dict[str, torch.Tensor]:
    """Return other values of the parameters.

    Of a large model a part: those of zeros first, which hide others, then the first ones or the
    last ones by turns.
    """
    trained = plainly.trained
    names = list(trained)[:: 1 if number % 2 else -1]
    moved: dict[str, torch.Tensor] = {}
    left = sum(map(torch.numel, trained.values())) if is_copied(plainly.model) else _MOST_MOVED
    for name in sorted(names, key=lambda name: bool(trained[name].any().item())):
        value = trained[name]
        if value.numel() > left:
            continue
        left -= value.numel()
        scale = value.detach() if value.any() else torch.ones(())
        moved[name] = value.detach() + _MOVED * scale * torch.randn(value.shape, generator=random)
    return moved


def _states() -> tuple[Any, ...]:
    """Return the states of the generators of Python, NumPy and PyTorch."""
    of_torch = torch.get_rng_state().numpy().tobytes()
    numpy = sys.modules.get("numpy")
    _, keys, *places = (0, b"") if numpy is None else numpy.random.get_state()
    return random_of_python.getstate(), bytes(keys), places, of_torch


def _metric(value: torch.Tensor) -> Found:
    return Found(value.detach().to(torch.float32), {})


def _record(graph: RecordGraph, schema: Schema, random: torch.Generator) -> dict[str, torch.Tensor]:
    """Return a made-up record: columns within their public bounds, and the graph's noise."""
    record = {column.name: _drawn(column, random) for column in schema.usable}
    for name in graph.inputs:
        noise = NoiseInput.parse(name)
        if noise is not None:
            record[name] = torch.randn(noise.shape, generator=random)
    return record


def _beside(
    record: dict[str, torch.Tensor], schema: Schema, random: torch.Generator
) -> dict[str, torch.Tensor]:
    """Return a record whose floats are others in their last bits; whole numbers stay."""
    whole = {c.name for c in schema.usable if c.kind in ("integer", "category")}

    def moved(value: torch.Tensor) -> torch.Tensor:
        return value * (1 + 2e-7 * torch.randn(value.shape, generator=random))

    return {n: value if n in whole else moved(value) for n, value in record.items()}


def _drawn(column: Column, random: torch.Generator) -> torch.Tensor:
    """Return a value within a column's public bounds, as `RecordView` takes it."""
    if column.kind == "category":
        return torch.randint(len(column.categories), (), generator=random)
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    value = lower + (upper - lower) * torch.rand(column.shape, generator=random)
    return value.round() if column.kind == "integer" else value


def _trained(model: nn.Module, graph: RecordGraph) -> dict[str, torch.Tensor]:
    """Return what the model trains, a tensor with several names by the one that the graph has."""
    names: dict[int, str] = {}
    found = dict(model.named_parameters(remove_duplicate=False))
    for name, parameter in found.items():
        if parameter.requires_grad and (id(parameter) not in names or name in graph.trainable):
            names[id(parameter)] = name
    return {name: found[name] for name in names.values()}


def _exported(
    graph: RecordGraph, inputs: list[torch.Tensor], moved: Mapping[str, torch.Tensor]
) -> list[Found]:
    """Return what the graph gives: its loss, its public loss where it has one, and its metrics."""
    parameters = {
        name: moved.get(name, value).detach().requires_grad_(name in graph.trainable)
        for name, value in graph.parameters.items()
        if name not in graph.ties
    }
    given = parameters | {tied: parameters[first] for tied, first in graph.ties.items()}
    values = [b.chosen(inputs, given, graph.constants) for b in graph.bindings.values()]
    with torch.enable_grad():
        outputs = torch.fx.Interpreter(nn.Module(), graph=graph.graph).run(*values)
        trained = {name: parameters[name] for name in graph.trainable}
        beyond = 1 + len(graph.metrics)
        losses, metrics = (outputs[0], *outputs[beyond:]), outputs[1:beyond]
        found = [Found(loss.detach(), sketches(loss, trained)) for loss in losses]
        return found + [_metric(metric) for metric in metrics]


def _agree(plain: Found, exported: Found) -> bool:
    """Return whether both are equal but for rounding; what is not finite agrees with anything."""
    if not _all_finite(plain):
        return True
    rest = _OF_ALL * _norm(plain)
    return _near(plain.loss, exported.loss) and all(
        _near(wanted, got, rest) for _, wanted, got in _pairs(plain, exported)
    )


def _check(plain: Found, exported: Found, beside: Found, noted: Mapping[str, str]) -> None:
    """Check that a graph differs no more than PyTorch does for a record with other last bits."""
    if _agree(plain, exported):
        return
    loss_slack = _SLACK * float((plain.loss - beside.loss).abs())
    if not _near(plain.loss, exported.loss, loss_slack):
        raise _refusal(
            f"the exported function gives {float(exported.loss):.6g} for a record where it gives "
            f"{float(plain.loss):.6g} itself",
            _ELSEWHERE,
            noted,
        )
    slack = _OF_ALL * _norm(plain)
    slack += _SLACK * sum(float((g - o).norm()) ** 2 for _, g, o in _pairs(plain, beside)) ** 0.5
    for name, wanted, got in _pairs(plain, exported):
        if not _near(wanted, got, slack):
            raise _refusal(
                f"the gradient of '{name}' would be another one once exported (its norm "
                f"{float(got.norm()):.4g}, and {float(wanted.norm()):.4g} in PyTorch)",
                "Say what is not to be learned with x.detach() or torch.no_grad(). For a value "
                "with another gradient: x + (value - x).detach() has the gradient of x, and "
                "2 * x.detach() - x is x with the gradient reversed." + _SHARED,
                noted,
            )


def _pairs(one: Found, two: Found) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Return each gradient of both by its name; one that is left out is zero."""
    for name in sorted(one.gradients.keys() | two.gradients.keys()):
        first, second = one.gradients.get(name), two.gradients.get(name)
        zero = torch.zeros_like(first if first is not None else second)  # type: ignore[arg-type]
        yield name, zero if first is None else first, zero if second is None else second


def _norm(found: Found) -> float:
    norms = [gradient.norm() for gradient in found.gradients.values()]
    return float(torch.stack(norms or [torch.zeros(())]).norm())


def _all_finite(found: Found) -> bool:
    tensors = (found.loss, *found.gradients.values())
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def _near(wanted: torch.Tensor, got: torch.Tensor, slack: float = 0.0) -> bool:
    return bool((wanted - got).norm() <= _NEAR * wanted.norm() + _SMALL + slack)


def _refusal(message: str, hint: str, noted: Mapping[str, Any]) -> GraphRefused:
    if not noted:
        return GraphRefused(message, hint)
    causes = ", ".join(noted)
    line = next(iter(noted.values()))
    return GraphRefused(f"{message}: a record graph cannot keep {causes}", hint).at(line)
