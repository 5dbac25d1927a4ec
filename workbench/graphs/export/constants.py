"""Compute what depends on neither record nor model while a function is exported.

A tensor that the function brings along, such as the edges of a graph, is there in full; so is what
is made of it. What has a shape that depends on values (``edges[:, mask]``) is then a constant too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves

from workbench.graphs.export.forms.mode import Mode


class ConstantsComputed(Mode):
    """Compute operators of constants at once, in place of putting them into the graph."""

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `func`, not followed by ``torch.export`` if all its tensors are constants."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if not tensors or not all(map(is_constant, tensors)) or _writes(func):
            return func(*args, **kwargs)
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            return func(*args, **kwargs)


def is_constant(tensor: object) -> bool:
    """Return whether something is a plain tensor of any dtype: neither traced nor a parameter."""
    return type(tensor) is torch.Tensor and not tensor.requires_grad


def _writes(func: Callable[..., Any]) -> bool:
    name = getattr(func, "__name__", "")
    return name in ("__setitem__", "__set__") or (name.endswith("_") and not name.endswith("__"))
