"""Check the table and the figure of rehearsals at several epsilons, which cost nothing."""

from __future__ import annotations

import pytest

from tests.studies import dataset, diagnose, linear
from workbench.budget import chain
from workbench.errors import InvalidArgument

EPSILONS = (8.0, 0.5, 2.0)


@pytest.fixture(scope="module")
def found(site):
    return diagnose.expected(linear(), dataset(site.client()), epsilons=EPSILONS)


def test_each_epsilon_has_a_rehearsal_with_its_noise(found):
    assert list(found.rehearsals) == sorted(EPSILONS)
    training = [r.plan.noise_multiplier for r in found.rehearsals.values()]
    measuring = [r.plan.metrics_noise_multiplier for r in found.rehearsals.values()]
    assert training == sorted(training, reverse=True)
    assert measuring == sorted(measuring, reverse=True)


def test_the_tighter_figure_is_below_the_charged_one_and_near_it(found):
    for epsilon, tighter in found.tighter.items():
        assert 0.5 * epsilon < tighter < epsilon


def test_the_table_has_a_row_per_epsilon_and_one_without_privacy(found):
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + len(EPSILONS) + 1
    assert "accuracy" in html
    assert "without privacy" in repr(found)
    assert "ledger charges" in html


def test_the_figure_has_the_noise_as_bars(found):
    points, line = found.figure().data
    assert list(points.x) == sorted(EPSILONS)
    noise = [r.noise["accuracy"] for r in found.rehearsals.values()]
    assert list(points.error_y.array) == pytest.approx([2 * value for value in noise])
    assert set(line.y) == {found.rehearsals[0.5].without_privacy["accuracy"]}


def test_it_costs_nothing(site, found):
    with site.domain.store.read() as connection:
        before = chain.count(connection)
    diagnose.expected(linear(), dataset(site.client()), epsilons=[1.0])
    with site.domain.store.read() as connection:
        assert chain.count(connection) == before


def test_no_epsilon_is_refused(site):
    with pytest.raises(InvalidArgument, match="no epsilon"):
        diagnose.expected(linear(), dataset(site.client()), epsilons=[])
