"""Relations of arguments that say what shape comes out."""

from __future__ import annotations

import math

from workbench.graphs.operators.arguments.base import Arguments, Relation


def halves(call: Arguments) -> str | None:
    """Check that the dimension can be halved."""
    size = call["self"].shape[call["dim"]]
    return None if size % 2 == 0 else f"'dim' has {size} entries; it has to be an even number"


def two_axes(call: Arguments) -> str | None:
    """Check that a diagonal lies in two dimensions."""
    rank = len(call["self"].shape)
    if call["dim1"] % rank != call["dim2"] % rank:
        return None
    return "'dim1' and 'dim2' are the same dimension"


def repeats_each(name: str) -> Relation:
    """Check that ``repeat`` names every dimension."""

    def relation(call: Arguments) -> str | None:
        rank = len(call["self"].shape)
        return None if len(call[name]) >= rank else f"'{name}' has to name all {rank} dimensions"

    return relation


def repeated_size(call: Arguments) -> str | None:
    """Check that ``repeat_interleave`` gives the size that it says."""
    shape, dim, size = call["self"].shape, call["dim"], call["output_size"]
    whole = math.prod(shape) if dim is None else shape[dim]
    if size is None or size == whole * call["repeats"]:
        return None
    return f"'output_size' is {size}; it has to be {whole * call['repeats']}"


def rolled(call: Arguments) -> str | None:
    """Check that ``roll`` has a shift for each dimension, or one through all."""
    shifts, dims = call["shifts"], call["dims"] or []
    if len(shifts) == (len(dims) or 1):
        return None
    return f"'shifts' has {len(shifts)} numbers for {len(dims)} dimensions"


def padded(call: Arguments) -> str | None:
    """Check that amounts come in pairs, and that something is left before any is added."""
    shape, amounts = call["self"].shape, call["pad"]
    if len(amounts) % 2 or len(amounts) > 2 * len(shape):
        return f"'pad' has {len(amounts)} numbers; it has to have two for each of some dimensions"
    mode = call.get("mode", "constant")
    for number in range(0, len(amounts), 2):
        before, after = amounts[number : number + 2]
        left = shape[len(shape) - 1 - number // 2] + min(before, 0) + min(after, 0)
        if left < 1:
            return f"'pad' is {amounts}; it takes all away from shape {shape}"
        most = {"reflect": left - 1, "circular": left}.get(mode)
        if most is not None and max(before, after) > most:
            return f"'pad' is {amounts}; mode '{mode}' can add at most {most} there"
    if mode != "constant" and call["value"] is not None:
        return f"'value' is given; mode '{mode}' has none"
    return None
