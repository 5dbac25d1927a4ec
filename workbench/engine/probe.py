"""The second line: a program is run on made-up records before it is given any that are real.

`workbench.engine.program.checker` proves that a program keeps records apart, as far as operators do
what they say. Here the same program runs in chunks of the same size as it will, and what it says of
a record must be the same, bit for bit,

- over memory that was filled with something else before,
- with other records beside it: ordinary ones, hostile ones, and none,
- at another place of the chunk,

and it may fail for none. Records are drawn within the schema's bounds or are hostile: zeros of both
signs, subnormal, huge and infinite numbers, NaN, categories that do not exist. Parameters are the
graph's own, and others near them, so that a weight of zero hides nothing. What is drawn can't be
foreseen.

What this does not find: what a program does for other values only.
"""

from __future__ import annotations

import ctypes
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from workbench.documents.plans import Plan, StatisticPlan
from workbench.engine.postprocessing import private_part
from workbench.engine.program.record_program import values_program
from workbench.engine.program.tiles import whole_tiles
from workbench.engine.sampling.noise import SEED_BYTES, SealedRandom
from workbench.engine.statistics import sum_on_filling
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.distributed import Ranks
from workbench.engine.timing.costs import Filling
from workbench.engine.training_costs import evaluate_on_filling, train_on_filling
from workbench.errors import GraphRefused
from workbench.graphs.record_graph import RecordGraph, TensorSpec

Bounds = Sequence[tuple[float, float]]
Parameters = Mapping[str, torch.Tensor]
_MAX = torch.finfo(torch.float32).max
_INTEGERS = torch.iinfo(torch.int64)


class ChunkProgram(Protocol):
    """What computes tensors for each record of a chunk; each has the records as its rows."""

    @property
    def rows(self) -> int:
        """How many records a chunk has."""

    def __call__(
        self, parameters: Parameters, columns: tuple[torch.Tensor, ...], /
    ) -> tuple[torch.Tensor, ...]:
        """Return tensors of shape ``(rows, ...)``."""


def check(
    graph: RecordGraph,
    plan: Plan | StatisticPlan,
    bounds: Bounds,
    *,
    record_count: int,
    holdout_fraction: float,
    max_records_per_unit: int,
    update: RecordGraph | None = None,
    ranks: int = 1,
) -> None:
    """Return None if a plan's programs pass, in the sizes in which a domain would run them.

    Parameters
    ----------
    graph
        With its inputs and metrics named.
    plan
        What would be run.
    bounds
        For each input its smallest and largest number, or index of a category.
    record_count, holdout_fraction, max_records_per_unit
        The published figures.
    update
        What makes the next state of a statistic.
    ranks
        Among how many processes a run is divided.

    Raises
    ------
    GraphRefused
        If not: the checker's reason, or what was seen here and what to do.
    """
    per_unit = max_records_per_unit
    filling = Filling(graph, record_count, per_unit)

    def rows() -> int:
        return whole_tiles(filling.size * per_unit, per_unit)

    drawn = Drawn(graph.input_specs, bounds, torch.Generator().manual_seed(secrets.randbits(63)))
    # First all that a run does, on filling: what cannot be run at all is told before it is charged.
    if isinstance(plan, StatisticPlan):
        sum_on_filling(graph, plan, filling, update)
        program = values_program(graph, slice(0, 1), rows())
        return probe(program, graph.parameters, drawn, "the vector")
    units = record_count * (1 - holdout_fraction)
    train_on_filling(graph, plan, filling, plan.sample_rate * units, _Imagined(0, ranks))
    trained = private_part(graph, plan, SealedRandom(bytes(SEED_BYTES)), graph.parameters)[0]
    if trained.trainable:
        head = ClippedSum(trained, plan.max_grad_norm, per_unit)
        program = head.program(rows())
        probe(program, graph.parameters, drawn, "the gradient")
    if graph.metrics:
        evaluate_on_filling(graph, filling)
        outputs = slice(1, 1 + len(graph.metrics))
        program = values_program(graph, outputs, rows())
        probe(program, graph.parameters, drawn, "a metric")


class _Imagined(Ranks):
    """One of several ranks, of which the others are not there."""

    def reduced(self, value: torch.Tensor) -> torch.Tensor:
        return value

    def agreed(self, value: torch.Tensor) -> torch.Tensor:
        return value


@dataclass(frozen=True)
class _Kind:
    """How a made-up record looks.

    Attributes
    ----------
    name
        In words.
    number, index
        What its entries are, where they are not ordinary: a float, and an index of a category,
        each a number or ``lower`` or ``upper`` for a bound.
    share
        Which share of its entries.
    """

    name: str
    number: float | str = 0.0
    index: int | str = "lower"
    share: float = 1.0


_TAME = (
    _Kind("an ordinary record", share=0.0),
    _Kind("zeros", 0.0),
    _Kind("an ordinary record", share=0.0),
    _Kind("zeros of negative sign", -0.0),
    _Kind("subnormal numbers", 1e-40),
    _Kind("upper bounds", "upper", "upper"),
    _Kind("some zeros of negative sign", -0.0, share=0.3),
    _Kind("lower bounds", "lower", "lower"),
    _Kind("some subnormal numbers", -1e-40, share=0.3),
    _Kind("an ordinary record", share=0.0),
    _Kind("some zeros", 0.0, share=0.3),
)
_EXTREMES: tuple[tuple[str, float, int | str], ...] = (
    ("NaN", math.nan, "beyond"),
    ("infinity", math.inf, _INTEGERS.max),
    ("huge numbers", 1e30, 1 << 62),
    ("negative infinity", -math.inf, _INTEGERS.min),
    ("huge negative numbers", -1e30, -(1 << 31)),
    ("the largest numbers", _MAX, -1),
)
_HOSTILE = (
    *(_Kind(f"some of {name}", number, index, 0.3) for name, number, index in _EXTREMES),
    *(_Kind(name, number, index) for name, number, index in _EXTREMES),
)


class Drawn:
    """Draws made-up records.

    Parameters
    ----------
    specs
        Shape and dtype of each input of one record.
    bounds
        For each input its smallest and largest number.
    generator
        Whence the rest comes.
    """

    def __init__(
        self, specs: Sequence[TensorSpec], bounds: Bounds, generator: torch.Generator
    ) -> None:
        self.specs, self.bounds, self.generator = specs, bounds, generator

    def records(self, kinds: Sequence[_Kind]) -> tuple[torch.Tensor, ...]:
        """Return one record of each kind as columns, each of shape ``(len(kinds), *shape)``."""
        return tuple(
            self._column(spec, lower, upper, kinds)
            for spec, (lower, upper) in zip(self.specs, self.bounds, strict=True)
        )

    def _column(
        self, spec: TensorSpec, lower: float, upper: float, kinds: Sequence[_Kind]
    ) -> torch.Tensor:
        shape = (len(kinds), *spec.shape)
        ends = {"lower": lower, "upper": upper, "beyond": upper + 1}
        floating = spec.dtype.is_floating_point
        uniform = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        if floating:
            ordinary = lower + (upper - lower) * uniform
        else:
            ordinary = torch.floor(lower + (upper + 1 - lower) * uniform).clamp_(lower, upper)
        wanted = [kind.number if floating else kind.index for kind in kinds]
        numbers = [ends[one] if isinstance(one, str) else one for one in wanted]
        # Whole numbers up to 64 bits do not fit through a float64.
        special = torch.tensor(numbers if floating else [int(n) for n in numbers], dtype=spec.dtype)
        across = (len(kinds), *[1] * len(spec.shape))
        shares = torch.tensor([kind.share for kind in kinds]).reshape(across)
        there = torch.rand(shape, generator=self.generator) < shares
        return torch.where(there, special.reshape(across), ordinary.to(spec.dtype))

    def near(self, parameters: Parameters) -> dict[str, torch.Tensor]:
        """Return other parameters: each moved by half of its usual size, or of 0.1 if it is 0."""
        found = {}
        for name, value in parameters.items():
            size = float(value.double().square().mean().sqrt()) or 0.1
            moves = torch.randn(value.shape, generator=self.generator)
            found[name] = value + 0.5 * size * moves
        return found

    def permutation(self, count: int) -> torch.Tensor:
        """Return the numbers below `count` in some order."""
        return torch.randperm(count, generator=self.generator)


def probe(program: ChunkProgram, parameters: Parameters, drawn: Drawn, what: str) -> None:
    """Return None if no difference is seen.

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
    tame, hostile = _TAME[:half], _HOSTILE
    run = _Runs(program, drawn, what)
    with run.heap.poisoned():
        moved = drawn.near(parameters)
        for start in range(0, len(hostile), half):
            _compare(run, moved, tame, hostile[start : start + half])
        _compare(run, parameters, tame, hostile[:half], briefly=True)


def _compare(
    run: _Runs,
    parameters: Parameters,
    tame: Sequence[_Kind],
    hostile: Sequence[_Kind],
    briefly: bool = False,
) -> None:
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
        kinds: Sequence[_Kind],
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
        """Return None if both are equal.

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
        kinds: Sequence[_Kind],
        error: Exception,
    ) -> NoReturn:
        """Find the kind of record that it is, and tell it."""
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


_JUNK = (0x3F, 0xC5)
"""Bytes whose float32 and float64 are ordinary numbers of both signs, and that are true."""
_PERTURB = -6
_SMALL = range(16, 1056, 16)
_CACHED = 8
_COPIES = 4
_MOST_BYTES = 256 << 20


class Heap:
    """Freed and new memory, filled with junk before a program runs.

    The C library fills what it hands out (glibc's ``M_PERTURB``), but for small pieces that it
    keeps at hand; and other libraries may not at all. So pieces of the sizes in use are taken,
    filled and given back, too.
    """

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL(None)
        self._library.malloc.restype = ctypes.c_void_p
        self._library.malloc.argtypes = [ctypes.c_size_t]
        self._library.free.argtypes = [ctypes.c_void_p]
        self._sizes: set[int] = set()

    @contextmanager
    def poisoned(self) -> Iterator[None]:
        """Leave the C library's setting as it is by default, afterwards."""
        try:
            yield
        finally:
            self._perturb(0)

    @contextmanager
    def filled(self, junk: int) -> Iterator[None]:
        """Fill memory with the first or the second kind of junk; note which sizes are in use."""
        byte = _JUNK[junk]
        # New memory gets the byte's complement, freed memory the byte.
        self._perturb(byte ^ 0xFF)
        pieces = [self._library.malloc(size) for size in _SMALL for _ in range(_CACHED)]
        for piece, size in zip(pieces, (s for s in _SMALL for _ in range(_CACHED)), strict=True):
            ctypes.memset(piece, byte, size)
        for piece in pieces:
            self._library.free(piece)
        left, held = _MOST_BYTES, []
        for size in sorted(self._sizes, reverse=True):
            for _ in range(_COPIES):
                if size <= left:
                    held.append(torch.empty(size, dtype=torch.uint8).fill_(byte))
                    left -= size
        del held
        if self._sizes:
            yield
        else:
            with _Sizes(self._sizes):
                yield

    def _perturb(self, byte: int) -> None:
        if hasattr(self._library, "mallopt"):
            self._library.mallopt(_PERTURB, byte)


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the sizes of what operators return, in bytes."""

    def __init__(self, sizes: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._found = sizes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **(kwargs or {}))
        for value in outputs if isinstance(outputs, list | tuple) else (outputs,):
            if isinstance(value, torch.Tensor):
                self._found.add(value.untyped_storage().nbytes())
        return outputs
