"""Export a training function for ONE record, on the researcher's machine.

The function runs here, once, under ``torch.export``; what comes out is data. In-place and composite
operators are made functional, recurrent layers are taken apart into linear operators (their fused
forms cannot be mapped over records), and everything that would tell about this machine (paths,
stack traces, ids) is left out, so equal functions give equal bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import nn

from workbench.documents.inputs import MAX_NOISE_NUMBERS, NoiseInput, noise_numbers
from workbench.documents.schema import Schema
from workbench.errors import GraphRefused
from workbench.graphs.export.agreement import Numbers, check_agreement
from workbench.graphs.export.constants import ConstantsComputed
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.following import at_bounds, followed
from workbench.graphs.export.functions import one_path
from workbench.graphs.export.gradients import GradientsKept, gradients_kept
from workbench.graphs.export.layers import (
    check_layers,
    check_place,
    know_sizes,
    left_as_it_is,
    modes_kept,
)
from workbench.graphs.export.normalization import without_batch_norm
from workbench.graphs.export.tracing import example_of, exported, loaded, try_mapped
from workbench.graphs.public_loss import publicly_trained
from workbench.graphs.record_graph import RecordGraph

Metrics = Mapping[str, torch.Tensor]
"""Name to a number of shape ``()``, of any dtype: the metrics of one record."""
Outputs = torch.Tensor | tuple[torch.Tensor, Metrics] | tuple[torch.Tensor, Metrics, torch.Tensor]
"""A loss, or a loss and metrics, or those and a public loss; losses are floating, of shape
``()``."""
TrainingStep = Callable[[nn.Module, Mapping[str, torch.Tensor]], Outputs]
"""Takes the model and one record, column name to value: a number of shape ``()`` or a tensor of the
column's shape, int64 for categories and float32 for all others."""


class _OneRecord(nn.Module):
    """The function and its model as one module of one record's columns."""

    def __init__(
        self,
        function: TrainingStep,
        model: nn.Module,
        schema: Schema,
        inputs: tuple[str, ...],
        kept: GradientsKept,
    ) -> None:
        super().__init__()
        self.model = model
        self._call = (function, schema, inputs, kept)

    def forward(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        function, schema, inputs, kept = self._call
        view = RecordView(schema, dict(zip(inputs, values, strict=True)))
        with ConstantsComputed(), drawing_from(view), one_path(), gradients_kept(kept):
            returned = followed(function, self.model, view)
        loss, metrics = outputs_of(returned)
        public = public_loss_of(returned)
        numbers = (torch.as_tensor(metrics[name]).to(torch.float32) for name in metrics)
        return (loss, *numbers, *([] if public is None else [public]))


def outputs_of(value: Outputs) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss and the metrics that a training function returned.

    The loss is floating, of shape ``()``; a metric has that shape and any dtype.

    Raises
    ------
    GraphRefused
        If it returned neither a loss nor ``(loss, {name: value})``, with or without a public loss,
        or a metric is no tensor.
    """
    loss, metrics, *public = value if isinstance(value, tuple) and value else (value, {})
    if (
        not isinstance(loss, torch.Tensor)
        or not isinstance(metrics, Mapping)
        or len(public) > 1
        or not all(isinstance(other, torch.Tensor) for other in public)
    ):
        raise GraphRefused(
            "the training function must return a loss, or a loss and a dict of metrics; it "
            f"returned {_named(value)}",
            "For example, without .item() or float(): return loss, {'accuracy': logits.argmax() == "
            "record['label']}. A loss that only wb.noise(record, …) reaches may come third.",
        )
    for name, metric in metrics.items():
        if not isinstance(metric, torch.Tensor):
            raise GraphRefused(
                f"metric '{name}' is a {type(metric).__name__}, not a tensor",
                "Return the tensor itself, without .item(), float() or int().",
            )
    return loss, {str(name): metric for name, metric in metrics.items()}


def _named(value: object) -> str:
    """Return the name of the type of what was returned, in words."""
    if isinstance(value, tuple):
        return f"a tuple of {', '.join(type(one).__name__ for one in value[:5]) or 'nothing'}"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def public_loss_of(value: Outputs) -> torch.Tensor | None:
    """Return the public loss, floating of shape ``()``: what was returned third, or None."""
    return value[2] if isinstance(value, tuple) and len(value) == 3 else None


def export(
    function: TrainingStep, model: nn.Module, schema: Schema, *, in_tables: bool = False
) -> RecordGraph:
    """Return `function` with `model`'s present parameters as a record graph.

    Parameters
    ----------
    function
        Takes the model and one record, returns the loss (float32, shape ``()``), or the loss and
        a dict of metrics (shape ``()``, values in [0, 1]), or these and a public loss; see
        `workbench.graphs.public_loss`.
    model
        Is left as it is, but that lazy layers learn their sizes. Its parameters must be float32;
        those with ``requires_grad=False`` stay as they are. Batch normalization is converted on a
        copy, with a notice.
    schema
        The dataset's schema.
    in_tables
        Whether to refuse a function that looks up beyond a table for a value that a column can
        have, see `workbench.graphs.export.following.at_bounds`; a domain gives the last row then.

    Raises
    ------
    GraphRefused
        If the function cannot be a record graph; the message names the layer or operator and
        says what to use instead.
    UnknownColumn
        If the function asks for a column that the schema does not have.
    """
    check_place(model)
    examples = {c.name: example_of(c) for c in schema.usable}
    know_sizes(model, lambda: _called(function, model, RecordView(schema, examples)))
    given, model = model, without_batch_norm(model)
    check_layers(model)
    with left_as_it_is(model):
        if in_tables:
            at_bounds(lambda record: _called(function, model, RecordView(schema, record)), schema)
        inputs, metrics = _dry_run(function, model, schema, examples)
        if model is not given:
            _check_own(given, model, _called(function, model, RecordView(schema, examples))[0])
    for name in inputs:
        noise = NoiseInput.parse(name)
        if noise is not None:
            examples[name] = torch.zeros(noise.shape)
    kept = GradientsKept()
    module = _OneRecord(function, model, schema, inputs, kept)
    with modes_kept(model):
        program = exported(module, tuple(examples[name] for name in inputs), function)
    graph = loaded(program)
    try_mapped(graph)
    graph = replace(graph, inputs=inputs, metrics=metrics)
    if graph.outputs > 1 + len(metrics):
        publicly_trained(graph, inputs)
    call = functools.partial(_numbers_of, function, model)
    check_agreement(call, model, graph, schema, kept.noted, compared=in_tables)
    return graph


def _numbers_of(
    function: TrainingStep, model: nn.Module, view: RecordView
) -> tuple[Numbers, Numbers]:
    """Return the loss, with the public loss where there is one, and the metrics."""
    returned = function(model, view)
    loss, metrics = outputs_of(returned)
    public = public_loss_of(returned)
    return (loss, *([] if public is None else [public])), tuple(metrics.values())


def _called(
    function: TrainingStep, model: nn.Module, view: RecordView
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return loss and metrics of one record."""
    with drawing_from(view):
        return outputs_of(function(model, view))


def _check_own(given: nn.Module, copied: nn.Module, loss: torch.Tensor) -> None:
    """Check that a loss of a converted copy trains no parameter of the model that was given."""
    own = set(map(id, copied.parameters()))
    named = {n: p for n, p in given.named_parameters() if p.requires_grad and id(p) not in own}
    if not loss.requires_grad or not named:
        return
    found = torch.autograd.grad(loss.sum(), list(named.values()), allow_unused=True)
    for name, gradient in zip(named, found, strict=True):
        if gradient is not None:
            raise GraphRefused(
                f"the function uses parameter '{name}' from outside: batch normalization is "
                "converted on a copy of the model, and only the copy would be trained",
                "Take all layers and parameters from the model that the function is given.",
            )


def _dry_run(
    function: TrainingStep, model: nn.Module, schema: Schema, examples: dict[str, torch.Tensor]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Run once on example values to learn which columns, noise and metrics there are."""
    view = RecordView(schema, examples)
    _, metrics = _called(function, model, view)
    if not view.used:
        raise GraphRefused("the training function reads no column of the record")
    columns = (c.name for c in schema.usable if c.name in view.used)
    if noise_numbers(view.drawn) > MAX_NOISE_NUMBERS:
        raise GraphRefused(
            f"the function draws {noise_numbers(view.drawn)} random numbers for one record; "
            f"at most {MAX_NOISE_NUMBERS}",
            "Draw fewer, or leave out dropout on the largest layers.",
        )
    return (*columns, *view.drawn), tuple(metrics)
