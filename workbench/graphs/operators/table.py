"""The operators that a record graph may use, each by its signature.

An operator has many forms under one name, and some of them look at other records of a batch, read
memory that is not theirs, or fail for some values. So the table says for each operator which
arguments it may have: kinds of tensors, ranks, dtypes, numbers, and what has to hold between them.
What is not allowed here is refused when a graph is loaded, before anything runs.

For every call the following holds besides: no tensor is empty, none has over 8 dimensions, all
are dense and on the CPU.
"""

from __future__ import annotations

import math

import torch

from workbench.graphs.operators.arguments.axes import Axes, Axis
from workbench.graphs.operators.arguments.base import (
    ANY,
    BOOL,
    FLOATS,
    INDICES,
    NUMBERS,
    WHOLE,
    Argument,
)
from workbench.graphs.operators.arguments.choices import Either, Equation, OneOf, Optional
from workbench.graphs.operators.arguments.numbers import Int, Ints, Number, Numbers
from workbench.graphs.operators.arguments.tensors import Tensor, Tensors
from workbench.graphs.operators.relations.images import convolved, enlarged, pooled
from workbench.graphs.operators.relations.losses import (
    gathered,
    in_table,
    indexed,
    one_class_each,
    one_sign_each,
    slopes,
)
from workbench.graphs.operators.relations.normalization import over_groups, over_last_dimensions
from workbench.graphs.operators.relations.numbers import (
    counts,
    given_dtype_is_float,
    holds,
    holds_dtype,
    some,
    steps_are_few,
    topk,
    whole_power,
)
from workbench.graphs.operators.relations.products import linear, multiplied
from workbench.graphs.operators.relations.shapes import (
    halves,
    padded,
    repeated_size,
    repeats_each,
    rolled,
    two_axes,
)
from workbench.graphs.operators.relations.tensors import (
    broadcasts_to,
    listed_alike,
    same_dtype,
    same_shape,
)
from workbench.graphs.operators.signatures import Signatures

SIGNATURES = Signatures()
"""The table: ``aten.<name>.<overload>`` to what is allowed."""

_allow = SIGNATURES.allow

REAL, NUMBER, ANYTHING = Tensor(FLOATS), Tensor(NUMBERS), Tensor(ANY)
MASK, INDEX, BITS = Tensor(BOOL), Tensor(INDICES), Tensor((*BOOL, *WHOLE))
SOME_REAL, SOME = Tensor(FLOATS, 1), Tensor(ANY, 1)
VECTOR, MATRIX, MATRICES = Tensor(FLOATS, 1, 1), Tensor(FLOATS, 2, 2), Tensor(FLOATS, 3, 3)
FINITE, POSITIVE, NOT_NEGATIVE = Number(), Number(1e-30), Number(0)
NOT_NAN, UNLIMITED = Number(-math.inf, math.inf), Number(-math.inf, math.inf, nan=True)
FLAG, REDUCTION = OneOf((False, True)), OneOf((0, 1, 2))
DTYPE = OneOf(ANY)
OTHER_DTYPE = Optional(DTYPE)
FLOAT_DTYPE = Optional(OneOf(FLOATS))
SUM_DTYPE = Optional(OneOf((*FLOATS, torch.int64)))
NAMED, NAMED_OR_ALL, COUNT = Axes(), Axes(all_of_none=True), Int(1)
SIZES = Ints(1)
_END = Int(-(1 << 62), (1 << 63) - 1)

# fmt: off

# --- entry by entry

_allow("abs neg sign sgn square isnan isinf isfinite", self=NUMBER)
_allow("exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh tanh asin"
       " acos atan asinh acosh erf erfc erfinv lgamma digamma sigmoid log_sigmoid floor ceil"
       " round trunc frac relu relu6 selu silu mish hardsigmoid hardswish", self=REAL)
_allow("logical_not", self=ANYTHING)
_allow("bitwise_not", self=BITS)
_allow("logit", self=REAL, eps=Optional(Number(0, 0.5)))
_allow("leaky_relu", self=REAL, negative_slope=FINITE)
_allow("elu", self=REAL, alpha=FINITE, scale=FINITE, input_scale=FINITE)
_allow("celu", self=REAL, alpha=POSITIVE)
_allow("gelu", self=REAL, approximate=OneOf(("none", "tanh")))
_allow("hardtanh", self=REAL, min_val=FINITE, max_val=FINITE)
_allow("softplus", self=REAL, beta=POSITIVE, threshold=FINITE)
_allow("hardshrink softshrink", self=REAL, lambd=NOT_NEGATIVE)
_allow("threshold", self=REAL, threshold=FINITE, value=FINITE)
_allow("prelu", slopes, same_dtype("self", "weight"), self=REAL, weight=Tensor(FLOATS, 0, 1))
_allow("glu", halves, self=SOME_REAL, dim=Axis())

_allow("add.Tensor sub.Tensor",
       self=ANYTHING, other=Either(ANYTHING, NOT_NAN), alpha=FINITE)
_allow("rsub.Tensor", self=ANYTHING, other=ANYTHING, alpha=FINITE)
_allow("add.Scalar sub.Scalar rsub.Scalar", self=ANYTHING, other=NOT_NAN, alpha=FINITE)
_allow("mul.Tensor div.Tensor", self=ANYTHING, other=Either(ANYTHING, NOT_NAN))
_allow("eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor",
       self=ANYTHING, other=ANYTHING)
_allow("mul.Scalar div.Scalar eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar",
       self=ANYTHING, other=NOT_NAN)
_allow("pow.Tensor_Scalar", whole_power, self=NUMBER, exponent=FINITE)
_allow("pow.Scalar", self=FINITE, exponent=REAL)
_allow("pow.Tensor_Tensor", same_dtype("self", "exponent"), self=REAL, exponent=REAL)
_allow("fmod.Scalar", self=REAL, other=FINITE)
_allow("fmod.Tensor", same_dtype("self", "other"), self=REAL, other=REAL)
_allow("maximum minimum fmax fmin", same_dtype("self", "other"), self=NUMBER, other=NUMBER)
_allow("atan2 hypot logaddexp", same_dtype("self", "other"), self=REAL, other=REAL)
_allow("logical_and logical_or logical_xor", self=ANYTHING, other=ANYTHING)
_allow("bitwise_and.Tensor bitwise_or.Tensor", same_dtype("self", "other"),
       self=BITS, other=BITS)
_allow("clamp", some("min", "max"),
       self=NUMBER, min=Optional(NOT_NAN), max=Optional(NOT_NAN))
_allow("clamp_min", self=NUMBER, min=NOT_NAN)
_allow("clamp_max", self=NUMBER, max=NOT_NAN)
_allow("clamp.Tensor", some("min", "max"), same_dtype("self", "min", "max"),
       self=REAL, min=Optional(REAL), max=Optional(REAL))
_allow("lerp.Scalar", same_dtype("self", "end"), self=REAL, end=REAL, weight=FINITE)
_allow("lerp.Tensor", same_dtype("self", "end", "weight"), self=REAL, end=REAL, weight=REAL)
_allow("addcmul addcdiv", same_dtype("self", "tensor1", "tensor2"),
       self=REAL, tensor1=REAL, tensor2=REAL, value=FINITE)
_allow("where.self", condition=MASK, self=ANYTHING, other=ANYTHING)
_allow("where.ScalarOther", condition=MASK, self=ANYTHING, other=UNLIMITED)
_allow("where.ScalarSelf", condition=MASK, self=UNLIMITED, other=ANYTHING)
_allow("where.Scalar", condition=MASK, self=UNLIMITED, other=UNLIMITED)
_allow("masked_fill.Scalar", holds("value"), self=ANYTHING, mask=MASK, value=UNLIMITED)
_allow("masked_fill.Tensor", same_dtype("self", "value"),
       self=ANYTHING, mask=MASK, value=Tensor(ANY, 0, 0))
_allow("_to_copy", self=ANYTHING, dtype=OTHER_DTYPE)
_allow("to.dtype", self=ANYTHING, dtype=DTYPE)
_allow("type_as", self=ANYTHING, other=ANYTHING)
_allow("contiguous clone alias detach", self=ANYTHING)

# --- reductions, and along named dimensions

_allow("sum", self=ANYTHING, dtype=SUM_DTYPE)
_allow("sum.dim_IntList", self=ANYTHING, dim=NAMED_OR_ALL, keepdim=FLAG, dtype=SUM_DTYPE)
_allow("mean", given_dtype_is_float, self=ANYTHING, dtype=FLOAT_DTYPE)
_allow("mean.dim", given_dtype_is_float,
       self=ANYTHING, dim=NAMED_OR_ALL, keepdim=FLAG, dtype=FLOAT_DTYPE)
_allow("amax amin", self=NUMBER, dim=NAMED_OR_ALL, keepdim=FLAG)
_allow("max min", self=NUMBER)
_allow("any all", self=ANYTHING)
_allow("argmax argmin", self=NUMBER, dim=Optional(Axis()), keepdim=FLAG)
_allow("max.dim min.dim", self=Tensor(NUMBERS, 1), dim=Axis(), keepdim=FLAG)
_allow("any.dim all.dim", self=SOME, dim=Axis(), keepdim=FLAG)
_allow("var.correction std.correction",
       self=REAL, dim=NAMED_OR_ALL, correction=Optional(Number(0, 1e6)), keepdim=FLAG)
_allow("var.dim std.dim", self=REAL, dim=NAMED_OR_ALL, unbiased=FLAG, keepdim=FLAG)
_allow("logsumexp", self=SOME_REAL, dim=NAMED, keepdim=FLAG)
_ORDER = Either(Number(0, 100), OneOf((math.inf, -math.inf)))
_allow("norm.Scalar", self=REAL, p=_ORDER)
_allow("norm.ScalarOpt_dim", self=REAL, p=Optional(_ORDER), dim=NAMED_OR_ALL, keepdim=FLAG)
_allow("linalg_vector_norm",
       self=REAL, ord=_ORDER, dim=NAMED_OR_ALL, keepdim=FLAG, dtype=FLOAT_DTYPE)
_allow("softmax.int log_softmax.int", self=SOME_REAL, dim=Axis(), dtype=FLOAT_DTYPE)
_allow("_softmax _log_softmax", self=SOME_REAL, dim=Axis(), half_to_float=OneOf((False,)))
_allow("cumsum", self=SOME, dim=Axis(), dtype=FLOAT_DTYPE)
_allow("cumprod", steps_are_few, self=SOME_REAL, dim=Axis(), dtype=FLOAT_DTYPE)
_allow("sort", self=Tensor(NUMBERS, 1), dim=Axis(), descending=FLAG)
_allow("topk", topk, self=Tensor(NUMBERS, 1), k=COUNT, dim=Axis(), largest=FLAG, sorted=FLAG)

# --- products

_allow("linear", linear, same_dtype("input", "weight", "bias"),
       input=SOME_REAL, weight=MATRIX, bias=Optional(VECTOR))
_allow("matmul", same_dtype("self", "other"), self=SOME_REAL, other=SOME_REAL)
_allow("mm", same_dtype("self", "mat2"), multiplied("self", "mat2"), self=MATRIX, mat2=MATRIX)
_allow("bmm", same_dtype("self", "mat2"), multiplied("self", "mat2"),
       self=MATRICES, mat2=MATRICES)
_allow("addmm", same_dtype("self", "mat1", "mat2"), multiplied("mat1", "mat2", "self"),
       self=REAL, mat1=MATRIX, mat2=MATRIX, beta=FINITE, alpha=FINITE)
_allow("baddbmm", same_dtype("self", "batch1", "batch2"),
       multiplied("batch1", "batch2", "self"),
       self=REAL, batch1=MATRICES, batch2=MATRICES, beta=FINITE, alpha=FINITE)
_allow("mv", same_dtype("self", "vec"), self=MATRIX, vec=VECTOR)
_allow("addmv", same_dtype("self", "mat", "vec"),
       self=Tensor(FLOATS, 0, 1), mat=MATRIX, vec=VECTOR, beta=FINITE, alpha=FINITE)
_allow("dot", same_dtype("self", "tensor"), same_shape("self", "tensor"),
       self=VECTOR, tensor=VECTOR)
_allow("outer", same_dtype("self", "vec2"), self=VECTOR, vec2=VECTOR)
_allow("einsum", listed_alike("tensors"), equation=Equation(), tensors=Tensors(REAL))

# --- images and sequences

_STEPS, _MARGINS = {n: Ints(1, 1024, (1, n)) for n in (1, 2, 3)}, {
    n: Ints(0, 1024, (1, n)) for n in (1, 2, 3)
}
_FEW = Int(1, 1 << 16)
for _space in (1, 2, 3):
    _weight = Tensor(FLOATS, _space + 2, _space + 2)
    _layers: dict[str, Argument] = {
        "input": REAL, "weight": _weight, "bias": Optional(VECTOR), "stride": _STEPS[_space],
        "padding": _MARGINS[_space], "dilation": _STEPS[_space], "groups": _FEW,
    }
    _alike = same_dtype("input", "weight", "bias")
    _allow(f"conv{_space}d", convolved, _alike, **_layers)
    if _space < 3:
        _allow(f"conv{_space}d.padding", convolved, _alike,
               **{**_layers, "padding": OneOf(("same", "valid"))})
    if _space == 2:
        _allow("conv_transpose2d.input", convolved, _alike,
               **{**_layers, "output_padding": _MARGINS[2]})
_allow("convolution", convolved, same_dtype("input", "weight", "bias"),
       input=REAL, weight=Tensor(FLOATS, 3, 5), bias=Optional(VECTOR),
       stride=Ints(1, 1024, (1, 2, 3)), padding=Ints(0, 1024, (1, 2, 3)),
       dilation=Ints(1, 1024, (1, 2, 3)), transposed=FLAG,
       output_padding=Ints(0, 1024, (1, 2, 3)), groups=_FEW)

_IMAGES = Tensor(FLOATS, 3, 4)
for _space, _value in ((1, Tensor(FLOATS, 2, 3)), (2, _IMAGES)):
    _window: dict[str, Argument] = {
        "self": _value, "kernel_size": _STEPS[_space], "padding": _MARGINS[_space],
        "stride": Either(_STEPS[_space], OneOf(([],))), "ceil_mode": FLAG,
    }
    _max: dict[str, Argument] = {**_window, "dilation": _STEPS[_space]}
    _allow(f"avg_pool{_space}d", pooled(_space), **_window, count_include_pad=FLAG)
    _allow(f"max_pool{_space}d", pooled(_space), **_max)
    if _space == 2:
        _allow("max_pool2d_with_indices", pooled(2), **_max)
    _allow(f"adaptive_avg_pool{_space}d", self=_value, output_size=Ints(1, 4096, (1, _space)))
_allow("_adaptive_avg_pool2d", self=_IMAGES, output_size=Ints(1, 4096, (2,)))
_SCALE = Number(1 / 64, 64)
_allow("upsample_nearest2d", enlarged, self=Tensor(FLOATS, 4, 4),
       output_size=Ints(1, 1 << 16, (2,)), scales_h=Optional(_SCALE),
       scales_w=Optional(_SCALE))
_allow("upsample_nearest2d.vec", enlarged, input=Tensor(FLOATS, 4, 4),
       output_size=Optional(Ints(1, 1 << 16, (2,))),
       scale_factors=Optional(Numbers(_SCALE, 2)))

# --- normalization: of what it says, and the result only

_NORM: dict[str, Argument] = {"weight": Optional(REAL), "bias": Optional(REAL), "eps": NOT_NEGATIVE}
_SAME_FLOATS = same_dtype("input", "weight", "bias")
_allow("layer_norm native_layer_norm", over_last_dimensions, _SAME_FLOATS,
       input=SOME_REAL, normalized_shape=SIZES, **_NORM)
_allow("rms_norm", over_last_dimensions, same_dtype("input", "weight"),
       input=SOME_REAL, normalized_shape=SIZES, weight=Optional(REAL),
       eps=Optional(NOT_NEGATIVE))
_allow("group_norm", over_groups, _SAME_FLOATS,
       input=Tensor(FLOATS, 2), num_groups=COUNT, **_NORM)
_allow("native_group_norm", over_groups, _SAME_FLOATS,
       input=Tensor(FLOATS, 2), N=COUNT, C=COUNT, HxW=COUNT, group=COUNT,
       **_NORM)

# --- losses: nothing is broadcast

_PAIR = (same_shape("self", "target"), same_dtype("self", "target"))
_allow("mse_loss l1_loss soft_margin_loss", *_PAIR, self=REAL, target=REAL, reduction=REDUCTION)
_allow("huber_loss", *_PAIR, self=REAL, target=REAL, reduction=REDUCTION, delta=POSITIVE)
_allow("smooth_l1_loss", *_PAIR, self=REAL, target=REAL, reduction=REDUCTION, beta=NOT_NEGATIVE)
_allow("kl_div", *_PAIR, self=REAL, target=REAL, reduction=REDUCTION, log_target=FLAG)
_allow("binary_cross_entropy_with_logits", *_PAIR, broadcasts_to("self", "weight", "pos_weight"),
       same_dtype("self", "weight", "pos_weight"), self=REAL, target=REAL,
       weight=Optional(REAL), pos_weight=Optional(REAL), reduction=REDUCTION)
_allow("cosine_similarity", same_shape("x1", "x2"), same_dtype("x1", "x2"),
       x1=SOME_REAL, x2=SOME_REAL, dim=Axis(), eps=NOT_NEGATIVE)
_allow("cosine_embedding_loss", same_shape("input1", "input2"),
       same_dtype("input1", "input2"), one_sign_each, input1=Tensor(FLOATS, 1, 2),
       input2=Tensor(FLOATS, 1, 2), target=Tensor(NUMBERS, 0, 1), margin=FINITE,
       reduction=REDUCTION)
_allow("pairwise_distance", same_shape("x1", "x2"), same_dtype("x1", "x2"),
       x1=SOME_REAL, x2=SOME_REAL, p=Either(Number(1, 100), OneOf((math.inf,))),
       eps=NOT_NEGATIVE, keepdim=FLAG)
_CLASSES: dict[str, Argument] = {
    "self": SOME_REAL, "target": Tensor((torch.int64,)), "weight": Optional(VECTOR),
    "reduction": REDUCTION, "ignore_index": Int(),
}
_SCORES = same_dtype("self", "weight")
_allow("nll_loss_nd", one_class_each, _SCORES, **_CLASSES)
_allow("nll_loss nll_loss_forward", one_class_each, _SCORES,
       **{**_CLASSES, "self": Tensor(FLOATS, 1, 2)})
_allow("cross_entropy_loss", one_class_each, _SCORES,
       **{**_CLASSES, "target": Tensor((*FLOATS, torch.int64))},
       label_smoothing=Number(0, 1))

# --- look-ups: the index is kept within the table when it runs

_allow("embedding", in_table, weight=MATRIX, indices=INDEX, padding_idx=Int(-1),
       scale_grad_by_freq=OneOf((False,)), sparse=OneOf((False,)))
_allow("gather", gathered, self=SOME, dim=Axis(), index=Tensor((torch.int64,), 1),
       sparse_grad=OneOf((False,)))
_allow("index_select", self=SOME, dim=Axis(), index=Tensor(INDICES, 0, 1))
_allow("index.Tensor", indexed, self=SOME, indices=Tensors(INDEX, gaps=True))

# --- shapes

_allow("view _unsafe_view", self=ANYTHING, size=Ints(-1))
_allow("reshape", self=ANYTHING, shape=Ints(-1))
_allow("flatten.using_ints", self=SOME, start_dim=Axis(), end_dim=Axis())
_allow("unflatten.int", self=SOME, dim=Axis(), sizes=Ints(-1))
_allow("squeeze", self=ANYTHING)
_allow("squeeze.dim select.int", self=SOME, dim=Axis(), index=Int())
_allow("squeeze.dims", self=SOME, dim=NAMED)
_allow("unsqueeze", self=ANYTHING, dim=Axis(1))
_allow("transpose.int", self=SOME, dim0=Axis(), dim1=Axis())
_allow("permute", self=ANYTHING, dims=NAMED_OR_ALL)
_allow("movedim.int", self=SOME, source=Axis(), destination=Axis())
_allow("t", self=Tensor(ANY, 0, 2))
_allow("expand", self=ANYTHING, size=Ints(-1))
_allow("expand_as", self=ANYTHING, other=ANYTHING)
_allow("broadcast_tensors", tensors=Tensors(ANYTHING))
_allow("repeat", repeats_each("repeats"), self=ANYTHING, repeats=SIZES)
_allow("tile", self=ANYTHING, dims=SIZES)
_allow("repeat_interleave.self_int", repeated_size, self=SOME, repeats=COUNT,
       dim=Optional(Axis()), output_size=Optional(COUNT))
_allow("roll", rolled, self=ANYTHING, shifts=Ints(-(1 << 31)), dims=NAMED_OR_ALL)
_allow("flip", self=SOME, dims=NAMED)
_allow("cat", listed_alike("tensors", rank=True), tensors=Tensors(SOME), dim=Axis())
_allow("stack", listed_alike("tensors"), tensors=Tensors(ANYTHING), dim=Axis(1))
_allow("split.Tensor", self=SOME, split_size=COUNT, dim=Axis())
_allow("split_with_sizes", self=SOME, split_sizes=SIZES, dim=Axis())
_allow("chunk", self=SOME, chunks=COUNT, dim=Axis())
_allow("unbind.int", self=SOME, dim=Axis())
_allow("slice.Tensor", self=SOME, dim=Axis(), start=Optional(_END), end=Optional(_END), step=COUNT)
_allow("narrow", self=SOME, dim=Axis(), start=Int(), length=COUNT)
_allow("diagonal", two_axes, self=Tensor(ANY, 2), offset=Int(), dim1=Axis(), dim2=Axis())
_allow("tril triu", self=Tensor(ANY, 2), diagonal=Int())
_allow("constant_pad_nd", padded, holds("value"),
       self=SOME, pad=Ints(-(1 << 16), 1 << 16), value=UNLIMITED)
_allow("pad", padded, self=SOME_REAL, pad=Ints(-(1 << 16), 1 << 16),
       mode=OneOf(("constant", "reflect", "replicate", "circular")),
       value=Optional(UNLIMITED))

# --- made from shapes alone

_allow("zeros ones", size=SIZES, dtype=OTHER_DTYPE)
_allow("full", holds_dtype("fill_value"), size=SIZES, fill_value=UNLIMITED, dtype=OTHER_DTYPE)
_allow("zeros_like ones_like", self=ANYTHING, dtype=OTHER_DTYPE)
_allow("new_zeros new_ones", self=ANYTHING, size=SIZES, dtype=OTHER_DTYPE)
_allow("full_like", holds_dtype("fill_value"),
       self=ANYTHING, fill_value=UNLIMITED, dtype=OTHER_DTYPE)
_allow("new_full", holds_dtype("fill_value"),
       self=ANYTHING, size=SIZES, fill_value=UNLIMITED, dtype=OTHER_DTYPE)
_allow("scalar_tensor", holds_dtype("s", torch.float32), s=UNLIMITED, dtype=OTHER_DTYPE)
_allow("arange arange.start arange.start_step", counts,
       start=FINITE, end=FINITE, step=FINITE, dtype=OTHER_DTYPE)
_allow("linspace", start=FINITE, end=FINITE, steps=COUNT, dtype=FLOAT_DTYPE)
_allow("eye", n=COUNT, dtype=OTHER_DTYPE)

# fmt: on
