"""Get layers ready for export: refuse by name those that cannot be, and let others know sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations
from torch.nn.utils.spectral_norm import SpectralNorm

from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import remedy


def check_layers(model: nn.Module) -> None:
    """Check that all layers can be exported, and that all parameters are float32.

    Raises
    ------
    GraphRefused
        If not; names the layer and says what to use instead.
    """
    for name, layer in model.named_modules():
        for refused, why, key in _REFUSED:
            if refused(layer):
                # A parametrization lies within the layer that it is of.
                owner = name.partition(".parametrizations.")[0]
                kind = type(model.get_submodule(owner)).__name__.removeprefix("Parametrized")
                raise GraphRefused(f"layer '{owner}' ({kind}) {why}", remedy(key))
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            raise GraphRefused(
                f"parameter '{name}' is {parameter.dtype}; expected float32", "Call model.float()."
            )


def _drops_out_between_layers(layer: nn.Module) -> bool:
    several = isinstance(layer, nn.RNNBase) and layer.num_layers > 1
    return several and layer.training and layer.dropout > 0  # type: ignore[operator,return-value]


def _is_spectral(layer: nn.Module) -> bool:
    hooks = layer._forward_pre_hooks.values()
    by_hook = any(isinstance(hook, SpectralNorm) for hook in hooks)
    return layer.training and (by_hook or isinstance(layer, parametrizations._SpectralNorm))


def _keeps_statistics_of_instances(layer: nn.Module) -> bool:
    instances = isinstance(layer, nn.modules.instancenorm._InstanceNorm)
    return instances and layer.training and bool(layer.track_running_stats)


_EMBEDDINGS = nn.Embedding, nn.EmbeddingBag
_REFUSED: tuple[tuple[Callable[[nn.Module], bool], str, str], ...] = (
    (_drops_out_between_layers, "drops out between its layers", "recurrent dropout"),
    (_is_spectral, "writes what it keeps of spectral_norm in training mode", "spectral_norm"),
    (
        lambda layer: isinstance(layer, parametrizations._Orthogonal),
        "makes a weight orthogonal by an inverse or an exponential of a matrix",
        "orthogonal",
    ),
    (
        _keeps_statistics_of_instances,
        "keeps statistics of the records (track_running_stats)",
        "track_running_stats",
    ),
    (
        lambda layer: isinstance(layer, _EMBEDDINGS) and layer.max_norm is not None,
        "with max_norm changes its table while it is read",
        "max_norm",
    ),
    (
        lambda layer: isinstance(layer, _EMBEDDINGS) and layer.scale_grad_by_freq,
        "with scale_grad_by_freq divides by how often a row is read",
        "scale_grad_by_freq",
    ),
    (
        lambda layer: isinstance(layer, nn.CrossMapLRN2d),
        "has a gradient of its own, which cannot be followed",
        "CrossMapLRN2d",
    ),
)
"""Which layers are refused, why, and the name under which `remedy` knows what to use instead."""


def know_sizes(model: nn.Module, run: Callable[[], object]) -> None:
    """Let lazy layers learn their sizes from one call, in evaluation mode.

    Parameters
    ----------
    model
        Its lazy layers become those of the sizes that they meet, as at any first call.
    run
        Calls the model with an example.

    Raises
    ------
    GraphRefused
        If `run` does not reach a lazy layer.
    """
    if not _lazy(model):
        return
    with modes_kept(model), torch.no_grad():
        model.eval()
        run()
    for name, layer in _lazy(model).items():
        raise GraphRefused(
            f"layer '{name}' ({type(layer).__name__}) does not know its sizes: the function does "
            "not call it",
            "Take it out, or build it with its sizes.",
        )


def _lazy(model: nn.Module) -> dict[str, nn.Module]:
    return {name: layer for name, layer in model.named_modules() if _has_no_sizes(layer)}


def _has_no_sizes(layer: Any) -> bool:
    """Return whether a lazy layer has not been called yet."""
    return isinstance(layer, LazyModuleMixin) and layer.has_uninitialized_params()  # type: ignore[misc]


def check_place(model: nn.Module) -> None:
    """Check that the parameters and buffers are on the CPU, with values.

    Raises
    ------
    GraphRefused
        If not; names the first that is not.
    """
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if value.device.type != "cpu" and not is_lazy(value):
            where = value.device.type
            hint = "Give it values: model.to_empty(device='cpu') and its initialization."
            raise GraphRefused(
                f"'{name}' of the model is on device '{where}'; it is exported on the CPU",
                hint if where == "meta" else "Call model.to('cpu') before.",
            )


_COPIED = 1 << 22
"""How many numbers of parameters are copied to be put back; more would cost too much memory."""


def is_copied(model: nn.Module) -> bool:
    """Return whether a model is so small that its parameters are copied to be put back."""
    return sum(parameter.numel() for parameter in model.parameters()) <= _COPIED


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Put the layers' modes back as they were: of training or of evaluation."""
    modes = {layer: layer.training for layer in model.modules()}
    try:
        yield
    finally:
        for layer, training in modes.items():
            layer.training = training


@contextmanager
def left_as_it_is(model: nn.Module) -> Iterator[None]:
    """Put parameters, buffers, ``requires_grad`` and the layers' modes back as they were.

    Raises
    ------
    GraphRefused
        If the function has written a parameter of a model that is too large to be copied, or has
        changed what is trained.
    """
    parameters = dict(model.named_parameters())
    copied = is_copied(model)
    tensors = [*(parameters.items() if copied else ()), *model.named_buffers()]
    values = {name: value.detach().clone() for name, value in tensors}
    marks = {} if copied else {name: _mark(value) for name, value in parameters.items()}
    trained = {name: value.requires_grad for name, value in parameters.items()}
    try:
        with modes_kept(model):
            yield
    finally:
        with torch.no_grad():
            for name, value in (*model.named_parameters(), *model.named_buffers()):
                before = values.get(name)
                same = before is not None and value.shape == before.shape
                if same and not torch.equal(value, before):  # type: ignore[arg-type]
                    value.copy_(before)  # type: ignore[arg-type]
        switched = ""
        for name, parameter in model.named_parameters():
            if parameter.requires_grad != trained.get(name, parameter.requires_grad):
                switched = switched or name
                parameter.requires_grad_(trained[name])
    if switched:
        raise GraphRefused(
            f"the function changes requires_grad of parameter '{switched}'",
            f"Say before what is trained: model.get_parameter('{switched}').requires_grad_(…). "
            "To stop a gradient within the function use x.detach().",
        )
    for name, parameter in model.named_parameters():
        if name in marks and _mark(parameter) != marks[name]:
            raise GraphRefused(
                f"parameter '{name}' is written in forward(); a record graph keeps no state",
                "The model that you gave has changed. Build it anew, and change the parameter "
                "before you submit.",
            )


def _mark(value: torch.Tensor) -> str:
    """Return figures that change when a tensor is written, made without a copy of it."""
    given = value.detach()
    return f"{float(given.sum())} {float(torch.linalg.vector_norm(given))}"
