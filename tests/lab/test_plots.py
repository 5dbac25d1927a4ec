"""Figures and pooling."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.documents import BudgetStatus, Metric
from workbench.lab.plots import budget_gauge, pooled, runs_figure


def metric(total, complement, error=0.02, name="accuracy"):
    value = total / (total + complement)
    return Metric(name=name, value=value, total=total, complement=complement, standard_error=error)


counts = st.floats(1, 1000)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=6))
def test_pooled_is_the_ratio_of_the_summed_sums(pairs):
    found = pooled([metric(a, b) for a, b in pairs])
    total, complement = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    assert found.value == pytest.approx(total / (total + complement))


def test_pooling_equal_domains_shrinks_the_noise_by_the_root():
    assert pooled([metric(90, 10)] * 4).standard_error == pytest.approx(0.02 / math.sqrt(4))


def test_pooling_stays_in_range_where_noise_made_a_sum_negative():
    noisy = Metric(name="accuracy", value=1.0, total=5.0, complement=-1.0, standard_error=0.5)
    assert pooled([noisy]).value == 1.0


@pytest.mark.parametrize("metrics", [[], [metric(1, 1), metric(1, 1, name="recall")]])
def test_only_one_metric_can_be_pooled(metrics):
    with pytest.raises(ValueError, match="pooled"):
        pooled(metrics)


def test_the_figure_has_error_bars_of_two_sigma_the_median_and_each_reference():
    runs = [metric(90, 10), metric(94, 6), metric(92, 8)]
    figure = runs_figure(runs, {"without privacy": 0.95}, title="accuracy")
    points, *lines = figure.data
    assert list(points.error_y.array) == [0.04] * 3
    assert [line.name for line in lines] == [
        "median of private runs, 0.920", "without privacy, 0.950",
    ]  # fmt: skip


def test_an_empty_figure_is_refused():
    with pytest.raises(ValueError, match="at least one run"):
        runs_figure([], {}, title="accuracy")
    with pytest.raises(ValueError, match="at least one budget"):
        budget_gauge({})


def test_the_gauge_ends_at_the_total():
    budget = BudgetStatus(
        dataset_version="sha256:" + "0" * 64, epsilon_total=10.0, epsilon_spent=4.0,
        epsilon_left=6.0, delta=1e-5, runs=2,
    )  # fmt: skip
    (gauge,) = budget_gauge({"hospital-a/breast-cancer": budget}).data
    assert gauge.value == 4.0
    assert gauge.gauge.axis.range == (0, 10)
