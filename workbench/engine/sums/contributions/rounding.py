"""Bounds on the rounding of sums of products, in float32 and in float64."""

from __future__ import annotations

ROUNDOFF_32 = 2.0**-24
ROUNDOFF_64 = 2.0**-53
LARGEST_SHARE = 2.0**-6
"""How much of C the rounding of float32 sums may take before they are done in float64."""
CANCELLING = 2.0**-11
"""A unit's norm counts as at least this share of the sum of its terms' norms: else terms that
cancel could be as large as they like, and so could what is lost when they are added to a sum."""
UNDERFLOW = 2.0**-125
"""What the square of a float32 number can be at most if float32 loses it."""


def gamma(terms: int) -> float:
    """Return the relative error of a float32 sum of `terms` products, in any order.

    Raises
    ------
    ValueError
        If there are so many that nothing bounds it.
    """
    if terms * ROUNDOFF_32 >= 1:
        raise ValueError(f"nothing bounds the rounding of a float32 sum of {terms} terms")
    return terms * ROUNDOFF_32 / (1 - terms * ROUNDOFF_32)


def float32_share(units: int, largest_batch: int) -> float:
    """Return by which share of C rounding can move two neighbouring float32 sums apart.

    Parameters
    ----------
    units
        How many units one sum has at most.
    largest_batch
        How many units all sums for one logical batch have together at most.
    """
    return 2 * gamma(units + 4) * largest_batch


def float64_share(units: int, largest_batch: int, positions: int = 1) -> float:
    """Return by which share of C rounding can move two neighbouring float64 sums apart.

    Whatever the order: no term passes through more additions than a sum has terms (Higham 2002,
    section 4.2). A unit's gradient may be a sum of `positions` terms that cancel, of which each is
    at most C / `CANCELLING` (`OuterProducts`, `Rows`).

    Parameters
    ----------
    units
        How many units one sum has at most.
    largest_batch
        How many units all sums for one logical batch have together at most.
    positions
        How many terms a unit has at most in one sum.
    """
    larger = 1.0 if positions == 1 else 1 / CANCELLING
    additions = larger * (units * positions + 4) + largest_batch + 4
    return 2 * additions * ROUNDOFF_64 * largest_batch


def float32_units(largest_batch: int) -> int:
    """Return how many units one sum may have for `float32_share` to be within `LARGEST_SHARE`."""
    return max(0, int(LARGEST_SHARE / (2 * ROUNDOFF_32 * largest_batch) * 0.99) - 4)
