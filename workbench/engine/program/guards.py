"""What runs in place of an operator of the record graph: equal functions of simpler operators.

See `workbench.engine.program.lowered`. An operator that is not named here runs as it is: PyTorch's
own batched form and gradient of it are made of the core's operators already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench.engine.program.lowered import (
    lookups,
    losses,
    pointwise,
    pools,
    products,
    reductions,
    shapes,
)

A = torch.ops.aten

GUARDS: dict[object, Callable[..., Any]] = {
    # Entry by entry.
    **{
        operator.Tensor: pointwise.with_number(operator)
        for operator in (A.add, A.sub, A.mul, A.div)
    },
    A._to_copy.default: pointwise.to_copy,
    A.to.dtype: pointwise.to_dtype,
    A.type_as.default: pointwise.type_as,
    A.sgn.default: pointwise.sgn,
    A.clamp.default: pointwise.clamp,
    A.maximum.default: pointwise.maximum,
    A.minimum.default: pointwise.minimum,
    A.fmax.default: pointwise.fmax,
    A.fmin.default: pointwise.fmin,
    A.rsub.Tensor: pointwise.rsub,
    A.lerp.Tensor: pointwise.lerp,
    A.addcdiv.default: pointwise.addcdiv,
    A.masked_fill.Tensor: pointwise.masked_fill,
    A.log_sigmoid.default: pointwise.log_sigmoid,
    A.celu.default: pointwise.celu,
    A.prelu.default: pointwise.prelu,
    A.glu.default: pointwise.glu,
    # Reductions.
    A.sum.default: reductions.full_total,
    A.sum.dim_IntList: reductions.total,
    A.mean.default: reductions.full_mean,
    A.mean.dim: reductions.mean,
    A.amax.default: reductions.amax,
    A.amin.default: reductions.amin,
    A.max.default: reductions.amax,
    A.min.default: reductions.amin,
    A.max.dim: reductions.max_along,
    A.min.dim: reductions.min_along,
    A.argmax.default: reductions.argmax,
    A.argmin.default: reductions.argmin,
    A.any.default: reductions.any_of,
    A.any.dim: reductions.any_of,
    A.all.default: reductions.all_of,
    A.all.dim: reductions.all_of,
    A.sort.default: reductions.sort,
    A.topk.default: reductions.topk,
    A.cumprod.default: reductions.cumprod,
    A.var.correction: reductions.var,
    A.var.dim: reductions.var_unbiased,
    A.std.correction: reductions.std,
    A.std.dim: reductions.std_unbiased,
    A.norm.Scalar: reductions.full_norm,
    A.norm.ScalarOpt_dim: reductions.norm_along,
    A.linalg_vector_norm.default: reductions.norm,
    A.rms_norm.default: reductions.rms_norm,
    # Products.
    A.dot.default: products.dot,
    A.mv.default: products.mv,
    A.addmv.default: products.addmv,
    A.matmul.default: products.matmul,
    A.linear.default: products.linear,
    # Convolutions.
    A.conv1d.default: products.convolved(A.conv1d.default),
    A.conv1d.padding: products.convolved(A.conv1d.padding),
    A.conv2d.default: products.convolved(A.conv2d.default),
    A.conv2d.padding: products.convolved(A.conv2d.padding),
    A.conv3d.default: products.convolved(A.conv3d.default),
    A.conv_transpose2d.input: products.conv_transpose,
    A.convolution.default: products.convolution,
    # Pooling.
    A.max_pool2d.default: pools.max_pool2d,
    # Losses.
    A.mse_loss.default: losses.mse_loss,
    A.l1_loss.default: losses.l1_loss,
    A.huber_loss.default: losses.huber_loss,
    A.smooth_l1_loss.default: losses.smooth_l1_loss,
    A.soft_margin_loss.default: losses.soft_margin_loss,
    A.kl_div.default: losses.kl_div,
    A.binary_cross_entropy_with_logits.default: losses.binary_cross_entropy_with_logits,
    A.cosine_similarity.default: losses.cosine_similarity,
    A.cosine_embedding_loss.default: losses.cosine_embedding_loss,
    A.pairwise_distance.default: losses.pairwise_distance,
    A.cross_entropy_loss.default: losses.cross_entropy_loss,
    A.nll_loss.default: losses.nll_loss,
    A.nll_loss_nd.default: losses.nll_loss,
    A.nll_loss_forward.default: losses.nll_loss_forward,
    # Shapes.
    A.view.default: A.reshape.default,
    A._unsafe_view.default: A.reshape.default,
    A.squeeze.default: shapes.squeeze,
    A.roll.default: shapes.roll,
    A.repeat.default: shapes.repeat,
    A.tile.default: shapes.repeat,
    A.repeat_interleave.self_int: shapes.repeat_interleave,
    A.constant_pad_nd.default: shapes.constant_pad_nd,
    A.pad.default: shapes.pad,
    # Look-ups.
    A.embedding.default: lookups.embedding,
    A.gather.default: lookups.gather,
    A.index_select.default: lookups.index_select,
    A.index.Tensor: lookups.index,
}
"""Operator to the function that runs in its place, for one record."""
