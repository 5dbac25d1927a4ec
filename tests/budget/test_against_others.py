"""Check what a run costs against dp-accounting and Opacus, over plans of every kind."""

from __future__ import annotations

import warnings
from functools import lru_cache

import dp_accounting
import numpy as np
import pytest
from dp_accounting import pld, rdp
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants import RDPAccountant
from scipy.integrate import quad

from workbench.budget.accountant import (
    ORDERS,
    epsilon_of,
    planning_epsilon,
    run_curve,
    run_epsilon,
)
from workbench.documents import Plan

DELTA = 1e-5
WHOLE = slice(ORDERS.index(11.0), ORDERS.index(128.0) + 1)
GRID = [
    (0.001, 0.6, 5000),
    (0.01, 1.0, 1000),
    (0.05, 0.8, 300),
    (0.15, 1.5, 200),
    (0.5, 3.0, 60),
    (1.0, 1.0, 1),
    (1.0, 10.0, 1),
    (1.0, 5.0, 20),
    (0.2, 20.0, 100),
    (1e-4, 1.0, 10_000),
]
"""Sample rate, noise multiplier, steps."""


def plan(sample_rate, noise, steps, metrics_noise=5.0):
    return Plan(
        learning_rate=0.1,
        steps=steps,
        sample_rate=sample_rate,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=metrics_noise,
    )


def composed(accountant, sample_rate, noise, steps):
    event = dp_accounting.PoissonSampledDpEvent(sample_rate, dp_accounting.GaussianDpEvent(noise))
    return accountant.compose(event, steps).get_epsilon(DELTA)


def googles_rdp(sample_rate, noise, steps):
    """At whole orders; between them dp-accounting bounds, up to 0.4 % above the truth."""
    return composed(rdp.RdpAccountant(list(ORDERS[WHOLE])), sample_rate, noise, steps)


def ours_at_whole_orders(sample_rate, noise, steps):
    curve = np.full(len(ORDERS), np.inf)
    curve[WHOLE] = run_curve(plan(sample_rate, noise, steps), 0)[WHOLE]
    return epsilon_of(curve, DELTA)


@lru_cache
def googles_pld(sample_rate, noise, steps):
    accountant = pld.PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    return composed(accountant, sample_rate, noise, steps)


@pytest.mark.parametrize(("sample_rate", "noise", "steps"), GRID)
def test_renyi_epsilon_is_that_of_dp_accounting(sample_rate, noise, steps):
    theirs = googles_rdp(sample_rate, noise, steps)
    assert ours_at_whole_orders(sample_rate, noise, steps) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("order", [1.5, 2.3, 3.7, 5.5])
@pytest.mark.parametrize(("sample_rate", "noise"), [(0.05, 0.8), (0.15, 1.5), (0.5, 3.0)])
def test_the_curve_between_whole_orders_is_the_integral(sample_rate, noise, order):
    """E[((1 - q) + q exp((2 z - 1) / 2 s^2))^a] over z from N(0, s^2), by quadrature."""

    def integrand(z):
        density = np.exp(-(z**2) / (2 * noise**2)) / (noise * np.sqrt(2 * np.pi))
        ratio = 1 - sample_rate + sample_rate * np.exp((2 * z - 1) / (2 * noise**2))
        return density * ratio**order

    moment, _ = quad(integrand, -40, 60, limit=500, points=[0, 1, order])
    ours = run_curve(plan(sample_rate, noise, 1), 0)[ORDERS.index(order)]
    assert ours == pytest.approx(np.log(moment) / (order - 1), rel=1e-8)


@settings(max_examples=20, deadline=None)
@given(sample_rate=st.floats(1e-4, 1.0), noise=st.floats(0.4, 50.0), steps=st.integers(1, 20_000))
def test_any_plan_costs_as_much_as_dp_accounting_and_opacus_say(sample_rate, noise, steps):
    ours = run_epsilon(plan(sample_rate, noise, steps), 0, DELTA)
    opacus = RDPAccountant()
    opacus.history = [(noise, sample_rate, steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = opacus.get_epsilon(DELTA, alphas=list(ORDERS))
    assert ours == pytest.approx(theirs, rel=1e-9)
    whole = ours_at_whole_orders(sample_rate, noise, steps)
    googles = googles_rdp(sample_rate, noise, steps)
    if googles == 0:
        # Where the total variation is below delta dp-accounting says 0; our orders end before.
        least = ours_at_whole_orders(1e-4, 50.0, 1)
        assert least <= whole <= 1.01 * least
    else:
        assert whole == pytest.approx(googles, rel=1e-6)


@pytest.mark.parametrize(("sample_rate", "noise", "steps"), GRID)
def test_the_ledgers_epsilon_is_never_below_the_true_one(sample_rate, noise, steps):
    """The PLD of dp-accounting is above the truth by hardly anything."""
    assert run_epsilon(plan(sample_rate, noise, steps), 0, DELTA) >= googles_pld(
        sample_rate, noise, steps
    )


@pytest.mark.parametrize(("sample_rate", "noise", "steps"), GRID)
def test_the_planning_figure_is_that_of_dp_accountings_pld(sample_rate, noise, steps):
    found = planning_epsilon(plan(sample_rate, noise, steps), 0, DELTA)
    theirs = googles_pld(sample_rate, noise, steps)
    assert theirs - 1e-3 <= found <= theirs + 0.015


@pytest.mark.parametrize(("sample_rate", "noise", "steps"), GRID)
def test_the_planning_figure_is_tighter_than_the_ledgers(sample_rate, noise, steps):
    made = plan(sample_rate, noise, steps)
    assert planning_epsilon(made, 2, DELTA) <= run_epsilon(made, 2, DELTA)
    assert planning_epsilon(made, 0, DELTA) <= planning_epsilon(made, 2, DELTA)


def test_the_planning_figure_counts_the_dearer_part():
    cheap_training = plan(0.01, 10.0, 10, metrics_noise=1.0)
    assert planning_epsilon(cheap_training, 1, DELTA) == pytest.approx(
        googles_pld(1.0, 1.0, 1), abs=0.015
    )


@pytest.mark.parametrize("noise", [1e-6, 0.04, 0.06])
def test_a_plan_beyond_all_budgets_has_one_figure(noise):
    made = plan(0.5, noise, 1000)
    assert planning_epsilon(made, 0, DELTA) == run_epsilon(made, 0, DELTA)
