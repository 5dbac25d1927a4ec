"""What each privacy unit adds to the gradient of a parameter, in forms that are cheap to clip.

A contribution can bound its norm per unit and give the weighted sum over units, without always
materialising one gradient per unit (book-keeping: Bu et al. 2023, arXiv:2210.00038). Norms and
sums are float64: products of two float32 numbers are exact there, so a contribution and its norm
can differ only by the rounding of long sums, which `_MARGIN` bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

_UNIT_ROUNDOFF = 2.0**-53
_CHUNK = 1 << 22


class Contribution(Protocol):
    """One gradient of one shape per unit."""

    def squared_norms(self) -> torch.Tensor:
        """Return upper bounds on the squared L2 norms, shape ``(units,)``, float64."""

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """Return ``sum_u weights[u] * gradient[u]``, float64; weights are float64, ``(units,)``.

        A unit of weight zero adds exactly nothing, even if its gradient is not finite.
        """


def _selected(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return `values` in float64 with the rows of weight zero set to zero by selection."""
    keep = (weights > 0).reshape(-1, *[1] * (values.dim() - 1))
    return torch.where(keep, values, torch.zeros((), dtype=values.dtype)).double()


@dataclass(frozen=True)
class PerUnit:
    """Gradients as they are: float32, shape ``(units, *shape)``."""

    gradients: torch.Tensor

    def squared_norms(self) -> torch.Tensor:
        """See `Contribution`; exact up to the rounding of one sum."""
        flat = self.gradients.flatten(1)
        rows = max(1, _CHUNK // max(flat.shape[1], 1))
        sums = [part.double().square().sum(1) for part in torch.split(flat, rows)]
        return torch.cat(sums) if sums else flat.new_zeros(0, dtype=torch.float64)

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Contribution`."""
        flat = self.gradients.flatten(1)
        rows = max(1, _CHUNK // max(flat.shape[1], 1))
        total = torch.zeros(flat.shape[1], dtype=torch.float64)
        for part, weight in zip(torch.split(flat, rows), torch.split(weights, rows), strict=True):
            total += weight @ _selected(part, weight)
        return total.reshape(self.gradients.shape[1:])


@dataclass(frozen=True)
class OuterProducts:
    """Gradients ``sum_t outer(right[u, t], left[u, t])`` that are never materialised.

    `left` has shape ``(units, positions, inputs)`` and `right` ``(units, positions, outputs)``,
    float32; the gradient has shape ``(outputs, inputs)``.
    """

    left: torch.Tensor
    right: torch.Tensor

    def squared_norms(self) -> torch.Tensor:
        """See `Contribution`: the ghost norm (Goodfellow 2015; Li et al. 2022, arXiv:2110.05679).

        A record can make large terms cancel, so that its computed norm is 0 while its rounding
        errors are not: the bound on the errors of both sums is added.
        """
        left, right = self.left.double(), self.right.double()
        lengths = left.square().sum(2).sqrt() * right.square().sum(2).sqrt()
        absolute = lengths.sum(1).square()
        positions = left.shape[1]
        terms = positions + left.shape[2] + right.shape[2]
        margin = 16 * terms * _UNIT_ROUNDOFF * absolute
        if positions == 1:
            return absolute + margin
        ghost = (left @ left.mT).mul_(right @ right.mT).sum((1, 2))
        return ghost.clamp_min(0) + margin

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Contribution`."""
        right = _selected(self.right, weights) * weights[:, None, None]
        left = _selected(self.left, weights)
        return right.flatten(0, 1).T @ left.flatten(0, 1)


@dataclass(frozen=True)
class Rows:
    """Gradients of a table: unit `u` adds ``gradients[u, t]`` to row ``indices[u, t]``.

    `indices` has shape ``(units, positions)``, int64; `gradients` ``(units, positions, width)``,
    float32; the table has `rows` rows.
    """

    indices: torch.Tensor
    gradients: torch.Tensor
    rows: int

    def squared_norms(self) -> torch.Tensor:
        """See `Contribution`; positions with the same index add up before the norm is taken."""
        gradients = self.gradients.double()
        same = self.indices[:, :, None] == self.indices[:, None, :]
        ghost = (gradients @ gradients.mT).mul_(same).sum((1, 2))
        absolute = gradients.square().sum(2).sqrt().sum(1).square()
        terms = self.indices.shape[1] + gradients.shape[2]
        return ghost.clamp_min(0) + 16 * terms * _UNIT_ROUNDOFF * absolute

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Contribution`."""
        scaled = _selected(self.gradients, weights) * weights[:, None, None]
        table = torch.zeros((self.rows, scaled.shape[2]), dtype=torch.float64)
        return table.index_add_(0, self.indices.flatten(), scaled.flatten(0, 1))


@dataclass(frozen=True)
class Reshaped:
    """Another contribution whose gradient is given a new shape, such as a convolution's kernel."""

    inner: Contribution
    shape: tuple[int, ...]

    def squared_norms(self) -> torch.Tensor:
        """See `Contribution`."""
        return self.inner.squared_norms()

    def weighted_sum(self, weights: torch.Tensor) -> torch.Tensor:
        """See `Contribution`."""
        return self.inner.weighted_sum(weights).reshape(self.shape)


def outer(left: torch.Tensor, right: torch.Tensor) -> Contribution:
    """Return the cheaper form of ``sum_t outer(right[u, t], left[u, t])``.

    Parameters
    ----------
    left
        Shape ``(units, positions, inputs)``, float32.
    right
        Shape ``(units, positions, outputs)``, float32.
    """
    positions, inputs, outputs = left.shape[1], left.shape[2], right.shape[2]
    if positions > 1 and inputs * outputs <= positions * (inputs + outputs):
        return PerUnit(right.mT @ left)
    return OuterProducts(left, right)
