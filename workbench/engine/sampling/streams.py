"""Name every stream of random numbers that is drawn from the sealed seed of a run.

Each name gives numbers that are independent of those of all others (`SealedRandom.stream`). Two
uses that shared a stream would let one noise be seen in the other, so this is the one place where
a stream gets its name, and none is used for two things.
"""

from __future__ import annotations

from enum import StrEnum

SEED_BYTES = 32
"""How long the secret seed of a run is."""


class StreamName(StrEnum):
    """The streams of one seed. A name is never changed: a replay needs the same numbers."""

    SAMPLING = "sampling"
    """Which training units each step takes; all ranks draw the same."""
    NOISE = "noise"
    """The noise on the sum of gradients; the first rank draws it."""
    COUNT = "count"
    """The noise on the count of units within the bound, with adaptive clipping."""
    METRICS = "metrics"
    """The noise on the sums of metrics; all ranks draw the same."""
    RECORD_NOISE = "record-noise"
    """What the loss of a training record takes as random input; each rank has a stream."""
    RECORD_NOISE_METRICS = "record-noise-metrics"
    """What the metrics of a hold-out record take as random input; each rank has a stream."""
    PUBLIC_NOISE = "public-noise"
    """The random inputs of a public loss, which no record reaches."""
    STATISTIC_SAMPLING = "statistic sampling"
    """Which units each round of a statistic takes."""
    STATISTIC_NOISE = "statistic noise"
    """The noise on the sum of each round of a statistic."""
    RECORD_NOISE_WATCHED = "record-noise-watched"
    """Random inputs of the metrics that a rehearsal shows on the way."""
    METRICS_WATCHED = "metrics-watched"
    """Passed where those metrics are made; a rehearsal adds no noise to them."""
    FILLING = "filling"
    """Random inputs of made-up records that time is measured on, from a seed that is no secret."""
