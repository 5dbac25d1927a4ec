"""Check that the accountant agrees with Opacus, and that no run can be made to look cheap."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants import RDPAccountant
from opacus.accountants.utils import get_noise_multiplier

from workbench.budget.accountant import (
    ORDERS,
    calibrate,
    checked,
    epsilon_of,
    filter_budget,
    pure_curve,
    run_curve,
    run_epsilon,
)
from workbench.documents import Plan
from workbench.errors import TermsRefused

DELTA = 1e-5
SETTINGS = [(2.0, 0.15, 200), (8.0, 0.05, 600), (1.0, 0.01, 1000), (0.5, 1.0, 10)]


def plan(sample_rate=0.1, steps=100, noise=1.0, metrics_noise=2.0):
    return Plan(
        learning_rate=0.1,
        steps=steps,
        sample_rate=sample_rate,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        metrics_noise_multiplier=metrics_noise,
    )


def opacus_epsilon(sample_rate, steps, noise):
    accountant = RDPAccountant()
    accountant.history = [(noise, sample_rate, steps)]
    return accountant.get_epsilon(DELTA, alphas=list(ORDERS))


@pytest.mark.parametrize("noise", [0.7, 1.0, 3.0])
@pytest.mark.parametrize(("sample_rate", "steps"), [(0.01, 1000), (0.15, 200), (1.0, 20)])
def test_epsilon_equals_that_of_opacus(sample_rate, steps, noise):
    ours = run_epsilon(plan(sample_rate, steps, noise), 0, DELTA)
    assert ours == pytest.approx(opacus_epsilon(sample_rate, steps, noise), rel=1e-9)


@pytest.mark.parametrize(("epsilon", "sample_rate", "steps"), SETTINGS)
def test_noise_equals_that_of_opacus(epsilon, sample_rate, steps):
    ours, _ = calibrate(
        epsilon=epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps, metrics=0
    )
    theirs = get_noise_multiplier(
        target_epsilon=epsilon,
        target_delta=DELTA,
        sample_rate=sample_rate,
        steps=steps,
        accountant="rdp",
        epsilon_tolerance=1e-6,
        alphas=list(ORDERS),
    )
    assert theirs - 1e-5 <= ours <= theirs + 1.1e-4


@pytest.mark.parametrize(("epsilon", "sample_rate", "steps"), SETTINGS)
def test_calibrated_noise_keeps_both_parts_within_epsilon(epsilon, sample_rate, steps):
    first = calibrate(epsilon=epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps, metrics=2)
    again = calibrate(epsilon=epsilon, delta=DELTA, sample_rate=sample_rate, steps=steps, metrics=2)
    spent = run_epsilon(plan(sample_rate, steps, *first), 2, DELTA)
    assert first == again
    assert 0.9 * epsilon < spent <= epsilon


def test_calibrated_noise_is_the_least_on_its_grid():
    noise, _ = calibrate(epsilon=2.0, delta=DELTA, sample_rate=0.15, steps=200, metrics=0)
    assert noise == round(noise, 4)
    assert run_epsilon(plan(0.15, 200, noise), 0, DELTA) <= 2.0
    assert run_epsilon(plan(0.15, 200, noise - 1e-4), 0, DELTA) > 2.0


def test_an_epsilon_that_no_noise_reaches_is_refused():
    with pytest.raises(TermsRefused, match="no noise gives"):
        calibrate(epsilon=1e-3, delta=DELTA, sample_rate=1.0, steps=1_000_000, metrics=0)


def test_disjoint_parts_cost_the_larger_of_the_two():
    both = run_curve(plan(), 3)
    training = run_curve(plan(), 0)
    measuring = np.asarray(ORDERS) / (2 * 2.0**2)
    assert np.allclose(both, np.maximum(training, measuring))


def test_evaluations_on_the_holdout_part_add_up():
    often = plan(metrics_noise=1.0).model_copy(update={"evaluations": 10})
    measuring = 10 * np.asarray(ORDERS) / (2 * 1.0**2)
    assert np.allclose(run_curve(often, 2), np.maximum(run_curve(often, 0), measuring))
    assert (measuring > run_curve(often, 0)).any()


def test_calibrated_noise_covers_every_evaluation():
    terms = {"epsilon": 2.0, "delta": DELTA, "sample_rate": 0.15, "steps": 200, "metrics": 1}
    training, measuring = calibrate(**terms, evaluations=9)
    once = calibrate(**terms)[1]
    asked = plan(0.15, 200, training, measuring).model_copy(update={"evaluations": 9})
    assert 1.8 < run_epsilon(asked, 1, DELTA) <= 2.0
    assert measuring == pytest.approx(3 * once, rel=0.02)


def test_a_run_that_may_stop_early_pays_for_the_full_plan():
    patient = plan().model_copy(update={"evaluations": 10, "patience": 1})
    assert np.array_equal(
        run_curve(patient, 1), run_curve(plan().model_copy(update={"evaluations": 10}), 1)
    )


@pytest.mark.parametrize("count_noise", [0.51, 1.0, 7.0, 1e4])
def test_adaptive_clipping_costs_exactly_what_its_noise_multiplier_says(count_noise):
    """Gradient and count as one Gaussian: the squared sensitivities in noise units add up."""
    adaptive = Plan.read(
        plan(noise=1.0).model_dump()
        | {"clipping": "adaptive", "count_noise_multiplier": count_noise}
    )
    gradient = 1 / adaptive.gradient_noise_multiplier**2
    count = (1 / 2) ** 2 / count_noise**2
    assert gradient + count == pytest.approx(1 / 1.0**2, rel=1e-9)
    assert np.array_equal(run_curve(adaptive, 0), run_curve(plan(noise=1.0), 0))
    assert plan(noise=1.0).gradient_noise_multiplier == 1.0


def test_metrics_cost_the_same_whatever_their_number():
    assert np.array_equal(run_curve(plan(), 1), run_curve(plan(), 16))


def test_orders_are_the_ones_that_ledgers_hold():
    assert len(ORDERS) == 159
    assert list(ORDERS) == sorted(set(ORDERS))
    assert ORDERS[0] == 1.1
    assert ORDERS[-1] == 1024


@settings(deadline=None, max_examples=30)
@given(
    sample_rate=st.floats(0, 1, exclude_min=True),
    noise=st.floats(0, 1e6, exclude_min=True),
    steps=st.integers(1, 1_000_000),
)
def test_every_plan_has_a_cost_that_grows_with_the_order(sample_rate, noise, steps):
    curve = run_curve(plan(sample_rate, steps, noise), 0)
    assert checked(curve) is curve
    assert (curve > 0).all()
    finite = curve[np.isfinite(curve)] / steps
    assert (np.diff(finite) >= -1e-9 * (1 + finite[1:])).all()


@pytest.mark.parametrize("noise", [1e-300, 1e-200, 1e-160, 1e-10, 1e-3, 0.049])
@pytest.mark.parametrize("sample_rate", [5e-324, 1e-12, 0.5, 1.0])
def test_almost_no_noise_costs_without_bound(sample_rate, noise):
    assert run_epsilon(plan(sample_rate, 1, noise), 0, DELTA) == math.inf


@pytest.mark.parametrize("sample_rate", [5e-324, 1e-300, 1e-12])
def test_almost_no_sampling_still_costs(sample_rate):
    assert (run_curve(plan(sample_rate, 1, 1e6), 0) > 0).all()


@given(st.floats(1e-3, 50))
def test_a_pure_release_costs_no_less_than_randomized_response(epsilon):
    orders = np.asarray(ORDERS)
    likely, unlikely = -np.logaddexp(0, -epsilon), -np.logaddexp(0, epsilon)
    exact = np.logaddexp(
        orders * likely + (1 - orders) * unlikely, orders * unlikely + (1 - orders) * likely
    ) / (orders - 1)
    assert (pure_curve(epsilon) >= exact - 1e-9).all()
    slack = math.log(1 / DELTA) / (ORDERS[-1] - 1)
    assert epsilon_of(pure_curve(epsilon), DELTA) <= epsilon + slack


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 5.0]), min_size=2, max_size=6))
def test_costs_only_ever_grow(multipliers):
    curves = [run_curve(plan(0.1, 50, noise), 1) for noise in multipliers]
    totals = [epsilon_of(sum(curves[: n + 1]), DELTA) for n in range(len(curves))]
    assert totals == sorted(totals)


@pytest.mark.parametrize(
    "curve",
    [
        np.zeros(3),
        np.zeros((len(ORDERS), 1)),
        np.full(len(ORDERS), np.nan),
        np.full(len(ORDERS), -1e-9),
        np.array([*([1.0] * (len(ORDERS) - 1)), np.nan]),
    ],
    ids=["too short", "two axes", "NaN", "negative", "one NaN"],
)
def test_a_malformed_curve_is_refused(curve):
    with pytest.raises(TermsRefused):
        epsilon_of(curve, DELTA)


def test_an_infinite_order_does_not_hide_the_finite_ones():
    curve = np.full(len(ORDERS), math.inf)
    assert epsilon_of(curve, DELTA) == math.inf
    curve[20] = 0.1
    assert math.isfinite(epsilon_of(curve, DELTA))


def test_importing_the_accountant_does_not_import_torch():
    code = "import sys, workbench.budget.ledger; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("epsilon", "delta"), [(10.0, 1e-5), (40.0, 1e-5), (1.0, 1e-6)])
def test_the_filters_order_is_fixed_by_the_terms_and_its_budget_gives_the_total(epsilon, delta):
    position, budget = filter_budget(epsilon, delta)
    alone = np.full(len(ORDERS), np.inf)
    alone[position] = budget
    assert epsilon_of(alone, delta) == pytest.approx(epsilon)


@pytest.mark.parametrize(
    ("total", "per_run", "sample_rate", "steps"),
    [(10.0, 2.0, 1.0, 20), (40.0, 8.0, 0.5, 60), (10.0, 2.0, 0.05, 500), (8.0, 1.0, 0.01, 2000)],
)
def test_fixing_the_order_ahead_admits_as_many_runs_as_the_best_one(
    total, per_run, sample_rate, steps
):
    position, budget = filter_budget(total, 1e-5)
    noise, _ = calibrate(
        epsilon=per_run, delta=1e-5, sample_rate=sample_rate, steps=steps, metrics=0
    )
    curve = run_curve(plan(sample_rate, steps, noise), 0)
    best = max(runs for runs in range(1, 50) if epsilon_of(runs * curve, 1e-5) <= total)
    assert int(budget / curve[position]) == best


def test_a_statistic_costs_its_rounds_and_no_parallel_part():
    from workbench.documents import StatisticPlan

    base = {
        "kind": "statistic",
        "max_norm": 7.0,
        "noise_multiplier": 1.1,
        "sample_rate": 0.3,
        "update": "sha256:" + "0" * 64,
    }
    one, ten = (run_curve(StatisticPlan.read(base | {"rounds": n}), 0) for n in (1, 10))
    assert np.allclose(ten, 10 * one)
    assert np.array_equal(ten, run_curve(plan(0.3, 10, 1.1), 0))
