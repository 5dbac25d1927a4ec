"""Arguments that are one of several things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.graphs.operators.arguments.base import Argument, Arguments


@dataclass(frozen=True)
class OneOf:
    """One of some values, of the same type."""

    values: Sequence[Any]

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is one of them."""
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(str(value).removeprefix("torch.") for value in self.values)


@dataclass(frozen=True)
class Optional:
    """Nothing, or what `kind` says."""

    kind: Argument

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is nothing, or fits."""
        return value is None or self.kind.fits(value, call)

    def __str__(self) -> str:
        return f"nothing, or {self.kind}"


@dataclass(frozen=True)
class Either:
    """What one of two kinds says."""

    first: Argument
    second: Argument

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` fits one of both."""
        return self.first.fits(value, call) or self.second.fits(value, call)

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"


@dataclass(frozen=True)
class Equation:
    """The equation of ``einsum``: letters, commas and one arrow."""

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is such an equation."""
        if not isinstance(value, str) or value.count("->") > 1 or len(value) > 100:
            return False
        left, _, right = value.replace(" ", "").partition("->")
        terms = [term.replace("...", "", 1) for term in (*left.split(","), right)]
        return all(term == "" or (term.isalpha() and term.isascii()) for term in terms)

    def __str__(self) -> str:
        return "letters for dimensions, as in 'ij,jk->ik'"
