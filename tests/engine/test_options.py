"""The options of a plan: clipping modes, schedules, chunks, evaluations and early stopping."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.engine.models import MODELS, classify, schema_of
from tests.engine.support import (
    ADAPTIVE,
    SEED,
    batch,
    clipped_sum,
    exported,
    flat,
    plan,
    records,
    sensitivity,
    trained,
)
from workbench.documents import Evaluation, Metric
from workbench.documents.release import best, kept, stops
from workbench.engine.bounds import AdaptiveBound, layers
from workbench.engine.gradients import NoisedGradients
from workbench.engine.optimizers import optimizer_of, schedule_of
from workbench.engine.rehearsal import rehearse
from workbench.engine.sampling import batches
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.distributed import ALONE
from workbench.errors import InvalidDocument
from workbench.graphs.export.training import export

C = 0.5


@pytest.fixture(scope="module")
def graph():
    return replace(exported(classify, MODELS["mlp"][0]()), metrics=("accuracy",))


# Clipping


@pytest.mark.parametrize("name", MODELS)
def test_clipped_per_layer_a_record_still_moves_the_sum_by_at_most_c(name):
    make, function, schema = MODELS[name]
    torch.manual_seed(0)
    graph = export(function, make(), schema)
    groups = layers(graph.trainable)
    columns = batch(schema)
    for row in range(3):
        assert sensitivity(graph, columns, row, groups=groups) <= C


def test_per_layer_each_layer_has_its_share_of_the_bound(graph):
    """With every record clipped in every layer, nine equal ones add up to nine shares."""
    groups = layers(graph.trainable)
    assert groups == (("0.bias", "0.weight"), ("2.weight",), ("4.bias", "4.weight"))
    columns = {n: v[:1].expand(9, *v.shape[1:]) for n, v in batch(schema_of((6,))).items()}
    sums = clipped_sum(graph, columns, 1e-3, groups=groups)
    for group in groups:
        norm = math.sqrt(sum(float(sums[name].norm()) ** 2 for name in group))
        assert norm == pytest.approx(9 * 1e-3 / math.sqrt(3), rel=1e-4)


def test_parameters_outside_every_group_are_refused(graph):
    with pytest.raises(ValueError, match="one group"):
        ClippedSum(graph, C, groups=(("0.weight",), ("2.weight",)))


def test_the_count_moves_by_at_most_a_half_for_any_unit(graph):
    columns = batch(schema_of((6,)))
    columns["x"][4] = float("nan")
    inputs = tuple(columns[name] for name in graph.inputs)
    present = torch.ones(9, dtype=torch.bool)
    norms = []
    for row in range(9):
        only = torch.arange(9) == row
        norms.append(float(flat(ClippedSum(graph, 1e9)(graph.parameters, inputs, only)).norm()))
    finite = sorted(norm for norm in norms if norm > 0)
    assert len(finite) == 8
    # In the widest gap, so that rounding does not decide on which side of the bound a norm lies.
    below = max(range(1, 8), key=lambda index: finite[index] - finite[index - 1])
    summing = ClippedSum(graph, (finite[below - 1] + finite[below]) / 2)
    _, count = summing.with_count(graph.parameters, inputs, present)
    assert count == below - len(finite) / 2
    for row in range(9):
        without = summing.with_count(graph.parameters, inputs, torch.arange(9) != row)[1]
        assert abs(count - without) == (0.0 if row == 4 else 0.5)


def test_the_adaptive_bound_follows_the_quantile_of_the_norms():
    """Norms spread log-uniformly over 1e-2..1: the bound ends at the quantile asked for."""
    norms = np.logspace(-2, 0, 1001)
    asked = plan(clipping="adaptive", target_quantile=0.75, count_noise_multiplier=1.0)
    bound = AdaptiveBound(asked, len(norms))
    for _ in range(300):
        bound.follow(float((norms <= bound.value).sum()) - len(norms) / 2)
    assert bound.value == pytest.approx(np.quantile(norms, 0.75), rel=0.05)


@pytest.mark.parametrize("noisy", [1e300, -1e300, 1e5, -1e5])
def test_the_adaptive_bound_stays_in_its_public_range(noisy):
    bound = AdaptiveBound(plan(clipping="adaptive", count_noise_multiplier=1.0), 10.0)
    for _ in range(50):
        assert 0.01 * (1 - 1e-9) <= bound.follow(noisy) <= 100 * (1 + 1e-9)


def rounds(graph, seed, training=None, **changes):
    random = SealedRandom(seed)
    table = UnitTable(training or records(), graph.inputs, 1)
    return NoisedGradients(graph, plan(**changes), table, 20.0, random, ALONE)


def test_adaptive_noise_has_the_variances_of_the_theorem(graph):
    """Andrew et al. 2021, Theorem 1: more on the sum, sigma_b on the count."""
    quiet = ADAPTIVE | {"noise_multiplier": 1e-9, "count_noise_multiplier": 1e-9}
    sums, counts = [], []
    for number in range(200):
        noised = rounds(graph, number.to_bytes(32, "big"), sample_rate=1.0, **ADAPTIVE)
        full = rounds(graph, number.to_bytes(32, "big"), sample_rate=1.0, **quiet)
        difference = noised.gradient(graph.parameters) - full.gradient(graph.parameters)
        sums.append(difference.double() * 20.0)
        counts.append((math.log(full._bound.value) - math.log(noised._bound.value)) / 0.2 * 20.0)
    drawn = torch.stack(sums)
    wanted = 1.0 / (1.0 - 1 / 16)
    assert abs(float(drawn.var()) / wanted - 1) < 5 * (2 / drawn.numel()) ** 0.5
    assert abs(np.var(counts) / 4.0 - 1) < 5 * (2 / 200) ** 0.5


def test_adaptive_noise_scales_with_the_bound_of_its_step(graph):
    """A count far below the quantile moves the bound, and the next round's noise with it."""
    run = rounds(graph, SEED, sample_rate=1e-9, **ADAPTIVE)
    spread = []
    for _ in range(20):
        bound = run._clipped.max_grad_norm
        spread.append(float(run.gradient(graph.parameters).std()) * 20.0 / bound)
    assert np.mean(spread) == pytest.approx(math.sqrt(16 / 15), rel=0.05)
    assert run._clipped.max_grad_norm == run._bound.value != 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"clipping": "adaptive"},
        {"clipping": "adaptive", "count_noise_multiplier": 0.5},
        {"clipping": "adaptive", "count_noise_multiplier": 2.0, "target_quantile": 0.0},
        {"count_noise_multiplier": 2.0},
        {"target_quantile": 0.9},
        {"clipping": "none"},
        {"warmup_steps": 4},
        {"warmup_steps": -1},
        {"schedule": "exponential"},
        {"evaluations": 4},
        {"evaluations": 0},
        {"evaluations": 101, "steps": 1000},
        {"patience": 0},
    ],
)
def test_options_out_of_range_are_refused(changes):
    with pytest.raises(InvalidDocument):
        plan(**changes)


def test_a_plan_without_options_keeps_the_digest_it_had_before_there_were_any():
    assert set(plan().model_dump(mode="json")) == {
        "optimizer",
        "learning_rate",
        "momentum",
        "weight_decay",
        "steps",
        "sample_rate",
        "max_grad_norm",
        "noise_multiplier",
        "metrics_noise_multiplier",
    }
    assert plan(schedule="cosine").digest != plan().digest


# Learning rates


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1, 1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
    ],
)
def test_learning_rates_warm_up_and_decay(schedule, expected):
    asked = plan(schedule=schedule, warmup_steps=2, steps=6, learning_rate=2.0)
    optimizer = optimizer_of(asked, [torch.zeros(1)])
    found, rates = schedule_of(asked, optimizer), []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"] / 2.0)
        optimizer.step()
        found.step()
    assert rates == pytest.approx(expected)


def test_the_schedule_reaches_the_parameters(graph):
    still = trained(graph, steps=3, warmup_steps=3, learning_rate=1e-4)
    constant = trained(graph, steps=3, learning_rate=1e-4)
    moved = [
        flat(run.parameters) - flat({n: graph.parameters[n] for n in run.parameters})
        for run in (still, constant)
    ]
    assert float(moved[0].norm()) < 0.9 * float(moved[1].norm())


# Chunks


@pytest.mark.parametrize("clipping", ["flat", "per_layer", "adaptive"])
def test_a_batch_in_chunks_gives_what_one_large_chunk_gives(graph, monkeypatch, clipping):
    changes = ADAPTIVE if clipping == "adaptive" else {"clipping": clipping}
    whole = trained(graph, **changes)
    per_unit = 4 * graph.facts.activation_bytes + 1
    monkeypatch.setattr(batches, "_MEMORY", 3 * per_unit)
    pieces = trained(graph, **changes)
    for name in graph.trainable:
        assert torch.allclose(whole.parameters[name], pieces.parameters[name], atol=1e-6)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_logical_batch():
    """One round on 1,500 and on 6,000 records of 20 KB for each layer's output."""
    code = """
import resource, sys, numpy as np, torch
from torch import nn
from tests.engine.models import CLASSES, schema_of, classify
from tests.engine.support import exported, plan
from workbench.engine.sampling import batches
from workbench.records import Records
from workbench.engine.train import train
batches._MEMORY = 64 << 20
rows = int(sys.argv[1])
graph = exported(classify, nn.Sequential(nn.Linear(6, 5_000), nn.ReLU(), nn.Linear(5_000, 3)))
columns = {"x": np.zeros((rows, 6), np.float32), "y": np.zeros(rows, np.int64)}
records = Records(columns, np.arange(rows))
train(graph, plan(steps=1, sample_rate=1.0), records, records, record_count=rows,
      holdout_fraction=0.0, max_records_per_unit=1, seed=bytes(32))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", code, str(rows)], capture_output=True, text=True, check=True
            ).stdout
        )
        for rows in (1_500, 6_000)
    ]
    assert peaks[1] - peaks[0] < 50_000


# Evaluations and early stopping


def evaluation(step, value):
    metric = Metric(name="m", value=value, total=1.0, complement=1.0, standard_error=0.1)
    return Evaluation(step=step, metrics=(metric,))


def history(*values):
    return [evaluation(step + 1, value) for step, value in enumerate(values)]


def test_the_rule_stops_after_patience_evaluations_that_are_no_better():
    assert best(history(0.1, 0.5, 0.5, 0.4)) == 1
    assert not stops(history(0.1, 0.5, 0.5), 2)
    assert stops(history(0.1, 0.5, 0.5, 0.4), 2)
    assert not stops(history(0.9, 0.1, 0.1, 0.1), None)
    assert kept(history(0.9, 0.1), 1) == 0
    assert kept(history(0.9, 0.1), None) == 1


def test_evaluations_are_evenly_spaced_and_the_last_one_is_at_the_end(graph):
    run = trained(graph, steps=7, evaluations=3)
    assert [e.step for e in run.history] == [2, 4, 7]
    assert run.metrics == run.history[-1].metrics
    assert len({e.metrics for e in run.history}) == 3
    once = trained(graph, steps=7)
    assert flat(once.parameters).equal(flat(run.parameters))


def test_every_evaluation_has_fresh_noise(graph):
    """The parameters hardly move, so the sums differ by noise alone."""
    run = trained(
        graph,
        steps=50,
        evaluations=50,
        learning_rate=1e-9,
        noise_multiplier=1e-3,
        metrics_noise_multiplier=3.0,
    )
    totals = np.array([e.metrics[0].total for e in run.history])
    assert len(set(totals)) == 50
    assert np.std(totals) == pytest.approx(3.0, rel=0.4)


def test_a_run_stops_early_and_releases_the_best_parameters(graph):
    """Steps of a huge learning rate: the metrics are luck, so patience runs out."""
    changes = {
        "steps": 40,
        "evaluations": 40,
        "learning_rate": 50.0,
        "noise_multiplier": 5.0,
        "metrics_noise_multiplier": 0.5,
    }
    stopped = trained(graph, patience=3, **changes)
    full = trained(graph, **changes)
    assert stopped.steps < full.steps == 40
    assert stopped.history == full.history[: stopped.steps]
    position = best(stopped.history)
    assert stopped.steps == position + 1 + 3
    assert stopped.metrics == stopped.history[position].metrics
    upto = trained(graph, **(changes | {"steps": position + 1, "evaluations": 1}))
    assert flat(upto.parameters).equal(flat(stopped.parameters))


def test_a_rehearsal_knows_every_option(graph):
    options = ADAPTIVE | {"evaluations": 3, "patience": 1, "schedule": "cosine", "warmup_steps": 1}
    asked = plan(steps=6, **options)
    run = rehearse(graph, asked, records(20), seed=SEED, record_count=500.0)
    assert run.steps in asked.evaluated_at
    assert all(metric.standard_error == 0 for e in run.history for metric in e.metrics)
    exact = rehearse(graph, asked, records(20), seed=SEED, record_count=500.0, private=False)
    assert all(torch.isfinite(value).all() for value in exact.parameters.values())
