"""Statistics through a real domain: from a function of one record to figures with their noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from tests.studies import PURPOSE, dataset, diagnose, linear
from tests.support import Site, add_dataset, make_domain, wait_until
from workbench.budget import chain
from workbench.budget.accountant import epsilon_of, run_curve
from workbench.documents import Request
from workbench.domain.datasets import files
from workbench.domain.requests import stored
from workbench.domain.runs.jobs import job_of
from workbench.errors import (
    Conflict,
    GraphRefused,
    InvalidArgument,
    NotFound,
    TermsRefused,
    UnknownColumn,
)
from workbench.evidence.verify import verify
from workbench.space.requests.request import RequestHandle
from workbench.space.results.kinds import result_of
from workbench.space.results.statistic import StatisticResult
from workbench.space.statistics.sums import SumFunction

OPTIONS = {"epsilon": 2.0, "purpose": PURPOSE, "progress": False}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("statistics") / "hospital-a")
    terms = root / "datasets" / "breast-cancer" / "terms.yaml"
    text = terms.read_text().replace("epsilon_total: 10.0", "epsilon_total: 100.0")
    text = text.replace("epsilon_per_run: 2.0", "epsilon_per_run: 25.0")
    text = text.replace("  epsilon: 2.0", "  epsilon: 25.0")
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
    return record["mean_radius"] / 35


def within(estimate, expected, deviations=5.0):
    """Return whether a figure is near: within some standard deviations of its noise."""
    value, error = np.asarray(estimate.value), np.asarray(estimate.standard_error)
    return bool((np.abs(value - np.asarray(expected)) <= deviations * error + 1e-9).all())


def edges_of(ds, name, bins):
    """Return the edges of bins of equal width between a column's public bounds."""
    column = ds.card.data_schema[name]
    return np.linspace(column.lower, column.upper, bins + 1)


def rows_of(site):
    with site.domain.store.read() as connection:
        return chain.count(connection)


def test_a_statistic_of_ones_own_is_released_with_its_noise(site, ds, frame):
    before = rows_of(site)
    result = mean_radius.submit(ds, epsilon=1.0, purpose=PURPOSE).wait(progress=False)
    expected = frame["mean_radius"].mean() / 35
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
            for row in chain.entries(connection, population=ds.card.population_name)
            if row.request == first.result.digest and row.event == "charge"
        ]
    curve = run_curve(first.result.plan, 0)
    assert np.array_equal(charged, [curve])
    assert first.privacy.epsilon == epsilon_of(curve, 1e-5) <= 0.5


def test_each_summary_is_that_of_the_data_up_to_its_noise(ds, frame):
    names = ["mean_radius", "mean_texture"]
    assert within(ds.count(**OPTIONS), len(frame))
    assert within(ds.sum(names, **OPTIONS), frame[names].sum())
    assert within(ds.mean("mean_radius", **OPTIONS), frame["mean_radius"].mean())
    assert within(ds.mean(names, **OPTIONS), frame[names].mean())
    assert within(ds.variance(names, **OPTIONS), frame[names].var())
    counts = frame["diagnosis"].value_counts()
    by_diagnosis = ds.histogram("diagnosis", **OPTIONS)
    assert within(by_diagnosis, counts[list(by_diagnosis.value.index)])
    edges = edges_of(ds, "mean_radius", 10)
    by_radius = ds.histogram("mean_radius", bins=10, **OPTIONS)
    assert within(by_radius, np.histogram(frame["mean_radius"], edges)[0])
    assert len(by_radius.plot().data[0].x) == 10


def test_quantiles_tables_and_correlations_are_near(ds, frame):
    generous = OPTIONS | {"epsilon": 25.0}
    columns = ["mean_radius", "mean_texture", "mean_perimeter"]
    found = ds.quantile("mean_radius", [0.25, 0.5, 0.75], **generous)
    assert np.allclose(found.value, frame["mean_radius"].quantile([0.25, 0.5, 0.75]), atol=0.8)
    table = ds.contingency_table("diagnosis", "mean_radius", bins=3, **generous)
    edges = edges_of(ds, "mean_radius", 3)
    cut = pd.cut(frame["mean_radius"], edges, include_lowest=True)
    expected = pd.crosstab(frame["diagnosis"], cut).loc[list(table.value.index)]
    assert within(table, expected)
    correlation = ds.correlation(columns, **generous)
    assert np.allclose(correlation.value, frame[columns].corr(), atol=0.15)
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
            ds.mean(column, **OPTIONS)
    with pytest.raises(InvalidArgument, match="epsilon is -1"):
        ds.count(epsilon=-1, purpose=PURPOSE)
    with pytest.raises(InvalidArgument, match="does not begin with a code"):
        ds.count(epsilon=1.0, purpose="cancer")
    with pytest.raises(InvalidArgument, match="bound is 0"):
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
    assert leaves[0].startswith(
        "3 noisy sums over all records, once: one record moves them by at "
        "most 2.82843 together (L2 norm)"
    )
    with pytest.raises(Conflict):
        handle.client.evidence(handle.digest)
    with pytest.raises(NotFound):
        handle.client.statistics(handle.digest)
    steward.decide(handle.digest, "approve", "fine")
    assert handle.wait(progress=False).sums.shape == (1, 3)
    with pytest.raises(NotFound):
        steward.statistics(handle.digest)


def asked(ds, function=mean_radius, **changes):
    """A request for a statistic as it would be sent, with some fields changed; not sent."""
    graph, _ = function._sum.graphs(ds.target.schema)
    ds.client.upload(graph.digest, graph.archive)
    fields = {
        "researcher": ds.client.key.key_id,
        "domain": ds.card.domain,
        "dataset": ds.card.name,
        "dataset_version": ds.card.dataset_version,
        "card": ds.card.digest,
        "function": "f",
        "graph": graph.digest,
        "inputs": list(graph.inputs),
        "plan": function._sum.plan(ds.card, 1.0, 1e-5, None).model_dump(),
        "epsilon": 1.0,
        "delta": 1e-5,
        "purpose": "DUO:0000007",
        "outputs": ["statistics"],
        "repeat": 99,
    }
    return Request.read(fields | changes)


def test_what_a_hostile_researcher_sends_is_refused_and_costs_nothing(site, ds):
    before = rows_of(site)
    good = asked(ds)
    plan = good.plan.model_dump()
    model = diagnose.export(linear(), ds)
    ds.client.upload(model.digest, model.archive)
    for error, changes in (
        (GraphRefused, {"graph": model.digest, "inputs": list(model.inputs)}),
        (GraphRefused, {"plan": plan | {"update": good.graph, "rounds": 2}}),
        (NotFound, {"plan": plan | {"update": "sha256:" + "0" * 64}}),
        (GraphRefused, {"inputs": ["mean_radius", "mean_texture"]}),
        (UnknownColumn, {"inputs": ["nothing"]}),
        (TermsRefused, {"plan": plan | {"noise_multiplier": 0.5}}),
    ):
        with pytest.raises(error):
            ds.client.submit(asked(ds, **changes))
    training = diagnose.plan(ds.card, 1.0, 1e-5, 0).model_dump()
    with pytest.raises(GraphRefused, match="the loss has shape"):
        ds.client.submit(asked(ds, plan=training, outputs=["model"]))
    assert rows_of(site) == before


def test_terms_that_let_no_statistics_out_are_kept(tmp_path):
    root = make_domain(tmp_path / "hospital-a")
    terms = root / "datasets" / "breast-cancer" / "terms.yaml"
    terms.write_text(terms.read_text().replace("metrics, statistics]", "metrics]"))
    closed = Site.open(root, start=False)
    try:
        with pytest.raises(TermsRefused, match="'statistics' may not leave"):
            dataset(closed.client()).count(epsilon=0.5, purpose=PURPOSE)
    finally:
        closed.close()


def test_a_person_with_several_records_is_one_unit(tmp_path):
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(400), 3)
    visits = pd.DataFrame({"person": people, "pressure": random.uniform(80, 160, len(people))})
    root = make_domain(tmp_path / "hospital-c", "hospital-c", ())
    (root / "data").mkdir(exist_ok=True)
    columns = [
        {"name": "person", "kind": "integer", "role": "unit"},
        {"name": "pressure", "kind": "number", "lower": 80, "upper": 160},
    ]
    unit = {"privacy_unit": "person", "max_records_per_unit": 3}
    add_dataset(root, "visits", visits, columns, record_count=400, **unit)
    opened = Site.open(root)
    try:
        ds = dataset(opened.client(), "visits")
        options = {"epsilon": 10.0, "purpose": "DUO:0000042 x", "progress": False}
        count = ds.count(**options)
        assert count.result.plan.max_norm == 3.0
        assert within(count, 1200)
        assert within(ds.mean("pressure", **options), visits["pressure"].mean())
    finally:
        opened.close()


def test_rounds_are_shown_to_the_steward_and_the_state_leaves(steward_site):
    ds = dataset(steward_site.client(), "diabetes")
    summed = SumFunction(
        "centre",
        lambda state, record: wb.features(record) - state["centre"],
        2.0,
        {"centre": torch.zeros(10)},
        lambda state, total: {"centre": (total / 440).float()},
        3,
    )
    handle = summed.submit(ds.target, epsilon=2.0, purpose="DUO:0000007 x", result=StatisticResult)
    steward = steward_site.client(steward_site.steward)
    leaves = steward.review(handle.digest)["leaves"]
    assert leaves[0].startswith("10 noisy sums over all records, in each of 3 rounds")
    assert leaves[1] == "a state of 10 numbers, computed from those sums alone"
    steward.decide(handle.digest, "approve", "fine")
    result = handle.wait(progress=False)
    assert result.sums.shape == (3, 10)
    assert np.allclose(result.state["centre"], result.sums[-1] / 440, atol=1e-6)
    again = RequestHandle(handle.client, handle.client.status(handle.digest), result_of).result()
    assert np.array_equal(again.sums, result.sums)
    folder = again.save(steward_site.domain.folder.root / "out")
    content = (folder / "statistics.safetensors").read_bytes()
    checks = verify((folder / "evidence.json").read_bytes(), model=content).checks
    assert "statistics" in checks


def test_a_run_that_is_repeated_with_its_seed_gives_the_same_file(site, ds):
    first = ds.count(epsilon=0.7, purpose=PURPOSE, progress=False).result
    domain = site.domain
    with domain.store.read() as connection:
        row = stored.get(connection, first.digest)
        request = row.request
        seed = domain.home.seal.open_seed(row.seed, first.digest)
    place = files.prepared(domain.folder, ds.card)
    job = job_of(
        domain.folder, "training", request, ds.card, str(place.training), str(place.holdout), seed
    )
    outcome = domain.runs.executor.run("again", job, domain.folder.root / "state" / "again")
    assert outcome.statistics == first.release.statistics
