"""Check what a graph gives, by its role: a loss with metrics, a vector, or a new state."""

from __future__ import annotations

import torch

from workbench.errors import GraphRefused, TooLarge
from workbench.graphs.record_graph import Limits, RecordGraph, Role, TensorSpec


def check_outputs(outputs: tuple[TensorSpec, ...], role: Role | None, limits: Limits) -> None:
    """Check that the outputs are those of `role`; with None, of any.

    Raises
    ------
    GraphRefused
        If their number, shapes or dtypes are others.
    TooLarge
        If a vector is longer than `limits` says.
    """
    if not outputs:
        raise GraphRefused("graph: it has no output")
    if role == "loss":
        _check_loss(outputs, limits)
    elif role == "sum":
        _check_sum(outputs, limits)
    elif len(outputs) > max(limits.states, 1 + limits.metrics):
        raise GraphRefused(f"graph: {len(outputs)} outputs; at most {limits.states}")


def _check_loss(outputs: tuple[TensorSpec, ...], limits: Limits) -> None:
    """Check that there is a loss, float32, with at most as many metrics as allowed."""
    if len(outputs) > 2 + limits.metrics:
        raise GraphRefused(
            f"graph: {len(outputs)} outputs; expected the loss, up to {limits.metrics} metrics "
            "and a public loss"
        )
    for position, spec in enumerate(outputs):
        what = "the loss" if position == 0 else f"metric {position}"
        if spec.shape:
            raise GraphRefused(
                f"graph: {what} has shape {spec.shape}; expected one number per record",
                "Reduce it, for example with .mean() or .sum().",
            )
    if outputs[0].dtype != torch.float32:
        raise GraphRefused(f"graph: the loss is {outputs[0].dtype}, expected float32")


def _check_sum(outputs: tuple[TensorSpec, ...], limits: Limits) -> None:
    """Check that there is one float32 vector, not too long."""
    if len(outputs) != 1 or len(outputs[0].shape) != 1 or outputs[0].dtype != torch.float32:
        got = ", ".join(f"{spec.shape} {spec.dtype}" for spec in outputs[:3])
        raise GraphRefused(
            f"graph: its outputs are {got}; a statistic gives one float32 vector per record",
            "Return one number or a flat tensor, for example with torch.stack([...]).",
        )
    if not 1 <= outputs[0].shape[0] <= limits.sum_length:
        raise TooLarge(
            f"graph: a vector of {outputs[0].shape[0]} numbers; from 1 to {limits.sum_length}"
        )


def check_trainable(graph: RecordGraph) -> None:
    """Check that the model of a loss has a parameter that is trained.

    Raises
    ------
    GraphRefused
        If it has none.
    """
    if not any(graph.parameters[name].numel() for name in graph.trainable):
        raise GraphRefused(
            "graph: the model has no parameter to train",
            "Call requires_grad_(True) on what shall be trained, or give another model.",
        )


def check_update(update: RecordGraph, summed: RecordGraph) -> None:
    """Check that `update` makes a new state of `summed` from its noisy sum.

    It takes the sum, float64 of the vector's length, and each state tensor in the order of
    `RecordGraph.state`; it gives each state tensor in the same order, shape and dtype.

    Raises
    ------
    GraphRefused
        If not.
    """
    states = tuple(
        TensorSpec(tuple(summed.parameters[name].shape), summed.parameters[name].dtype)
        for name in summed.state
    )
    if not states:
        raise GraphRefused("graph: an update needs a statistic that reads a state")
    expected = (TensorSpec(summed.output_specs[0].shape, torch.float64), *states)
    if update.input_specs != expected:
        raise GraphRefused(
            f"graph: the update takes {_words(update.input_specs)}; expected the noisy sum and the "
            f"state, {_words(expected)}"
        )
    if update.output_specs != states:
        raise GraphRefused(
            f"graph: the update gives {_words(update.output_specs)}; expected the state, "
            f"{_words(states)}"
        )


def _words(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.shape} {spec.dtype}" for spec in specs[:8])
