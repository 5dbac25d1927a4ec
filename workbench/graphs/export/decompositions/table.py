"""The operators that are taken apart, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workbench.graphs.export.decompositions import lookups, norms, pools, resizing, windows, writes
from workbench.graphs.export.decompositions.attention import attention

A = torch.ops.aten

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    A.scaled_dot_product_attention.default: attention,
    A.instance_norm.default: norms.instance_norm,
    A.batch_norm.default: norms.batch_norm,
    A.max_pool3d.default: pools.max_pool3d,
    A.avg_pool3d.default: pools.avg_pool3d,
    A.adaptive_avg_pool3d.default: pools.adaptive_avg_pool3d,
    A.adaptive_max_pool1d.default: pools.adaptive_max_pool1d,
    A.adaptive_max_pool2d.default: pools.adaptive_max_pool2d,
    A.adaptive_max_pool3d.default: pools.adaptive_max_pool3d,
    A.upsample_linear1d.vec: resizing.linear,
    A.upsample_bilinear2d.vec: resizing.linear,
    A.upsample_trilinear3d.vec: resizing.linear,
    A.upsample_bicubic2d.vec: resizing.bicubic,
    A._upsample_bilinear2d_aa.vec: resizing.linear_antialiased,
    A._upsample_bicubic2d_aa.vec: resizing.bicubic_antialiased,
    A.upsample_nearest1d.vec: resizing.nearest,
    A.upsample_nearest3d.vec: resizing.nearest,
    A._upsample_nearest_exact1d.vec: resizing.nearest_exact,
    A._upsample_nearest_exact2d.vec: resizing.nearest_exact,
    A._upsample_nearest_exact3d.vec: resizing.nearest_exact,
    A.copy.default: writes.copy,
    A.fill.Tensor: writes.fill,
    A.slice_scatter.default: writes.slice_scatter,
    A.select_scatter.default: writes.select_scatter,
    A.index_put.default: writes.index_put,
    A.index_add.default: writes.index_add,
    A.index_fill.int_Scalar: writes.index_fill,
    A.scatter.value: writes.scatter_value,
    A.scatter.src: writes.scatter_src,
    A.scatter_add.default: writes.scatter_add,
    A.scatter_reduce.two: writes.scatter_reduce,
    A.one_hot.default: lookups.one_hot,
    A.embedding.default: lookups.embedding,
    A.bilinear.default: lookups.bilinear,
    A.cdist.default: lookups.cdist,
    A.pad.default: windows.pad,
    A.cat.default: windows.cat,
    A.unfold.default: windows.unfold,
    A.im2col.default: windows.im2col,
    A.col2im.default: windows.col2im,
}
"""Operator to a function with the same arguments and results, of operators that are allowed."""
