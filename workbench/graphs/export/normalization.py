"""Convert batch normalization to what stays within one record.

A layer that is trained becomes group normalization. A frozen one keeps the statistics that it
brought along, as constants: so a pretrained network computes what it always did.
"""

from __future__ import annotations

import copy
import math
import warnings

import torch
from torch import nn

from workbench.errors import LayersConverted

_CHANNELS_PER_GROUP = 8
_MOST_GROUPS = 32
_BATCHED_DIMENSIONS = {nn.BatchNorm1d: 2, nn.BatchNorm2d: 4, nn.BatchNorm3d: 5}


class RecordNorm(nn.GroupNorm):
    """Group normalization in the place of batch normalization (Wu and He 2018, arXiv:1803.08494).

    Parameters
    ----------
    groups, channels
        As for ``torch.nn.GroupNorm``.
    batched
        The number of dimensions of an input with a batch dimension; an input with one less is
        taken as one record.
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
        """
        if input.dim() == self.batched - 1:
            return super().forward(input.unsqueeze(0)).squeeze(0)
        return super().forward(input)


class FixedNorm(nn.Module):
    """Batch normalization by the running statistics that it has, which are never changed.

    Parameters
    ----------
    layer
        Its statistics, scale, shift and their names are taken over.
    batched
        As for `RecordNorm`.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, layer: nn.modules.batchnorm._BatchNorm, batched: int) -> None:
        super().__init__()
        self.batched, self.eps = batched, layer.eps
        self.weight, self.bias = (
            nn.Parameter(p.detach().clone(), requires_grad=False)
            for p in (layer.weight, layer.bias)
        )
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, getattr(layer, name).detach().clone())

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Scale and shift each channel; for shapes and dtypes see `RecordNorm.forward`."""
        axis = 0 if input.dim() == self.batched - 1 else 1
        shape = [-1 if dim == axis else 1 for dim in range(input.dim())]
        factor = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * factor
        return input * factor.reshape(shape) + shift.reshape(shape)


def groups_for(channels: int) -> int:
    """Return a number of groups that divides `channels`: about 8 channels in each, at most 32.

    Groups of one channel would turn a layer without positions into a constant.
    """
    return math.gcd(channels, min(_MOST_GROUPS, max(1, channels // _CHANNELS_PER_GROUP)))


def without_batch_norm(model: nn.Module, *, quiet: bool = False) -> nn.Module:
    """Return `model`, or a copy in which no layer is a batch normalization.

    A layer whose scale and shift are frozen becomes a `FixedNorm` with its running statistics. Any
    other becomes a `RecordNorm`: scale and shift are kept, running statistics are not, since new
    ones would mix records.

    Parameters
    ----------
    model
        Is left as it is, and returned if it has no batch normalization.
    quiet
        Whether to give no notice.

    Warns
    -----
    LayersConverted
        Names the layers.
    """
    batch_norm = nn.modules.batchnorm._BatchNorm
    everywhere = model.named_modules(remove_duplicate=False)
    found = {name: layer for name, layer in everywhere if isinstance(layer, batch_norm)}
    if not found:
        return model
    replaced = {id(layer): _replacement(layer) for layer in found.values()}
    if id(model) in replaced:
        converted: nn.Module = replaced[id(model)]
    else:
        converted = copy.deepcopy(model)
        for name in found:
            parent, _, child = name.rpartition(".")
            setattr(converted.get_submodule(parent), child, replaced[id(found[name])])
    if not quiet:
        names = [f"'{name}'" for name in found]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        warnings.warn(
            f"batch normalization mixes records: {shown} became group normalization (frozen "
            "layers: fixed statistics) in what is trained. Your model is left as it is; "
            "result.model has the new layers.",
            LayersConverted,
            stacklevel=3,
        )
    return converted


def _replacement(layer: nn.modules.batchnorm._BatchNorm) -> nn.Module:
    channels = layer.num_features
    batched = next((d for kind, d in _BATCHED_DIMENSIONS.items() if isinstance(layer, kind)), 0)
    frozen = layer.affine and not (layer.weight.requires_grad or layer.bias.requires_grad)
    if frozen and layer.running_mean is not None:
        return FixedNorm(layer, batched).train(layer.training)
    made = RecordNorm(groups_for(channels), channels, batched, layer.eps, layer.affine)
    if layer.affine:
        made.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})
        made.weight.requires_grad_(layer.weight.requires_grad)
        made.bias.requires_grad_(layer.bias.requires_grad)
    return made.train(layer.training)
