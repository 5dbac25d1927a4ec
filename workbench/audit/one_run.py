"""A lower bound on epsilon from one run (Steinke, Nasr and Jagielski 2023, arXiv:2305.08846).

Each of m canaries is included by a fair coin of its own. After the run the auditor guesses some of
the coins. If the run is (epsilon, delta)-differentially private, the number of right guesses is
hardly larger than if each were right with probability ``1 / (1 + exp(-epsilon))``; so many right
guesses refute small epsilons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALVINGS = 36
_LARGEST = 64.0


@dataclass(frozen=True)
class Guesses:
    """What an auditor said about `canaries` coins: `made` guesses, of which `right` were right."""

    canaries: int
    made: int
    right: int


def guess(scores: NDArray[np.float64], included: NDArray[np.bool_], each_way: int) -> Guesses:
    """Guess that the highest scores were included and the lowest were not, and count.

    Parameters
    ----------
    scores
        One per canary, larger for those that look included, float64, shape ``(m,)``.
    included
        The coins, bool, shape ``(m,)``.
    each_way
        How many to guess "in", and as many "out"; fixed before the scores are seen.
    """
    order = np.argsort(scores)
    right = int(included[order[-each_way:]].sum() + (~included[order[:each_way]]).sum())
    return Guesses(len(scores), 2 * each_way, right)


def p_value(guesses: Guesses, epsilon: float, delta: float) -> float:
    """Return a bound on the probability of so many right guesses under (epsilon, delta)-DP.

    The paper's theorem: with f(v) the probability that a binomial of `made` draws with
    success ``1 / (1 + exp(-epsilon))`` is at least v, it is
    ``f(v) + 2 m delta max_{1 <= i <= v} (f(v - i) - f(v)) / i``.
    """
    from scipy.stats import binom

    right, made = guesses.right, guesses.made
    success = 1 / (1 + math.exp(-epsilon))
    pure = float(binom.sf(right - 1, made, success))
    if right == 0:
        return 1.0
    below = np.arange(1, right + 1)
    gained = np.cumsum(binom.pmf(right - below, made, success))
    return min(1.0, pure + 2 * guesses.canaries * delta * float((gained / below).max()))


def epsilon_lower_bound(guesses: Guesses, delta: float, confidence: float = 0.95) -> float:
    """Return an epsilon that the run exceeds, at `delta`; 0 if nothing is refuted.

    A run that is (epsilon, delta)-differentially private gets a bound above epsilon with
    probability at most ``1 - confidence``.
    """
    low, high = 0.0, _LARGEST
    if p_value(guesses, low, delta) > 1 - confidence:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        refuted = p_value(guesses, middle, delta) <= 1 - confidence
        low, high = (middle, high) if refuted else (low, middle)
    return low
