"""The clipping bounds of a plan: one, one per layer, or one that follows a quantile."""

from __future__ import annotations

import math
from collections.abc import Iterable

from workbench.documents.plans import Plan

_RATE = 0.2
_RANGE = 100.0


def layers(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return parameter names grouped by the module that they belong to.

    Parameters
    ----------
    names
        Names as ``nn.Module.named_parameters`` gives them.
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    return tuple(tuple(group) for group in groups.values())


class AdaptiveBound:
    """A clipping bound that follows a quantile of the units' norms (Andrew et al. 2021).

    After each step it is multiplied by ``exp(-0.2 * (b - q))``, where q is the target quantile and
    b the noisy share of drawn units below the bound (arXiv:1905.03871, algorithm 1). It never
    leaves the range from a hundredth to a hundred times the plan's `max_grad_norm`, where it
    starts.

    Parameters
    ----------
    plan
        With clipping ``adaptive``.
    expected
        The expected number of units per step, from public figures.
    """

    def __init__(self, plan: Plan, expected: float) -> None:
        self._quantile, self._expected = plan.target_quantile, expected
        self._least = math.log(plan.max_grad_norm / _RANGE)
        self._most = math.log(plan.max_grad_norm * _RANGE)
        self._logarithm = math.log(plan.max_grad_norm)
        self.value = plan.max_grad_norm

    def follow(self, noisy_count: float) -> float:
        """Take in a step's noised centred count and return the next step's bound.

        Parameters
        ----------
        noisy_count
            Units below the bound minus units above it, halved, plus noise.
        """
        below = noisy_count / self._expected + 0.5
        moved = self._logarithm - _RATE * (below - self._quantile)
        self._logarithm = min(max(moved, self._least), self._most)
        self.value = math.exp(self._logarithm)
        return self.value
