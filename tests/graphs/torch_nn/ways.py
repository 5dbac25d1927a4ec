"""Ways to make and to call layers, losses and functions, each with a part of one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 4
NUMBERS = 160
"""How many floats a record has; a way takes the first of them."""
VECTOR, LINE, SEQUENCE, IMAGE, VOLUME = (6,), (2, 8), (2, 4), (2, 6, 6), (2, 4, 4, 4)
SPACES = {1: LINE, 2: IMAGE, 3: VOLUME}
HALF = torch.linspace(-0.7, 0.9, 6)
WEIGHTS = torch.tensor([1.0, 2.0, 3.0, 0.5])
SIGNS = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
BITS = (HALF > 0).float()


@dataclass(frozen=True)
class Way:
    """One way to make a layer and to call it.

    `make` returns a module; `call` takes it, floats of shape `shape`, and a class, int64 of shape
    ``()``; it returns one tensor or several.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    call: Callable[[Any, torch.Tensor, torch.Tensor], Any]


def plainly(layer, x, y):
    return layer(x)


def batched(layer, x, y):
    return layer(x.unsqueeze(0))


def way(shape, name, *args, call=plainly, evaluated=False, **named):
    """Return a way to call the layer `name` of ``torch.nn``, made with these arguments."""

    def make():
        made = getattr(nn, name)(*args, **named)
        return made.eval() if evaluated else made

    return Way(make, shape, call)


def called(shape, call):
    """Return a way without a layer: `call` takes floats and a class."""
    return Way(nn.Identity, shape, lambda m, x, y: call(x, y))


def by_name(shape, name, *args, **named):
    """Return a way to call a function of ``torch.nn.functional``, found before export."""
    function = getattr(F, name)
    return called(shape, lambda x, y: function(x, *args, **named))


def ids(x):
    """Return numbers from 0 to 9."""
    return (x * 4 + 5).long().clamp(0, 9)
