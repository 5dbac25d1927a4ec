"""Collect calls of operators, by the names that the checker's table gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

Result = torch.Tensor | Sequence[torch.Tensor]
"""What an operator returns: any dtype, the records first in each shape."""
Sample = Callable[..., Result]
"""Takes a `Draw`; its results have the records along their first dimension."""


class Samples(dict[str, list[Sample]]):
    """Maps the full name of an operator to calls of it."""

    def add(self, name: str, *samples: Sample) -> None:
        """Add calls of the operator that is called ``name`` or ``name.overload``."""
        self.setdefault(str(operator_of(name)), []).extend(samples)


def each(words: str) -> Iterator[tuple[str, Any]]:
    """Yield names of operators, which `words` has between spaces, with the operators."""
    for word in words.split():
        yield word, operator_of(word)


def operator_of(name: str) -> Any:
    """Return the ATen operator that is called ``name`` or ``name.overload``."""
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")
