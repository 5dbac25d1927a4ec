"""Measure how much longer programs take for the slowest values than for the fastest.

Many operators take longer for some values: logarithms of zero, sines of large numbers, what is
sorted, rows that are looked up all over a table. A graph could let them wait for one person's
record, and whoever sees when a step ends would see the record. So a run's schedule
(`workbench.engine.timing.pace`) has room for the slowest values everywhere: each operator of its
programs is called by itself, in the shapes that it will have, on numbers of many kinds, and the
difference between the slowest and the fastest is added. All of this is made up and public.

What is not tried: products of matrices and convolutions, which take most of the time. Theirs does
not depend on values where subnormal numbers are flushed (`workbench.domain.worker.surroundings`),
as ``tests/engine/test_slowest.py`` measures.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker.values.order import is_laid
from workbench.engine.program.program import Program
from workbench.engine.timing.costs import Cost
from workbench.engine.timing.pace import SLACK

A = torch.ops.aten
Maker = Callable[[torch.Tensor, int, int], torch.Tensor]
"""Makes an operand of the shape and dtype of one without data, from a seed.

Its whole numbers are below the second argument.
"""
_STEADY = frozenset(
    {operator.getitem, A.mm.default, A.bmm.default, A.addmm.default, A.baddbmm.default}
    | {A.convolution.default, A.convolution_backward.default, A.view.default}
    | {A.reshape.default, A.permute.default, A.transpose.int, A.t.default, A.expand.default}
    | {A.unsqueeze.default, A.select.int, A.slice.Tensor, A.split.Tensor, A.unbind.int}
)
_ALONG_FIRST = frozenset({A.embedding.default})
_ALONG_GIVEN = frozenset(
    {A.gather.default, A.scatter_add.default, A.index_select.default, A.index_add.default}
)
"""Operators that look up, whose first operand is the table; the next argument says along what."""
_ALIKE = (0.0, 0.5, 2.0, -1.5, 1e30, math.nan, math.inf)
_MIXED = (math.nan, 2.0, -math.inf, 0.0, 1e30, -0.5, 1e-30)
_CALLS = ((1e-4, 7), (1e-3, 4), (math.inf, 2))
"""How many calls are made, of which the shortest counts, where one takes up to so many seconds."""


def slowest(programs: Iterable[Program]) -> Cost:
    """Return how much longer the programs take at most for other values, run once each.

    Parameters
    ----------
    programs
        Those that run; of these, the ones that no record reaches do not count.

    Returns
    -------
    Cost
        Seconds, as many by the clock as of processor time: nothing here waits.

    Raises
    ------
    RuntimeError
        If an operator takes none of the numbers: nothing would be known of its time.
    """
    found: dict[object, float] = {}
    total = 0.0
    with torch.inference_mode():
        for program in (p for p in programs if p.gives != "public"):
            for node in program.module.graph.nodes:
                if node.op == "call_function" and node.target not in _STEADY:
                    key = _key(node, program)
                    if key not in found:
                        found[key] = _difference(node, program)
                    total += found[key]
    return Cost(total, total)


def _key(node: torch.fx.Node, program: Program) -> object:
    """Return what is equal for calls that take equal times: all but what operands hold."""

    def kind(source: torch.fx.Node) -> Any:
        value = source.meta["val"]
        constant = (id(program), source.target) if source.op == "get_attr" else ""
        # In words: FX makes nodes of tuples of numbers.
        return f"{tuple(value.shape)} {value.stride()} {value.dtype} {constant}"

    return (node.target, repr(torch.fx.map_arg((node.args, node.kwargs), kind)))


def _difference(node: torch.fx.Node, program: Program) -> float:
    makers = _MAKERS
    if not all(is_laid(source.meta["val"]) for source in node.all_input_nodes):
        # PyTorch takes other instructions for operands that lie in another order.
        makers += tuple(partial(_as_foretold, maker) for maker in _MAKERS)
    taken = [t for maker in makers if (t := _time(node, program, maker)) is not None]
    if not taken:
        raise RuntimeError(f"{node.target} takes none of the numbers that it is measured on")
    # What differs by less, the schedule has room for in any case.
    if max(taken) < SLACK * min(taken):
        return 0.0
    return max(taken) - min(taken)


def _time(node: torch.fx.Node, program: Program, maker: Maker) -> float | None:
    """Return what a call takes on such numbers, in seconds; None if it takes none of them."""
    best, done = math.inf, 0
    while done < next(calls for most, calls in _CALLS if best <= most):
        args, kwargs = _operands(node, program, maker, done)
        # Not by the clock on the wall, which other processes disturb.
        began = time.thread_time()
        try:
            node.target(*args, **kwargs)  # type: ignore[operator]
        except (RuntimeError, IndexError):
            return None
        best, done = min(best, time.thread_time() - began), done + 1
    return best


def _operands(node: torch.fx.Node, program: Program, maker: Maker, seed: int) -> Any:
    below, drawn = _rows_of_table(node), 0

    def made(source: torch.fx.Node) -> torch.Tensor:
        nonlocal drawn
        drawn += 1
        if source.op == "get_attr":
            return program.constants[str(source.target)]
        return maker(source.meta["val"], below, 100 * seed + drawn)

    return torch.fx.map_arg((node.args, node.kwargs), made)


def _rows_of_table(node: torch.fx.Node) -> int:
    """Return how many rows an index may choose from; 2 where nothing is looked up."""
    if node.target not in _ALONG_FIRST | _ALONG_GIVEN:
        return 2
    table, dim = node.args[0], 0 if node.target in _ALONG_FIRST else node.args[1]
    assert isinstance(table, torch.fx.Node)
    assert isinstance(dim, int)
    shape = table.meta["val"].shape
    return int(shape[dim]) if shape else 1


def _all(number: float) -> Maker:
    def maker(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
        chosen = number if value.is_floating_point() else 0
        return torch.full(value.shape, chosen, dtype=value.dtype)

    return maker


def _as_foretold(maker: Maker, value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    """Return what `maker` makes, lying as PyTorch says that it will."""
    found = maker(value, below, seed)
    for dim, stride in enumerate(value.stride()):
        found = found.narrow(dim, 0, 1) if stride == 0 else found
    lying = torch.empty_strided(found.shape, value.stride(), dtype=value.dtype)
    return lying.copy_(found).expand(value.shape)


def _random(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, max(below, 1), value.shape, generator=generator).to(value.dtype)


def _mixed(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    if not value.is_floating_point():
        return _random(value, below, seed)
    numbers = torch.tensor(_MIXED, dtype=value.dtype).roll(seed)
    count = value.numel()
    return numbers.repeat(count // len(_MIXED) + 1)[:count].reshape(value.shape)


def _rising(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    if not value.is_floating_point():
        return _random(value, below, seed)
    return torch.arange(value.numel(), dtype=value.dtype).reshape(value.shape)


def _normal(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    if not value.is_floating_point():
        return _random(value, below, seed)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(value.shape, generator=generator).to(value.dtype)


def _sizes(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    """Numbers of all sizes, as many of each power of two."""
    if not value.is_floating_point():
        return _random(value, below, seed)
    generator = torch.Generator().manual_seed(seed)
    least, most = torch.finfo(value.dtype).tiny, torch.finfo(value.dtype).max
    low, high = math.log2(least), math.log2(most)
    powers = torch.rand(value.shape, generator=generator, dtype=torch.float64) * (high - low) + low
    signs = torch.rand(value.shape, generator=generator).sub_(0.5).sign_()
    return (powers.exp2() * signs).clamp(-most, most).to(value.dtype)


_MAKERS: tuple[Maker, ...] = (*(_all(n) for n in _ALIKE), _mixed, _rising, _normal, _sizes)
