"""One call of an operator, as a rule is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from workbench.engine.program.checker.values.value import Value


class Unproven(Exception):
    """Raised by a rule that cannot prove a call; `walk.check` adds the node."""


def need(condition: bool, otherwise: str) -> None:
    """Raise `Unproven` with the reason `otherwise` unless the condition holds."""
    if not condition:
        raise Unproven(otherwise)


def counted_dim(dim: int, rank: int) -> int:
    """Return a dimension counted from 0, where it may be counted from the end."""
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise Unproven(f"there is no dimension {dim}")
    return dim % max(rank, 1)


@dataclass(frozen=True)
class Call:
    """One call: its arguments by their names in the operator's schema, and the results' specs.

    Attributes
    ----------
    args
        Each a `Value`, a list of them, or a plain argument.
    out
        One `Value` for each result, with only `shape` and `dtype` known.
    records
        How many records a chunk has.
    sums
        Whether sums over records are allowed, as outputs.
    """

    args: Mapping[str, Any]
    out: tuple[Value, ...]
    records: int
    sums: bool

    @property
    def tensors(self) -> list[Value]:
        """All tensors among the arguments."""
        found: list[Value] = []
        for value in self.args.values():
            found += [value] if isinstance(value, Value) else []
            several = value if isinstance(value, list | tuple) else []
            found += [v for v in several if isinstance(v, Value)]
        return found

    def dim(self, name: str = "dim", rank: int | None = None) -> int:
        """Return an argument that names one dimension, counted from 0."""
        given = self.args[name]
        if type(given) is not int:
            raise Unproven(f"'{name}' has to be given")
        return counted_dim(given, len(self.args["self"].shape) if rank is None else rank)

    def dims(self, name: str = "dim") -> list[int]:
        """Return an argument that names dimensions, counted from 0; there must be some."""
        given = self.args[name]
        if not isinstance(given, list | tuple) or not given:
            raise Unproven(f"'{name}' has to name dimensions")
        return [counted_dim(dim, len(self.args["self"].shape)) for dim in given]


def meta(args: Any) -> Any:
    """Return arguments with a tensor without data (``device="meta"``) in place of each `Value`."""
    if isinstance(args, Value):
        return torch.empty(args.shape, dtype=args.dtype, device="meta")
    if isinstance(args, dict):
        return {k: "meta" if k == "device" else meta(v) for k, v in args.items()}
    return [meta(arg) for arg in args] if isinstance(args, list | tuple) else args


Rule = Callable[[Call], Value | list[Value]]
