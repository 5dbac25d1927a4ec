"""Engines that are broken on purpose, to show that the audit would notice.

Each replaces one stage of the engine in this process while it is entered, as a mistake in that
stage would. The engine itself has no such switch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import Stream
from workbench.engine.sums.clipping import ClippedSum


@contextmanager
def _replaced(owner: type, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def sound() -> Iterator[None]:
    """Leave the engine as it is."""
    yield


@contextmanager
def without_noise() -> Iterator[None]:
    """Draw zeros in place of normal numbers."""

    drawn = Stream.gaussian

    def zeros(stream: Stream, count: int) -> torch.Tensor:
        return drawn(stream, count).zero_()

    with _replaced(Stream, "gaussian", zeros):
        yield


@contextmanager
def without_clipping() -> Iterator[None]:
    """Sum gradients as they are; the noise is still scaled to the bound of the plan."""
    with _replaced(ClippedSum, "limit", property(lambda _: 1e30)):
        yield


@contextmanager
def with_disjoint_batches() -> Iterator[None]:
    """Take each unit exactly once per epoch, in the step that its number gives.

    This is what a data loader does. The accountant's curve is for Poisson sampling, in which nobody
    knows the steps of a unit.
    """
    made = UnitTable.__init__
    numbers: list[NDArray[np.int64]] = []
    steps_done: dict[int, int] = {}

    def noted(self: UnitTable, records: Any, *rest: Any, **named: Any) -> None:
        numbers.append(np.unique(records.units))
        made(self, records, *rest, **named)

    def in_turn(stream: Stream, probability: float, count: int) -> NDArray[np.bool_]:
        turn = steps_done.get(id(stream), 0)
        steps_done[id(stream)] = turn + 1
        chosen = in_step(numbers[0], turn, probability)
        if len(chosen) != count:
            raise ValueError("the batches are not those of the training units")
        return chosen

    with _replaced(UnitTable, "__init__", noted), _replaced(Stream, "bernoulli", in_turn):
        yield


def in_step(numbers: NDArray[np.int64], turn: int, sample_rate: float) -> NDArray[np.bool_]:
    """Return which units disjoint batches take in step `turn`, from 0: bool, shape of `numbers`."""
    turns = round(1 / sample_rate)
    chosen: NDArray[np.bool_] = numbers % turns == turn % turns
    return chosen
