"""What the arguments of one call have to have to do with each other.

Each relation takes the arguments by name and returns None, or what is wrong and would be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from workbench.graphs.operators.arguments import Arguments
from workbench.graphs.record_graph import TensorSpec

Relation = Callable[[Arguments], str | None]
MOST_STEPS = 128
"""How many numbers ``cumprod`` multiplies at most: it is taken apart into so many products."""


def same_shape(*names: str) -> Relation:
    """Tensors, where given, have one shape."""

    def relation(call: Arguments) -> str | None:
        shapes = {call[name].shape for name in names if call[name] is not None}
        return None if len(shapes) == 1 else f"{_shapes(call, names)}; they have to be equal"

    return relation


def same_dtype(*names: str) -> Relation:
    """Tensors, where given, have one dtype."""

    def relation(call: Arguments) -> str | None:
        given = [call[name] for name in names if call[name] is not None]
        if len({spec.dtype for spec in given}) == 1:
            return None
        kinds = ", ".join(str(spec.dtype).removeprefix("torch.") for spec in given)
        return f"{_list(names)} are of {kinds}; they have to be equal: convert with .to()"

    return relation


def broadcasts_to(target: str, *names: str) -> Relation:
    """Tensors, where given, broadcast to the shape of `target`, which stays as it is."""

    def relation(call: Arguments) -> str | None:
        wanted = call[target].shape
        for name in names:
            spec = call[name]
            if spec is None:
                continue
            rank = len(spec.shape)
            last = wanted[len(wanted) - rank :] if rank <= len(wanted) else None
            if last is None or any(a not in (1, b) for a, b in zip(spec.shape, last, strict=True)):
                return f"'{name}' has shape {spec.shape}; it has to broadcast to {wanted}"
        return None

    return relation


def listed_alike(name: str, *, dtype: bool = True, rank: bool = False) -> Relation:
    """The tensors of a list have one dtype, or rank."""

    def relation(call: Arguments) -> str | None:
        specs = call[name]
        if dtype and len({spec.dtype for spec in specs}) > 1:
            return f"'{name}' have several dtypes; they have to be equal: convert with .to()"
        if rank and len({len(spec.shape) for spec in specs}) > 1:
            return f"'{name}' have several numbers of dimensions; they have to be equal"
        return None

    return relation


def _shapes(call: Arguments, names: Sequence[str]) -> str:
    given = [f"'{name}' has shape {call[name].shape}" for name in names if call[name] is not None]
    return ", ".join(given)


def _list(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def holds(value: str, tensor: str = "self") -> Relation:
    """A number is one of those that the tensor's dtype has."""

    def relation(call: Arguments) -> str | None:
        return _held(call[value], call[tensor].dtype, value)

    return relation


def holds_dtype(value: str, default: torch.dtype | None = None) -> Relation:
    """A number is one of those that the argument `dtype` has."""

    def relation(call: Arguments) -> str | None:
        dtype = call["dtype"] or (call["self"].dtype if "self" in call else default)
        return None if dtype is None else _held(call[value], dtype, value)

    return relation


def _held(number: float, dtype: torch.dtype, name: str) -> str | None:
    if dtype.is_floating_point:
        return None
    ends = (0, 1) if dtype is torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    if math.isfinite(number) and number == int(number) and ends[0] <= number <= ends[1]:
        return None
    kind = str(dtype).removeprefix("torch.")
    return f"'{name}' is {number}; it has to be a number of {kind}"


def whole_power(call: Arguments) -> str | None:
    """A whole number is not raised to a power below zero."""
    whole = not call["self"].dtype.is_floating_point
    if whole and call["exponent"] < 0:
        return "'exponent' is below 0; for whole numbers it has to be 0 or more"
    return None


def given_dtype_is_float(call: Arguments) -> str | None:
    """The result is of floats."""
    dtype = call["dtype"] or call["self"].dtype
    return (
        None if dtype.is_floating_point else "the mean of whole numbers needs a 'dtype' of floats"
    )


def some(*names: str) -> Relation:
    """At least one argument is given."""

    def relation(call: Arguments) -> str | None:
        if any(call[name] is not None for name in names):
            return None
        return f"one of {_list(names)} has to be given"

    return relation


def steps_are_few(call: Arguments) -> str | None:
    """``cumprod`` is not over too many numbers."""
    size = call["self"].shape[call["dim"]]
    return None if size <= MOST_STEPS else f"'dim' has {size} entries; at most {MOST_STEPS}"


def counts(call: Arguments) -> str | None:
    """``arange`` gives some numbers, not too many."""
    step = call.get("step", 1)
    numbers = (call["end"] - call.get("start", 0)) / step if step else 0
    return None if 0 < numbers <= 1 << 31 else f"it would give {numbers:g} numbers; at least 1"


def topk(call: Arguments) -> str | None:
    """There are so many entries."""
    size = call["self"].shape[call["dim"]]
    return None if call["k"] <= size else f"'k' is {call['k']}; there are {size} entries"


def halves(call: Arguments) -> str | None:
    """The dimension can be halved."""
    size = call["self"].shape[call["dim"]]
    return None if size % 2 == 0 else f"'dim' has {size} entries; it has to be an even number"


def two_axes(call: Arguments) -> str | None:
    """A diagonal lies in two dimensions."""
    rank = len(call["self"].shape)
    if call["dim1"] % rank != call["dim2"] % rank:
        return None
    return "'dim1' and 'dim2' are the same dimension"


def repeats_each(name: str) -> Relation:
    """``repeat`` names every dimension."""

    def relation(call: Arguments) -> str | None:
        rank = len(call["self"].shape)
        return None if len(call[name]) >= rank else f"'{name}' has to name all {rank} dimensions"

    return relation


def repeated_size(call: Arguments) -> str | None:
    """``repeat_interleave`` gives the size that it says."""
    shape, dim, size = call["self"].shape, call["dim"], call["output_size"]
    whole = math.prod(shape) if dim is None else shape[dim]
    if size is None or size == whole * call["repeats"]:
        return None
    return f"'output_size' is {size}; it has to be {whole * call['repeats']}"


def rolled(call: Arguments) -> str | None:
    """``roll`` has a shift for each dimension, or one through all."""
    shifts, dims = call["shifts"], call["dims"] or []
    if len(shifts) == (len(dims) or 1):
        return None
    return f"'shifts' has {len(shifts)} numbers for {len(dims)} dimensions"


# --- padding


def padded(call: Arguments) -> str | None:
    """Amounts come in pairs, and something is left before anything is added."""
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


# --- images


def convolved(call: Arguments) -> str | None:
    """A convolution's channels, groups and sizes fit."""
    transposed = call.get("transposed", "output_padding" in call)
    value, weight, bias = call["input"], call["weight"], call["bias"]
    space, groups = len(weight.shape) - 2, call["groups"]
    if len(value.shape) not in (space + 1, space + 2):
        return (
            f"'input' has {len(value.shape)} dimensions; it has to have {space + 1} or {space + 2}"
        )
    first, second, *kernel = weight.shape
    channels, *sizes = value.shape[-space - 1 :]
    given, made = (first, second * groups) if transposed else (second * groups, first)
    if channels != given:
        return f"'input' has {channels} channels; 'weight' and 'groups' need {given}"
    if first % groups:
        return f"'groups' is {groups}; it has to divide {first}"
    if bias is not None and bias.shape != (made,):
        return f"'bias' has shape {bias.shape}; it has to be {(made,)}"
    padding = call["padding"]
    if isinstance(padding, str):
        if padding == "same" and set(call["stride"]) != {1}:
            return "'stride' has to be 1 with padding 'same'"
        return None if padding == "same" else _windows(sizes, kernel, call["dilation"], [0])
    if transposed:
        return _transposed(call, space)
    return _windows(sizes, kernel, call["dilation"], padding)


def _transposed(call: Arguments, space: int) -> str | None:
    stride, dilation, extra = (
        _each(call[name], space) for name in ("stride", "dilation", "output_padding")
    )
    if all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        return None
    return "'output_padding' has to be less than 'stride' or 'dilation'"


def _each(values: Sequence[int], count: int) -> Sequence[int]:
    return list(values) * count if len(values) == 1 else values


def _windows(
    sizes: Sequence[int], kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int]
) -> str | None:
    dilation, padding = _each(dilation, len(sizes)), _each(padding, len(sizes))
    for size, width, step, margin in zip(sizes, kernel, dilation, padding, strict=True):
        reach = step * (width - 1) + 1
        if reach > size + 2 * margin:
            return f"the kernel reaches over {reach} entries; there are {size + 2 * margin}"
    return None


def pooled(space: int) -> Relation:
    """A pooling's windows fit."""

    def relation(call: Arguments) -> str | None:
        sizes = call["self"].shape[-space:]
        kernel, padding = _each(call["kernel_size"], space), _each(call["padding"], space)
        if any(2 * margin > width for margin, width in zip(padding, kernel, strict=True)):
            return "'padding' has to be at most half of 'kernel_size'"
        return _windows(sizes, kernel, call.get("dilation") or [1], padding)

    return relation


def enlarged(call: Arguments) -> str | None:
    """``upsample_nearest2d``'s scales are those of its sizes."""
    sizes = (call["self"] if "self" in call else call["input"]).shape[-2:]
    out = call["output_size"]
    if "scale_factors" in call:
        scales = call["scale_factors"]
        if (out is None) == (scales is None):
            return "one of 'output_size' and 'scale_factors' has to be given"
    else:
        scales = (call["scales_h"], call["scales_w"])
        for size, scale, wanted in zip(sizes, scales, out, strict=True):
            if scale is not None and math.floor(size * scale) != wanted:
                return f"a scale of {scale} makes {size} no {wanted}"
    for size, scale in zip(sizes, scales or (), strict=False):
        if scale is not None and math.floor(size * scale) < 1:
            return f"a scale of {scale} leaves nothing of {size}"
    return None


# --- normalization


def over_last_dimensions(call: Arguments) -> str | None:
    """The shape is that of the last dimensions, and of weight and bias."""
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
    """Groups divide the channels; counts, where given, are those of the input."""
    images, channels, *rest = call["input"].shape
    groups = call["num_groups"] if "num_groups" in call else call["group"]
    if channels % groups:
        return f"{groups} groups do not divide {channels} channels"
    for name, right in (("N", images), ("C", channels), ("HxW", math.prod(rest))):
        if call.get(name, right) != right:
            return f"'{name}' is {call[name]}; it has to be {right}"
    return _scaled(call, (channels,))


# --- losses and look-ups


def one_class_each(call: Arguments) -> str | None:
    """One class for each place of the scores, or a probability for each of them."""
    scores, target, weight = call["self"], call["target"], call["weight"]
    axis = 0 if len(scores.shape) == 1 else 1
    if target.dtype.is_floating_point:
        right = scores.shape
    else:
        right = scores.shape[:axis] + scores.shape[axis + 1 :]
    if target.shape != right:
        return f"'target' has shape {target.shape}; it has to be {right}"
    if weight is not None and weight.shape != (scores.shape[axis],):
        return f"'weight' has shape {weight.shape}; it has to be {(scores.shape[axis],)}"
    return None


def one_sign_each(call: Arguments) -> str | None:
    """One target for each pair of rows, or one for two vectors."""
    right, given = call["input1"].shape[:-1], call["target"].shape
    return None if given == right else f"'target' has shape {given}; it has to be {right}"


def slopes(call: Arguments) -> str | None:
    """One slope, or one for each channel."""
    shape, given = call["self"].shape, call["weight"].shape
    channels = shape[1] if len(shape) > 1 else 1
    if math.prod(given) in (1, channels):
        return None
    return f"'weight' has shape {given}; it has to have 1 or {channels} entries"


def in_table(call: Arguments) -> str | None:
    """The padding is a row of the table."""
    rows = call["weight"].shape[0]
    if call["padding_idx"] < rows:
        return None
    return f"'padding_idx' is {call['padding_idx']}; the table has {rows} rows"


def gathered(call: Arguments) -> str | None:
    """The index has the tensor's rank, and no more entries along other dimensions."""
    shape, index, rank = call["self"].shape, call["index"].shape, len(call["self"].shape)
    axis = call["dim"] % rank
    fits = len(index) == rank and all(
        i <= n for d, (i, n) in enumerate(zip(index, shape, strict=True)) if d != axis
    )
    return None if fits else f"'index' has shape {index}; it has to fit into {shape} but for 'dim'"


def indexed(call: Arguments) -> str | None:
    """There is a dimension for each index."""
    rank, given = len(call["self"].shape), len(call["indices"])
    return None if given <= rank else f"there are {given} indices for {rank} dimensions"


# --- products


def multiplied(left: str, right: str, added: str | None = None) -> Relation:
    """Two matrices, or lists of as many of them, fit; what is added broadcasts to the product."""

    def relation(call: Arguments) -> str | None:
        one, two = call[left].shape, call[right].shape
        if one[:-2] != two[:-2] or one[-1] != two[-2]:
            return f"{_shapes(call, (left, right))}; they cannot be multiplied"
        if added is None:
            return None
        product = {**call, "product": TensorSpec((*one[:-1], two[-1]), call[left].dtype)}
        return broadcasts_to("product", added)(product)

    return relation


def linear(call: Arguments) -> str | None:
    """Weight and bias fit the input's last dimension."""
    value, weight, bias = call["input"].shape, call["weight"].shape, call["bias"]
    if value[-1] != weight[1]:
        return f"{_shapes(call, ('input', 'weight'))}; their last dimensions have to be equal"
    if bias is not None and bias.shape != weight[:1]:
        return f"'bias' has shape {bias.shape}; it has to be {weight[:1]}"
    return None
