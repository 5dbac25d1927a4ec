"""Trace a function of tensors: a flat list of operators, shortened, and its constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import traceback
from torch.fx.experimental.proxy_tensor import make_fx

from workbench.engine.program.checker.values.value import Value
from workbench.engine.program.tracing.fold import fold
from workbench.engine.program.tracing.order import lay_together
from workbench.engine.program.tracing.shorten import once, out_of_place, shorten


def trace(
    function: Callable[..., Any], inputs: Sequence[Value]
) -> tuple[torch.fx.GraphModule, dict[str, torch.Tensor]]:
    """Return a function as a flat and shortened list of operators, and the constants in it.

    Parameters
    ----------
    function
        Takes as many tensors as there are `inputs`; must not look at their values.
    inputs
        Only their shapes and dtypes count.
    """
    with FakeTensorMode():
        examples = [_example(value) for value in inputs]
    with traceback.preserve_node_meta():
        module = make_fx(function, tracing_mode="fake")(*examples)
    for node in list(module.graph.nodes):
        out_of_place(node)
        shorten(node)
    lay_together(module.graph, inputs)
    once(module.graph)
    constants = fold(module)
    once(module.graph)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module, constants


def _example(value: Value) -> torch.Tensor:
    """Return a tensor of the shape and dtype of a value."""
    return torch.empty(value.shape, dtype=value.dtype)
