"""Calls of layer and group normalization."""

from __future__ import annotations

from typing import Any

import torch

from workbench.engine.program.trials.draws import Draw
from workbench.engine.program.trials.samples import Samples

A = torch.ops.aten
SAMPLES = Samples()


def _layer_norm(d: Draw, backward: bool, *shape: int) -> Any:
    """Return a layer normalization, or its gradient."""
    value, weight, bias = d(5, *shape), d.public(*shape), d.public(*shape)
    found = A.native_layer_norm(value, shape, weight, bias, 1e-5)
    if not backward:
        return found
    return A.native_layer_norm_backward(
        d(5, *shape), value, shape, *found[1:], weight, bias, [True, False, False]
    )[:1]


def _group_norm(d: Draw, backward: bool, groups: int) -> Any:
    """Return a group normalization, or its gradient."""
    value, weight, bias = d(6, 5, 7).contiguous(), d.public(6), d.public(6)
    sizes = (d.rows, 6, 35, groups)
    found = A.native_group_norm(value, weight, bias, *sizes, 1e-5)
    if not backward:
        return found
    return A.native_group_norm_backward(
        d(6, 5, 7).contiguous(), value, *found[1:], weight, *sizes, [True, False, False]
    )[:1]


for _name, _backward in (("", False), ("_backward", True)):
    SAMPLES.add(
        f"native_layer_norm{_name}",
        lambda d, back=_backward: _layer_norm(d, back, 7),
        lambda d, back=_backward: _layer_norm(d, back, 3, 13),
    )
    SAMPLES.add(
        f"native_group_norm{_name}",
        *(lambda d, back=_backward, g=g: _group_norm(d, back, g) for g in (1, 2, 6)),
    )
