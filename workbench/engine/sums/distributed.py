"""Divide one run among processes: each sums its share of every batch, the first adds the noise.

All ranks draw the same batch from the same stream, in chunks dealt out in turn. Their float64 sums
are reduced to rank 0, noised there once, and the noised sum goes back to all, so that all ranks
hold equal parameters after every step. The order of every addition is fixed: a replay on as many
ranks repeats a run bit for bit; another number of ranks changes only the rounding of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from numpy.typing import NDArray
from torch.distributed import FileStore  # type: ignore[attr-defined]


class RankLost(Exception):
    """Another rank is gone, or did not answer in time."""


@dataclass(frozen=True)
class Ranks:
    """The place of this process, `rank`, among the `size` processes of one run; by default alone.

    Shapes and dtypes: tensors have any shape and floating dtype, the same on all ranks.
    """

    rank: int = 0
    size: int = 1

    def share(self, units: NDArray[np.int64], chunk: int) -> NDArray[np.int64]:
        """Return those of `units` that fall to this rank: every `size`-th chunk of them.

        int64, of shape ``(n,)``, as `units`.
        """
        starts = range(self.rank * chunk, len(units), self.size * chunk)
        mine = [units[start : start + chunk] for start in starts]
        return np.concatenate(mine) if mine else units[:0]

    def reduced(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sum of all ranks' values on rank 0; on the others nothing to be used.

        Raises
        ------
        RankLost
            If another rank has died.
        """
        if self.size > 1:
            with _told_as_lost():
                torch.distributed.reduce(value, 0)
        return value

    def agreed(self, value: torch.Tensor) -> torch.Tensor:
        """Return rank 0's value on all ranks.

        Raises
        ------
        RankLost
            If another rank has died.
        """
        if self.size > 1:
            with _told_as_lost():
                torch.distributed.broadcast(value, 0)
        return value


ALONE = Ranks()


@contextmanager
def joined(rank: int, size: int, meeting: Path, seconds: float) -> Iterator[Ranks]:
    """Join the other ranks and leave them at the end.

    Parameters
    ----------
    rank, size
        This process's place and how many there are.
    meeting
        A file in a private folder, the same for all ranks of one run and new for each run: there
        they find each other. They talk over loopback only.
    seconds
        How long to wait for another rank.

    Raises
    ------
    RankLost
        If not all ranks came.
    """
    if size == 1:
        yield ALONE
        return
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    with _told_as_lost():
        torch.distributed.init_process_group(
            "gloo",
            # Not by a URL of the file, whose escapes torch takes for the name.
            store=FileStore(str(meeting.resolve()), size),
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=seconds),
        )
    try:
        yield Ranks(rank, size)
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def _told_as_lost() -> Iterator[None]:
    """Raise `RankLost` for the errors that torch raises when another rank is gone."""
    try:
        yield
    except RuntimeError as error:
        raise RankLost(type(error).__name__) from None
