"""Losses by their formulas, which broadcast nothing and know three reductions."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import torch

from workbench.engine.program.lowered.lookups import clamped
from workbench.engine.program.lowered.pointwise import log_sigmoid
from workbench.engine.program.lowered.reductions import mean, norm, total

A = torch.ops.aten
NONE, MEAN, SUM = 0, 1, 2
_IGNORED = -100
_COSINE_EPS = 1e-12


def reduced(loss: torch.Tensor, reduction: int) -> torch.Tensor:
    """Return `loss` itself (0), its mean (1) or its sum (2).

    Raises
    ------
    ValueError
        If `reduction` is another number.
    """
    if reduction == NONE:
        return loss
    if reduction == MEAN:
        return mean(loss)
    if reduction == SUM:
        return total(loss)
    raise ValueError(f"reduction is {reduction}; 0, 1 and 2 are known")


def mse_loss(x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN) -> torch.Tensor:
    """``aten.mse_loss``."""
    error = x - target
    return reduced(error * error, reduction)


def l1_loss(x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN) -> torch.Tensor:
    """``aten.l1_loss``."""
    return reduced((x - target).abs(), reduction)


def huber_loss(
    x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN, delta: float = 1.0
) -> torch.Tensor:
    """``aten.huber_loss``."""
    error = x - target
    far = error.abs()
    small = far < delta
    near = torch.where(small, error, A.zeros_like.default(error))
    rest = A.mul.Scalar(A.sub.Scalar(far, 0.5 * delta), delta)
    return reduced(torch.where(small, A.mul.Scalar(near * near, 0.5), rest), reduction)


def smooth_l1_loss(
    x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN, beta: float = 1.0
) -> torch.Tensor:
    """``aten.smooth_l1_loss``."""
    if beta == 0:
        return l1_loss(x, target, reduction)
    error = x - target
    far = error.abs()
    small = far < beta
    near = torch.where(small, error, A.zeros_like.default(error))
    rest = A.sub.Scalar(far, 0.5 * beta)
    return reduced(torch.where(small, A.mul.Scalar(near * near, 0.5 / beta), rest), reduction)


def soft_margin_loss(x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN) -> torch.Tensor:
    """``aten.soft_margin_loss``."""
    return reduced(A.log1p.default(A.exp.default(A.neg.default(target) * x)), reduction)


def kl_div(
    x: torch.Tensor, target: torch.Tensor, reduction: int = MEAN, *, log_target: bool = False
) -> torch.Tensor:
    """``aten.kl_div``."""
    if log_target:
        return reduced(target.exp() * (target - x), reduction)
    entropy = torch.where(target == 0, A.zeros_like.default(target), target * target.log())
    return reduced(entropy - target * x, reduction)


def binary_cross_entropy_with_logits(
    x: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    pos_weight: torch.Tensor | None = None,
    reduction: int = MEAN,
) -> torch.Tensor:
    """``aten.binary_cross_entropy_with_logits``."""
    logs = log_sigmoid(x)
    if pos_weight is not None:
        logs = A.add.Scalar(A.sub.Scalar(pos_weight, 1) * target, 1) * logs
    loss = A.rsub.Scalar(target, 1) * x - logs
    return reduced(loss if weight is None else loss * weight, reduction)


def cosine_similarity(
    x: torch.Tensor, y: torch.Tensor, dim: int = 1, eps: float = 1e-8
) -> torch.Tensor:
    """``aten.cosine_similarity``, as PyTorch with the gradient of norms that are not held up."""
    x, y = A.broadcast_tensors.default([x, y])
    return total(_directions(x, dim, eps) * _directions(y, dim, eps), dim)


def _directions(x: torch.Tensor, dim: int, eps: float) -> torch.Tensor:
    length = norm(x, 2, dim, True)
    held = length + A.rsub.Scalar(length.detach(), eps)
    return x / torch.where(length < eps, held, length)


def cosine_embedding_loss(
    x: torch.Tensor,
    y: torch.Tensor,
    target: torch.Tensor,
    margin: float = 0.0,
    reduction: int = MEAN,
) -> torch.Tensor:
    """``aten.cosine_embedding_loss``."""
    along = 1 if target.dim() == 1 else 0
    sizes = A.add.Scalar(total(x * x, along), _COSINE_EPS)
    sizes = sizes * A.add.Scalar(total(y * y, along), _COSINE_EPS)
    cosine = total(x * y, along) / A.sqrt.default(sizes)
    zero = A.zeros_like.default(cosine)
    alike = torch.where(target == 1, A.rsub.Scalar(cosine, 1), zero)
    apart = torch.where(target == -1, A.clamp_min.default(A.sub.Scalar(cosine, margin), 0), zero)
    return reduced(alike + apart, reduction)


def pairwise_distance(
    x: torch.Tensor, y: torch.Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> torch.Tensor:
    """``aten.pairwise_distance``."""
    return norm(A.add.Scalar(x - y, eps), p, -1, keepdim)


def nll_loss_forward(
    logs: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None,
    reduction: int,
    ignore_index: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``aten.nll_loss_forward``: the loss, and the weight of all that is counted.

    The classes are the second axis of `logs`, or the only one; a class that there is not is moved
    to the nearest there is.
    """
    axis = _class_axis(logs)
    counted = target != ignore_index
    first = A.zeros_like.default(target)
    index = clamped(torch.where(counted, target, first), logs.shape[axis]).unsqueeze(axis)
    loss = A.neg.default(A.gather.default(logs, axis, index).squeeze(axis))
    weights = None
    if weight is not None:
        table = _by_class(weight.detach(), logs).expand(logs.shape)
        weights = A.gather.default(table, axis, index).squeeze(axis)
        loss = loss * weights
        weights = torch.where(counted, weights, A.zeros_like.default(weights))
    if loss.dim() == 0 and weights is None and reduction == MEAN:
        # One class, the usual case: the mean over none is not a number.
        loss = torch.where(counted, loss, A.full_like.default(loss, math.nan))
        return loss, A._to_copy.default(counted, dtype=logs.dtype)
    loss = torch.where(counted, loss, A.zeros_like.default(loss))
    counts = A._to_copy.default(counted, dtype=logs.dtype) if weights is None else weights
    whole = total(counts)
    return (total(loss) / whole if reduction == MEAN else reduced(loss, reduction)), whole


def _class_axis(scores: torch.Tensor) -> int:
    return 0 if scores.dim() == 1 else 1


def _by_class(weight: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Return one number a class in the shape that multiplies `scores`."""
    shape = [1] * scores.dim()
    shape[_class_axis(scores)] = -1
    return weight.reshape(shape)


def nll_loss(
    logs: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: int = MEAN,
    ignore_index: int = _IGNORED,
) -> torch.Tensor:
    """``aten.nll_loss`` and ``aten.nll_loss_nd``."""
    return nll_loss_forward(logs, target, weight, reduction, ignore_index)[0]


def cross_entropy_loss(
    scores: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    reduction: int = MEAN,
    ignore_index: int = _IGNORED,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """``aten.cross_entropy_loss`` for classes or, where `target` is of floats, probabilities."""
    axis = _class_axis(scores)
    classes = scores.shape[axis]
    logs = A._log_softmax.default(scores, axis, False)
    table = None if weight is None else _by_class(weight, scores)
    if target.is_floating_point():
        if label_smoothing > 0:
            target = A.mul.Scalar(target, 1 - label_smoothing)
            target = A.add.Scalar(target, label_smoothing / classes)
        product = logs * target if table is None else logs * target * table
        loss = A.neg.default(total(product, axis))
        return reduced(loss, reduction)
    plain, whole = nll_loss_forward(logs, target, weight, reduction, ignore_index)
    if label_smoothing == 0:
        return plain
    spread = A.neg.default(total(logs if table is None else logs * table, axis))
    spread = torch.where(target != ignore_index, spread, A.zeros_like.default(spread))
    smooth = total(spread) / whole if reduction == MEAN else reduced(spread, reduction)
    smooth = A.mul.Scalar(smooth, label_smoothing / classes)
    return A.mul.Scalar(plain, 1 - label_smoothing) + smooth
