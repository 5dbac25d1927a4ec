"""The gradient of a parameter per unit, in forms that are cheap to clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from workbench.engine.sums.contributions.rounding import (
    CANCELLING,
    ROUNDOFF_32,
    ROUNDOFF_64,
    UNDERFLOW,
    gamma,
)

MATERIALISED = 1 << 20
"""How many numbers a gradient may have for it to be found for each unit."""


class Contribution(Protocol):
    """One gradient of one shape per unit."""

    @property
    def error(self) -> float:
        """By which share `norms` can be too small, from shapes alone."""

    def norms(self) -> torch.Tensor:
        """Return the L2 norms, float32, ``(units,)``, too small by at most the share `error`.

        They are not finite where an entry is not, or where squares are beyond float32.
        """

    def weighted_sum(self, weights: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """Return ``sum_u weights[u] * gradient[u]``.

        Parameters
        ----------
        weights
            ``(units,)``, float64 if `exact`, else float32; 0 for units whose norms are not finite.
            What is not finite is replaced by 0, entry by entry, so that it adds exactly nothing.
        exact
            Whether to sum in float64; the result is then float64, else float32.
        """


def _norms(values: torch.Tensor) -> torch.Tensor:
    """Return the norms of float32 rows: ``(rows, ...)`` to ``(rows,)``."""
    # In two steps, so that no sum is long.
    lines: torch.Tensor = torch.linalg.vector_norm(_lines(values), dim=-1)
    return lines if values.dim() == 2 else torch.linalg.vector_norm(lines, dim=1)


def _lines(values: torch.Tensor) -> torch.Tensor:
    """Return ``(rows, first, ...)`` as ``(rows, first, the rest)``, and two axes as they are."""
    return values.flatten(2) if values.dim() > 3 else values


def _error(values: torch.Tensor) -> float:
    """Return by which share `_norms` can be too small, but for squares that vanish."""
    lines, width = (1, *_lines(values).shape[1:])[-2:]
    return 0.51 * gamma(width + 6) + (0.51 * gamma(lines + 6) if values.dim() > 2 else 0.0)


def _margin(terms: int) -> float:
    """Return what a ghost norm's square needs beside it, as a share of the terms' norms squared.

    For the rounding of both, and so that no term is too large beside the norm (`CANCELLING`).
    """
    return 16 * terms * ROUNDOFF_64 + CANCELLING**2


def finite(values: torch.Tensor) -> torch.Tensor:
    """Return float32 values of any shape with zeros for those that are NaN or infinite."""
    return torch.nan_to_num(values, 0.0, 0.0, 0.0)


def selected(values: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Return ``(units, ...)`` with zeros for the units that are not kept, whatever they held.

    `values` have any floating dtype, which stays; `kept` is bool, ``(units,)``.
    """
    mask = kept.reshape(-1, *[1] * (values.dim() - 1))
    return torch.where(mask, values, torch.zeros((), dtype=values.dtype))


@dataclass(frozen=True)
class PerUnit:
    """Gradients as they are: float32, shape ``(units, *shape)`` with at least one more axis."""

    gradients: torch.Tensor

    @property
    def error(self) -> float:
        """See `Contribution`."""
        return _error(self.gradients)

    def norms(self) -> torch.Tensor:
        """See `Contribution`."""
        return _norms(self.gradients)

    def weighted_sum(self, weights: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """See `Contribution`."""
        flat = finite(self.gradients).flatten(1)
        total = weights.unsqueeze(0) @ (flat.double() if exact else flat)
        return total.reshape(self.gradients.shape[1:])


@dataclass(frozen=True)
class OuterProduct:
    """Gradients ``outer(right[u], left[u])`` that are never materialised.

    `left` has shape ``(units, inputs)`` and `right` ``(units, outputs)``, float32.
    """

    left: torch.Tensor
    right: torch.Tensor

    @property
    def error(self) -> float:
        """See `Contribution`."""
        return (1 + _error(self.left)) * (1 + _error(self.right)) - 1

    def norms(self) -> torch.Tensor:
        """See `Contribution`."""
        left, right = _norms(self.left), _norms(self.right)
        # What vanished in one factor's squares, or underflows when it is clipped in float32, may be
        # multiplied by a large other factor.
        hidden = [(UNDERFLOW * values.shape[1]) ** 0.5 for values in (self.left, self.right)]
        norms: torch.Tensor = (left + hidden[0]) * (right + hidden[1])
        return norms

    def weighted_sum(self, weights: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """See `Contribution`."""
        left, right = finite(self.left), finite(self.right)
        if exact:
            left, right = left.double(), right.double()
        return (right * weights.unsqueeze(1)).T @ left


@dataclass(frozen=True)
class OuterProducts:
    """Gradients ``sum_t outer(right[u, t], left[u, t])`` that are never materialised.

    `left` has shape ``(units, positions, inputs)`` and `right` ``(units, positions, outputs)``,
    float32; the gradient has shape ``(outputs, inputs)``. Sums are always float64: in float32 the
    error would grow with terms that cancel, which a record can make as large as it likes.
    """

    left: torch.Tensor
    right: torch.Tensor

    @property
    def error(self) -> float:
        """See `Contribution`; the norms have their margin, but for their own rounding."""
        return 2 * ROUNDOFF_32

    def norms(self) -> torch.Tensor:
        """See `Contribution`: the ghost norm (Goodfellow 2015; Li et al. 2022, arXiv:2110.05679).

        A record can make large terms cancel, so that its computed norm is 0 while its rounding
        errors are not: the bound on the errors of both sums is added.
        """
        left, right = self.left.double(), self.right.double()
        lengths = left.square().sum(2).sqrt() * right.square().sum(2).sqrt()
        terms = sum(left.shape[1:]) + right.shape[2]
        margin = _margin(terms) * lengths.sum(1).square()
        ghost = (left @ left.mT * (right @ right.mT)).sum((1, 2))
        return (ghost.clamp_min(0) + margin).sqrt().float()

    def weighted_sum(self, weights: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """See `Contribution`."""
        right = finite(self.right).double() * weights[:, None, None]
        return right.flatten(0, 1).T @ finite(self.left).double().flatten(0, 1)


@dataclass(frozen=True)
class Rows:
    """Gradients of a table: unit `u` adds ``gradients[u, t]`` to row ``indices[u, t]``.

    `indices` has shape ``(units, positions)``, int64; `gradients` ``(units, positions, width)``,
    float32; the table has `rows` rows. Sums are always float64, as for `OuterProducts`.
    """

    indices: torch.Tensor
    gradients: torch.Tensor
    rows: int

    @property
    def error(self) -> float:
        """See `Contribution`; the norms have their margin, but for their own rounding."""
        return 2 * ROUNDOFF_32

    def norms(self) -> torch.Tensor:
        """See `Contribution`; positions with the same index add up before the norm is taken."""
        gradients = self.gradients.double()
        same = self.indices[:, :, None] == self.indices[:, None, :]
        ghost = (gradients @ gradients.mT * same).sum((1, 2))
        absolute = gradients.square().sum(2).sqrt().sum(1).square()
        terms = self.indices.shape[1] + gradients.shape[2]
        return (ghost.clamp_min(0) + _margin(terms) * absolute).sqrt().float()

    def weighted_sum(self, weights: torch.Tensor, exact: bool = True) -> torch.Tensor:
        """See `Contribution`."""
        scaled = finite(self.gradients).double() * weights[:, None, None]
        table = scaled.new_zeros((self.rows, scaled.shape[2]))
        return table.index_add(0, self.indices.flatten(), scaled.flatten(0, 1))


def outer(left: torch.Tensor, right: torch.Tensor) -> Contribution:
    """Return the cheapest form of ``sum_t outer(right[u, t], left[u, t])``.

    Parameters
    ----------
    left
        Shape ``(units, positions, inputs)``, float32.
    right
        Shape ``(units, positions, outputs)``, float32.
    """
    positions, inputs, outputs = left.shape[1], left.shape[2], right.shape[2]
    if positions == 1:
        return OuterProduct(left.squeeze(1), right.squeeze(1))
    if inputs * outputs <= min(MATERIALISED, 8 * positions * (inputs + outputs)):
        return PerUnit(right.mT @ left)
    return OuterProducts(left, right)
