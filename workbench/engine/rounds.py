"""The noised gradient of each round of DP-SGD, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from workbench.documents.request import Plan
from workbench.engine.batches import UnitTable, chunk_size, largest_batch, preferred_size
from workbench.engine.bounds import AdaptiveBound, layers
from workbench.engine.clipping import ClippedSum
from workbench.engine.distributed import Ranks
from workbench.engine.noise import SealedRandom
from workbench.graphs.record_graph import RecordGraph

_WORTH_FLATTENING = 64
"""From how many chunks on it pays to flatten the step, which takes as long as about so many."""


class NoisedRounds:
    """Draws units, sums their clipped gradients and adds noise, once per round.

    With adaptive clipping the count of units within the bound is noised beside the sum, and sets
    the next round's bound.

    Parameters
    ----------
    graph, plan
        As for `workbench.engine.train.train`.
    table
        The training units.
    expected
        The expected number of units per round, from public figures; the divisor.
    random
        Whence come the streams ``sampling``, ``noise`` and ``count``.
    ranks
        This process's place among those that share the run.
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
        self._shapes = {name: graph.parameters[name].shape for name in sorted(graph.trainable)}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        groups = layers(graph.trainable) if plan.clipping == "per_layer" else ()
        per_unit = table.records_per_unit
        self._clipped = ClippedSum(graph, plan.max_grad_norm, per_unit, groups)
        self._chunk = chunk_size(graph, expected, per_unit, self._clipped.copied, ranks.size)
        self._largest = largest_batch(expected)
        # Neither memory nor the number of ranks may change what a gradient is clipped to.
        together = preferred_size(graph, expected, per_unit)
        self._clipped.allow_float32(together, self._largest)
        chunks = plan.steps * expected / (self._chunk * ranks.size)
        self._clipped.counting = plan.clipping == "adaptive"
        self._clipped.flat = chunks >= _WORTH_FLATTENING
        self._sampling, self._noise = random.stream("sampling"), random.stream("noise")
        self._count_noise = random.stream("count")
        self._bound = AdaptiveBound(plan, expected) if plan.clipping == "adaptive" else None

    def gradients(self, parameters: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the noised mean gradient of the next batch, float32."""
        chosen = np.flatnonzero(self._sampling.bernoulli(self._plan.sample_rate, self._table.units))
        mine = self._ranks.share(chosen, self._chunk)
        exact = len(chosen) > self._largest
        # All sums and the count in one piece of memory, which goes round the ranks at once.
        whole = torch.zeros(sum(self._sizes) + 1, dtype=torch.float64)
        sums = self._by_name(whole)
        for columns, present in self._table.chunks(mine, self._chunk):
            found, within = self._clipped.with_count(parameters, columns, present, exact)
            whole[-1] += within
            for name, part in found.items():
                sums[name] += part.double()
        self._ranks.reduced(whole)
        if self._ranks.rank == 0:
            self._add_noise(whole)
        self._ranks.agreed(whole)
        if self._bound is not None:
            self._clipped.max_grad_norm = self._bound.follow(float(whole[-1]))
        return self._by_name((whole / self._expected).float())

    def _by_name(self, whole: torch.Tensor) -> dict[str, torch.Tensor]:
        parts = torch.split_with_sizes(whole[:-1], self._sizes)
        return {n: p.view(shape) for (n, shape), p in zip(self._shapes.items(), parts, strict=True)}

    def _add_noise(self, whole: torch.Tensor) -> None:
        scale = self._plan.gradient_noise_multiplier * self._clipped.max_grad_norm
        self._noise.add_noise(whole[:-1], scale)
        if self._bound is not None:
            self._count_noise.add_noise(whole[-1:], self._plan.count_noise_multiplier)
