"""Convert batch normalization to what stays within one record.

A layer in training mode becomes group normalization. One in evaluation mode, or a frozen one, keeps
the statistics that it brought along: so a pretrained network computes what it always did.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection

import torch
from torch import nn

from workbench.errors import GraphRefused, LayersConverted, warn_at_their_line

_CHANNELS_PER_GROUP = 8
_MOST_GROUPS = 32
STATISTICS = ("running_mean", "running_var")
_BATCHED_DIMENSIONS = {nn.BatchNorm1d: 2, nn.BatchNorm2d: 4, nn.BatchNorm3d: 5}


class RecordNorm(nn.GroupNorm):
    """Group normalization in the place of batch normalization (Wu and He 2018, arXiv:1803.08494).

    Parameters
    ----------
    groups, channels
        As for ``torch.nn.GroupNorm``.
    batched
        The number of dimensions of an input with a batch dimension; an input with one less is
        taken as one record. 0 if there always is one.
    eps, affine
        Those of the layer that it replaces; so are the names ``weight`` and ``bias``.
    """

    def __init__(
        self, groups: int, channels: int, batched: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        super().__init__(groups, channels, eps=eps, affine=affine)
        self.batched = batched

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalize each record over the channels of a group and all positions.

        Of floating dtype and shape ``(channels, ...)`` or ``(n, channels, ...)``; so is the result.

        Raises
        ------
        GraphRefused
            If a group has one number only.
        """
        if input.dim() == self.batched - 1:
            return self.forward(input.unsqueeze(0)).squeeze(0)
        if input[0].numel() == self.num_groups:
            raise GraphRefused(
                f"a batch normalization of {self.num_channels} channels meets one position: of one "
                "record it would give a constant",
                "Call .eval() on that layer, which keeps its running statistics, or freeze it.",
            )
        return super().forward(input)


class FixedNorm(nn.Module):
    """Batch normalization by the running statistics that it has, which are never changed.

    Parameters
    ----------
    layer
        Its statistics, scale, shift and their names are taken over; scale and shift are trained
        where they were. The statistics are parameters that nothing trains, so a released model
        brings them along.
    batched
        As for `RecordNorm`.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: nn.Parameter
    running_var: nn.Parameter
    eps: float

    def __init__(self, layer: nn.modules.batchnorm._BatchNorm, batched: int) -> None:
        super().__init__()
        self.batched, self.eps = batched, layer.eps
        for name in ("weight", "bias", *STATISTICS):
            value = getattr(layer, name)
            learned = isinstance(value, nn.Parameter) and value.requires_grad
            kept = None if value is None else nn.Parameter(value.detach().clone(), learned)
            self.register_parameter(name, kept)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Scale and shift each channel; for shapes and dtypes see `RecordNorm.forward`."""
        axis = 0 if input.dim() == self.batched - 1 else 1
        shape = [-1 if dim == axis else 1 for dim in range(input.dim())]
        factor = torch.rsqrt(self.running_var + self.eps)
        found = (input - self.running_mean.reshape(shape)) * factor.reshape(shape)
        if self.weight is not None:
            found = found * self.weight.reshape(shape)
        return found if self.bias is None else found + self.bias.reshape(shape)


def groups_for(channels: int) -> int:
    """Return a number of groups that divides `channels`: about 8 channels in each, at most 32.

    Groups of one channel would turn a layer without positions into a constant.
    """
    return math.gcd(channels, min(_MOST_GROUPS, max(1, channels // _CHANNELS_PER_GROUP)))


def keeps_statistics(layer: nn.modules.batchnorm._BatchNorm) -> bool:
    """Return whether a layer computes by the running statistics that it has.

    One in evaluation mode does, and so does one whose scale and shift are frozen.
    """
    frozen = layer.affine and not (layer.weight.requires_grad or layer.bias.requires_grad)
    return layer.running_mean is not None and (frozen or not layer.training)


def batch_norms(model: nn.Module) -> dict[str, nn.modules.batchnorm._BatchNorm]:
    """Return the layers of batch normalization by name, one with several names under each."""
    everywhere = model.named_modules(remove_duplicate=False)
    return {
        n: layer for n, layer in everywhere if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    }


def without_batch_norm(
    model: nn.Module, *, quiet: bool = False, fixed: Collection[str] | None = None
) -> nn.Module:
    """Return `model`, or a copy in which no layer is a batch normalization.

    A layer that keeps its statistics becomes a `FixedNorm` with them. Any other becomes a
    `RecordNorm`: scale and shift are kept, running statistics are not, since new ones would mix
    records.

    Parameters
    ----------
    model
        Is left as it is, and returned if it has no batch normalization.
    quiet
        Whether to give no notice.
    fixed
        Names of the layers that keep their statistics; if None, those of which
        `keeps_statistics` is true.

    Warns
    -----
    LayersConverted
        Names the layers, and what became of each.
    """
    found = batch_norms(model)
    if not found:
        return model
    if fixed is None:
        fixed = {name for name, layer in found.items() if keeps_statistics(layer)}
    replaced = {id(layer): _replacement(layer, name in fixed) for name, layer in found.items()}
    if id(model) in replaced:
        converted: nn.Module = replaced[id(model)]
    else:
        converted = copy.deepcopy(model)
        for name in found:
            parent, _, child = name.rpartition(".")
            setattr(converted.get_submodule(parent), child, replaced[id(found[name])])
    if not quiet:
        became = (
            ("became group normalization", [n for n in found if n not in fixed]),
            ("computes by the running statistics that it has", [n for n in found if n in fixed]),
        )
        told = "; ".join(f"{_listed(names)} {what}" for what, names in became if names)
        warn_at_their_line(
            f"batch normalization mixes records: {told}. Your model is left as it is; "
            "result.model has the new layers.",
            LayersConverted,
        )
    return converted


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _replacement(layer: nn.modules.batchnorm._BatchNorm, fixed: bool) -> nn.Module:
    channels = layer.num_features
    batched = next((d for kind, d in _BATCHED_DIMENSIONS.items() if isinstance(layer, kind)), 0)
    if fixed:
        return FixedNorm(layer, batched).train(layer.training)
    made = RecordNorm(groups_for(channels), channels, batched, layer.eps, layer.affine)
    if layer.affine:
        made.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})
        made.weight.requires_grad_(layer.weight.requires_grad)
        made.bias.requires_grad_(layer.bias.requires_grad)
    return made.train(layer.training)
