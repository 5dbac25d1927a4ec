"""What the signature of an operator says, and what holds for all operators."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workbench.graphs.operators.arguments.base import Argument, Relation
from workbench.graphs.operators.arguments.choices import OneOf

FIRST_ONLY = frozenset(
    {
        "aten.native_layer_norm.default",
        "aten.native_group_norm.default",
        "aten.nll_loss_forward.default",
    }
)
"""Operators whose first result alone may be used: gradients do not pass through the others."""
EVERYWHERE: dict[str, Argument] = {
    "device": OneOf((None, torch.device("cpu"))),
    "layout": OneOf((None, torch.strided)),
    "pin_memory": OneOf((None, False)),
    "memory_format": OneOf((None, torch.contiguous_format, torch.preserve_format)),
    "non_blocking": OneOf((False, True)),
    "copy": OneOf((False, True)),
    "implicit": OneOf((False,)),
    "cudnn_enable": OneOf((False, True)),
    "cudnn_enabled": OneOf((False, True)),
}
"""Arguments that mean the same for all operators."""


@dataclass(frozen=True)
class Signature:
    """Which calls of an operator are allowed.

    Attributes
    ----------
    arguments
        What each argument may be, by its name in the operator's schema. One that is not named
        here keeps its default.
    relations
        What has to hold between the arguments.
    """

    arguments: dict[str, Argument]
    relations: tuple[Relation, ...] = ()


class Signatures(dict[str, Signature]):
    """Maps ``aten.<name>.<overload>`` to what is allowed."""

    def allow(self, names: str, /, *relations: Relation, **arguments: Argument) -> None:
        """Allow operators, named with spaces between, ``name`` or ``name.overload``."""
        for name in names.split():
            full = f"aten.{name}" if "." in name else f"aten.{name}.default"
            self[full] = Signature(arguments, relations)
