"""Prepare a training run: its graph and plan, and all that can be known before it is charged.

Rehearsal, cost and submission begin here, so all of them tell the same in the same words. What
needs no record of the snippet is checked at the domain again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.documents import Plan
from workbench.errors import GraphRefused, InvalidArgument
from workbench.space.requests.calls import doubt
from workbench.space.requests.mistakes import check_metric_names, check_name, researchers_code
from workbench.space.requests.target import Target
from workbench.space.training.classes import class_doubts
from workbench.space.training.guarantee import Guarantee
from workbench.space.training.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from workbench.graphs.record_graph import RecordGraph


@dataclass(frozen=True)
class Prepared:
    """A training run that could be submitted as it is.

    Attributes
    ----------
    graph, plan
        What would run.
    epsilon, delta
        What it would cost at most.
    """

    graph: RecordGraph
    plan: Plan
    epsilon: float
    delta: float


def record_graph(
    function: Callable[..., Any], settings: Settings, model: nn.Module, target: Target
) -> RecordGraph:
    """Return the record graph that would be sent.

    Raises
    ------
    GraphRefused, UnknownColumn
        If the function cannot run at a domain, or records would train nothing.
    InvalidArgument
        If a metric has no name for a request, or a public loss is missing or not asked for.
    """
    from torch.nn import Module

    from workbench.graphs.export.layers import check_place
    from workbench.graphs.export.training import export
    from workbench.graphs.roles import check_trainable

    if not isinstance(model, Module):
        raise InvalidArgument(
            f"the model is a {type(model).__name__}; expected a torch.nn.Module",
            "Give an instance, such as nn.Linear(30, 2).",
        )
    check_place(model)
    for name, parameter in model.named_parameters():
        if not parameter.is_floating_point():
            raise GraphRefused(
                f"parameter '{name}' is {parameter.dtype}; expected float32",
                f"What is not trained is a buffer: self.register_buffer('{name}', …).",
            )
        if not parameter.numel():
            raise GraphRefused(
                f"parameter '{name}' has shape {tuple(parameter.shape)}: it has no number",
                "Remove it from the model.",
            )
    with researchers_code(function):
        graph = export(function, model, target.schema, in_tables=True)
        check_metric_names(graph.metrics)
        check_trainable(graph)
        returned = graph.outputs > 1 + len(graph.metrics)
        if returned != (settings.public_learning_rate is not None):
            raise InvalidArgument(
                f"the function returns {'a' if returned else 'no'} public loss, but "
                f"public_learning_rate is {settings.public_learning_rate}",
                "Give public_learning_rate if, and only if, the function returns a third value.",
            )
        return graph


def prepare(
    function: Callable[..., Any],
    name: str,
    settings: Settings,
    model: nn.Module,
    target: Target,
    asked: Guarantee,
) -> Prepared:
    """Check all that can be known of a run before it is charged, and return what would be sent.

    What can be run but is perhaps not meant is told as a `DoubtfulRequest` warning.

    Parameters
    ----------
    function, name
        The researcher's, of model and record, and how the request names it.
    settings
        How it trains.
    model
        Is left as it is.
    target
        Its schema, card and synthetic snippet are used.
    asked
        What it may cost.

    Raises
    ------
    GraphRefused, UnknownColumn
        If the function cannot run at a domain or would learn nothing; names the line.
    InvalidArgument
        If a setting, a name or what it may cost does not fit.
    TermsRefused
        If no noise is enough.
    """
    from workbench.engine.preflight import check_learning, check_on_snippet
    from workbench.engine.sums.clipping import check_programs

    with researchers_code(function):
        check_name(name, "training function")
    asked.check()
    graph = record_graph(function, settings, model, target)
    target.check_size(graph)
    metrics = len(graph.metrics)
    plan = settings.plan(target.card, asked, metrics)
    try:
        plan.check_outputs(graph.metrics, ("model",))
    except ValueError as error:
        raise InvalidArgument(f"training_function: {error}") from None
    with researchers_code(function):
        doubts = [*settings.doubts(target.card), *check_learning(graph, plan)]
        check_programs(graph)
        doubts += check_on_snippet(graph, plan, target.snippet)
    for text in (*doubts, *class_doubts(graph, target.schema)):
        doubt(text)
    return Prepared(graph, plan, asked.epsilon_of(plan, metrics), asked.delta)
