"""How much longer programs take for the slowest values than for the fastest.

Many operators take longer for some values: logarithms of zero, sines of large numbers, what is
sorted, rows that are looked up all over a table. A graph could let them wait for one person's
record, and whoever sees when a round ends would see the record. So a run's schedule
(`workbench.engine.pace`) has room for the slowest values everywhere: each operator of its programs
is called by itself, in the shapes that it will have, on numbers of many kinds, and the difference
between the slowest and the fastest is added. All of this is made up and public.

What is not tried: products of matrices and convolutions. Their time does not depend on values where
subnormal numbers are flushed (`workbench.domain.surroundings`).
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.fx

from workbench.engine.costs import Cost
from workbench.engine.program import Program

A = torch.ops.aten
_STEADY = frozenset(
    {operator.getitem, A.mm.default, A.bmm.default, A.addmm.default, A.baddbmm.default}
    | {A.convolution.default, A.convolution_backward.default, A.view.default}
    | {A.reshape.default, A.permute.default, A.transpose.int, A.t.default, A.expand.default}
    | {A.unsqueeze.default, A.select.int, A.slice.Tensor, A.split.Tensor, A.unbind.int}
)
_LOOKED_UP = {
    A.embedding.default: (0, lambda args: 0),
    A.gather.default: (0, lambda args: args[1]),
    A.scatter_add.default: (0, lambda args: args[1]),
    A.index_select.default: (0, lambda args: args[1]),
    A.index_add.default: (0, lambda args: args[1]),
}
"""Which argument an index goes into, and along which of its dimensions."""
_ALIKE = (0.0, 0.5, 2.0, -1.5, 1e30, math.nan, math.inf)
_MIXED = (math.nan, 2.0, -math.inf, 0.0, 1e30, -0.5, 1e-30)
_SHORT = 1e-3
_STEADY_RATIO = 1.2
"""What differs by less is taken for what a clock shows of equal things."""


def slowest(programs: Iterable[Program]) -> Cost:
    """Return how much longer the programs take at most for other values, run once each.

    Parameters
    ----------
    programs
        Those that compute on records.
    """
    found: dict[object, float] = {}
    total = 0.0
    with torch.inference_mode():
        for program in programs:
            for node in program.module.graph.nodes:
                if node.op == "call_function" and node.target not in _STEADY:
                    key = _key(node)
                    if key not in found:
                        found[key] = _difference(node, program)
                    total += found[key]
    return Cost(total, total)


def _key(node: torch.fx.Node) -> object:
    shapes = torch.fx.map_arg((node.args, node.kwargs), lambda n: _kind(n.meta["val"]))
    return (node.target, repr(shapes))


def _kind(value: torch.Tensor) -> Any:
    # In words: FX makes nodes of tuples of numbers.
    return f"{tuple(value.shape)} {value.dtype}"


def _difference(node: torch.fx.Node, program: Program) -> float:
    makers: list[Callable[[torch.Tensor, int, int], torch.Tensor]] = [
        *(_all(number) for number in _ALIKE), _mixed, _rising, _normal, _bits,
    ]  # fmt: skip
    taken = [t for maker in makers if (t := _time(node, program, maker)) is not None]
    if not taken or max(taken) < _STEADY_RATIO * min(taken):
        return 0.0
    return max(taken) - min(taken)


def _time(
    node: torch.fx.Node,
    program: Program,
    maker: Callable[[torch.Tensor, int, int], torch.Tensor],
) -> float | None:
    """Return what a call takes on such numbers, in seconds; None if it takes none of them."""
    best, done = math.inf, 0
    while done < (3 if best < _SHORT else 2):
        args, kwargs = _operands(node, program, maker, done)
        began = time.perf_counter()
        try:
            node.target(*args, **kwargs)  # type: ignore[operator]
        except (RuntimeError, IndexError):
            return None
        best, done = min(best, time.perf_counter() - began), done + 1
    return best


def _operands(
    node: torch.fx.Node,
    program: Program,
    maker: Callable[[torch.Tensor, int, int], torch.Tensor],
    seed: int,
) -> Any:
    below = 2
    if node.target in _LOOKED_UP:
        position, dim_of = _LOOKED_UP[node.target]
        table = node.args[position]
        assert isinstance(table, torch.fx.Node)
        below = table.meta["val"].shape[dim_of(node.args)] if table.meta["val"].dim() else 1
    drawn = 0

    def made(source: torch.fx.Node) -> torch.Tensor:
        nonlocal drawn
        drawn += 1
        if source.op == "get_attr":
            return program.constants[str(source.target)]
        return maker(source.meta["val"], below, 100 * seed + drawn)

    return torch.fx.map_arg((node.args, node.kwargs), made)


def _all(number: float) -> Callable[[torch.Tensor, int, int], torch.Tensor]:
    def maker(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
        return torch.full(value.shape, number if value.is_floating_point() else 0,
                          dtype=value.dtype)  # fmt: skip

    return maker


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


def _bits(value: torch.Tensor, below: int, seed: int) -> torch.Tensor:
    """Numbers of all sizes, as many of each power of two."""
    if not value.is_floating_point():
        return _random(value, below, seed)
    generator = torch.Generator().manual_seed(seed)
    least, most = torch.finfo(value.dtype).tiny, torch.finfo(value.dtype).max
    low, high = math.log2(least), math.log2(most)
    powers = torch.rand(value.shape, generator=generator, dtype=torch.float64) * (high - low) + low
    signs = torch.rand(value.shape, generator=generator).sub_(0.5).sign_()
    return (powers.exp2() * signs).clamp(-most, most).to(value.dtype)
