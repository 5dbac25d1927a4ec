"""Trees that grow level by level from noisy histograms over public bins.

In each round every record adds its channels (a count for each class, or gradient and curvature) to
the bin of each of its features, at the node where it is in the level that grows. The update takes
for each node the split with the largest gain; after the last level it also sets the leaves. So a
tree takes as many rounds as it is deep, and the domain knows nothing of trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.space.statistics.columns import one_hot

if TYPE_CHECKING:
    import torch

State = Mapping[str, Any]
MOST_NUMBERS = 1_000_000


@dataclass(frozen=True)
class Splits:
    """The shape of some trees of equal depth.

    Shapes and dtypes: a state has ``feature`` and ``last_left`` ``(trees, depth, nodes)``, ``leaf``
    ``(trees, 2 * nodes, outputs)`` and ``round`` ``()``, all float32. Of a record, `levels` is
    int64 ``(depth + 1, trees)``, `place` float32 ``(width,)`` and `channels` float32
    ``(channels,)``. A sum of `histogram` is ``(length,)``; what leaves hold is float32, of local
    records float64.

    Attributes
    ----------
    trees, depth
        How many, and how many splits lie above each leaf.
    width, bins
        How many features in [-1, 1], and into how many equal parts each is cut.
    channels
        How many numbers a record adds to a bin; the last one counts records.
    outputs
        How many numbers a leaf holds.
    """

    trees: int
    depth: int
    width: int
    bins: int
    channels: int
    outputs: int

    @property
    def nodes(self) -> int:
        """How many nodes the deepest level has that splits."""
        return int(2 ** (self.depth - 1))

    @property
    def rounds(self) -> int:
        """How many noisy sums it takes to grow all trees."""
        return self.trees * self.depth

    @property
    def length(self) -> int:
        """How many numbers each noisy sum has."""
        return self.nodes * self.width * self.bins * self.channels

    def start(self) -> dict[str, torch.Tensor]:
        """Return the state before the first round: no split sends a record to the right."""
        import torch

        return {
            "feature": torch.zeros(self.trees, self.depth, self.nodes),
            "last_left": torch.full((self.trees, self.depth, self.nodes), float(self.bins)),
            "leaf": torch.zeros(self.trees, 2 * self.nodes, self.outputs),
            "round": torch.zeros(()),
        }

    def walk(self, state: State, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a record's node at each level and its leaf, and its bins.

        Parameters
        ----------
        state
            The trees as they are.
        z
            The record's features, shape ``(width,)``.

        Returns
        -------
        tuple of torch.Tensor
            int64 ``(depth + 1, trees)`` and float32 ``(width,)``.
        """
        import torch

        place = ((z + 1) / 2 * self.bins).floor().clamp(0, self.bins - 1)
        levels = [torch.zeros(self.trees, dtype=torch.int64)]
        for level in range(self.depth):
            at = levels[-1].unsqueeze(1)
            feature = state["feature"][:, level].gather(1, at).squeeze(1)
            last_left = state["last_left"][:, level].gather(1, at).squeeze(1)
            right = place.gather(0, feature.to(torch.int64)) > last_left
            levels.append(2 * levels[-1] + right.to(torch.int64))
        return torch.stack(levels), place

    def leaves(self, state: State, levels: torch.Tensor) -> torch.Tensor:
        """Return what the record's leaves hold, shape ``(trees, outputs)``."""
        at = levels[self.depth].reshape(self.trees, 1, 1).expand(self.trees, 1, self.outputs)
        found: torch.Tensor = state["leaf"].gather(1, at).squeeze(1)
        return found

    def histogram(
        self, state: State, levels: torch.Tensor, place: torch.Tensor, channels: torch.Tensor
    ) -> torch.Tensor:
        """Return a record's share of the histograms of the level that grows, ``(length,)``."""
        import torch

        tree, level = self._growing(state)
        grows = level.unsqueeze(1) * tree.unsqueeze(0)
        node = (levels[: self.depth].to(torch.float32) * grows).sum()
        at_node = one_hot(node.to(torch.int64), self.nodes)
        cells = one_hot(place.to(torch.int64), self.bins)
        full = at_node.reshape(-1, 1, 1, 1) * cells.unsqueeze(2) * channels.reshape(1, 1, 1, -1)
        return full.reshape(-1)

    def _growing(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        tree = (state["round"] / self.depth).floor()
        level = state["round"] - tree * self.depth
        return (
            one_hot(tree.to(torch.int64), self.trees),
            one_hot(level.to(torch.int64), self.depth),
        )

    def grown(
        self,
        state: State,
        total: torch.Tensor,
        gain: Callable[[torch.Tensor], torch.Tensor],
        leaf: Callable[[torch.Tensor], torch.Tensor],
        least: float,
    ) -> dict[str, torch.Tensor]:
        """Return the state after the splits of one level were chosen.

        Parameters
        ----------
        state, total
            The trees as they are, and the noisy sum of `histogram`.
        gain
            Channels ``(..., channels)`` of one side of a split to how good it is ``(...)``.
        leaf
            Channels ``(n, channels)`` to what a leaf holds ``(n, outputs)``.
        least
            How much the last channel has to be on each side of a split.
        """
        import torch

        cells = total.reshape(self.nodes, self.width, self.bins, self.channels)
        left = cells.cumsum(2)
        # Each feature's bins add up to the node's records: their mean has less noise.
        everything = cells.sum(2).mean(1).reshape(self.nodes, 1, 1, self.channels)
        right = everything - left
        smaller = torch.minimum(left[..., self.channels - 1], right[..., self.channels - 1])
        value = torch.where(smaller >= least, gain(left) + gain(right), float("-inf"))
        best = value.reshape(self.nodes, -1).argmax(1)
        # Where no split is good enough all records go to the left.
        none = torch.isinf(value.reshape(self.nodes, -1).amax(1))
        feature = (best / self.bins).floor()
        last_left = torch.where(none, float(self.bins), best - feature * self.bins)

        pick = best.reshape(-1, 1, 1).expand(self.nodes, 1, self.channels)
        chosen = left.reshape(self.nodes, -1, self.channels).gather(1, pick).squeeze(1)
        whole = everything.reshape(self.nodes, self.channels)
        chosen = torch.where(none.unsqueeze(1), whole, chosen)
        sides = torch.stack([chosen, whole - chosen], 1).reshape(-1, self.channels)

        tree, level = (mask > 0 for mask in self._growing(state))
        here = torch.logical_and(tree.unsqueeze(1), level.unsqueeze(0)).unsqueeze(2)
        last = torch.logical_and(tree, level[self.depth - 1]).reshape(-1, 1, 1)
        return {
            "feature": torch.where(here, feature.to(torch.float32), state["feature"]),
            "last_left": torch.where(here, last_left.to(torch.float32), state["last_left"]),
            "leaf": torch.where(last, leaf(sides).to(torch.float32), state["leaf"]),
            "round": state["round"] + 1,
        }

    def predict(
        self, state: Mapping[str, NDArray[np.float32]], z: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what the leaves of local records hold, shape ``(n, trees, outputs)``."""
        import torch

        trees = {name: torch.from_numpy(value.copy()) for name, value in state.items()}

        def one(row: torch.Tensor) -> torch.Tensor:
            return self.leaves(trees, self.walk(trees, row)[0])

        found = torch.func.vmap(one)(torch.from_numpy(z.astype(np.float32)))
        values: NDArray[np.float64] = found.double().numpy()
        return values
