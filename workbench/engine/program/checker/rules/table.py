"""The table of operators: for each of them the one rule that proves its calls or refuses them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from workbench.engine.program.checker.rules import (
    convolutions,
    images,
    lookups,
    made,
    normalization,
    parts,
    pointwise,
    products,
    reductions,
    shapes,
)
from workbench.engine.program.checker.values.call import Call, Rule
from workbench.engine.program.checker.values.value import Value

A = torch.ops.aten

_ENTRY_BY_ENTRY = """
abs neg sign sgn exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh
tanh asin acos atan atan2 asinh acosh erf erfc erfinv lgamma digamma polygamma sigmoid logit
floor ceil round trunc frac isnan isinf isfinite logical_not div.Tensor div.Scalar div.Tensor_mode
rsub.Scalar fmod.Tensor fmod.Scalar pow.Tensor_Scalar pow.Scalar pow.Tensor_Tensor maximum minimum
fmax fmin
lerp.Scalar lerp.Tensor addcmul addcdiv logaddexp hypot eq.Tensor eq.Scalar ne.Tensor ne.Scalar
lt.Tensor lt.Scalar le.Tensor le.Scalar gt.Tensor gt.Scalar ge.Tensor ge.Scalar
logical_and logical_or logical_xor bitwise_and.Tensor bitwise_or.Tensor bitwise_not relu leaky_relu
elu gelu silu mish hardtanh hardsigmoid hardswish softplus hardshrink softshrink threshold
sigmoid_backward tanh_backward threshold_backward leaky_relu_backward gelu_backward silu_backward
mish_backward hardtanh_backward hardsigmoid_backward hardswish_backward softplus_backward
hardshrink_backward softshrink_backward logit_backward elu_backward
"""

TABLE: tuple[tuple[Rule, str], ...] = (
    (pointwise.elementwise, _ENTRY_BY_ENTRY),
    (pointwise.affine, "add.Tensor add.Scalar sub.Tensor sub.Scalar mul.Tensor mul.Scalar"),
    (pointwise.clamp, "clamp clamp.Tensor clamp_min clamp_max"),
    (pointwise.where, "where.self masked_fill.Scalar"),
    (pointwise.nan_to_num, "nan_to_num"),
    (pointwise.to_copy, "_to_copy"),
    (pointwise.copied, "detach alias clone lift_fresh_copy"),
    (
        made.filled,
        "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor",
    ),
    (made.counted, "arange arange.start arange.start_step"),
    (made.public, "eye linspace dot mv"),
    (shapes.view, "view _unsafe_view reshape"),
    (shapes.permute, "permute transpose.int t"),
    (shapes.unsqueeze, "unsqueeze"),
    (shapes.squeeze, "squeeze.dim squeeze.dims"),
    (shapes.expand, "expand"),
    (parts.select, "select.int"),
    (parts.unbind, "unbind.int"),
    (parts.part, "slice.Tensor split.Tensor split_with_sizes"),
    (parts.part_backward, "select_backward slice_backward"),
    (parts.diagonal, "diagonal"),
    (parts.diagonal_backward, "diagonal_backward"),
    (parts.cat, "cat"),
    (parts.stack, "stack"),
    (
        reductions.reduction,
        "sum sum.dim_IntList mean mean.dim amax amin argmax argmin max.dim min.dim"
        " var.correction logsumexp any any.dim any.dims all all.dim all.dims"
        " linalg_vector_norm",
    ),
    (
        reductions.along,
        "_softmax _log_softmax _softmax_backward_data _log_softmax_backward_data cumsum cumprod"
        " sort sort.stable topk flip",
    ),
    (reductions.triangle, "tril triu"),
    (reductions.pad, "constant_pad_nd"),
    (products.mm, "mm bmm"),
    (products.addmm, "addmm baddbmm"),
    (convolutions.convolution, "convolution"),
    (convolutions.convolution_backward, "convolution_backward"),
    (images.pooling, "max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d upsample_nearest2d"),
    (
        images.pooling_backward,
        "max_pool2d_with_indices_backward avg_pool2d_backward"
        " _adaptive_avg_pool2d_backward upsample_nearest2d_backward",
    ),
    (normalization.layer_norm, "native_layer_norm"),
    (normalization.layer_norm_backward, "native_layer_norm_backward"),
    (normalization.group_norm, "native_group_norm"),
    (normalization.group_norm_backward, "native_group_norm_backward"),
    (lookups.embedding, "embedding"),
    (lookups.gather, "gather"),
    (lookups.scatter_add, "scatter_add"),
    (lookups.index_select, "index_select"),
    (lookups.index_add, "index_add"),
)
"""Each rule and the operators that it is for."""


def overload(name: str) -> torch._ops.OpOverload:
    """Return the operator that the table names ``name`` or ``name.overload``.

    Raises
    ------
    ValueError
        If the operator writes into its arguments.
    """
    packet, _, variant = name.partition(".")
    found: torch._ops.OpOverload = getattr(getattr(A, packet), variant or "default")
    if found._schema.is_mutable:
        raise ValueError(f"{name} writes into its arguments")
    return found


def with_name(name: str, rule: Rule) -> Rule:
    """Return a rule that is told the operator's name, without its overload, as ``_name``."""
    plain = name.partition(".")[0]

    def named(call: Call) -> Value | list[Value]:
        return rule(replace(call, args={**call.args, "_name": plain}))

    return named


RULES: dict[Any, Rule] = {
    overload(name): with_name(name, rule) for rule, names in TABLE for name in names.split()
}
"""Each operator that a program may use, and its rule."""

_SAME_ENTRIES = "view _unsafe_view reshape _to_copy clone cat unsqueeze squeeze.dim"
AFTER_TOTALS = frozenset(overload(name) for name in _SAME_ENTRIES.split())
"""What may be done with totals: nothing but to give them another shape or dtype."""

_WITHOUT_TENSORS = (
    "zeros ones full scalar_tensor arange arange.start arange.start_step eye linspace"
)
FROM_NOTHING: dict[Any, dict[str, Any]] = {
    overload(name): {"device": "meta"} for name in _WITHOUT_TENSORS.split()
}
"""Operators that have no tensor to tell where their result lies, and what tells it."""
