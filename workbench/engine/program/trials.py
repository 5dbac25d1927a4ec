"""Calls of every operator of the checker's table that computes with floats, on made-up records.

They are made to find out what an operator does to records on the machine at hand (`workbench.
engine.places`). Sizes are odd, so that neither rows nor records end where the processor's vectors
do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import torch

A = torch.ops.aten
_HOSTILE = (math.nan, math.inf, -math.inf, 1e30, -0.0, 1e-30)


@cache
def _numbers(seed: int, position: int, shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 * seed + position)
    sizes = seed % 2 * (torch.rand(shape, generator=generator) * 4 - 2)
    return torch.randn(shape, generator=generator) * 10**sizes


@cache
def _hostile(shape: tuple[int, ...]) -> torch.Tensor:
    numbers = torch.tensor(_HOSTILE)
    return numbers.repeat(math.prod(shape) // len(_HOSTILE) + 1)[: math.prod(shape)].reshape(shape)


class Draw:
    """Draws the operands of one call, the same ones each time for equal arguments.

    Parameters
    ----------
    rows
        How many records the chunk has. All are the same one.
    seed
        Where numbers come from: of many sizes if it is odd.
    beside
        Whether every other record, from the second on, is a hostile one instead.
    layout
        Where in memory the records lie: ``outer``, ``middle`` or ``inner``.
    """

    def __init__(self, rows: int, seed: int, *, beside: bool, layout: str) -> None:
        self.rows = rows
        self._seed, self._beside, self._layout = seed, beside, layout
        self._drawn = 0

    def __call__(self, *shape: int) -> torch.Tensor:
        """Return a chunk, float32, ``(rows, *shape)``."""
        record = self.public(*shape)
        to = {"outer": 0, "middle": min(1, len(shape)), "inner": len(shape)}[self._layout]
        # In memory the records' dimension is `to`.
        chunk = torch.empty((*shape[:to], self.rows, *shape[to:])).movedim(to, 0)
        chunk.copy_(record)
        if self._beside:
            chunk[1::2] = _hostile(shape)
        return chunk

    def public(self, *shape: int) -> torch.Tensor:
        """Return a tensor that is no record's, float32."""
        self._drawn += 1
        return _numbers(self._seed, self._drawn, shape)

    def unit(self, *shape: int) -> torch.Tensor:
        """Return a chunk of numbers between 0 and 1."""
        return self(*shape).nan_to_num().sigmoid()

    def index(self, size: int, *shape: int) -> torch.Tensor:
        """Return a chunk of indices below `size`, int64."""
        return self(*shape).nan_to_num().clamp(-1e6, 1e6).long() % size


Result = torch.Tensor | Sequence[torch.Tensor]
Sample = Callable[..., Result]
SAMPLES: dict[str, list[Sample]] = {}
"""Calls of each operator; results have the records along their first dimension."""


def _add(name: str, *samples: Sample) -> None:
    packet, _, overload = name.partition(".")
    SAMPLES.setdefault(str(getattr(getattr(A, packet), overload or "default")), []).extend(samples)


def _each(words: str) -> Iterator[tuple[str, Any]]:
    for word in words.split():
        packet, _, overload = word.partition(".")
        yield word, getattr(getattr(A, packet), overload or "default")


# --- entry by entry

for _name, _op in _each("""
    abs neg sign sgn exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh tanh
    asin acos atan erf erfc sigmoid logit floor ceil round trunc frac isnan isinf isfinite
    logical_not relu leaky_relu elu gelu silu mish hardtanh hardsigmoid hardswish softplus
    hardshrink softshrink nan_to_num
"""):
    _add(_name, lambda d, op=_op: op(d(5, 7)), lambda d, op=_op: op(d.unit(3)),
         lambda d, op=_op: op(d(5).double()))  # fmt: skip
_add("elu", lambda d: A.elu(d(5, 7), 1.5, 1.1, 0.7))
_add("gelu", lambda d: A.gelu(d(5, 7), approximate="tanh"))
_add("softplus", lambda d: A.softplus(d(5, 7), 0.5, 10))
for _name, _op in _each("""
    atan2 maximum minimum fmax fmin logaddexp hypot logical_and logical_or logical_xor
    add.Tensor sub.Tensor mul.Tensor div.Tensor eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor
    ge.Tensor sigmoid_backward tanh_backward gelu_backward silu_backward mish_backward
    hardsigmoid_backward hardswish_backward
"""):
    _add(_name, lambda d, op=_op: op(d(5, 7), d(5, 7)), lambda d, op=_op: op(d(3), d(3)),
         lambda d, op=_op: op(d(5, 7).double(), d(5, 7).double()))  # fmt: skip
    if "backward" not in _name:
        _add(_name, lambda d, op=_op: op(d(5, 7), d.public(7)),
             lambda d, op=_op: op(d.public(5, 7), d(5, 1)))  # fmt: skip
for _name, _op in _each("""
    add.Scalar sub.Scalar rsub.Scalar mul.Scalar div.Scalar eq.Scalar ne.Scalar lt.Scalar le.Scalar
    gt.Scalar ge.Scalar threshold_backward hardshrink_backward softshrink_backward logit_backward
"""):
    if "backward" in _name:
        _add(_name, lambda d, op=_op: op(d(5, 7), d.unit(5, 7), 0.3))
    else:
        _add(_name, lambda d, op=_op: op(d(5, 7), 0.3))
_add("gelu_backward", lambda d: A.gelu_backward(d(5, 7), d(5, 7), approximate="tanh"))
_add("leaky_relu_backward", lambda d: A.leaky_relu_backward(d(5, 7), d(5, 7), 0.1, False))
_add("elu_backward", lambda d: A.elu_backward(d(5, 7), 1.5, 1.1, 0.7, False, d(5, 7)),
     lambda d: A.elu_backward(d(5, 7), 1.5, 1.1, 0.7, True, d(5, 7)))  # fmt: skip
_add("hardtanh_backward", lambda d: A.hardtanh_backward(d(5, 7), d(5, 7), -1, 1))
_add("softplus_backward", lambda d: A.softplus_backward(d(5, 7), d(5, 7), 0.5, 10))
_add("pow.Tensor_Scalar", *(lambda d, e=e: A.pow(d(5, 7), e) for e in (0, 0.5, 2, 2.7, 3, -1, -2)))
_add("pow.Scalar", lambda d: A.pow(2.0, d(5, 7)), lambda d: A.pow(0.3, d(5, 7)))
_add("lerp.Scalar", lambda d: A.lerp(d(5, 7), d(5, 7), 0.3))
_add("lerp.Tensor", lambda d: A.lerp(d(5, 7), d(5, 7), d.unit(5, 7)))
_add("addcmul", lambda d: A.addcmul(d(5, 7), d(5, 7), d(7).unsqueeze(1), value=0.3))
_add("addcdiv", lambda d: A.addcdiv(d(5, 7), d(5, 7), d.public(5, 7), value=0.3))
_add("clamp", lambda d: A.clamp(d(5, 7), -0.3, 0.4))
_add("clamp.Tensor", lambda d: A.clamp(d(5, 7), d(5, 7), d.public(7)))
_add("clamp_min", lambda d: A.clamp_min(d(5, 7), 0.3))
_add("clamp_max", lambda d: A.clamp_max(d(5, 7), 0.3))
_add("threshold", lambda d: A.threshold(d(5, 7), 0.3, 0.4))
_add("where.self", lambda d: A.where(d(5, 7) > 0, d(5, 7), d.public(7)))
_add("masked_fill.Scalar", lambda d: A.masked_fill(d(5, 7), d(5, 7) > 0, 0.3))
_add("_to_copy", lambda d: A._to_copy(d(5, 7), dtype=torch.float64),
     lambda d: A._to_copy(d(5, 7).double(), dtype=torch.float32),
     lambda d: A._to_copy(d(5, 7).nan_to_num().clamp(-99, 99), dtype=torch.int64),
     lambda d: A._to_copy(d(5, 7), dtype=torch.bool),
     lambda d: A._to_copy(d.index(9, 5, 7), dtype=torch.float32))  # fmt: skip

# --- along dimensions

for _name, _op in _each("amax amin any.dims all.dims"):
    _add(_name, *(lambda d, op=_op, dims=dims: op(d(5, 7), dims) for dims in ([1], [2], [1, 2])),
         lambda d, op=_op: op(d(65), [1]), lambda d, op=_op: op(d(5).double(), [1]))  # fmt: skip
for _name, _op in _each("sum.dim_IntList mean.dim logsumexp"):
    # The checker lets them have records only one behind the other.
    _add(_name, *(lambda d, op=_op, dims=dims: op(d(5, 7).contiguous(), dims)
                  for dims in ([1], [2], [1, 2])),
         lambda d, op=_op: op(d(7, 5).contiguous().transpose(1, 2), [1]),
         lambda d, op=_op: op(d(65).contiguous(), [1]),
         lambda d, op=_op: op(d(40, 5).contiguous().double(), [1]))  # fmt: skip
for _name, _op in _each("argmax argmin max.dim min.dim any.dim all.dim sort cumsum cumprod"):
    _add(_name, *(lambda d, op=_op, dim=dim: op(d(5, 7), dim) for dim in (1, 2)))
_add("topk", *(lambda d, dim=dim: A.topk(d(5, 7), 3, dim) for dim in (1, 2)))
_add("sort.stable", lambda d: A.sort(d(5, 7), stable=True, dim=1))
_add("var.correction", *(lambda d, dims=dims: A.var(d(5, 7), dims, correction=1)
                         for dims in ([1], [2], [1, 2])))  # fmt: skip
_add("linalg_vector_norm", *(
    lambda d, order=order, dims=dims: A.linalg_vector_norm(d(5, 7), order, dims)
    for order, dims in itertools.product((0, 1, 2, 3, math.inf), ([1], [2], [1, 2]))
), lambda d: A.linalg_vector_norm(d(65), 2, [1]),
     lambda d: A.linalg_vector_norm(d(257), 2, [1]))  # fmt: skip
for _name, _op in _each("_softmax _log_softmax"):
    _add(_name, *(lambda d, op=_op, dim=dim: op(d(5, 7), dim, False) for dim in (1, 2)),
         lambda d, op=_op: op(d(67), 1, False))  # fmt: skip
for _name, _op in _each("_softmax_backward_data _log_softmax_backward_data"):
    _add(_name, *(lambda d, op=_op, dim=dim: op(d(5, 7), d.unit(5, 7), dim, torch.float32)
                  for dim in (1, 2)),
         lambda d, op=_op: op(d(67), d.unit(67), 1, torch.float32))  # fmt: skip
_add("scatter_add", *(
    lambda d, dim=dim: A.scatter_add(d(5, 7), dim, d.index(5, 5, 7), d(5, 7)) for dim in (1, 2)
))  # fmt: skip
_add("index_add", lambda d: A.index_add(d(5, 7), 1, torch.tensor([3, 3, 1, 0]), d(4, 7)))

# --- products

_WIDTHS = ((1, 3), (7, 5), (30, 10), (35, 17), (257, 66))


def _matrices(d: Draw, width: int, columns: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield pairs of a matrix whose rows are records and one that is public."""
    chunk, weights = d(width), d.public(width, columns)
    yield chunk, weights
    yield chunk, weights.T.contiguous().T
    yield chunk.double(), weights.double()


for _width, _columns in _WIDTHS:
    _add("mm",
         lambda d, k=_width, n=_columns: [A.mm(a, b) for a, b in _matrices(d, k, n)],
         lambda d, k=_width, n=_columns: A.mm(d(3, k).flatten(0, 1), d.public(k, n)))  # fmt: skip
    _add("addmm",
         lambda d, k=_width, n=_columns: [A.addmm(d.public(n).to(a.dtype), a, b)
                                          for a, b in _matrices(d, k, n)],
         lambda d, k=_width, n=_columns: A.addmm(d(n), d(k), d.public(k, n), alpha=0.3)
    )  # fmt: skip
    _add("bmm",
         lambda d, k=_width, n=_columns: A.bmm(d(3, k), d(k, n)),
         lambda d, k=_width, n=_columns: A.bmm(d(n, 5).mT, d(n, k)),
         lambda d, k=_width, n=_columns: A.bmm(d(3, k), d.public(k, n).expand(d.rows, k, n)),
         # Several matrices of each record, and records as the rows of each matrix.
         lambda d, k=_width, n=_columns: A.bmm(d(2, 3, k).flatten(0, 1), d(2, k, n).flatten(0, 1)),
         lambda d, k=_width, n=_columns: A.bmm(d(2, 3, k).transpose(0, 1).flatten(0, 1),
                                               d(2, k, n).transpose(0, 1).flatten(0, 1))
         .unflatten(0, (2, d.rows)).transpose(0, 1),
         lambda d, k=_width, n=_columns: A.bmm(d(2, k).transpose(0, 1), d.public(2, k, n))
         .transpose(0, 1),
         lambda d, k=_width, n=_columns: A.bmm(d(5, k).double(), d(k, 3).double()))  # fmt: skip
    _add("baddbmm",
         lambda d, k=_width, n=_columns: A.baddbmm(d(3, n), d(3, k), d(k, n), alpha=0.3),
         lambda d, k=_width, n=_columns: A.baddbmm(d.public(n), d(3, k), d(k, n)))  # fmt: skip

# --- convolutions


def _convolve(
    d: Draw, inputs: int, outputs: int, kernel: tuple[int, ...], stride: int, padding: int
) -> Iterator[tuple[str, Result]]:
    """Yield a convolution and its gradients: with public weights, and with each record's own."""
    rank = len(kernel)
    options = ([stride] * rank, [padding] * rank, [1] * rank, False, [0] * rank)
    size = tuple(9 + 3 * n for n in range(rank))
    after = tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(size, kernel, strict=True))
    image, gradient = d(inputs, *size), d(outputs, *after)
    weight, bias = d.public(outputs, inputs, *kernel), d.public(outputs)
    yield "convolution", A.convolution(image, weight, bias, *options, 1)
    yield (
        "convolution_backward",
        A.convolution_backward(gradient, image, weight, None, *options, 1, (True, False, False))[0],
    )
    # Each record is a group of channels.
    image, gradient = image.flatten(0, 1)[None], gradient.flatten(0, 1)[None]
    own = d(outputs, inputs, *kernel).flatten(0, 1)
    yield "convolution", A.convolution(image, own, None, *options, d.rows)[0]
    found = A.convolution_backward(
        gradient, image, own, None, *options, d.rows, (True, True, False)
    )
    yield "convolution_backward", (found[0][0].reshape(d.rows, -1), found[1].reshape(d.rows, -1))


def _transposed(d: Draw) -> Iterator[tuple[str, Result]]:
    weight, options = d.public(3, 4, 3, 2), ([2, 1], [1, 0], [1, 1], True, [1, 0])
    image = d(3, 5, 7)
    after = A.convolution(image, weight, None, *options, 1)
    yield "convolution", after
    yield (
        "convolution_backward",
        A.convolution_backward(
            d(*after.shape[1:]), image, weight, None, *options, 1, (True, False, False)
        )[0],
    )


def _grouped(d: Draw) -> Iterator[tuple[str, Result]]:
    weight, options = d.public(6, 2, 3, 3), ([1, 1], [1, 1], [2, 2], False, [0, 0])
    image = d(4, 9, 7)
    yield "convolution", A.convolution(image, weight, None, *options, 2)
    yield (
        "convolution_backward",
        A.convolution_backward(d(6, 7, 5), image, weight, None, *options, 2, (True, False, False))[
            0
        ],
    )


def _only(calls: Callable[..., Iterator[tuple[str, Result]]], wanted: str, *args: Any) -> Sample:
    def sample(d: Draw) -> Result:
        found: list[torch.Tensor] = []
        for name, result in calls(d, *args):
            if name == wanted:
                found += [result] if isinstance(result, torch.Tensor) else result
        return found

    return sample


CONVOLUTIONS = (
    (1, 8, (5, 5), 1, 0),
    (3, 16, (3, 3), 1, 1),
    (16, 5, (3, 3), 2, 1),
    (8, 8, (1, 1), 1, 0),
    (3, 5, (2, 3), 1, 0),
    (3, 4, (3,), 1, 1),
)
"""Channels in and out, kernel, stride and padding of what a worker tries."""


def add_convolution(*shape: Any) -> None:
    """Have `moved` try one more shape of convolutions."""
    for name in ("convolution", "convolution_backward"):
        _add(name, _only(_convolve, name, *shape))


for _shape in CONVOLUTIONS:
    add_convolution(*_shape)
for _name in ("convolution", "convolution_backward"):
    _add(_name, _only(_transposed, _name), _only(_grouped, _name))

# --- images

_WINDOW = ([3, 2], [2, 1], [1, 1])


def _pooled(d: Draw, channels: int) -> Result:
    image = d(channels, 9, 7)
    after, where = A.max_pool2d_with_indices(image, *_WINDOW)
    gradient = d(*after.shape[1:])
    return [A.max_pool2d_with_indices_backward(gradient, image, *_WINDOW, [1, 1], False, where)]


for _channels in (3, 16):
    _add("max_pool2d_with_indices",
         lambda d, c=_channels: A.max_pool2d_with_indices(d(c, 9, 7), *_WINDOW),
         lambda d, c=_channels: A.max_pool2d_with_indices(_inner(d(c, 9, 7)), *_WINDOW)
    )  # fmt: skip
    _add("max_pool2d_with_indices_backward", lambda d, c=_channels: _pooled(d, c))
    _add("avg_pool2d", lambda d, c=_channels: A.avg_pool2d(d(c, 9, 7), *_WINDOW))
    _add("avg_pool2d_backward", lambda d, c=_channels: A.avg_pool2d_backward(
        d(c, 5, 8), d(c, 9, 7), *_WINDOW, False, True, None))  # fmt: skip
    _add("_adaptive_avg_pool2d", lambda d, c=_channels: A._adaptive_avg_pool2d(d(c, 9, 7), [3, 2]),
         lambda d, c=_channels: A._adaptive_avg_pool2d(d(c, 9, 7), [1, 1]))  # fmt: skip
    _add("_adaptive_avg_pool2d_backward", lambda d, c=_channels: A._adaptive_avg_pool2d_backward(
        d(c, 3, 2), d(c, 9, 7)))  # fmt: skip
    _add("upsample_nearest2d", lambda d, c=_channels: A.upsample_nearest2d(d(c, 5, 7), [9, 11]))
    _add("upsample_nearest2d_backward", lambda d, c=_channels: A.upsample_nearest2d_backward(
        d(c, 9, 11), [9, 11], [d.rows, c, 5, 7]))  # fmt: skip


def _inner(image: torch.Tensor) -> torch.Tensor:
    """Return an image whose channels lie innermost in memory."""
    return image.movedim(1, -1).contiguous().movedim(-1, 1)


# --- normalization


def _layer_norm(d: Draw, backward: bool, *shape: int) -> Any:
    value, weight, bias = d(5, *shape), d.public(*shape), d.public(*shape)
    found = A.native_layer_norm(value, shape, weight, bias, 1e-5)
    if not backward:
        return found
    return A.native_layer_norm_backward(
        d(5, *shape), value, shape, *found[1:], weight, bias, [True, False, False]
    )[:1]


def _group_norm(d: Draw, backward: bool, groups: int) -> Any:
    value, weight, bias = d(6, 5, 7).contiguous(), d.public(6), d.public(6)
    sizes = (d.rows, 6, 35, groups)
    found = A.native_group_norm(value, weight, bias, *sizes, 1e-5)
    if not backward:
        return found
    return A.native_group_norm_backward(
        d(6, 5, 7).contiguous(), value, *found[1:], weight, *sizes, [True, False, False]
    )[:1]


for _name, _backward in (("", False), ("_backward", True)):
    _add(f"native_layer_norm{_name}",
         lambda d, back=_backward: _layer_norm(d, back, 7),
         lambda d, back=_backward: _layer_norm(d, back, 3, 13))  # fmt: skip
    _add(f"native_group_norm{_name}",
         *(lambda d, back=_backward, g=g: _group_norm(d, back, g) for g in (1, 2, 6)))  # fmt: skip
