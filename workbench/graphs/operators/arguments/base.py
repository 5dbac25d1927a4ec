"""What all kinds of arguments share: the dtypes, and what fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

FLOATS = (torch.float32, torch.float64)
WHOLE = (torch.int64, torch.int32, torch.uint8)
INDICES = (torch.int64, torch.int32)
BOOL = (torch.bool,)
NUMBERS = FLOATS + WHOLE
ANY = (*NUMBERS, torch.bool)
MOST_DIMENSIONS = 8
Arguments = Mapping[str, Any]
"""The arguments of one call by name; a tensor is its `TensorSpec`."""


class Argument(Protocol):
    """What one argument may be."""

    def fits(self, value: Any, call: Arguments) -> bool:
        """Return whether `value` is right, beside the other arguments."""
        ...


Relation = Callable[[Arguments], str | None]
"""Takes the arguments of a call; returns None, or what is wrong and would be right."""
