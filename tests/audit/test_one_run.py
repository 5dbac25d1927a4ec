"""The bound of the one-run audit: what it proves of mechanisms whose epsilon is known."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import binom

from workbench.audit.one_run import Guesses, epsilon_lower_bound, guess, p_value

DELTA = 1e-5


def randomized_response(epsilon, count, rng, spoiled=0.0):
    """Return coins and what each says of itself: the truth with e^eps : 1, or always if spoiled."""
    coins = rng.random(count) < 0.5
    truthful = rng.random(count) < 1 / (1 + math.exp(-epsilon))
    return coins, coins == (truthful | (rng.random(count) < spoiled))


def test_without_delta_it_is_the_binomial_tail():
    for right in (0, 30, 57, 100):
        exact = binom.sf(right - 1, 100, 1 / (1 + math.exp(-0.7)))
        assert p_value(Guesses(1000, 100, right), 0.7, 0.0) == pytest.approx(exact)


def test_it_is_the_papers_formula():
    """Written out: f(v) + 2 m delta max_i (f(v - i) - f(v)) / i with f(v) = P[Bin(r, q) >= v]."""
    count, made, right, epsilon, delta = 500, 60, 45, 1.3, 1e-3
    success = 1 / (1 + math.exp(-epsilon))

    def tail(at_least):
        return sum(
            math.comb(made, k) * success**k * (1 - success) ** (made - k)
            for k in range(max(at_least, 0), made + 1)
        )

    extra = max((tail(right - i) - tail(right)) / i for i in range(1, right + 1))
    expected = tail(right) + 2 * count * delta * extra
    assert p_value(Guesses(count, made, right), epsilon, delta) == pytest.approx(expected)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 4.0])
@pytest.mark.parametrize("spoiled", [0.0, DELTA])
def test_randomized_response_is_seldom_above_and_mostly_near_its_epsilon(epsilon, spoiled):
    rng = np.random.default_rng(5)
    bound = lru_cache(lambda right: epsilon_lower_bound(Guesses(1000, 1000, right), spoiled))
    bounds = []
    for _ in range(400):
        coins, said = randomized_response(epsilon, 1000, rng, spoiled)
        bounds.append(bound(int((coins == said).sum())))
    above = np.mean(np.array(bounds) > epsilon)
    # 5 % are allowed to be; four standard errors of 400 draws.
    assert above <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert np.median(bounds) >= 0.75 * epsilon - 0.1


def test_more_right_guesses_prove_more_and_more_canaries_or_delta_less():
    bounds = [epsilon_lower_bound(Guesses(1000, 100, right), DELTA) for right in range(101)]
    assert bounds == sorted(bounds)
    assert bounds[50] == 0
    assert bounds[100] > 3
    for other in (Guesses(100_000, 100, 90), Guesses(1000, 100, 90)):
        assert epsilon_lower_bound(other, DELTA) >= epsilon_lower_bound(other, 1e-3)
    assert epsilon_lower_bound(Guesses(10**6, 100, 90), DELTA) < bounds[90]


def test_a_higher_confidence_proves_less():
    found = [epsilon_lower_bound(Guesses(1000, 200, 170), DELTA, c) for c in (0.9, 0.95, 0.999)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] > 0


def test_guesses_are_the_extremes():
    included = np.array([True, False, True, False, True, False])
    scores = np.array([9.0, -9.0, 8.0, 7.0, 0.0, 1.0])
    assert guess(scores, included, 1) == Guesses(6, 2, 2)
    assert guess(scores, included, 3) == Guesses(6, 6, 4)
