"""A run over two processes gives what one process gives, repeats, and notices a lost rank."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch

from tests.engine.models import MODELS, classify
from tests.engine.support import ADAPTIVE, SEED, exported, flat, plan, records
from workbench.engine.descent import TrainingResult
from workbench.engine.sampling import batches
from workbench.engine.sums.distributed import ALONE, RankLost, Ranks, joined
from workbench.engine.train import train

pytestmark = pytest.mark.slow

PLANS = {
    "flat": {},
    "adaptive": ADAPTIVE | {"evaluations": 3},
    "per layer, early stop": {"clipping": "per_layer", "evaluations": 6, "patience": 1},
}


def run(changes, ranks=ALONE) -> TrainingResult:
    torch.manual_seed(0)
    graph = replace(exported(classify, MODELS["mlp"][0]()), metrics=("accuracy",))
    # Several chunks for each rank.
    batches._MEMORY = 7 * (4 * graph.facts.activation_bytes + 1)
    return train(
        graph,
        plan(steps=6, **changes),
        records(60),
        records(21, seed=5),
        seed=SEED,
        record_count=80,
        holdout_fraction=0.25,
        max_records_per_unit=1,
        ranks=ranks,
    )


def one_rank(rank, meeting, answers):
    found = []
    with joined(rank, 2, meeting, 60.0) as ranks:
        addresses = {c.laddr.ip for c in psutil.Process().net_connections() if c.laddr}
        for changes in (*PLANS.values(), PLANS["flat"]):
            result = run(changes, ranks)
            found.append((flat(result.parameters).numpy(), result.history, result.steps))
    answers.put((rank, found, addresses))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What the two ranks found for each plan, and the addresses that they talked at."""
    meeting = tmp_path_factory.mktemp("run") / "meeting"
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    ranks = [context.Process(target=one_rank, args=(r, meeting, answers)) for r in range(2)]
    for process in ranks:
        process.start()
    told = sorted((answers.get(timeout=120) for _ in ranks), key=lambda answer: answer[0])
    for process in ranks:
        process.join()
    return [found for _, found, _ in told], told[0][2] | told[1][2]


@pytest.mark.parametrize("name", PLANS)
def test_two_ranks_give_what_one_process_gives(pair, name, monkeypatch):
    monkeypatch.setattr(batches, "_MEMORY", batches._MEMORY)
    alone = run(PLANS[name])
    parameters, history, steps = pair[0][0][list(PLANS).index(name)]
    assert np.allclose(flat(alone.parameters).numpy(), parameters, atol=1e-6)
    # Sums of metrics are exact, so their noisy values are equal to the last bit.
    assert history == alone.history
    assert steps == alone.steps


def test_all_ranks_hold_equal_parameters(pair):
    first, second = pair[0]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one[0], other[0])
        assert one[1:] == other[1:]


def test_two_runs_on_two_ranks_are_equal_bit_for_bit(pair):
    first = pair[0][0]
    assert np.array_equal(first[0][0], first[-1][0])


def test_ranks_talk_on_loopback_only(pair):
    assert pair[1]
    assert pair[1] <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(("count", "chunk", "size"), [(0, 3, 2), (1, 3, 2), (20, 3, 2), (64, 8, 5)])
def test_every_unit_falls_to_exactly_one_rank(count, chunk, size):
    shares = [Ranks(rank, size).share(np.arange(count), chunk) for rank in range(size)]
    assert sorted(np.concatenate(shares)) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= chunk


def leaves_after_a_round(rank, meeting, answers):
    with joined(rank, 2, meeting, 60.0) as ranks:
        ranks.agreed(torch.zeros(1))
        if rank == 1:
            os._exit(9)
        try:
            ranks.reduced(torch.zeros(1))
            ranks.agreed(torch.zeros(1))
        except RankLost:
            answers.put("lost")


def test_a_rank_that_dies_is_noticed_by_the_other(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    ranks = [
        context.Process(target=leaves_after_a_round, args=(r, tmp_path / "meeting", answers))
        for r in range(2)
    ]
    for process in ranks:
        process.start()
    assert answers.get(timeout=60) == "lost"
    for process in ranks:
        process.join()


def test_a_rank_that_never_comes_is_not_waited_for_without_end(tmp_path):
    with pytest.raises(RankLost), joined(0, 2, tmp_path / "meeting", 1.0):
        pass
