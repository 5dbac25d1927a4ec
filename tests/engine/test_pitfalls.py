"""The public pitfalls of DP training and bugs that other libraries had, as tests of our engine.

docs/pitfalls.md lists them; here are those that no other test would have caught. Most compare a run
with what it must be, number by number: the loss is linear in the parameters, so each record's
gradient is known in closed form, and runs with one seed share their noise, which then cancels.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import dp_accounting
import numpy as np
import pytest
import torch
from dp_accounting import rdp
from torch import nn

from tests.engine.models import CLASSES, Net, schema_of
from workbench.budget.accountant import ORDERS, run_curve
from workbench.documents import Plan, StatisticPlan
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import Stream
from workbench.engine.statistics import noisy_sums
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.contributions.rounding import CANCELLING
from workbench.engine.train import train
from workbench.graphs.export.statistic import export_statistic, export_update
from workbench.graphs.export.training import export
from workbench.records import Records

WIDTH = 50
SCHEMA = schema_of((WIDTH,))
BOUND = 14.0
"""About half of the records below have a longer gradient."""
LEAST = BOUND * (1 - 2.0**-6)
"""What the engine may take for the bound, to leave room for the rounding of sums."""
PUBLISHED, HELD_OUT, RATE = 53, 0.25, 0.37
EXPECTED = PUBLISHED * (1 - HELD_OUT) * RATE
"""The divisor; not a whole number, so one that was rounded would show."""
SEED = bytes(range(32))


FACTORS = (1.0, -1.0, 0.5)


def _twins(model, record):
    """Two layers of one shape, and a frozen one."""
    value = (model(record["x"]) * torch.tensor(FACTORS)).sum()
    return value, {"first": record["x"][0] > 0, "second": record["x"][1] / record["x"][2]}


@pytest.fixture(scope="module")
def graph():
    model = Net(
        lambda m, x: m.a(x) - 2 * m.b(x) + m.frozen(x),
        a=nn.Linear(WIDTH, CLASSES),
        b=nn.Linear(WIDTH, CLASSES),
        frozen=nn.Linear(WIDTH, CLASSES),
    )
    model.frozen.requires_grad_(False)
    made = export(_twins, model, SCHEMA)
    # From zero, a step of length 1 leaves the released gradient itself, to the last bit.
    start = {n: v * (n not in made.trainable) for n, v in made.parameters.items()}
    return replace(made, parameters=start, metrics=())


def people(count, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, (count, WIDTH)).astype(np.float32)
    return Records.each_its_own({"x": x, "y": np.zeros(count, np.int64)})


def joined(*parts):
    columns = {n: np.concatenate([part.columns[n] for part in parts]) for n in ("x", "y")}
    return Records.each_its_own(columns)


def plan(**changes):
    base = {
        "learning_rate": 1.0,
        "steps": 1,
        "sample_rate": RATE,
        "max_grad_norm": BOUND,
        "noise_multiplier": 2.0,
        "metrics_noise_multiplier": 3.0,
    }
    return Plan.read(base | changes)


def run(graph, training, holdout=None, per_unit=1, **changes):
    return train(
        graph,
        plan(**changes),
        training,
        people(4) if holdout is None else holdout,
        seed=SEED,
        record_count=PUBLISHED,
        holdout_fraction=HELD_OUT,
        max_records_per_unit=per_unit,
    )


def moved(graph, result):
    """How far a run has come, as one float64 vector: minus the sum of its released gradients."""
    return torch.cat([result.parameters[n].reshape(-1) for n in sorted(graph.trainable)]).double()


def clipped_gradients(records, bound=BOUND):
    """Each unit's clipped gradient, float64, from the formula; what is not finite gives none."""
    x = torch.from_numpy(np.asarray(records.columns["x"])).double()
    out = torch.tensor(FACTORS, dtype=torch.float64)
    weight = (out[:, None] * x[:, None, :]).flatten(1)
    bias = out.expand(len(x), CLASSES)
    own = torch.cat([bias, weight, -2 * bias, -2 * weight], 1)
    own = torch.zeros((records.unit_count, own.shape[1]), dtype=torch.float64).index_add(
        0, torch.from_numpy(records.units), own
    )
    # An infinite length would be so in the engine too: its squares are beyond float32.
    factors = (bound / own.float().norm(dim=1).double()).clamp(max=1.0)
    return torch.where(torch.isfinite(own).all(1)[:, None], own * factors[:, None], 0.0)


@pytest.fixture
def drawn(monkeypatch):
    """Which units each round of a run drew, by their positions."""
    seen, real = [], UnitTable.chunks

    def chunks(table, chosen, size):
        seen.append(np.array(chosen))
        return real(table, chosen, size)

    monkeypatch.setattr(UnitTable, "chunks", chunks)
    return seen


# Sums, noise and divisor


BROKEN = Records.each_its_own(
    {
        "x": np.stack([np.full(WIDTH, v) for v in (0.1, np.nan, 0.2, np.inf, 3e38)]).astype(
            np.float32
        ),
        "y": np.zeros(5, np.int64),
    }
)
DATA = {
    "nobody": people(0),
    "one": people(1),
    "as published": people(PUBLISHED),
    "sixty times as many": people(60 * PUBLISHED),
    "not finite": BROKEN,
    "three records each": replace(people(60), units=np.repeat(np.arange(20), 3)),
}


@pytest.fixture(scope="module")
def noise(graph):
    """What two rounds add to the sum of a data set without anybody, before the division."""
    return -moved(graph, run(graph, DATA["nobody"], steps=2)) * EXPECTED


@pytest.mark.parametrize("data", DATA)
def test_steps_release_the_sum_of_those_drawn_plus_one_noise_over_a_public_number(
    graph, noise, drawn, data
):
    """Not: means, noise over those drawn or per chunk, records clipped apart, or sums kept over.

    The noise is the same numbers whatever was drawn, so it depends on nothing that was drawn. With
    sixty times the published number a round takes many chunks, of which the last one is not full.
    """
    records, per_unit = DATA[data], 3 if data == "three records each" else 1
    found = -moved(graph, run(graph, records, steps=2, per_unit=per_unit)) * EXPECTED - noise
    assert len(drawn) == 2
    places = torch.from_numpy(np.concatenate(drawn))
    most, least = (clipped_gradients(records, c)[places].sum(0) for c in (BOUND, LEAST))
    assert float((found - most).norm()) <= float((most - least).norm()) + 1e-3


def test_the_noise_of_a_step_in_which_nobody_was_drawn_is_that_of_any_other(graph, noise):
    wanted = 2.0 * BOUND * 2**0.5
    assert abs(float(noise.square().mean()) / wanted**2 - 1) < 5 * (2 / len(noise)) ** 0.5


def test_one_person_more_moves_what_is_released_by_no_more_than_their_clipped_gradient(graph):
    """Also under enormous noise: a divisor or a scale that followed the data would scale it."""
    few, more = people(7), joined(people(7), people(1, seed=1))
    found = [
        moved(graph, run(graph, records, sample_rate=1.0, noise_multiplier=1e5))
        for records in (few, more)
    ]
    expected = PUBLISHED * (1 - HELD_OUT)
    apart = float((found[0] - found[1]).norm()) * expected
    grid = 2.0**-20 * 1e5 * BOUND * len(found[0]) ** 0.5
    rounding = 2.0**-23 * float(found[0].norm()) * expected
    assert 0 < apart <= BOUND + grid + rounding


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e17, 1e22])
def test_a_unit_adds_the_same_in_whichever_chunk_of_a_step_it_is(graph, size):
    """Not: one rule for the chunks that a round usually has, and another for those beyond them.

    Somebody who joins moves everybody behind by one place, and so one unit into another chunk.
    """
    bound = 1e-3
    x = np.zeros((60 * PUBLISHED, WIDTH), np.float32)
    x[:, 0] = size
    everybody = Records.each_its_own({"x": x, "y": np.zeros(len(x), np.int64)})
    steep = export(lambda m, r: m(r["x"]).sum(), nn.Linear(WIDTH, 1, bias=False), SCHEMA)
    steep = replace(steep, parameters={"weight": torch.zeros(1, WIDTH)}, metrics=())
    options = {"sample_rate": 1.0, "noise_multiplier": 1e-6, "max_grad_norm": bound}
    one, all_of_them = (
        float(run(steep, records, **options).parameters["weight"][0, 0])
        for records in (everybody.select(np.arange(1)), everybody)
    )
    noise = 5 * 1e-6 * bound / (PUBLISHED * (1 - HELD_OUT))
    assert all_of_them == pytest.approx(len(x) * one, rel=2.0**-6, abs=len(x) * noise)


def test_layers_of_one_shape_get_noise_of_their_own_and_a_frozen_one_gets_none(graph):
    result = run(graph, DATA["nobody"])
    assert result.parameters.keys() == graph.parameters.keys()
    for kind in ("weight", "bias"):
        one, two = (result.parameters[f"{layer}.{kind}"].reshape(-1) for layer in "ab")
        assert not set(one.tolist()) & set(two.tolist())
        frozen = f"frozen.{kind}"
        assert torch.equal(result.parameters[frozen], graph.parameters[frozen])


# Sampling and accounting


def _drawn_by_training(graph, rounds):
    run(graph, people(80), steps=rounds, sample_rate=0.3)


def _drawn_by_a_statistic(_, rounds):
    start = {"centre": torch.zeros(WIDTH)}
    summed = export_statistic(lambda state, r: r["x"] - state["centre"], SCHEMA, start)
    update = export_update(lambda state, total: {"centre": state["centre"] + total}, summed)
    asked = StatisticPlan.read(
        {
            "max_norm": 1.0,
            "noise_multiplier": 1.0,
            "sample_rate": 0.3,
            "rounds": rounds,
            "update": update.digest,
        }
    )
    noisy_sums(
        summed, asked, people(80), record_count=80, max_records_per_unit=1, seed=SEED, update=update
    )


@pytest.mark.parametrize("engine", [_drawn_by_training, _drawn_by_a_statistic])
def test_batches_are_poisson_samples(graph, drawn, engine):
    """As accounted. Not batches of one size, shuffled epochs, or a last batch that is left out."""
    rounds, units, rate = 500, 80, 0.3
    engine(graph, rounds)
    taken = np.zeros((rounds, units))
    for number, chosen in enumerate(drawn):
        taken[number, chosen] = 1
    assert len(drawn) == rounds
    variance = rate * (1 - rate)
    off = (taken - rate) / variance**0.5
    # Each unit has the rate; the sizes are binomial, so they differ; each within 5 deviations.
    assert np.abs(off.mean(0)).max() < 5 / rounds**0.5
    sizes = taken.sum(1)
    assert abs(sizes.var() / (units * variance) - 1) < 5 * (2 / rounds) ** 0.5
    # No round tells another one's draws, no unit another one's.
    for lag in range(1, 8):
        assert abs((off[:-lag] * off[lag:]).mean()) < 5 / ((rounds - lag) * units) ** 0.5
    between = off.T @ off / rounds - np.eye(units) * (off.T @ off / rounds)
    assert np.abs(between).max() < 5.5 / rounds**0.5


@pytest.fixture
def mechanisms(monkeypatch, drawn):
    """The mechanisms that a run really used: sampling probabilities, and the noise of each sum."""
    used = SimpleNamespace(rates=[], scales=[], drawn=drawn)
    bernoulli, add_noise = Stream.bernoulli, Stream.add_noise

    def sampled(stream, probability, count):
        used.rates.append(probability)
        return bernoulli(stream, probability, count)

    def noised(stream, values, scale):
        used.scales.append(scale)
        add_noise(stream, values, scale)

    monkeypatch.setattr(Stream, "bernoulli", sampled)
    monkeypatch.setattr(Stream, "add_noise", noised)
    return used


@pytest.mark.parametrize("training", [DATA["one"], DATA["sixty times as many"]])
def test_what_a_run_does_is_what_the_ledger_charges(graph, mechanisms, training):
    """Composed by dp-accounting from what was seen, not from the plan."""
    options = {
        "steps": 9,
        "evaluations": 3,
        "noise_multiplier": 1.3,
        "metrics_noise_multiplier": 0.8,
    }
    measured = replace(graph, metrics=("first", "second"))
    result = run(measured, training, people(20), **options)
    orders = [order for order in ORDERS if order.is_integer() and 11 <= order <= 128]
    places = [ORDERS.index(order) for order in orders]
    trained = rdp.RdpAccountant(orders)
    for rate, scale in zip(mechanisms.rates, mechanisms.scales, strict=True):
        gaussian = dp_accounting.GaussianDpEvent(scale / BOUND)
        trained.compose(dp_accounting.PoissonSampledDpEvent(rate, gaussian))
    evaluated = rdp.RdpAccountant(orders)
    evaluated.compose(dp_accounting.GaussianDpEvent(0.8), len(result.history))
    # One unit is in one of the two parts, and pays for it alone: here each is dearer at some order.
    assert 0 < (trained._rdp > evaluated._rdp).sum() < len(orders)
    seen = np.maximum(trained._rdp, evaluated._rdp)
    assert len(mechanisms.rates) == 9
    assert run_curve(plan(**options), 2)[places] == pytest.approx(seen, rel=1e-6)


# Norms


def _positions(model, record):
    """One layer at twelve positions, whose gradients cancel but for the share `x[0]`."""
    signs = torch.tensor([1.0, -1.0] * 6)[:, None]
    return model(record["x"][1:] * (signs + record["x"][0])).sum() * 1e3


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 64), (400, 400)])
@pytest.mark.parametrize("bound", [1e-6, 1.0, 1e9])
def test_a_norm_is_that_of_the_gradient_in_float64_also_where_terms_cancel(inputs, outputs, bound):
    """The bound holds for what is summed, and nobody is clipped more than that takes.

    With many numbers the gradient is never made, and its norm is a "ghost": a sum of products of
    which nearly all cancel. It then counts as a share of its terms' norms at least (`CANCELLING`).
    """
    graph = export(_positions, nn.Linear(inputs, outputs, bias=False), schema_of((inputs + 1,)))
    x = torch.rand((5, inputs + 1), generator=torch.Generator().manual_seed(3)) * 2 - 1
    x[:, 0] = torch.tensor([1.0, 1e-2, 1e-4, 1e-6, 0.0])
    summing = ClippedSum(graph, bound)
    signs = torch.tensor([1.0, -1.0] * 6)[:, None]
    for unit in range(5):
        sums = summing(graph.parameters, (x,), torch.arange(5) == unit)
        found = sums["weight"].double()
        assert float(found.norm()) <= bound
        # The positions' values are float32, as in the run; all else here is float64.
        rows = (x[unit, 1:] * (signs + x[unit, 0])).double()
        exact = (rows.sum(0) * 1e3).expand(outputs, inputs)
        length = float(exact.norm())
        rounding = 12 * 2.0**-23 * float(rows.norm()) * outputs**0.5 * 1e3
        terms = float(rows.norm(dim=1).sum()) * outputs**0.5 * 1e3
        counted = math.hypot(length, CANCELLING * terms if outputs == 400 else 0.0)
        factor = min(1.0, bound / max(counted, 1e-30))
        off = float((found - exact * factor).norm())
        assert off <= 2.0**-6 * length * factor + 2 * rounding * factor


def _gain():
    return Net(lambda m, x: m.gain * x, gain=nn.Parameter(torch.ones(WIDTH)))


@pytest.mark.parametrize("model", [_gain, lambda: nn.Linear(WIDTH, CLASSES)], ids=["own", "outer"])
@pytest.mark.parametrize(("size", "bound"), [(1e-25, 1e-30), (1e-22, 1e-24), (1e22, 1.0)])
def test_a_norm_whose_squares_leave_float32s_range_still_clips(model, size, bound):
    """Squares that vanish gave a norm of 0 elsewhere, and the gradient passed as it was."""
    graph = export(lambda m, record: m(record["x"]).sum() * size, model(), SCHEMA)
    columns = {n: torch.from_numpy(v) for n, v in people(5).columns.items()}
    given = tuple(columns[name] for name in graph.inputs)
    summing = ClippedSum(graph, bound)
    for unit in range(5):
        sums = summing(graph.parameters, given, torch.arange(5) == unit)
        assert torch.cat([s.reshape(-1) for s in sums.values()]).double().norm() <= bound


# What leaves beside the parameters


@pytest.mark.parametrize("joining", range(5), ids=lambda row: f"record {row}")
def test_a_person_in_the_holdout_moves_all_metrics_together_by_no_more_than_their_share(
    graph, joining
):
    """And nothing but parameters, metrics and a public number of steps leaves at all."""
    measured = replace(graph, metrics=("first", "second"))
    one = Records.each_its_own({n: v[joining : joining + 1] for n, v in BROKEN.columns.items()})
    results = [run(measured, people(9), holdout) for holdout in (people(5), joined(people(5), one))]
    sums = [np.array([[m.total, m.complement] for m in r.metrics]) for r in results]
    assert np.linalg.norm(sums[0] - sums[1]) <= 2**0.5 + 2.0**-9
    fields = [set(vars(result)) for result in results]
    assert fields == [{"parameters", "metrics", "steps", "history"}] * 2
    assert torch.equal(*(moved(graph, result) for result in results))


def test_metrics_of_an_empty_holdout_are_noise_and_not_an_error(graph):
    result = run(replace(graph, metrics=("first", "second")), people(9), people(0))
    values = [value for m in result.metrics for value in (m.total, m.complement)]
    assert len(set(values)) == 4
    assert all(values)


# Generators


def test_generators_that_a_process_shares_play_no_part(graph):
    """Noise and sampling come from the sealed seed: seeds set elsewhere change nothing."""
    results, states = [], []
    for number in range(2):
        torch.manual_seed(number)
        np.random.seed(number)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        results.append(moved(graph, run(graph, people(20), steps=3)))
        states.append((before, (torch.get_rng_state(), np.random.get_state()[1].copy())))
    assert torch.equal(*results)
    for (torchs, numpys), (torchs_later, numpys_later) in states:
        assert torch.equal(torchs, torchs_later)
        assert np.array_equal(numpys, numpys_later)
