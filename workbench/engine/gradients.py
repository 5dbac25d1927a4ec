"""The noised gradient of each step of DP-SGD, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from workbench.documents.plans import Plan
from workbench.engine.bounds import AdaptiveBound, layers
from workbench.engine.sampling.batches import (
    UnitTable,
    chunk_size,
    largest_batch,
    preferred_size,
)
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sampling.streams import StreamName
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.distributed import Ranks
from workbench.graphs.record_graph import RecordGraph


class NoisedGradients:
    """Draws units, sums their clipped gradients and adds noise, once per step.

    With adaptive clipping the count of units within the bound is noised beside the sum, and sets
    the next step's bound.

    Parameters
    ----------
    graph, plan
        As for `workbench.engine.train.train`.
    table
        The training units.
    expected
        The expected number of units per step, from public figures; the divisor.
    random
        Gives the streams of the sampling, the noise and the count.
    ranks
        This process's place among those that share the run.

    Guarantees
    ----------
    For data sets that differ in one unit, the sum before noise differs by at most the bound in L2
    norm and the count by at most 1/2; the noise has the plan's standard deviation for these, also
    if no unit was drawn.
    """

    def __init__(
        self,
        graph: RecordGraph,
        plan: Plan,
        table: UnitTable,
        expected: float,
        random: SealedRandom,
        ranks: Ranks,
    ) -> None:
        self._plan, self._table, self._expected, self._ranks = plan, table, expected, ranks
        names = sorted(graph.trainable)
        sizes = [graph.parameters[name].numel() for name in names]
        self._whole = torch.zeros(sum(sizes) + 1, dtype=torch.float64)
        parts = torch.split_with_sizes(self._whole[:-1], sizes)
        self._sums = dict(zip(names, parts, strict=True))
        groups = layers(graph.trainable) if plan.clipping == "per_layer" else ()
        per_unit = table.records_per_unit
        self._clipped = ClippedSum(graph, plan.max_grad_norm, per_unit, groups)
        copied = self._clipped.copied
        self._chunk = chunk_size(graph, expected, per_unit, copied, ranks.size)
        largest = largest_batch(expected)
        # Neither memory nor the number of ranks may change what a gradient is clipped to.
        together = preferred_size(graph, expected, per_unit, copied)
        self._clipped.allow_float32(together, max(largest, together))
        self._single = max(largest // self._chunk, 1)
        self._clipped.counting = plan.clipping == "adaptive"
        self._sampling, self._noise = (
            random.stream(name) for name in (StreamName.SAMPLING, StreamName.NOISE)
        )
        self._count_noise = random.stream(StreamName.COUNT)
        self._bound = AdaptiveBound(plan, expected) if plan.clipping == "adaptive" else None

    def gradient(self, parameters: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the noised mean gradient of the next batch, float32.

        Returns
        -------
        torch.Tensor
            Of shape ``(numbers,)``: the gradients of the trained parameters in the order of their
            names, end to end.
        """
        chosen = np.flatnonzero(self._sampling.bernoulli(self._plan.sample_rate, self._table.units))
        mine = self._ranks.share(chosen, self._chunk)
        # All sums and the count in one piece of memory, which goes round the ranks at once.
        whole = self._whole if len(mine) else self._whole.zero_()
        for done, (columns, present) in enumerate(self._table.chunks(mine, self._chunk)):
            # By a chunk's place alone: the limit leaves room for the rounding of so many units.
            exact = done * self._ranks.size + self._ranks.rank >= self._single
            found, within = self._clipped.with_count(parameters, columns, present, exact)
            put = torch.Tensor.add_ if done else torch.Tensor.copy_
            put(whole[-1], within)
            for name, total in self._sums.items():
                put(total, found[name].reshape(-1))
        self._ranks.reduced(whole)
        if self._ranks.rank == 0:
            self._add_noise(whole)
        self._ranks.agreed(whole)
        if self._bound is not None:
            self._clipped.max_grad_norm = self._bound.follow(float(whole[-1]))
        return whole[:-1].div_(self._expected).float()

    def _add_noise(self, whole: torch.Tensor) -> None:
        scale = self._plan.gradient_noise_multiplier * self._clipped.max_grad_norm
        self._noise.add_noise(whole[:-1], scale)
        if self._bound is not None:
            self._count_noise.add_noise(whole[-1:], self._plan.count_noise_multiplier)
