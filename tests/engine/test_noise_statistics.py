"""The noise by its statistics: variance, shape, tails, and independence of everything it meets.

Seeds are fixed, so a test passes always or never; bounds are five standard errors or more.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from scipy import stats
from torch import nn

from tests.engine.models import CLASSES, classify, schema_of
from tests.engine.support import batch, exported
from workbench.documents import Plan
from workbench.engine.sampling.noise import SealedRandom, Stream
from workbench.engine.train import train
from workbench.records import Records

COUNT = 1_000_000


def seed(number):
    return number.to_bytes(32, "big")


def drawn(number=1, label="noise", count=COUNT):
    return SealedRandom(seed(number)).stream(label).gaussian(count).numpy()


@pytest.fixture(scope="module")
def million():
    return drawn()


@pytest.mark.parametrize("number", range(5))
def test_its_shape_is_normal_by_three_tests(number):
    values = drawn(number, count=200_000)
    assert stats.kstest(values, "norm").pvalue > 1e-4
    assert abs(stats.skew(values)) < 5 * np.sqrt(6 / len(values))
    assert abs(stats.kurtosis(values)) < 5 * np.sqrt(24 / len(values))


@pytest.mark.parametrize("beyond", [1.0, 2.0, 3.0, 4.0])
def test_its_tails_are_as_heavy_as_they_should_be(million, beyond):
    for side in (million, -million):
        expected = stats.norm.sf(beyond) * COUNT
        assert abs((side > beyond).sum() - expected) <= 5 * np.sqrt(expected) + 1


def test_its_extremes_reach_where_a_million_draws_reach(million):
    assert 4.3 < np.abs(million).max() < 6.6


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 100, COUNT // 4, COUNT // 2, 3 * COUNT // 4])
def test_no_draw_tells_another_one_of_its_call(million, lag):
    """Two uniform words make two draws, half of the call apart; other lags could share words."""
    first, second = million[:-lag], million[lag:]
    limit = 5 / np.sqrt(len(first))
    assert abs(np.corrcoef(first, second)[0, 1]) < limit
    assert abs(np.corrcoef(first**2, second**2)[0, 1]) < limit


def test_streams_of_other_seeds_labels_and_rounds_are_independent():
    count = 100_000
    streams = [drawn(n, label, count) for n in (1, 2) for label in ("noise", "sampling", "metrics")]
    going = SealedRandom(seed(1)).stream("noise")
    going.gaussian(count)
    streams += [going.gaussian(count).numpy() for _ in range(3)]
    for one, two in itertools.combinations(streams, 2):
        assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(count)
        assert not np.intersect1d(one, two).size


def test_seeds_that_differ_in_one_bit_give_unrelated_words():
    whole = [SealedRandom(seed(1 << bit)).stream("noise").words(500) for bit in range(0, 256, 16)]
    for one, two in itertools.combinations(whole, 2):
        shared = np.unpackbits((one ^ two).view(np.uint8)).mean()
        assert abs(shared - 0.5) < 5 * 0.5 / np.sqrt(500 * 64)


def test_draws_are_the_box_muller_transform_of_52_bits_each():
    words = SealedRandom(seed(7)).stream("noise").words(10_000) >> np.uint64(12)
    uniform = words.astype(np.float64) * 2.0**-52
    radius = np.sqrt(-2 * np.log(1 - uniform[:5000]))
    pairs = [radius * wave(2 * np.pi * uniform[5000:]) for wave in (np.cos, np.sin)]
    assert np.allclose(drawn(7, count=10_000), np.concatenate(pairs), atol=1e-12)


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_few_draws_come_from_a_stock_of_which_none_is_given_twice(count):
    stream = SealedRandom(seed(7)).stream("noise")
    given = [stream.gaussian(count) for _ in range(30)]
    before = torch.cat(given)
    assert len(before.unique()) == 30 * count
    assert abs(float(before.mean())) < 5 / np.sqrt(len(before))
    # What a caller does with its draws changes nobody else's.
    given[0].zero_()
    assert torch.equal(torch.cat(given[1:]), before[count:])


def test_the_words_are_the_key_stream_of_aes_in_counter_mode():
    """The cipher of the numbers 0, 1, 2, ... (NIST SP 800-38A, section 6.5)."""
    key = bytes(range(32))
    counters = b"".join(number.to_bytes(16, "big") for number in range(8))
    blocks = Cipher(AES(key), ECB()).encryptor().update(counters)
    assert Stream(key).words(16).tobytes() == blocks


@pytest.mark.parametrize("scale", [1e-9, 0.3, 1.0, 7e5])
def test_noised_sums_lie_on_a_grid_that_tells_nothing_below_it(scale):
    """Whatever the digits of the sum, what leaves is a multiple of one public power of two."""
    sums = torch.linspace(-1, 1, 20_001, dtype=torch.float64) * scale * np.pi
    noised = sums.clone()
    SealedRandom(seed(3)).stream("noise").add_noise(noised, scale)
    grid = 2.0 ** np.floor(np.log2(scale * 2.0**-20))
    multiples = (noised / grid).numpy()
    assert np.array_equal(multiples, np.round(multiples))
    assert grid <= scale * 2.0**-20
    # Parities are fair, so the grid is not coarser than it says.
    assert abs((multiples % 2).mean() - 0.5) < 5 * 0.5 / np.sqrt(len(multiples))
    added = ((noised - sums) / scale).numpy()
    assert stats.kstest(added, "norm").pvalue > 1e-4


def test_no_noise_leaves_the_sums_as_they_are():
    sums = torch.rand(10, dtype=torch.float64)
    same = sums.clone()
    SealedRandom(seed(3)).stream("noise").add_noise(same, 0.0)
    assert torch.equal(same, sums)


def noise_of(runs, steps=1):
    """Return what `runs` runs of one round added to each coordinate, in units of its deviation."""
    graph = exported(classify, nn.Linear(6, CLASSES))
    columns = {n: v.numpy() for n, v in batch(schema_of((6,)), 4).items()}
    records = Records.each_its_own(columns)
    plan = Plan(
        learning_rate=1.0,
        steps=steps,
        sample_rate=1e-9,
        max_grad_norm=2.0,
        noise_multiplier=3.0,
        metrics_noise_multiplier=1.0,
    )
    graph, expected = replace(graph, metrics=()), 1e-9 * 1000
    moved = []
    for number in runs:
        found = train(
            graph,
            plan,
            records,
            records.select(np.zeros(4, bool)),
            record_count=1000,
            holdout_fraction=0.0,
            max_records_per_unit=1,
            seed=seed(number),
        )
        change = [graph.parameters[n] - found.parameters[n] for n in sorted(graph.trainable)]
        moved.append(torch.cat([c.reshape(-1) for c in change]).double().numpy() * expected / 6)
    return np.array(moved)


def test_what_a_run_adds_has_unit_variance_and_no_correlation_between_coordinates():
    added = noise_of(range(600))
    runs, width = added.shape
    assert stats.kstest(added.reshape(-1), "norm").pvalue > 1e-4
    assert np.abs(added.var(0) - 1).max() < 5 * np.sqrt(2 / runs)
    between = np.corrcoef(added.T) - np.eye(width)
    assert np.abs(between).max() < 5 / np.sqrt(runs)
    assert np.abs(added.mean(0)).max() < 5 / np.sqrt(runs)


def test_every_step_adds_noise_of_its_own():
    """After n rounds the variance is n times as large: no round repeats or cancels another."""
    added = noise_of(range(200), steps=9)
    assert abs(added.var() / 9 - 1) < 5 * np.sqrt(2 / added.size)


def test_a_replay_repeats_every_bit_and_no_two_runs_share_a_draw():
    first, again = noise_of([1]), noise_of([1])
    assert np.array_equal(first, again)
    many = noise_of(range(100))
    assert len(np.unique(many)) > 0.999 * many.size
