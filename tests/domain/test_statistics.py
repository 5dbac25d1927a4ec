"""Statistics through a real domain: from a function of one record to figures with their noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from tests.studies import PURPOSE, dataset
from tests.support import Site, make_domain, wait_until
from workbench.budget import ledger
from workbench.budget.accountant import epsilon_of, run_curve
from workbench.documents.errors import Conflict, InvalidDocument, NotFound, UnknownColumn
from workbench.evidence.verify import verify

GENEROUS = {"epsilon": 2.0, "purpose": PURPOSE, "progress": False}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("statistics") / "hospital-a")
    terms = root / "datasets" / "breast-cancer" / "terms.yaml"
    text = terms.read_text().replace("epsilon_total: 10.0", "epsilon_total: 60.0")
    terms.write_text(text)
    opened = Site.open(root)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ds(site):
    return dataset(site.client())


@pytest.fixture(scope="module")
def frame(site):
    return pd.read_csv(site.domain.folder.root / "data" / "breast-cancer.csv")


@wb.statistic(bound=1.0)
def mean_radius(record):
    return record["mean_radius"] / 28.11


def within(estimate, expected, deviations=5.0):
    """Return whether a figure is near: within some standard deviations of its noise."""
    value, error = np.asarray(estimate.value), np.asarray(estimate.standard_error)
    return bool((np.abs(value - np.asarray(expected)) <= deviations * error + 1e-9).all())


def rows_of(site):
    with site.domain.store.read() as connection:
        return ledger.count(connection)


def test_a_statistic_of_ones_own_is_released_with_its_noise(site, ds, frame):
    before = rows_of(site)
    result = mean_radius.submit(ds, epsilon=1.0, purpose=PURPOSE).wait(progress=False)
    expected = frame["mean_radius"].mean() / 28.11
    assert abs(result.value - expected) <= 5 * result.standard_error < 0.2
    assert abs(result.count - len(frame)) < 5 * result.noise
    assert result.privacy.epsilon <= 1.0
    assert result.verified.trusted
    assert verify(result.evidence, site.domain.key.public, result.statistics_bytes)
    assert rows_of(site) == before + 2


def test_the_same_statistic_is_free_and_the_ledger_has_what_the_accountant_says(site, ds):
    first = ds.count(epsilon=0.5, purpose=PURPOSE, progress=False)
    before = rows_of(site)
    again = ds.count(epsilon=0.5, purpose=PURPOSE, progress=False)
    assert again.value == first.value
    assert rows_of(site) == before
    with site.domain.store.read() as connection:
        charged = [
            row.curve
            for row in ledger.entries(connection, dataset_version=ds.card.dataset_version)
            if row.request == first.result.digest and row.event == "charge"
        ]
    curve = run_curve(first.result.plan, 0)
    assert np.array_equal(charged, [curve])
    assert first.privacy.epsilon == epsilon_of(curve, 1e-5) <= 0.5


def test_each_summary_is_that_of_the_data_up_to_its_noise(ds, frame):
    names = ["mean_radius", "mean_texture"]
    assert within(ds.count(**GENEROUS), len(frame))
    assert within(ds.sum(names, **GENEROUS), frame[names].sum())
    assert within(ds.mean("mean_radius", **GENEROUS), frame["mean_radius"].mean())
    assert within(ds.mean(names, **GENEROUS), frame[names].mean())
    assert within(ds.variance(names, **GENEROUS), frame[names].var())
    counts = frame["diagnosis"].value_counts()
    by_diagnosis = ds.histogram("diagnosis", **GENEROUS)
    assert within(by_diagnosis, counts[list(by_diagnosis.value.index)])
    edges = np.linspace(6.981, 28.11, 11)
    by_radius = ds.histogram("mean_radius", bins=10, **GENEROUS)
    assert within(by_radius, np.histogram(frame["mean_radius"], edges)[0])
    assert len(by_radius.plot().data[0].x) == 10


def test_quantiles_tables_and_correlations_are_near(ds, frame):
    columns = ["mean_radius", "mean_texture", "mean_perimeter"]
    found = ds.quantile("mean_radius", [0.25, 0.5, 0.75], **GENEROUS)
    assert np.allclose(found.value, frame["mean_radius"].quantile([0.25, 0.5, 0.75]), atol=1.0)
    table = ds.contingency_table("diagnosis", "mean_radius", bins=3, **GENEROUS)
    edges = np.linspace(6.981, 28.11, 4)
    cut = pd.cut(frame["mean_radius"], edges, include_lowest=True)
    expected = pd.crosstab(frame["diagnosis"], cut).loc[list(table.value.index)]
    assert within(table, expected)
    correlation = ds.correlation(columns, **GENEROUS)
    assert np.allclose(correlation.value, frame[columns].corr(), atol=0.35)
    assert "mean_radius × mean_texture" in repr(correlation)


def test_a_rehearsal_costs_nothing(site, ds):
    before = rows_of(site)
    found = mean_radius.rehearse(ds)
    assert found.value.shape == found.noise.shape == (1,)
    assert rows_of(site) == before


def test_what_is_wrong_is_said_before_anything_is_sent(site, ds):
    before = rows_of(site)
    for column, what in (("mean_radio", UnknownColumn), ("diagnosis", UnknownColumn)):
        with pytest.raises(what):
            ds.mean(column, **GENEROUS)
    with pytest.raises(InvalidDocument, match="epsilon is -1"):
        ds.count(epsilon=-1, purpose=PURPOSE)
    with pytest.raises(InvalidDocument, match="does not begin with a code"):
        ds.count(epsilon=1.0, purpose="cancer")
    with pytest.raises(InvalidDocument, match="bound is 0"):
        wb.statistic(bound=0)
    assert rows_of(site) == before


def test_a_steward_reads_what_would_leave(steward_site):
    ds = dataset(steward_site.client(), "diabetes")

    @wb.statistic(bound=2.0)
    def pressure(record):
        return torch.stack([record["bp"], record["bmi"]])

    handle = pressure.submit(ds, epsilon=1.0, purpose="DUO:0000007 x")
    steward = steward_site.client(steward_site.steward)
    wait_until(lambda: steward.review(handle.digest)["rehearsal"]["state"] == "done")
    leaves = steward.review(handle.digest)["leaves"]
    assert leaves[0].startswith("3 noisy sums over all records, once: one record moves them by at "
                                "most 2.82843 together (L2 norm)")  # fmt: skip
    with pytest.raises(Conflict):
        handle.client.evidence(handle.digest)
    with pytest.raises(NotFound):
        handle.client.statistics(handle.digest)
    steward.decide(handle.digest, "approve", "fine")
    assert handle.wait(progress=False).sums.shape == (1, 3)
    with pytest.raises(NotFound):
        steward.statistics(handle.digest)
