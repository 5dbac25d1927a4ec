"""Terms of a unit that cancel are not large beside the bound, so a sum loses little of them.

A unit whose terms cancel has a small gradient and could have terms of any size. Each addition to a
running sum rounds by as much as the sum is large, for every unit. A reviewer made thousands of such
units move together, by 1.6e-4 of C more than C.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from workbench.documents import Schema
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.sums.contributions.forms import OuterProducts, Rows
from workbench.engine.sums.contributions.rounding import CANCELLING, float64_share
from workbench.engine.sums.tail import Tail
from workbench.graphs.export.training import export


@given(
    positions=st.integers(2, 40),
    width=st.integers(1, 6),
    exponent=st.integers(-10, 10),
    seed=st.integers(0, 1000),
)
def test_a_norm_is_at_least_a_share_of_the_terms_that_it_is_the_norm_of(
    positions, width, exponent, seed
):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn((2, positions, width), generator=generator) * 10.0**exponent
    right = torch.randn((2, positions, width), generator=generator)
    left, right = torch.cat([left, left], 1), torch.cat([right, -right], 1)
    same = torch.zeros((2, 2 * positions), dtype=torch.int64)
    for made, terms in (
        (OuterProducts(left, right), left.norm(dim=2) * right.norm(dim=2)),
        (Rows(same, right, 1), right.norm(dim=2)),
    ):
        assert bool((made.norms() >= CANCELLING * 0.999 * terms.sum(1)).all())


def test_the_share_covers_what_terms_of_that_size_can_lose():
    units, largest, positions = 1000, 5000, 64
    lost = units * positions * 2.0**-53 / CANCELLING * largest
    assert float64_share(units, largest, positions) >= 2 * lost
    assert float64_share(units, largest) < float64_share(units, largest, positions)


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(2, 1)

    def forward(self, x):
        return (self.table((x * 0).long()).squeeze(-1) * x).sum()


@pytest.mark.parametrize("units", [4095, 65_535])
def test_many_units_whose_terms_cancel_move_a_sum_by_no_more_than_c(units):
    """All of them lie just below a power of two, which the first record lifts them over."""
    column = {"name": "x", "kind": "tensor", "shape": [3], "lower": -1e6, "upper": 1e6}
    graph = export(
        lambda model, record: model(record["x"]), Table(), Schema.read({"columns": [column]})
    )
    large = 2.0**19

    def weight(bound):
        summing = clipped(bound)
        rows = Rows(
            torch.zeros((1, 3), dtype=torch.int64), torch.tensor([[[0.0], [large], [-large]]]), 2
        )
        shapes = {name: tuple(graph.parameters[name].shape) for name in summing.trained}
        tail = Tail(shapes, (summing.trained,), 1, False, summing.exact)
        norm = tail._norms(summing.trained, {summing.trained[0]: rows})
        return float((summing.limit / norm).clamp(max=1.0))

    def clipped(bound):
        summing = ClippedSum(graph, bound)
        summing.allow_float32(units + 1, units + 1)
        return summing

    bound = 2.0**-7
    times = weight(bound) * large / bound
    power = math.floor(math.log2(weight(bound) * large))
    bound = 2.0**power / times * (1 - 0.4 / times)
    small = 1.49 * 2.0 ** (power - 53) / weight(bound)
    others = torch.tensor([small, large, -large]).expand(units, 3)
    first = torch.tensor([[1e3, 0.0, 0.0]])
    found = []
    for x in (others.contiguous(), torch.cat([first, others])):
        present = torch.ones(len(x), dtype=torch.bool)
        (total,) = clipped(bound)(graph.parameters, (x,), present).values()
        found.append(total)
    assert float((found[1] - found[0]).norm()) <= bound
