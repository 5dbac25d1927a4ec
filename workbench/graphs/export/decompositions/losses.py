"""Losses whose forms in PyTorch need operators that a record graph does not have, or are wrong.

Shapes and dtypes: scores are floating, of shapes as in PyTorch.
"""

from __future__ import annotations

import torch

_MEAN, _SUM = 1, 2


def _reduced(loss: torch.Tensor, reduction: int) -> torch.Tensor:
    if reduction == _MEAN:
        return loss.mean()
    return loss.sum() if reduction == _SUM else loss


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
