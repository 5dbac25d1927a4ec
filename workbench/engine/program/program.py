"""One flat program for a chunk of records: traced once, checked, and then run as it stands.

A function of tensors is followed once on tensors without data (``make_fx`` on fake tensors),
through ``vmap`` and ``autograd``. What comes out is a list of ATen operators, forward and backward.
It is shortened first: what shapes alone decide is computed once, equal calls are made once. Then
`workbench.engine.program.checker` proves that it keeps records apart, and that very object runs,
node by node. There is no second way to compute anything, and nothing changes the program after the
check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch

from workbench.engine.program.checker.values.order import row_major
from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.checker.walk import Refused, check
from workbench.engine.program.places import refused
from workbench.engine.program.tracing.order import in_order
from workbench.engine.program.tracing.trace import trace


class Program:
    """Runs one checked list of operators on chunks of records.

    Parameters
    ----------
    function
        Takes as many tensors as there are `inputs`, gives a tuple of tensors; must not look at
        their values.
    inputs
        What is known of the tensors that it will be given.
    records
        How many records a chunk has.
    gives
        What its outputs have to be: ``records``, each with its records along the first dimension;
        ``totals``, sums over records; or ``public``, for a program that no record reaches.

    Attributes
    ----------
    outputs
        What is known of its outputs.

    Raises
    ------
    Refused
        If the checker refuses a node, or an output is not what it has to be.

    Guarantees
    ----------
    What runs is the very object that was checked. With ``gives="records"`` each row of an output
    depends on one record and public values only, and is computed alike at each place of the chunk.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Value],
        records: int,
        gives: Literal["records", "totals", "public"] = "records",
    ) -> None:
        self.module, self.constants = trace(function, inputs)
        # Not through nn.Module's call, which takes as long as several small operators.
        self._run = self.module.forward
        self.records, self.inputs, self.gives = records, tuple(inputs), gives
        self._laid = {
            place: row_major(value.shape) for place, value in enumerate(inputs) if value.laid
        }
        self.outputs = self.check()

    def check(self) -> tuple[Value, ...]:
        """Check the program that runs and return what is known of its outputs.

        Raises
        ------
        Refused
            If it is not what it has to be.
        """
        graph = self.module.graph
        sums = self.gives == "totals"
        found = check(
            graph, self.inputs, self.constants, self.records, sums=sums, refused=refused()
        )
        last = next(node for node in reversed(graph.nodes) if node.op == "output")
        for value in found:
            if not self._is_right(value):
                raise Refused(last, f"an output is not what it has to be: {self.gives}")
        return found

    def _is_right(self, value: Value) -> bool:
        if self.gives == "totals" or value.total:
            return value.total and self.gives == "totals"
        if self.gives == "public":
            return value.place is None
        if not value.shape or value.shape[0] % self.records:
            return False
        rows = Place(0, 1, value.shape[0] // self.records)
        # Of a public value each record has its own copy if all rows are the same.
        return value.place == rows or (value.place is None and value.is_same_at(rows))

    def __call__(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the program on tensors of the shapes and dtypes that it was checked for."""
        if _noted is not None:
            _noted.add(self)
        with torch.inference_mode():
            if any(values[place].stride() != strides for place, strides in self._laid.items()):
                given = enumerate(values)
                values = tuple(in_order(v) if place in self._laid else v for place, v in given)
            found: tuple[torch.Tensor, ...] = self._run(*values)
        return found


_noted: set[Program] | None = None


@contextmanager
def noted() -> Iterator[set[Program]]:
    """Note the programs that run within; gives the set that they come into."""
    global _noted
    before, _noted = _noted, set()
    try:
        yield _noted
    finally:
        _noted = before
