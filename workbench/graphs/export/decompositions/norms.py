"""Normalization within one record, and by statistics that stay as they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from workbench.errors import GraphRefused


def instance_norm(
    input: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> torch.Tensor:
    """Return what ``aten.instance_norm`` returns: group normalization of one channel a group.

    Shape ``(n, channels, ...)``, floating (Ulyanov et al. 2016, arXiv:1607.08022).

    Raises
    ------
    GraphRefused
        If it would keep running statistics, which are the records' own.
    """
    if use_input_stats:
        if running_mean is not None:
            raise GraphRefused(
                "instance normalization with track_running_stats keeps statistics of the records",
                "Set track_running_stats=False; or .eval() to use those that it has.",
            )
        return F.group_norm(input, input.shape[1], weight, bias, eps)
    return _by_statistics(input, weight, bias, running_mean, running_var, eps)


def batch_norm(
    input: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> torch.Tensor:
    """Return what ``aten.batch_norm`` returns by statistics that are there already.

    Shape ``(n, channels, ...)``, floating.

    Raises
    ------
    GraphRefused
        If the statistics would be those of a batch, which mixes records.
    """
    if training or running_mean is None:
        raise GraphRefused(
            "batch_norm mixes records",
            "Use nn.GroupNorm or nn.LayerNorm. As a layer (nn.BatchNorm2d) it is converted when "
            "the function is exported.",
        )
    return _by_statistics(input, weight, bias, running_mean, running_var, eps)


def _by_statistics(
    value: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    mean: torch.Tensor | None,
    variance: torch.Tensor | None,
    eps: float,
) -> torch.Tensor:
    assert mean is not None
    assert variance is not None
    shape = (-1, *[1] * (value.dim() - 2))
    factor = torch.rsqrt(variance + eps)
    found = (value - mean.reshape(shape)) * factor.reshape(shape)
    if weight is not None:
        found = found * weight.reshape(shape)
    return found if bias is None else found + bias.reshape(shape)


def var_mean(
    self: torch.Tensor,
    dim: list[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what ``torch.var_mean`` returns, of any shape, floating."""
    mean = self.mean() if dim is None and not keepdim else self.mean(dim, keepdim)
    return torch.var(self, dim, correction=correction, keepdim=keepdim), mean
