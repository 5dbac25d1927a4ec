"""Random calls of every operator that a record graph may use.

`CALLS` has one function an operator, which draws the arguments of one call: of any form that the
operator's signature allows. Tensors are drawn for a batch of records (`Operand`); each record has
its own, or all share one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from workbench.engine.program.guards import GUARDS

KINKS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5)
"""Numbers at which gradients jump, and of which some are equal to each other."""
SPECIAL = (*KINKS, 1e-40, -1e-40, 1e30, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True)
class Operand:
    """A tensor argument: ``(rows, *shape)`` if each record has its own (`mapped`), else `shape`."""

    value: torch.Tensor
    mapped: bool

    @property
    def has_gradient(self):
        return self.mapped and self.value.is_floating_point()


class Draw:
    """Draws arguments for `rows` records; half of the floats are `special` ones, if there are."""

    def __init__(self, seed, rows=3, special=()):
        self.rows, self.special = rows, special
        self.random = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self._drawn = 0

    def int(self, low, high):
        return self.random.randint(low, high)

    def flag(self):
        return self.random.random() < 0.5

    def choose(self, *options):
        return self.random.choice(options)

    def number(self, low=-2.0, high=2.0):
        return round(self.random.uniform(low, high), 3)

    def shape(self, least=0, most=4, largest=4):
        return tuple(self.int(1, largest) for _ in range(self.int(least, most)))

    def axis(self, shape):
        return self.int(-len(shape), len(shape) - 1)

    def axes(self, shape):
        some = self.random.sample(range(len(shape)), self.int(1, len(shape)))
        return [axis - self.choose(0, len(shape)) for axis in some]

    def _operand(self, make, shape, shared):
        # The first operand of a call is each record's own.
        own = self._drawn == 0 or self.random.random() < 0.6
        own = own if shared is None else not shared
        self._drawn += 1
        return Operand(make((self.rows, *shape) if own else tuple(shape)), own)

    def real(self, shape, shared=None, dtype=torch.float32, positive=False):
        def make(size):
            found = torch.randn(size, generator=self.generator, dtype=dtype)
            which = torch.randint(0, 2 * len(self.special) + 1, size, generator=self.generator)
            for number, value in enumerate(self.special):
                found = torch.where(which == number, value, found)
            return found.abs() + 0.1 if positive else found

        return self._operand(make, shape, shared)

    def whole(self, shape, low=-4, high=5, dtype=torch.int64, shared=None):
        def make(size):
            return torch.randint(low, high, size, generator=self.generator, dtype=dtype)

        return self._operand(make, shape, shared)

    def mask(self, shape, shared=None):
        def make(size):
            return torch.randint(0, 2, size, generator=self.generator) > 0

        return self._operand(make, shape, shared)

    def any(self, shape, shared=None):
        kind = self.int(0, 5)
        if kind == 0:
            return self.whole(shape, shared=shared)
        return self.mask(shape, shared) if kind == 1 else self.real(shape, shared)

    def numbers(self, shape, shared=None):
        return self.whole(shape, shared=shared) if self.int(0, 5) == 0 else self.real(shape, shared)

    def narrower(self, shape):
        """Return a shape that broadcasts to `shape`."""
        given = tuple(size if self.flag() else 1 for size in shape)
        return given[self.int(0, len(shape)) :]


Call = tuple[list[Any], dict[str, Any]]
CALLS: dict[str, Callable[[Draw], Call]] = {}


def call_of(names):
    """Register the function that draws calls of operators; it gives arguments, some by name."""

    def register(make):
        for name in names.split():
            full = f"aten.{name}" if "." in name else f"aten.{name}.default"

            def drawn(draw, name=full):
                given = make(draw) if make.__code__.co_argcount == 1 else make(draw, name)
                named = given.pop() if given and isinstance(given[-1], dict) else {}
                return given, named

            CALLS[full] = drawn
        return make

    return register


def operator_of(name):
    _, packet, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, packet), overload)


def lowered(operator, *args, **kwargs):
    """Call `operator` as the engine does."""
    return GUARDS.get(operator, operator)(*args, **kwargs)


def operands_of(call):
    """Return the operands of a call, in order."""
    return [a for a in _flat(call) if isinstance(a, Operand)]


def _flat(value):
    if isinstance(value, list | tuple):
        return [item for inner in value for item in _flat(inner)]
    return _flat(list(value.values())) if isinstance(value, dict) else [value]


def filled(call, tensors):
    """Return arguments and named arguments with `tensors`, an iterator, for operands."""

    def fill(value):
        if isinstance(value, list):
            return [fill(item) for item in value]
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return next(tensors) if isinstance(value, Operand) else value

    return fill(call[0]), fill(call[1])


def leaves(value):
    """Return the tensors in what an operator gives."""
    return [value] if isinstance(value, torch.Tensor) else [t for v in value for t in leaves(v)]


def mixed(outputs, rows=1, times=None):
    """Return one number that depends on every entry of the outputs, or None.

    The entries of all rows are weighted alike, or `times` a number for each row, ``(rows, 1)``.
    """
    total = None
    for number, output in enumerate(outputs):
        if output.requires_grad:
            flat = output.reshape(rows, -1)
            weights = torch.cos(torch.arange(flat.shape[1], dtype=output.dtype) + number + 1)
            part = (flat * weights if times is None else flat * weights * times).sum()
            total = part if total is None else total + part
    return total


def batched(name, call, replaced=None):
    """Return outputs and gradients of a call for all records: lowered, under vmap and autograd.

    `replaced` are other values for the operands.
    """
    operands = operands_of(call)
    values = [operand.value for operand in operands] if replaced is None else replaced
    values = [
        value.clone().requires_grad_(operand.has_gradient)
        for operand, value in zip(operands, values, strict=True)
    ]

    def one(*tensors):
        args, kwargs = filled(call, iter(tensors))
        return tuple(leaves(lowered(operator_of(name), *args, **kwargs)))

    mapped = tuple(0 if operand.mapped else None for operand in operands)
    if not operands:
        args, kwargs = filled(call, iter(()))
        return [*leaves(lowered(operator_of(name), *args, **kwargs))], []
    outputs = torch.func.vmap(one, in_dims=mapped)(*values)
    wanted = [v for v in values if v.requires_grad]
    gradients: list[torch.Tensor | None] = [None] * len(wanted)
    total = mixed(outputs, len(outputs[0]))
    if total is not None:
        gradients = [*torch.autograd.grad(total, wanted, allow_unused=True)]
    found = [
        torch.zeros_like(value) if gradient is None else gradient
        for value, gradient in zip(wanted, gradients, strict=True)
    ]
    return [output.detach() for output in outputs], found


def one_by_one(name, call):
    """Return the same of PyTorch's own operator, one record after the other."""
    operands = operands_of(call)
    rows = next((len(operand.value) for operand in operands if operand.mapped), 1)
    outputs, gradients = [], []
    for row in range(rows):
        values = [
            (operand.value[row] if operand.mapped else operand.value)
            .clone()
            .requires_grad_(operand.has_gradient)
            for operand in operands
        ]
        args, kwargs = filled(call, iter(values))
        found = leaves(operator_of(name)(*args, **kwargs))
        total = mixed(found)
        wanted = [v for v in values if v.requires_grad]
        backwards: list[torch.Tensor | None] = [None] * len(wanted)
        if total is not None:
            backwards = [*torch.autograd.grad(total, wanted, allow_unused=True)]
        outputs.append([output.detach() for output in found])
        gradients.append(
            [
                torch.zeros_like(value) if gradient is None else gradient
                for value, gradient in zip(wanted, backwards, strict=True)
            ]
        )
    if not operands:
        return outputs[0], []
    return [torch.stack(o) for o in zip(*outputs, strict=True)], [
        torch.stack(g) for g in zip(*gradients, strict=True)
    ]


# --- entry by entry


@call_of("""exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh tanh
asin acos atan asinh acosh erf erfc erfinv lgamma digamma sigmoid log_sigmoid floor ceil round
trunc frac relu relu6 selu silu mish hardsigmoid hardswish""")
def _of_a_float(d):
    return [d.real(d.shape(), dtype=d.choose(torch.float32, torch.float64))]


@call_of("abs neg sign sgn square isnan isinf isfinite")
def _of_a_number(d):
    return [d.numbers(d.shape())]


@call_of("logical_not contiguous clone alias detach zeros_like ones_like any all sum")
def _of_anything(d):
    return [d.any(d.shape())]


@call_of("bitwise_not")
def _bits(d):
    return [d.choose(d.mask, d.whole)(d.shape())]


@call_of("bitwise_and.Tensor bitwise_or.Tensor")
def _two_bits(d):
    kind, shape = d.choose(d.mask, d.whole), d.shape()
    return [kind(shape), kind(d.narrower(shape))]


@call_of("logit")
def _logit(d):
    return [d.real(d.shape()), d.choose(None, 0.0, 0.1)]


@call_of("leaky_relu hardshrink softshrink celu")
def _with_a_number(d):
    return [d.real(d.shape()), d.number(0.1, 2)]


@call_of("elu")
def _elu(d):
    return [d.real(d.shape()), d.number(0, 2), d.number(), d.number()]


@call_of("gelu")
def _gelu(d):
    return [d.real(d.shape()), {"approximate": d.choose("none", "tanh")}]


@call_of("hardtanh")
def _hardtanh(d):
    return [d.real(d.shape()), d.number(-2, 0), d.number(0, 2)]


@call_of("softplus")
def _softplus(d):
    return [d.real(d.shape()), d.number(0.2, 3), d.choose(20, 0.5)]


@call_of("threshold")
def _threshold(d):
    return [d.real(d.shape()), d.number(), d.number()]


@call_of("prelu")
def _prelu(d):
    shape = d.shape(1)
    channels = shape[1] if len(shape) > 1 else 1
    return [d.real(shape), d.real(d.choose((1,), (channels,)))]


@call_of("glu")
def _glu(d):
    shape = (*d.shape(0, 2), 4, *d.shape(0, 1))
    return [d.real(shape), shape.index(4)]


def _two(d, first, second):
    shape = d.shape()
    shapes = [shape, d.narrower(shape)]
    d.random.shuffle(shapes)
    return [first(shapes[0]), second(shapes[1])]


@call_of("add.Tensor sub.Tensor")
def _added(d):
    given = _two(d, d.real, d.numbers)
    given[1] = d.choose(given[1], given[1], d.number())
    return [*given, {"alpha": d.choose(1, 2)}]


@call_of("rsub.Tensor")
def _subtracted(d):
    return [*_two(d, d.real, d.real), {"alpha": d.choose(1, 2)}]


@call_of("add.Scalar sub.Scalar rsub.Scalar")
def _added_number(d):
    return [d.numbers(d.shape()), d.choose(d.number(), d.int(-3, 3)), d.choose(1, 2)]


@call_of("eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor")
def _compared(d):
    return _two(d, d.any, d.any)


@call_of("mul.Tensor div.Tensor")
def _arithmetic(d):
    given = _two(d, d.any, d.any)
    return [given[0], d.choose(given[1], given[1], d.number(0.5, 2))]


@call_of("mul.Scalar div.Scalar eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar")
def _arithmetic_with_number(d):
    return [d.any(d.shape()), d.choose(0.5, 2, -3)]


@call_of("pow.Tensor_Scalar")
def _power(d):
    return [d.real(d.shape()), d.choose(0, 1, 2, 3, -1, 0.5, -1.5)]


@call_of("pow.Scalar")
def _exponential(d):
    return [d.choose(2.0, 0.5, 0.0, 1), d.real(d.shape())]


@call_of("fmod.Scalar")
def _rest(d):
    return [d.real(d.shape()), d.choose(0.3, 2, -1.5, 0)]


@call_of("maximum minimum fmax fmin")
def _extremes(d):
    kind = d.choose(d.real, d.real, d.whole)
    return _two(d, kind, kind)


@call_of("atan2 hypot logaddexp pow.Tensor_Tensor fmod.Tensor")
def _two_floats(d):
    return _two(d, d.real, d.real)


@call_of("logical_and logical_or logical_xor expand_as")
def _two_of_anything(d):
    shape = d.shape()
    return [d.any(d.narrower(shape)), d.any(shape)]


@call_of("clamp")
def _clamp(d):
    ends = d.choose((None, 0.5), (-0.5, None), (-0.5, 0.5), (0.5, -0.5), (0, float("inf")))
    return [d.numbers(d.shape()), *ends]


@call_of("clamp_min clamp_max")
def _clamp_one_side(d):
    return [d.numbers(d.shape()), d.choose(0, 1, -1)]


@call_of("clamp.Tensor")
def _clamp_by_tensors(d):
    shape = d.shape()
    ends = [d.real(d.narrower(shape)), d.real(d.narrower(shape))]
    ends[d.int(0, 1)] = d.choose(ends[0], None)
    return [d.real(shape, shared=False), *(ends if any(ends) else [d.real(shape), None])]


@call_of("lerp.Scalar")
def _lerp(d):
    return [*_two(d, d.real, d.real), d.number(-1, 2)]


@call_of("lerp.Tensor")
def _lerp_by_tensor(d):
    given = _two(d, d.real, d.real)
    return [*given, d.real(d.choose((), given[0].value.shape[given[0].mapped :]))]


@call_of("addcmul addcdiv")
def _three(d):
    shape = d.shape()
    return [d.real(shape), d.real(d.narrower(shape)), d.real(shape), {"value": d.number()}]


@call_of("where.self")
def _where(d):
    shape = d.shape()
    return [d.mask(d.narrower(shape)), d.real(d.narrower(shape)), d.any(shape)]


@call_of("where.ScalarOther")
def _where_else_number(d):
    return [d.mask(shape := d.shape()), d.real(d.narrower(shape)), d.number()]


@call_of("where.ScalarSelf")
def _where_number(d):
    return [d.mask(shape := d.shape()), d.number(), d.real(d.narrower(shape))]


@call_of("where.Scalar")
def _where_numbers(d):
    return [d.mask(d.shape()), d.number(), d.number()]


@call_of("masked_fill.Scalar")
def _masked(d):
    return [d.real(shape := d.shape()), d.mask(d.narrower(shape)), d.choose(0.5, float("-inf"))]


@call_of("masked_fill.Tensor")
def _masked_by_tensor(d):
    return [d.real(shape := d.shape()), d.mask(d.narrower(shape)), d.real(())]


@call_of("_to_copy")
def _copied(d):
    kinds = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)
    given = d.whole(d.shape(), 0) if d.flag() else d.real(d.shape(), positive=True)
    return [given, {"dtype": d.choose(*kinds, None)}]


@call_of("to.dtype")
def _converted(d):
    kinds = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)
    given = d.whole(d.shape(), 0) if d.flag() else d.real(d.shape(), positive=True)
    return [given, d.choose(*kinds)]


@call_of("type_as")
def _as_type_of_another(d):
    return [d.whole(d.shape(), 0), d.any(d.shape())]


# --- reductions, and along named dimensions


@call_of("sum.dim_IntList mean.dim amax amin")
def _reduced(d):
    shape = d.shape()
    dims = d.axes(shape) if shape and d.flag() else []
    return [d.real(shape), dims, d.flag()]


@call_of("mean max min")
def _reduced_to_one(d):
    return [d.real(d.shape())]


@call_of("argmax argmin")
def _position(d):
    shape = d.shape()
    return [d.real(shape), d.axis(shape) if shape and d.flag() else None, d.flag()]


@call_of("max.dim min.dim any.dim all.dim")
def _reduced_along(d, name):
    shape = d.shape(1)
    kind = d.numbers if name.startswith("aten.m") else d.any
    return [kind(shape), d.axis(shape), d.flag()]


@call_of("var.correction std.correction")
def _spread(d):
    shape = (*d.shape(0, 2), 4)
    dims = d.choose(None, [-1], d.axes(shape))
    return [d.real(shape), dims, {"correction": d.choose(None, 0, 1), "keepdim": d.flag()}]


@call_of("var.dim std.dim")
def _spread_along(d):
    shape = (*d.shape(0, 2), 4)
    return [d.real(shape), d.choose([-1], d.axes(shape)), d.flag(), d.flag()]


@call_of("logsumexp")
def _logsumexp(d):
    return [d.real(shape := d.shape(1)), d.axes(shape), d.flag()]


_ORDERS = (0, 1, 2, 3, 1.5, 0.5, float("inf"), float("-inf"))


@call_of("norm.Scalar")
def _norm(d):
    return [d.real(d.shape()), d.choose(*_ORDERS)]


@call_of("norm.ScalarOpt_dim linalg_vector_norm")
def _norm_along(d):
    shape = d.shape()
    return [d.real(shape), d.choose(*_ORDERS), d.axes(shape) if shape else [], d.flag()]


@call_of("softmax.int log_softmax.int")
def _softmax(d):
    return [d.real(shape := d.shape(1)), d.axis(shape), d.choose(None, torch.float64)]


@call_of("_softmax _log_softmax")
def _plain_softmax(d):
    return [d.real(shape := d.shape(1)), d.axis(shape), False]


@call_of("cumsum cumprod")
def _running(d):
    return [d.real(shape := d.shape(1)), d.axis(shape)]


@call_of("sort")
def _sorted(d):
    return [d.real(shape := d.shape(1)), d.axis(shape), d.flag()]


@call_of("topk")
def _largest(d):
    shape = (*d.shape(0, 2), 4, *d.shape(0, 1))
    return [d.real(shape), d.int(1, 4), shape.index(4), d.flag()]


# --- products


@call_of("linear")
def _linear(d):
    bias = d.real((2,)) if d.flag() else None
    return [d.real((*d.shape(0, 2), 3)), d.real((2, 3)), bias]


@call_of("matmul")
def _matmul(d):
    batch = d.shape(0, 2)
    left = d.choose((3,), (2, 3), (*batch, 2, 3))
    right = d.choose((3,), (3, 4), (*batch, 3, 4))
    return [d.real(left), d.real(right)]


@call_of("mm")
def _mm(d):
    return [d.real((2, 3)), d.real((3, 4))]


@call_of("bmm")
def _bmm(d):
    return [d.real((2, 2, 3)), d.real((2, 3, 4))]


@call_of("addmm")
def _addmm(d):
    scale = {"beta": d.choose(1, 0.5), "alpha": d.choose(1, 2)}
    return [d.real(d.choose((4,), (2, 4), (1, 4))), d.real((2, 3)), d.real((3, 4)), scale]


@call_of("baddbmm")
def _baddbmm(d):
    scale = {"beta": d.choose(1, 0.5), "alpha": d.choose(1, 2)}
    return [d.real(d.choose((2, 2, 4), (1, 4))), d.real((2, 2, 3)), d.real((2, 3, 4)), scale]


@call_of("mv")
def _mv(d):
    return [d.real((2, 3)), d.real((3,))]


@call_of("addmv")
def _addmv(d):
    scale = {"beta": d.choose(1, 0.5), "alpha": d.choose(1, 2)}
    return [d.real((2,)), d.real((2, 3)), d.real((3,)), scale]


@call_of("dot")
def _dot(d):
    return [d.real((3,)), d.real((3,))]


@call_of("outer")
def _outer(d):
    return [d.real((3,)), d.real((2,))]


@call_of("einsum")
def _einsum(d):
    equation, *shapes = d.choose(
        ("ij,kj->ik", (2, 3), (4, 3)),
        ("ij->ji", (2, 3)),
        ("ii->i", (3, 3)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
        ("i,j->ij", (2,), (3,)),
        ("ij,ij->", (2, 3), (2, 3)),
        ("...i,i->...", (2, 3), (3,)),
        ("abc->b", (2, 3, 2)),
    )
    return [equation, [d.real(shape) for shape in shapes]]


# --- images and sequences


def _layer(d, space, transposed=False):
    groups = d.choose(1, 1, 2)
    inner, outer, width = 2 * d.int(1, 2), 2 * d.int(1, 2), d.int(1, 3)
    size = tuple(d.int(5, 6) for _ in range(space))
    value = d.real((*d.choose((), (), (2,)), inner, *size))
    first, second = (inner, outer) if transposed else (outer, inner)
    weight = d.real((first, second // groups, *(width for _ in range(space))))
    return value, weight, (d.real((outer,)) if d.flag() else None), groups


@call_of("conv1d conv2d conv3d")
def _convolved(d, name):
    space = int(name[9])
    value, weight, bias, groups = _layer(d, space)
    steps = [[d.int(1, 2)] * d.choose(1, space) for _ in range(2)]
    return [value, weight, bias, steps[0], [d.int(0, 1)] * space, steps[1], groups]


@call_of("conv1d.padding conv2d.padding")
def _convolved_to_the_same_size(d, name):
    value, weight, bias, groups = _layer(d, int(name[9]))
    padding = d.choose("same", "valid")
    return [value, weight, bias, [1], padding, [d.int(1, 2)], groups]


@call_of("conv_transpose2d.input")
def _transposed(d):
    value, weight, bias, groups = _layer(d, 2, transposed=True)
    stride = d.int(1, 3)
    more = [d.int(0, stride - 1)] * 2
    return [value, weight, bias, [stride] * 2, [d.int(0, 1)] * 2, more, groups, [d.int(1, 2)] * 2]


@call_of("convolution")
def _convolution(d):
    space, transposed = d.int(1, 3), d.flag()
    value, weight, bias, groups = _layer(d, space, transposed)
    rank = len(value.value.shape) - value.mapped
    if rank == space + 1:
        value = Operand(value.value.unsqueeze(int(value.mapped)), value.mapped)
    stride = d.int(1, 2)
    more = [stride - 1 if transposed else 0] * space
    return [
        value,
        weight,
        bias,
        [stride] * space,
        [d.int(0, 1)] * space,
        [1] * space,
        transposed,
        more,
        groups,
    ]


def _window(d, space):
    width = d.int(1, 3)
    stride = d.choose([], [d.int(1, 3)] * space)
    return [[width] * space, stride, [d.int(0, width // 2)] * space]


@call_of("avg_pool1d avg_pool2d")
def _averaged(d, name):
    space = int(name[13])
    value = d.real((*d.choose((), (2,)), 2, *(d.int(5, 6) for _ in range(space))))
    return [value, *_window(d, space), d.flag(), d.flag()]


@call_of("max_pool1d max_pool2d max_pool2d_with_indices")
def _largest_of_windows(d, name):
    space = int(name[13])
    value = d.real((*d.choose((), (2,)), 2, *(d.int(5, 6) for _ in range(space))))
    return [value, *_window(d, space), [d.int(1, 2)] * space, d.flag()]


@call_of("adaptive_avg_pool1d adaptive_avg_pool2d _adaptive_avg_pool2d")
def _averaged_to_a_size(d, name):
    space = 1 if "1d" in name else 2
    value = d.real((*d.choose((), (2,)), 2, *(d.int(4, 6) for _ in range(space))))
    return [value, [d.int(1, 7) for _ in range(space)]]


@call_of("upsample_nearest2d")
def _enlarged(d):
    return [
        d.real((1, 2, 3, 4)),
        *d.choose(([6, 8], None, None), ([4, 5], None, None), ([6, 6], 2.0, 1.5)),
    ]


@call_of("upsample_nearest2d.vec")
def _enlarged_by(d):
    return [d.real((2, 2, 3, 4)), *d.choose(([6, 7], None), (None, [2.0, 1.5]))]


# --- normalization


def _scale_and_shift(d, shape):
    scale, shift = d.real(shape), d.real(shape)
    return d.choose([scale, shift], [scale, None], [None, None])


@call_of("layer_norm native_layer_norm rms_norm")
def _over_the_last(d, name):
    last = d.choose((4,), (2, 3))
    shape = (*d.shape(0, 2), *last)
    scales = _scale_and_shift(d, last)[: 1 if "rms" in name else 2]
    return [d.real(shape, shared=False), list(last), *scales, 1e-5]


@call_of("group_norm")
def _over_groups(d):
    shape = (d.int(1, 2), 4, *d.shape(1, 2))
    return [d.real(shape, shared=False), d.choose(1, 2), *_scale_and_shift(d, (4,)), 1e-5]


@call_of("native_group_norm")
def _over_counted_groups(d):
    images, height, width = d.int(1, 2), d.int(1, 3), d.int(2, 3)
    value = d.real((images, 4, height, width), shared=False)
    scales = _scale_and_shift(d, (4,))
    return [value, *scales, images, 4, height * width, d.choose(1, 2), 1e-5]


# --- losses


@call_of("mse_loss l1_loss")
def _loss(d):
    return [d.real(shape := d.shape()), d.real(shape), d.int(0, 2)]


@call_of("smooth_l1_loss huber_loss")
def _loss_with_a_bend(d):
    return [d.real(shape := d.shape()), d.real(shape), d.int(0, 2), d.number(0.2, 2)]


@call_of("soft_margin_loss")
def _soft_margin(d):
    return [d.real(shape := d.shape()), d.real(shape, shared=True), d.int(0, 2)]


@call_of("kl_div")
def _kl_div(d):
    target = d.real(shape := d.shape(), positive=True)
    return [d.real(shape), target, d.int(0, 2), {"log_target": d.flag()}]


@call_of("binary_cross_entropy_with_logits")
def _binary(d):
    shape = d.shape()
    extra = [d.real(d.narrower(shape), shared=True) if d.flag() else None for _ in range(2)]
    return [d.real(shape, shared=False), d.real(shape), *extra, d.int(0, 2)]


@call_of("cosine_similarity")
def _cosine(d):
    return [d.real(shape := d.shape(1)), d.real(shape), d.axis(shape), 1e-8]


@call_of("cosine_embedding_loss")
def _cosine_loss(d):
    shape = d.choose((4,), (3, 4))
    signs = d.whole(shape[:-1], -1, 2)
    return [d.real(shape, shared=False), d.real(shape), signs, d.number(0, 0.5), d.int(0, 2)]


@call_of("pairwise_distance")
def _distance(d):
    shape = d.shape(1, 2)
    return [d.real(shape), d.real(shape), d.choose(1, 2, 3), 1e-6, d.flag()]


def _classes(d, most):
    axis = d.choose((), (3,), *([(2, 3), (2, 3, 2)] if most > 2 else []))
    scores = d.real((*axis[:1], 5, *axis[1:]), shared=False)
    weight = d.real((5,), positive=True, shared=d.choose(True, False)) if d.flag() else None
    return scores, d.whole(axis, 0, 5), weight, d.int(0, 2), d.choose(-100, 1, 7)


@call_of("nll_loss nll_loss_nd nll_loss_forward")
def _nll(d, name):
    scores, classes, weight, *rest = _classes(d, 4 if "nd" in name else 2)
    if weight is not None:
        # PyTorch has no gradient with respect to it.
        weight = Operand(weight.value[0] if weight.mapped else weight.value, False)
    return [scores, classes, weight, *rest]


@call_of("cross_entropy_loss")
def _cross_entropy(d):
    scores, classes, weight, reduction, ignored = _classes(d, 4)
    if weight is not None:
        weight = Operand(weight.value[0] if weight.mapped else weight.value, False)
    if d.int(0, 2) == 0:
        shape = scores.value.shape[1:]
        return [scores, d.real(shape), weight, reduction, -100, d.choose(0.0, 0.1)]
    return [scores, classes, weight, reduction, ignored, d.choose(0.0, 0.1)]


# --- look-ups


@call_of("embedding")
def _embedding(d):
    return [d.real((5, 3)), d.whole(d.shape(0, 3), 0, 5), d.choose(-1, 0, 2)]


@call_of("gather")
def _gathered(d):
    shape = d.shape(1, 3)
    axis = d.axis(shape)
    index = [d.int(1, size) for size in shape]
    index[axis] = d.int(1, 5)
    return [d.real(shape), axis, d.whole(index, 0, shape[axis])]


@call_of("index_select")
def _selected(d):
    shape = d.shape(1, 3)
    axis = d.axis(shape)
    return [d.real(shape), axis, d.whole(d.choose((), (3,)), 0, shape[axis])]


@call_of("index.Tensor")
def _indexed(d):
    shape = (2, 3, 4)
    places = d.choose((0,), (1,), (0, 1), (1, 2), (0, 2), (0, 1, 2))
    drawn = {p: d.whole(d.choose((), (2,), (3, 1)), -shape[p], shape[p]) for p in places}
    return [d.real(shape), [drawn.get(place) for place in range(max(places) + 1)]]


# --- shapes


@call_of("view _unsafe_view reshape")
def _reshaped(d):
    return [d.any((4, 6)), d.choose([24], [6, 4], [2, 2, 6], [-1, 3], [4, 2, 3])]


@call_of("flatten.using_ints")
def _flattened(d):
    shape = d.shape(1)
    first = d.int(0, len(shape) - 1)
    return [d.any(shape), first, d.int(first, len(shape) - 1)]


@call_of("unflatten.int")
def _unflattened(d):
    return [d.any((3, 4)), 1, d.choose([2, 2], [-1, 2], [4, 1])]


@call_of("squeeze t")
def _squeezed(d, name):
    return [d.any(d.choose((1, 3), (3,), (), (1, 1)))]


@call_of("squeeze.dim")
def _squeezed_along(d):
    return [d.any((1, 3, 1)), d.int(-3, 2)]


@call_of("squeeze.dims")
def _squeezed_along_some(d):
    return [d.any((1, 3, 1)), d.axes((1, 3, 1))]


@call_of("unsqueeze")
def _unsqueezed(d):
    shape = d.shape(0, 3)
    return [d.any(shape), d.int(-len(shape) - 1, len(shape))]


@call_of("transpose.int movedim.int")
def _moved(d):
    shape = d.shape(1)
    return [d.any(shape), d.axis(shape), d.axis(shape)]


@call_of("permute")
def _permuted(d):
    shape = d.shape()
    return [d.any(shape), d.random.sample(range(len(shape)), len(shape))]


@call_of("expand")
def _expanded(d):
    shape = d.shape()
    return [d.any(d.narrower(shape)), list(shape)]


@call_of("broadcast_tensors")
def _broadcast(d):
    shape = d.shape()
    return [[d.any(d.narrower(shape)), d.any(shape)]]


@call_of("repeat tile")
def _repeated(d):
    shape = d.shape(0, 3)
    return [d.any(shape), [d.int(1, 3) for _ in range(len(shape) + d.int(0, 1))]]


@call_of("repeat_interleave.self_int")
def _interleaved(d):
    shape = d.shape(1, 3)
    return [d.any(shape), d.int(1, 3), d.choose(None, d.axis(shape))]


@call_of("roll")
def _rolled(d):
    shape = d.shape()
    if not shape or d.flag():
        return [d.any(shape), [d.int(-7, 7)], []]
    dims = d.axes(shape)
    return [d.any(shape), [d.int(-7, 7) for _ in dims], dims]


@call_of("flip")
def _flipped(d):
    return [d.any(shape := d.shape(1)), d.axes(shape)]


@call_of("cat")
def _joined(d):
    shape = d.shape(1, 3)
    axis = d.int(0, len(shape) - 1)
    shapes = [(*shape[:axis], d.int(1, 3), *shape[axis + 1 :]) for _ in range(d.int(1, 3))]
    return [[d.real(size) for size in shapes], axis - d.choose(0, len(shape))]


@call_of("stack")
def _stacked(d):
    shape = d.shape(0, 3)
    return [[d.real(shape) for _ in range(d.int(1, 3))], d.int(-len(shape) - 1, len(shape))]


@call_of("split.Tensor chunk")
def _split(d):
    return [d.any(shape := d.shape(1)), d.int(1, 3), d.axis(shape)]


@call_of("split_with_sizes")
def _split_into(d):
    return [d.any((4, 3)), d.choose([1, 3], [2, 2], [4]), 0]


@call_of("unbind.int")
def _unbound(d):
    return [d.any(shape := d.shape(1)), d.axis(shape)]


@call_of("select.int")
def _selected_one(d):
    shape = d.shape(1)
    axis = d.axis(shape)
    return [d.any(shape), axis, d.int(-shape[axis], shape[axis] - 1)]


@call_of("slice.Tensor")
def _sliced(d):
    return [d.any((3, 5)), 1, d.choose(None, 1, -3), d.choose(None, 4, -1), d.int(1, 3)]


@call_of("narrow")
def _narrowed(d):
    return [d.any((3, 5)), 1, d.int(0, 2), d.int(1, 3)]


@call_of("diagonal")
def _diagonal(d):
    return [d.any((3, 4, 3)), d.int(-1, 1), *d.choose((0, 1), (2, 0), (-1, 1))]


@call_of("tril triu")
def _triangle(d):
    return [d.any((*d.shape(0, 1), 3, 4)), d.int(-2, 2)]


@call_of("constant_pad_nd")
def _padded(d):
    shape = (4, 5)
    amounts = [d.int(-1, 2) for _ in range(2 * d.int(1, 2))]
    return [d.real(shape), amounts, d.choose(0, 0.5)]


@call_of("pad")
def _padded_by_a_mode(d):
    space, mode = d.int(1, 2), d.choose("constant", "reflect", "replicate", "circular")
    amounts = [d.int(0, 2) for _ in range(2 * space)]
    return [d.real((*d.choose((), (2,)), 2, *(d.int(4, 5) for _ in range(space)))), amounts, mode]


# --- made from shapes alone


@call_of("zeros ones")
def _made(d):
    return [list(d.shape())]


@call_of("full")
def _full(d):
    return [list(d.shape()), d.number()]


@call_of("full_like")
def _full_like(d):
    return [d.real(d.shape()), d.number()]


@call_of("new_zeros new_ones")
def _new(d):
    return [d.real(d.shape()), list(d.shape())]


@call_of("new_full")
def _new_full(d):
    return [d.real(d.shape()), list(d.shape()), d.number()]


@call_of("scalar_tensor")
def _scalar(d):
    return [d.number()]


@call_of("arange eye")
def _counted(d):
    return [d.int(1, 5)]


@call_of("arange.start")
def _counted_from(d):
    return [d.int(-3, 0), d.int(1, 5)]


@call_of("arange.start_step")
def _counted_in_steps(d):
    return [d.int(-3, 0), d.int(1, 5), d.choose(1, 2, 0.5)]


@call_of("linspace")
def _spaced(d):
    return [d.number(), d.number(), d.int(1, 5)]
