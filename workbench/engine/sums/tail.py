"""The tail of a clipped sum: norms, clip factors, weighted sums and the count.

It depends on shapes only, and nothing of the record graph is in it: what is done to a unit's
gradient is known by reading this file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch

from workbench.engine.sums.contributions.forms import Contribution
from workbench.engine.sums.contributions.rounding import UNDERFLOW, gamma
from workbench.engine.sums.layers.factors import Factors, contribution

_LEAST_WEIGHT = 2.0**-60
"""A unit with a smaller clip factor adds nothing: float32 could round it upwards. Nor to a float64
sum, so that a unit adds the same in every chunk of a step."""


@dataclass(frozen=True)
class Tail:
    """Clips and adds up what the units of a chunk give, once it is known which shapes they have.

    Traced and checked like any program, with units as its records; see `ClippedSum`.

    Attributes
    ----------
    shapes
        The shape of each trained parameter, by name.
    groups
        Names of parameters that are clipped together; each parameter is in one group.
    records_per_unit
        How many consecutive records make one unit.
    counting
        Whether to count the units within their bounds.
    exact
        Whether to sum in float64, else in float32 where the forms allow it.

    Guarantees
    ----------
    One unit changes all sums together by at most ``sqrt(groups) * limit`` in L2 norm, up to the
    rounding that `ClippedSum.limit` leaves room for, and the count by at most 1/2. A unit
    with norm 0 adds zeros. One whose norm is NaN, infinite or above ``2**60 * limit`` adds exactly
    zero and is not counted, and neither is filling.
    """

    shapes: Mapping[str, tuple[int, ...]]
    groups: tuple[tuple[str, ...], ...]
    records_per_unit: int
    counting: bool
    exact: bool

    def __call__(
        self, limit: torch.Tensor, present: torch.Tensor, uses: Mapping[str, list[Factors]]
    ) -> tuple[torch.Tensor, ...]:
        """Return the centred count, if it counts, and the clipped sums in the order of names.

        Parameters
        ----------
        limit
            What each group's norm is clipped to, float64, shape ``()``.
        present
            Which rows are records, bool, ``(units * records_per_unit,)``.
        uses
            The factors of each use of each parameter.
        """
        per_unit = self.records_per_unit
        chosen = present
        if per_unit > 1:
            chosen = present.reshape(-1, per_unit).any(1)
            uses = {name: [use.kept(present) for use in parts] for name, parts in uses.items()}
        found = {
            name: contribution(parts, self.shapes[name], per_unit) for name, parts in uses.items()
        }
        norms = [self._norms(group, found) for group in self.groups]
        factors = [(limit / norm).clamp(max=1.0) for norm in norms]
        # Not true for NaN and infinity.
        for norm in norms:
            chosen = chosen & (norm < limit / _LEAST_WEIGHT)
        weights = [torch.where(chosen, f, torch.zeros_like(f)) for f in factors]
        if not self.exact:
            weights = [weight.float() for weight in weights]
        sums = tuple(
            found[name]
            .weighted_sum(weights[self._group(name)], self.exact)
            .reshape(self.shapes[name])
            for name in sorted(self.shapes)
        )
        if not self.counting:
            return sums
        within = norms[0] <= limit
        for norm in norms[1:]:
            within = within & (norm <= limit)
        half = torch.where(within, 0.5, -0.5).double()
        return (torch.where(chosen, half, torch.zeros_like(half)).sum(0), *sums)

    def _group(self, name: str) -> int:
        """Return the number of the group that a parameter is in."""
        return next(number for number, group in enumerate(self.groups) if name in group)

    def _norms(self, group: Collection[str], found: Mapping[str, Contribution]) -> torch.Tensor:
        """Return upper bounds on the norms of a group of parameters, ``(units,)``, float64."""
        parts = torch.stack([found[name].norms() for name in group], 1)
        norms = torch.linalg.vector_norm(parts, dim=1).double()
        numbers = sum(math.prod(self.shapes[name]) for name in group)
        hidden = 2 * math.sqrt((numbers + len(group)) * UNDERFLOW)
        error = max(found[name].error for name in group) + gamma(len(group) + 4)
        bounds: torch.Tensor = norms * (1 + error) + hidden
        return bounds
