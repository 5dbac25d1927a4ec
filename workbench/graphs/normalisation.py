"""Batch normalisation becomes group normalisation, which stays within one record."""

from __future__ import annotations

import copy
import math
import warnings

import torch
from torch import nn

from workbench.documents.errors import LayersConverted

_CHANNELS_PER_GROUP = 8
_MOST_GROUPS = 32
_BATCHED_DIMENSIONS = {nn.BatchNorm1d: 2, nn.BatchNorm2d: 4, nn.BatchNorm3d: 5}


class RecordNorm(nn.GroupNorm):
    """Group normalisation in the place of batch normalisation (Wu and He 2018, arXiv:1803.08494).

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
        """Normalise each record over the channels of a group and all positions."""
        if input.dim() == self.batched - 1:
            return super().forward(input.unsqueeze(0)).squeeze(0)
        return super().forward(input)


def groups_for(channels: int) -> int:
    """Return a number of groups that divides `channels`: about 8 channels in each, at most 32.

    Groups of one channel would turn a layer without positions into a constant.
    """
    return math.gcd(channels, min(_MOST_GROUPS, max(1, channels // _CHANNELS_PER_GROUP)))


def without_batch_norm(model: nn.Module, *, quiet: bool = False) -> nn.Module:
    """Return `model`, or a copy in which `RecordNorm` stands for each batch normalisation.

    The scale and shift of the layer are kept, its running statistics are not: they are of other
    data, and keeping new ones would mix records.

    Parameters
    ----------
    model
        Is left as it is, and returned if it has no batch normalisation.
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
            f"batch normalisation mixes records: {shown} became group normalisation in what is "
            "trained. Your model is left as it is; result.model has the new layers.",
            LayersConverted,
            stacklevel=3,
        )
    return converted


def _replacement(layer: nn.modules.batchnorm._BatchNorm) -> RecordNorm:
    channels = layer.num_features
    batched = next((d for kind, d in _BATCHED_DIMENSIONS.items() if isinstance(layer, kind)), 0)
    made = RecordNorm(groups_for(channels), channels, batched, layer.eps, layer.affine)
    if layer.affine:
        made.load_state_dict({"weight": layer.weight.detach(), "bias": layer.bias.detach()})
        made.weight.requires_grad_(layer.weight.requires_grad)
        made.bias.requires_grad_(layer.bias.requires_grad)
    return made.train(layer.training)
