"""Relations of the arguments of layer and group normalization."""

from __future__ import annotations

import math

from workbench.graphs.operators.arguments.base import Arguments


def over_last_dimensions(call: Arguments) -> str | None:
    """Check that the shape is that of the last dimensions, and of weight and bias."""
    shape, given = tuple(call["normalized_shape"]), call["input"].shape
    if not shape or given[len(given) - len(shape) :] != shape:
        return f"'normalized_shape' is {list(shape)}; it has to be the end of {given}"
    return _scaled(call, shape)


def _scaled(call: Arguments, shape: tuple[int, ...]) -> str | None:
    if call.get("weight") is None and call.get("bias") is not None:
        return "'bias' is given without 'weight'"
    for name in ("weight", "bias"):
        spec = call.get(name)
        if spec is not None and spec.shape != shape:
            return f"'{name}' has shape {spec.shape}; it has to be {shape}"
    return None


def over_groups(call: Arguments) -> str | None:
    """Check that groups divide the channels, and that counts are those of the input."""
    images, channels, *rest = call["input"].shape
    groups = call["num_groups"] if "num_groups" in call else call["group"]
    if channels % groups:
        return f"{groups} groups do not divide {channels} channels"
    for name, right in (("N", images), ("C", channels), ("HxW", math.prod(rest))):
        if call.get(name, right) != right:
            return f"'{name}' is {call[name]}; it has to be {right}"
    return _scaled(call, (channels,))
