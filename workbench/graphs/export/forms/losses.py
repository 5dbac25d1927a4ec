"""Losses that PyTorch computes by masks of values, or checks in Python.

Shapes and dtypes: floating, classes are int64, of the shapes that PyTorch has.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.adaptive import _ASMoutput

from workbench.errors import ReductionOfOneRecord


def telling_kl_div(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``kl_div`` with a warning where "batchmean" divides one record by its size."""

    def kl_div(input: torch.Tensor, *args: Any, **named: Any) -> Any:
        if named.get("reduction") == "batchmean" and input.dim() == 1:
            warnings.warn(
                f"kl_div: of one record reduction='batchmean' divides by its {input.shape[0]} "
                "entries, not by the size of a batch. Give reduction='sum'.",
                ReductionOfOneRecord,
                stacklevel=3,
            )
        return plain(input, *args, **named)

    return kl_div


def gaussian_nll_loss(
    input: torch.Tensor,
    target: torch.Tensor,
    var: torch.Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> torch.Tensor:
    """Return what ``torch.nn.functional.gaussian_nll_loss`` returns, negative variances allowed.

    They count as `eps`, as small ones do (Nix and Weigend 1994, doi:10.1109/ICNN.1994.374138).
    """
    variance = var if isinstance(var, torch.Tensor) else torch.full_like(input, var)
    if variance.dim() == input.dim() - 1 and variance.shape == input.shape[:-1]:
        variance = variance.unsqueeze(-1)
    # Too small a variance keeps its gradient, as in PyTorch.
    large = variance + (variance.clamp(min=eps) - variance).detach()
    loss = 0.5 * (large.log() + (input - target) ** 2 / large)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return {"mean": loss.mean, "sum": loss.sum}.get(reduction, lambda: loss)()


def adaptive_log_softmax(
    layer: nn.AdaptiveLogSoftmaxWithLoss, input: torch.Tensor, target: torch.Tensor
) -> Any:
    """Return what ``nn.AdaptiveLogSoftmaxWithLoss`` returns, with all clusters computed.

    PyTorch computes those of the targets only (Grave et al. 2017, arXiv:1609.04309).

    Parameters
    ----------
    layer
        The layer.
    input
        Of shape ``(n, in_features)`` or ``(in_features,)``, floating.
    target
        Classes of shape ``(n,)`` or ``()``, int64.
    """
    found = full_log_prob(layer, input, layer.head(input)).gather(-1, target.unsqueeze(-1))
    output = found.squeeze(-1)
    return _ASMoutput(output, -output.mean())


def full_log_prob(
    layer: nn.AdaptiveLogSoftmaxWithLoss, input: torch.Tensor, head_output: torch.Tensor
) -> torch.Tensor:
    """Return the logarithms of the chances of all classes, of shape ``(..., n_classes)``.

    `input` and `head_output` have the same first dimensions, or none.
    """
    head = head_output.log_softmax(-1)
    parts = [head[..., : layer.shortlist_size]]
    for number, tail in enumerate(layer.tail):
        cluster = layer.shortlist_size + number
        parts.append(tail(input).log_softmax(-1) + head[..., cluster : cluster + 1])
    return torch.cat(parts, -1)


def most_likely(layer: nn.AdaptiveLogSoftmaxWithLoss, input: torch.Tensor) -> torch.Tensor:
    """Return the most likely class of each row of `input`, of all clusters."""
    return full_log_prob(layer, input, layer.head(input)).argmax(-1)
