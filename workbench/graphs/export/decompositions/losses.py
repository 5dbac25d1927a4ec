"""Losses whose forms in PyTorch need operators that a record graph does not have, or are wrong.

Shapes and dtypes: scores are floating, of shapes as in PyTorch.
"""

from __future__ import annotations

import torch

A = torch.ops.aten
_MEAN, _SUM = 1, 2


def _reduced(loss: torch.Tensor, reduction: int) -> torch.Tensor:
    if reduction == _MEAN:
        return loss.mean()
    return loss.sum() if reduction == _SUM else loss


def cross_entropy_loss(
    self: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: int = _MEAN,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Return what ``aten.cross_entropy_loss`` returns where classes are smoothed and weighted.

    Shapes ``(classes,)`` and ``()``, or ``(n, classes, ...)`` and ``(n, ...)``.
    """
    if weight is None or not label_smoothing or target.is_floating_point():
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    axis = 0 if self.dim() == 1 else 1
    logs = self.log_softmax(axis)
    counted = target != ignore_index
    table = weight.reshape([-1 if dim == axis else 1 for dim in range(self.dim())])
    plain = A.nll_loss_nd.default(logs, target, weight, 0, ignore_index)
    spread = torch.where(counted, -(logs * table).sum(axis), 0.0)
    loss = (1 - label_smoothing) * plain + label_smoothing / self.shape[axis] * spread
    if reduction != _MEAN:
        return _reduced(loss, reduction)
    classes = torch.where(counted, target, 0).reshape(-1)
    weights = torch.where(counted.reshape(-1), weight.gather(0, classes), 0.0)
    return loss.sum() / weights.sum()  # type: ignore[no-any-return]


def hinge_embedding_loss(
    self: torch.Tensor, target: torch.Tensor, margin: float = 1.0, reduction: int = _MEAN
) -> torch.Tensor:
    """Return what ``aten.hinge_embedding_loss`` returns.

    Shapes that broadcast, floating; targets are 1 or -1.
    """
    apart = torch.where(target == 1, 0.0, (margin - self).clamp(min=0))
    alike = torch.where(target == -1, 0.0, self)
    return _reduced(apart + alike, reduction)


def multilabel_margin_loss(
    self: torch.Tensor, target: torch.Tensor, reduction: int = _MEAN
) -> torch.Tensor:
    """Return what ``aten.multilabel_margin_loss`` returns.

    PyTorch's own decomposition counts margins for the places after the first -1 too.

    Parameters
    ----------
    self
        Scores of shape ``(classes,)`` or ``(n, classes)``, floating.
    target
        Classes up to the first -1, of the same shape, int64.
    reduction
        0 for one loss each, 1 for the mean, 2 for the sum.
    """
    classes = self.shape[-1]
    places = torch.arange(classes)
    end = torch.where(target < 0, places, classes).amin(-1, keepdim=True)
    given = places < end
    chosen = self.gather(-1, torch.where(given, target, 0))
    is_target = ((target.unsqueeze(-1) == places) & given.unsqueeze(-1)).any(-2)
    margins = torch.relu(1 - chosen.unsqueeze(-1) + self.unsqueeze(-2))
    counted = given.unsqueeze(-1) & ~is_target.unsqueeze(-2)
    return _reduced(torch.where(counted, margins, 0.0).sum((-2, -1)) / classes, reduction)
