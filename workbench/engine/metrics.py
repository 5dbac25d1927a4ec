"""Measure on the hold-out part: means of per-record values in [0, 1], from noisy sums.

Each metric m is released as two sums, of m and of 1 - m. One unit adds a vector of L2 norm at most
1 to the pair, so at most sqrt(K) to K metrics together; the noise has standard deviation
``noise_multiplier * sqrt(K)``. The quotient is post-processing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.documents.release import Metric
from workbench.engine.program.record_program import values_program
from workbench.engine.program.tiles import whole_tiles
from workbench.engine.sampling.batches import UnitTable, chunk_size
from workbench.engine.sampling.noise import Stream
from workbench.graphs.record_graph import RecordGraph

_GRID = 2.0**20
_RELEASED_GRID = 2.0**10
_AT_ONCE = 256


def evaluated_at_once(graph: RecordGraph, records_per_unit: int) -> int:
    """Return how many units an evaluation runs at once, from public figures only."""
    return chunk_size(graph, _AT_ONCE, records_per_unit)


def exact_sums(
    graph: RecordGraph,
    parameters: Mapping[str, torch.Tensor],
    table: UnitTable,
    size: int,
    units: NDArray[np.int64] | None = None,
) -> torch.Tensor:
    """Return the sums of m and of 1 - m over units, shape ``(metrics, 2)``, float64.

    A unit's value is the mean over its records, clipped to [0, 1] and rounded to a multiple of
    2**-20 so that sums are exact.

    Guarantees
    ----------
    Adding or removing one unit changes all sums together by at most ``sqrt(metrics)`` in L2 norm. A
    unit with a value that is NaN or infinite adds exactly nothing.

    Parameters
    ----------
    graph, parameters
        What to run.
    table
        The units.
    size
        How many units are run at once, made up to whole tiles.
    units
        Their positions in the table; by default all.
    """
    sums = torch.zeros((len(graph.metrics), 2), dtype=torch.float64)
    if not graph.metrics:
        return sums
    rows = whole_tiles(size * table.records_per_unit, table.records_per_unit)
    program = values_program(graph, slice(1, 1 + len(graph.metrics)), rows)
    chosen = np.arange(table.units) if units is None else units
    for columns, present in table.chunks(chosen, rows // table.records_per_unit):
        mask = present.reshape(-1, table.records_per_unit)
        for position, output in enumerate(program(parameters, columns)):
            sums[position] += _summed(output.double().reshape(mask.shape), mask)
    return sums


def _summed(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the sums of m and 1 - m over units, ``(2,)``; of `values`, ``(units, records)``."""
    none = torch.zeros((), dtype=torch.float64)
    whole = (torch.isfinite(values) | ~mask).all(1) & mask.any(1)
    clipped = torch.where(mask & whole[:, None], values, none)
    mean = clipped.clamp(0, 1).sum(1) / mask.sum(1).clamp_min(1)
    mean = torch.round(mean * _GRID) / _GRID
    pairs = torch.stack([mean, 1 - mean])
    return torch.where(whole, pairs, none).sum(1)


def noisy_metrics(
    names: tuple[str, ...], sums: torch.Tensor, noise_multiplier: float, stream: Stream
) -> tuple[Metric, ...]:
    """Return one `Metric` per name.

    Parameters
    ----------
    names
        The metrics' names, in the order of `sums`.
    sums
        What `exact_sums` returned: float64 of shape ``(metrics, 2)``.
    noise_multiplier
        Noise per coordinate in units of the sensitivity; 0 gives the exact figures, which only a
        rehearsal on a snippet may ask for.
    stream
        Where the noise comes from.
    """
    scale = noise_scale(len(names), noise_multiplier)
    noisy = sums.numpy() + scale * stream.gaussian(sums.numel()).reshape(sums.shape).numpy()
    noisy = np.round(noisy * _RELEASED_GRID) / _RELEASED_GRID
    return tuple(
        _metric(name, float(total), float(rest), scale)
        for name, (total, rest) in zip(names, noisy, strict=True)
    )


def noise_scale(metrics: int, noise_multiplier: float) -> float:
    """Return the standard deviation of the noise on each of the sums.

    Parameters
    ----------
    metrics
        How many metrics there are: one unit moves all sums by at most ``sqrt(metrics)`` in L2 norm.
    noise_multiplier
        Noise in units of that sensitivity.
    """
    return noise_multiplier * math.sqrt(metrics)


def standard_error(total: float, complement: float, scale: float) -> float:
    """Return how far noise moves the quotient ``total / (total + complement)``.

    To first order in the noise (the delta method, e.g. Casella and Berger 2002, section 5.5.4); the
    numbers are without a unit, as metrics are.

    Parameters
    ----------
    total, complement
        The sums of m and of 1 - m over units, of which there must be some together.
    scale
        The noise's standard deviation on each of them (`noise_scale`).
    """
    count = total + complement
    return scale * math.hypot(total, complement) / count**2


def _metric(name: str, total: float, rest: float, scale: float) -> Metric:
    """Return one metric from its two noisy sums."""
    count = total + rest
    if count <= 0:
        return Metric(name=name, value=0.0, total=total, complement=rest, standard_error=1.0)
    return Metric(
        name=name,
        value=min(max(total / count, 0.0), 1.0),
        total=total,
        complement=rest,
        standard_error=min(standard_error(total, rest, scale), 1.0),
    )
