"""The clipped sum of one vector per privacy unit, exact to the last bit.

Each unit's vector is clipped to L2 norm C and cut, toward zero, to whole multiples of
``g = 2**(floor(log2 C) - 25)``. In units of g all entries are integers below 2**26, so float64 adds
up to 2**27 units without any rounding: the sum does not depend on the order of the units, and one
unit more moves it by exactly that unit's vector. That a vector's norm is at most C is checked on
the very integers that are summed, in exact arithmetic; a vector that fails adds nothing.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch

from workbench.engine.program.record_program import values_program
from workbench.engine.program.tiles import filled, whole_tiles
from workbench.graphs.record_graph import RecordGraph

_BITS = 25
MOST_UNITS = 1 << 27
"""How many units a sum may have so that float64 holds it exactly."""


class BoundedSum:
    """Computes clipped sums of the vectors that a record graph gives.

    Parameters
    ----------
    graph
        The record graph; its only output is a float32 vector, shape ``(d,)``.
    max_norm
        The bound C on each unit's L2 norm.
    records_per_unit
        How many consecutive rows of a chunk belong to one unit (missing ones masked).

    Attributes
    ----------
    grid
        The width g of the grid, a power of two.

    Guarantees
    ----------
    Adding or removing one unit changes the sum, which is exact, by a vector of L2 norm at most
    `max_norm`. A unit's vector that is zero, NaN or infinite, even in one entry, adds exactly
    nothing; one within the bound adds itself, cut to the grid; one beyond it keeps its direction.
    """

    def __init__(self, graph: RecordGraph, max_norm: float, records_per_unit: int = 1) -> None:
        self.graph = graph
        self.records_per_unit = records_per_unit
        self.length = graph.output_specs[0].shape[0]
        exponent = math.frexp(max_norm)[1] - 1 - _BITS
        self.grid = math.ldexp(1.0, exponent)
        squared = (Fraction(max_norm) / Fraction(self.grid)) ** 2
        # Below 2**52, so a float64 sum of squared integers that passes it was exact.
        self._limit = float(math.floor(squared))
        self._bound = math.sqrt(self._limit)
        # Kept from chunk to chunk: the kernel's pages for a new one cost more than the arithmetic.
        self._values, self._squares = torch.empty((2, 0, self.length), dtype=torch.float64)
        self._whole = torch.empty((0, self.length), dtype=torch.int32)

    @torch.no_grad()
    def __call__(
        self,
        state: dict[str, torch.Tensor],
        columns: tuple[torch.Tensor, ...],
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Return the clipped sum of one chunk in units of `grid`.

        Parameters
        ----------
        state
            The graph's parameters, float32.
        columns
            The graph's inputs, each of shape ``(units * records_per_unit, *shape)``.
        present
            Which rows are records, not filling; bool, ``(units * records_per_unit,)``.

        Returns
        -------
        torch.Tensor
            Whole numbers, float64, shape ``(d,)``. One unit changes it by a vector of L2 norm at
            most ``max_norm / grid``.
        """
        rows = whole_tiles(len(present), self.records_per_unit)
        if rows > len(present):
            columns = tuple(filled(column, rows) for column in columns)
            present = filled(present, rows)
        (vectors,) = values_program(self.graph, slice(0, 1), rows)(state, columns)
        if self.records_per_unit > 1:
            vectors = torch.where(present[:, None], vectors, torch.zeros(()))
            vectors = vectors.reshape(-1, self.records_per_unit, self.length).double().sum(1)
            present = present.reshape(-1, self.records_per_unit).any(1)
        if self._values.shape != vectors.shape:
            self._values, self._squares = torch.empty((2, *vectors.shape), dtype=torch.float64)
            self._whole = torch.empty(vectors.shape, dtype=torch.int32)
        values = self._values.copy_(vectors)
        # In units of the grid, a power of two: this scaling is exact.
        squared = torch.mul(values, values, out=self._squares).sum(1) / self.grid**2
        # Sums of squares of float32 numbers stay finite in float64 if the numbers are.
        keep = present & torch.isfinite(squared)
        factors = (self._bound / squared.sqrt()).clamp_max_(1.0)
        factors = torch.where(squared <= self._limit, torch.ones_like(factors), factors)
        factors = torch.where(keep, factors / self.grid, torch.zeros_like(factors))
        # As an int32 a value is cut toward zero, and finite whatever it was before.
        values.copy_(self._whole.copy_(values.mul_(factors[:, None])))
        keep &= torch.mul(values, values, out=self._squares).sum(1) <= self._limit
        total: torch.Tensor = keep.double() @ values
        return total
