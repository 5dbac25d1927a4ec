"""What a run costs: Renyi differential privacy (RDP) curves and their conversion.

A curve is the RDP of a run at each of the fixed `ORDERS` under add/remove of one privacy unit.
Curves of runs chosen adaptively add up order by order (Mironov 2017, arXiv:1702.07476). The curve
of DP-SGD is that of the Poisson-subsampled Gaussian (Mironov, Talwar and Zhang 2019,
arXiv:1908.10530), the conversion to (epsilon, delta) that of Balle et al. 2020 (arXiv:1905.09982);
both are computed by Opacus.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from workbench.documents.plans import RunPlan
from workbench.errors import TermsRefused

Curve = NDArray[np.float64]
"""What a run costs at each of `ORDERS`: float64 of shape ``(len(ORDERS),)``."""

ORDERS: tuple[float, ...] = (
    *(1 + step / 10 for step in range(1, 100)),
    *(float(order) for order in range(11, 64)),
    *(80.0, 100.0, 128.0, 192.0, 256.0, 512.0, 1024.0),
)
"""The Renyi orders of every curve. Ledger entries depend on them: never change, only replace."""

_ROUNDING = 1e4
_LEAST_MULTIPLIER = 0.05
_LARGEST_MULTIPLIER = 1e4
_LEAST_RATE = 1e-9
_LEAST_COST = 1e-12
_LARGEST_PLANNED = 50.0


@lru_cache(maxsize=512)
def _gaussian_rdp(sample_rate: float, noise_multiplier: float, steps: int) -> Curve:
    from opacus.accountants.analysis import rdp

    # Outside these limits Opacus's series lose their digits or never end. Less noise than the
    # least counts as none; more noise or rarer sampling than the limit counts as the limit, and
    # a cost in the noise of rounding as more than that noise: the curve only ever gets larger.
    if noise_multiplier < _LEAST_MULTIPLIER:
        found = np.full(len(ORDERS), math.inf)
    else:
        found = rdp.compute_rdp(
            q=max(sample_rate, _LEAST_RATE),
            noise_multiplier=min(noise_multiplier, _LARGEST_MULTIPLIER),
            steps=1,
            orders=ORDERS,
        )
    curve = steps * np.maximum(np.asarray(found, dtype=np.float64), _LEAST_COST)
    curve.flags.writeable = False
    return curve


def run_curve(plan: RunPlan, metrics: int, members: int = 1) -> Curve:
    """Return the RDP curve of a run, shape ``(len(ORDERS),)``.

    Training and hold-out part are disjoint by a rule that looks at one unit alone, so one unit
    pays for one of them: the curve is the larger of the two at every order (parallel
    composition). A statistic reads both parts, and costs its rounds at every unit.

    Parameters
    ----------
    plan
        Says by its `mechanisms` what is done to each part of the data.
    metrics
        How many metrics are released; with 0 the hold-out part is not touched.
    members
        Of how many units the cost is asked for together: those that one person may have where the
        units are records. Of a group of k at least one is drawn with probability
        ``1 - (1 - q)^k``, and together they move a sum by at most k bounds. How many are drawn is
        never more than k, and the likelihood ratio of shifted Gaussians grows with the shift, so
        the run tells no more of the group than one with that rate and a k-th of the noise. A group
        may be in both parts, so their costs add up.

    Returns
    -------
    numpy.ndarray
        float64; infinite where the noise is below 0.05, which no budget admits.
    """
    curves = [
        _gaussian_rdp(_drawn(one.sample_rate, members), one.noise_multiplier / members, one.sums)
        for one in plan.mechanisms(metrics)
    ]
    return reduce(np.maximum if members == 1 else np.add, curves)


def _drawn(sample_rate: float, members: int) -> float:
    """Return the probability that at least one of so many units is drawn."""
    if members == 1 or sample_rate >= 1:
        return sample_rate
    return -math.expm1(members * math.log1p(-sample_rate))


def pure_curve(epsilon: float) -> Curve:
    """Return the RDP curve of a pure epsilon-DP release (Bun and Steinke 2016, Prop. 3.3).

    Parameters
    ----------
    epsilon
        At order alpha the cost is ``min(epsilon, alpha * epsilon**2 / 2)``.
    """
    return np.minimum(epsilon, np.asarray(ORDERS) * epsilon**2 / 2)


def epsilon_of(curve: Curve, delta: float) -> float:
    """Return the smallest epsilon that some order of `curve` gives at `delta`; 0 for no cost.

    Raises
    ------
    TermsRefused
        If the curve is not one finite or infinite non-negative number per order.
    """
    checked(curve)
    if not curve.any():
        return 0.0
    usable = np.isfinite(curve)
    if not usable.any():
        return math.inf
    orders = np.asarray(ORDERS)[usable]
    return max(0.0, float(np.min(curve[usable] + _conversion(orders, delta))))


def _conversion(orders: Curve, delta: float) -> Curve:
    """Return what turns RDP into epsilon: Balle et al. 2020, Theorem 21, as Opacus has it."""
    return np.log((orders - 1) / orders) - (math.log(delta) + np.log(orders)) / (orders - 1)


def filter_budget(epsilon: float, delta: float, order: int | None = None) -> tuple[int, float]:
    """Return the one order at which runs are admitted, and how much RDP there is at it.

    Parameters
    ----------
    epsilon, delta
        The total guarantee.
    order
        The position in `ORDERS` that was fixed before the first release. By default it follows from
        the guarantee alone: the one at which most Gaussian runs fit, whose curves are proportional
        to the order.

    Returns
    -------
    tuple of int and float
        The position in `ORDERS`, and the largest sum of curves there that gives
        (epsilon, delta); negative if epsilon is too small for any release.
    """
    orders = np.asarray(ORDERS)
    budgets = epsilon - _conversion(orders, delta)
    position = int(np.argmax(budgets / orders)) if order is None else order
    return position, float(budgets[position])


def checked(curve: Curve) -> Curve:
    """Return `curve` if it has the form of one.

    Raises
    ------
    TermsRefused
        If not: an entry is missing, negative or NaN.
    """
    if curve.shape != (len(ORDERS),) or np.isnan(curve).any() or (curve < 0).any():
        raise TermsRefused("the cost of the plan cannot be computed")
    return curve


def run_epsilon(plan: RunPlan, metrics: int, delta: float) -> float:
    """Return what a run costs by itself at `delta`."""
    return epsilon_of(run_curve(plan, metrics), delta)


def planning_epsilon(plan: RunPlan, metrics: int, delta: float) -> float:
    """Return a tighter figure for what a run costs by itself at `delta`, for planning only.

    The privacy loss is composed numerically (Gopi, Lee and Wutschitz 2021, arXiv:2106.02848, by
    Opacus, to an error of 0.01). Ledgers and releases never use it: the filter that admits
    adaptively chosen runs is one over Renyi curves.

    Parameters
    ----------
    plan, metrics
        As for `run_curve`.
    delta
        As for `run_epsilon`, which is never less.
    """
    known = run_epsilon(plan, metrics, delta)
    if known > _LARGEST_PLANNED:
        return known
    numeric = max(
        _numeric_epsilon(one.sample_rate, one.noise_multiplier, one.sums, delta)
        for one in plan.mechanisms(metrics)
    )
    return min(known, numeric)


@lru_cache(maxsize=64)
def _numeric_epsilon(
    sample_rate: float, noise_multiplier: float, steps: int, delta: float
) -> float:
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(noise_multiplier, sample_rate, steps)]
    # Opacus takes the logarithm of 0 at sample rate 1, and warns of its own first guess.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(accountant.get_epsilon(delta))


def calibrate(
    *,
    epsilon: float,
    delta: float,
    sample_rate: float,
    steps: int,
    metrics: int,
    evaluations: int = 1,
) -> tuple[float, float]:
    """Return the smallest noise multipliers for training and for metrics that cost `epsilon`.

    Parameters
    ----------
    epsilon, delta
        What the run may cost. Training and metrics each spend all of it, on disjoint parts.
    sample_rate, steps
        As in `Plan`.
    metrics
        How many metrics there are; with 0 the second figure still is one for one metric.
    evaluations
        How often they are released.

    Returns
    -------
    tuple of float
        Noise multipliers, rounded up to a multiple of 1e-4.

    Raises
    ------
    TermsRefused
        If no multiplier up to 1e4 suffices: epsilon is too small for this many steps.
    """
    training = _smallest(epsilon, delta, sample_rate, steps)
    measuring = _smallest(epsilon, delta, 1.0, evaluations)

    def together(percent: int) -> tuple[float, float]:
        factor = 1 + percent / 100
        return _up(training * factor), _up(measuring * factor)

    # The larger of two curves can cost more than either: they have different best orders.
    for percent in range(101 if metrics else 1):
        first, second = together(percent)
        curve = _gaussian_rdp(sample_rate, first, steps)
        if metrics:
            curve = np.maximum(curve, _gaussian_rdp(1.0, second, evaluations))
        if epsilon_of(curve, delta) <= epsilon:
            return first, second
    raise TermsRefused(f"no noise gives epsilon {epsilon:g} for training and metrics together")


def measuring_noise(
    *, noise_multiplier: float, delta: float, sample_rate: float, steps: int, evaluations: int
) -> float:
    """Return the smallest noise multiplier with which metrics cost no more than training does.

    Parameters
    ----------
    noise_multiplier, sample_rate, steps
        Of training, as in `Plan`.
    delta
        Of the guarantee.
    evaluations
        How often the metrics are released.

    Raises
    ------
    TermsRefused
        If no multiplier up to 1e4 suffices.
    """
    epsilon = epsilon_of(_gaussian_rdp(sample_rate, noise_multiplier, steps), delta)
    return _smallest(epsilon, delta, 1.0, evaluations)


def _up(multiplier: float) -> float:
    return math.ceil(multiplier * _ROUNDING - 1e-6) / _ROUNDING


def _smallest(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    def enough(multiple: int) -> bool:
        curve = _gaussian_rdp(sample_rate, multiple / _ROUNDING, steps)
        return epsilon_of(curve, delta) <= epsilon

    low, high = 0, int(_ROUNDING)
    while not enough(high):
        low, high = high, high * 2
        if high > _LARGEST_MULTIPLIER * _ROUNDING:
            raise TermsRefused(
                f"no noise gives epsilon {epsilon:g} at delta {delta:g} over {steps} steps",
                "Ask for a larger epsilon or train for fewer steps.",
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high / _ROUNDING
