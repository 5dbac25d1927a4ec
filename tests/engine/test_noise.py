"""The noise: its distribution, its independence, and that a seed repeats it exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.engine.sampling.noise import SealedRandom

SEED = bytes(range(32))
COUNT = 200_000


def gaussian(seed=SEED, label="noise", count=COUNT):
    return SealedRandom(seed).stream(label).gaussian(count).numpy()


def test_it_is_standard_normal():
    drawn = gaussian()
    assert abs(drawn.mean()) < 5 / np.sqrt(COUNT)
    # The variance of a sample variance of normals is 2 / n.
    assert abs(drawn.var() - 1) < 5 * np.sqrt(2 / COUNT)
    assert stats.kstest(drawn, "norm").pvalue > 1e-4


def test_two_seeds_and_two_labels_differ_and_do_not_correlate():
    first = gaussian()
    for other in (gaussian(bytes(32)), gaussian(label="metrics")):
        assert not np.array_equal(first, other)
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(COUNT)


def test_a_seed_repeats_its_stream_bit_for_bit_and_a_stream_never_repeats_itself():
    assert np.array_equal(gaussian(), gaussian())
    stream = SealedRandom(SEED).stream("noise")
    assert not np.array_equal(stream.gaussian(100), stream.gaussian(100))


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.5, 1.0])
def test_bernoulli_draws_have_their_probability(probability):
    drawn = SealedRandom(SEED).stream("sampling").bernoulli(probability, COUNT)
    tolerance = 5 * np.sqrt(probability * (1 - probability) / COUNT)
    assert abs(drawn.mean() - probability) <= tolerance


def test_a_seed_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        SealedRandom(b"short")
