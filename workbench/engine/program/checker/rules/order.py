"""Name the operators that need row-major order, and those that make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from workbench.engine.program.checker.rules import made, products, reductions
from workbench.engine.program.checker.rules.table import TABLE, overload
from workbench.engine.program.checker.values.order import is_laid

A = torch.ops.aten

_NAMES = {rule: names.split() for rule, names in TABLE}

ORDERED = frozenset(overload(name) for name in _NAMES[reductions.reduction]) | {
    A.native_group_norm.default,
    A.native_group_norm_backward.default,
}
"""Operators whose operands have to lie in row-major order: what they do depends on it."""

_MAKES_ORDER = frozenset(
    overload(name)
    for rule in (products.mm, products.addmm, made.filled, made.counted)
    for name in _NAMES[rule]
    if "_like" not in name
)
"""Operators whose results lie in row-major order, however their operands do."""


def lies_in_order(
    target: Any, options: Mapping[str, Any], operands: Sequence[bool], result: torch.Tensor
) -> bool:
    """Return whether a result lies in row-major order, given which operands do.

    Parameters
    ----------
    target, options
        The operator, and its arguments by name.
    operands
        For each of its tensors, whether it is known to lie in row-major order.
    result
        As PyTorch foretells it for operands that do; of any shape and dtype.
    """
    if target is A.clone.default and options.get("memory_format") is torch.contiguous_format:
        return True
    return is_laid(result) and (target in _MAKES_ORDER or all(operands))
