"""Find operators that give a record other bits at another place, or beside other records.

A graph can amplify last bits without bound. If they told a record's place, one record more, which
moves others to other places, could move their terms as well. Whether a kernel rounds alike at all
places is a property of processor and libraries, so a worker tries every operator of the checker's
table that computes with floats before it serves: one record at all places of a chunk, which must
give the same bits at each; then with other records at every other place, hostile ones, which must
change nothing. What fails is refused from then on (`refused`).

This is a test and no proof: it runs some shapes and some numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch

from workbench.engine.program.tiles import TILE
from workbench.engine.program.trials.draws import Draw
from workbench.engine.program.trials.samples import Result, Sample
from workbench.engine.program.trials.table import SAMPLES

SIZES = (TILE, 3 * TILE)
"""How many rows the chunks have that a worker tries."""
_DRAWS = 2

_refused: frozenset[str] = frozenset()


def refuse(names: frozenset[str]) -> None:
    """Let the checker refuse these operators from now on, in this process and its children."""
    global _refused
    _refused = names


def refused() -> frozenset[str]:
    """Return the operators that the checker refuses here."""
    return _refused


def moved(sizes: Sequence[int] = SIZES, draws: int = _DRAWS) -> list[str]:
    """Return the operators that tell a place or a neighbour, as the checker's table names them.

    What can't be tried counts as if it told one.

    Parameters
    ----------
    sizes
        How many rows the chunks have.
    draws
        How many records are tried.
    """
    found = set()
    with torch.inference_mode():
        for rows, (name, samples) in itertools.product(sizes, SAMPLES.items()):
            if name not in found and any(_tells(s, rows, draws) for s in samples):
                found.add(name)
    return sorted(found)


def _tells(sample: Sample, rows: int, draws: int) -> bool:
    """Return whether a call tells the place of a record, or what is beside it."""
    for seed, layout in itertools.product(range(draws), ("outer", "middle", "inner")):
        try:
            alike, among = (
                _bits(sample(Draw(rows, seed, beside=beside, layout=layout)), rows)
                for beside in (False, True)
            )
        except RuntimeError:
            return True
        if not torch.equal(alike, alike[:1].expand_as(alike)):
            return True
        if not torch.equal(among[::2], alike[::2]):
            return True
    return False


def _bits(result: Result, rows: int) -> torch.Tensor:
    """Return the bytes of each record's part, ``(rows, bytes)``; any NaN counts as the same."""
    parts = []
    for value in [result] if isinstance(result, torch.Tensor) else result:
        part = value.reshape(rows, -1)
        if part.is_floating_point():
            part = torch.where(part.isnan(), torch.full_like(part, math.nan), part)
        parts.append(part.contiguous().view(torch.uint8))
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]
