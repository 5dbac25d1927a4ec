"""Compare what a program gives for a record: over other memory, beside others, elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn, Protocol

import torch

from workbench.engine.probing.memory import Heap
from workbench.engine.probing.records import HOSTILE, TAME, Drawn, Kind, Parameters
from workbench.errors import GraphRefused


class ChunkProgram(Protocol):
    """Computes tensors for each record of a chunk; each has the records as its rows."""

    @property
    def rows(self) -> int:
        """How many records a chunk has."""

    def __call__(
        self, parameters: Parameters, columns: tuple[torch.Tensor, ...], /
    ) -> tuple[torch.Tensor, ...]:
        """Return tensors of shape ``(rows, ...)``."""


def probe(program: ChunkProgram, parameters: Parameters, drawn: Drawn, what: str) -> None:
    """Check that what a program gives for a record depends on that record alone.

    Parameters
    ----------
    program
        What is to be run.
    parameters
        The graph's own.
    drawn
        Draws records.
    what
        What the program computes, in words.

    Raises
    ------
    GraphRefused
        If a record's result depends on something else than the record, or there is none.
    """
    half = program.rows // 2
    tame, hostile = TAME[:half], HOSTILE
    run = _Runs(program, drawn, what)
    with run.heap.poisoned():
        moved = drawn.near(parameters)
        for start in range(0, len(hostile), half):
            _compare(run, moved, tame, hostile[start : start + half])
        _compare(run, parameters, tame, hostile[:half], briefly=True)


def _compare(
    run: _Runs,
    parameters: Parameters,
    tame: Sequence[Kind],
    hostile: Sequence[Kind],
    briefly: bool = False,
) -> None:
    """Compare runs in which other memory, other neighbours or another place is all that differs."""
    rows, drawn = run.rows, run.drawn
    kinds = (*tame, *hostile)
    nobody = len(kinds)
    records = [torch.cat([c, torch.zeros_like(c[:1])]) for c in drawn.records(kinds)]
    # All places have ordinary records; then every other one of them a hostile record.
    first = (torch.arange(rows) % len(tame))[drawn.permutation(rows)]
    changed = drawn.permutation(rows)[: rows // 2]
    second = first.clone()
    second[changed] = len(tame) + torch.arange(len(changed)) % len(hostile)
    kept = torch.ones(rows, dtype=torch.bool)
    kept[changed] = False

    def bits(order: torch.Tensor, junk: int) -> list[torch.Tensor]:
        return run.bits(parameters, records, kinds, order, junk)

    among_tame = bits(first, 0)
    if not briefly:
        run.same(among_tame, bits(first, 1), "memory")
    among_hostile = bits(second, 0)
    run.same([b[kept] for b in among_tame], [b[kept] for b in among_hostile], "neighbours")
    if briefly:
        return
    run.same(among_hostile, bits(second, 1), "memory")
    moved = drawn.permutation(rows)
    run.same([b[moved] for b in among_hostile], bits(second[moved], 1), "place")
    for order, found in ((first, among_tame), (second, among_hostile)):
        place = int(changed[0])
        alone = torch.full((rows,), nobody)
        alone[place] = order[place]
        one = [b[place] for b in bits(alone, 0)]
        run.same([b[place] for b in found], one, "neighbours")


_REFUSALS = {
    "memory": (
        "depends on what was in the computer's memory before",
        "An operator leaves a part of its result unset for these arguments, or gives another "
        "result each time: write that part of the function with other operators.",
    ),
    "neighbours": (
        "depends on other records",
        "Compute along a record's own dimensions only, and name them: 'dim=...'.",
    ),
    "place": (
        "depends on its place among other records",
        "Something in the function blows up the last digits of a result: scale its numbers down, "
        "or write that part of the function with other operators.",
    ),
}


class _Runs:
    """Runs one program over poisoned memory, and tells what is wrong with it."""

    def __init__(self, program: ChunkProgram, drawn: Drawn, what: str) -> None:
        self.program, self.drawn, self.what = program, drawn, what
        self.rows = program.rows
        self.heap = Heap()

    def bits(
        self,
        parameters: Parameters,
        records: Sequence[torch.Tensor],
        kinds: Sequence[Kind],
        order: torch.Tensor,
        junk: int,
    ) -> list[torch.Tensor]:
        """Return the bits of each output for each row, uint8, ``(rows, bytes)``."""
        columns = tuple(column[order] for column in records)
        try:
            with self.heap.filled(junk):
                outputs = self.program(parameters, columns)
        except GraphRefused:
            raise
        except Exception as error:
            self._fails(parameters, records, kinds, error)
        if any(len(output) != self.rows for output in outputs):
            raise GraphRefused(f"graph: {self.what} has not one row for each record")
        return [_bits(output) for output in outputs]

    def same(self, one: list[torch.Tensor], other: list[torch.Tensor], kind: str) -> None:
        """Check that both are equal, bit for bit.

        Raises
        ------
        GraphRefused
            If not, for the reason that `kind` names.
        """
        if not all(torch.equal(a, b) for a, b in zip(one, other, strict=True)):
            why, hint = _REFUSALS[kind]
            raise GraphRefused(f"graph: {self.what} that it gives for a record {why}", hint)

    def _fails(
        self,
        parameters: Parameters,
        records: Sequence[torch.Tensor],
        kinds: Sequence[Kind],
        error: Exception,
    ) -> NoReturn:
        """Find the kind of record for which a program fails, and refuse the program."""
        hint = "Use operators that give a result for every value."
        for number, kind in enumerate(kinds):
            alike = torch.full((self.rows,), number)
            try:
                self.program(parameters, tuple(column[alike] for column in records))
            except Exception as found:
                why = f"for a record of {kind.name} ({type(found).__name__})"
                raise GraphRefused(f"graph: it fails {why}", hint) from None
        why = f"for some records together ({type(error).__name__})"
        raise GraphRefused(f"graph: it fails {why}", hint) from None


def _bits(output: torch.Tensor) -> torch.Tensor:
    """Return the bytes of each row, ``(rows, bytes)``; any NaN counts as the same."""
    flat = output.detach().reshape(len(output), -1)
    if flat.is_floating_point():
        flat = torch.where(flat.isnan(), torch.full_like(flat, math.nan), flat)
    return flat.contiguous().view(torch.uint8)
