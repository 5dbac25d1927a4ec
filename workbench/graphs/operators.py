"""The operators that a record graph may use.

Each is free of side effects and randomness, has output shapes that follow from input shapes alone,
and cannot fail on the values it meets: a run that could fail for one record's value would tell
that value. Neither its value nor its gradient for one record looks at the other records of a batch
(`tests/engine/test_independence.py` asks each). Operators that look things up by index are made
total by `workbench.engine.guards`.
"""

from __future__ import annotations

_PLAIN = """
abs.default neg.default sign.default sgn.default exp.default expm1.default log.default log1p.default
log2.default log10.default sqrt.default rsqrt.default square.default reciprocal.default
sin.default cos.default tan.default sinh.default cosh.default tanh.default
asin.default acos.default atan.default atan2.default erf.default erfc.default
sigmoid.default logit.default log_sigmoid.default floor.default ceil.default round.default
trunc.default frac.default isnan.default isinf.default isfinite.default logical_not.default
add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar rsub.Tensor mul.Tensor mul.Scalar
div.Tensor div.Scalar pow.Tensor_Scalar pow.Scalar maximum.default minimum.default fmax.default
fmin.default clamp.default clamp.Tensor clamp_min.default clamp_max.default lerp.Scalar lerp.Tensor
addcmul.default addcdiv.default logaddexp.default hypot.default
eq.Tensor eq.Scalar ne.Tensor ne.Scalar lt.Tensor lt.Scalar le.Tensor le.Scalar gt.Tensor gt.Scalar
ge.Tensor ge.Scalar logical_and.default logical_or.default logical_xor.default where.self
where.ScalarOther where.ScalarSelf where.Scalar masked_fill.Scalar masked_fill.Tensor
bitwise_and.Tensor bitwise_or.Tensor bitwise_not.default
relu.default relu6.default leaky_relu.default elu.default selu.default celu.default gelu.default
silu.default mish.default hardtanh.default hardsigmoid.default hardswish.default softplus.default
prelu.default glu.default hardshrink.default softshrink.default threshold.default
sum.default sum.dim_IntList mean.default mean.dim amax.default
amin.default argmax.default argmin.default max.default max.dim min.default min.dim
var.correction var.dim std.correction std.dim logsumexp.default cumsum.default cumprod.default
any.default any.dim all.default all.dim norm.Scalar norm.ScalarOpt_dim linalg_vector_norm.default
softmax.int log_softmax.int _softmax.default _log_softmax.default topk.default sort.default
linear.default matmul.default mm.default bmm.default mv.default dot.default addmm.default
addmv.default baddbmm.default outer.default einsum.default
conv1d.default conv1d.padding conv2d.default conv2d.padding conv3d.default conv_transpose2d.input
convolution.default max_pool1d.default max_pool2d.default avg_pool1d.default avg_pool2d.default
adaptive_avg_pool1d.default adaptive_avg_pool2d.default _adaptive_avg_pool2d.default
max_pool2d_with_indices.default upsample_nearest2d.vec upsample_nearest2d.default
layer_norm.default native_layer_norm.default group_norm.default native_group_norm.default
rms_norm.default
mse_loss.default l1_loss.default smooth_l1_loss.default huber_loss.default
binary_cross_entropy_with_logits.default soft_margin_loss.default kl_div.default
cosine_similarity.default cosine_embedding_loss.default pairwise_distance.default
view.default _unsafe_view.default reshape.default flatten.using_ints unflatten.int squeeze.default
squeeze.dim squeeze.dims unsqueeze.default transpose.int permute.default t.default expand.default
expand_as.default broadcast_tensors.default
repeat.default repeat_interleave.self_int tile.default roll.default flip.default
cat.default stack.default split.Tensor split_with_sizes.default chunk.default unbind.int
select.int slice.Tensor narrow.default diagonal.default tril.default triu.default
contiguous.default clone.default alias.default detach.default _to_copy.default to.dtype
type_as.default constant_pad_nd.default pad.default movedim.int
zeros.default ones.default full.default zeros_like.default ones_like.default full_like.default
new_zeros.default new_ones.default new_full.default arange.default arange.start
arange.start_step eye.default scalar_tensor.default linspace.default
"""

_INDEXED = """
embedding.default cross_entropy_loss.default nll_loss.default nll_loss_nd.default
nll_loss_forward.default gather.default index_select.default index.Tensor
"""

INDEXED: frozenset[str] = frozenset(f"aten.{name}" for name in _INDEXED.split())
"""Allowed operators that look something up by an index taken from the record."""

ALLOWED: frozenset[str] = frozenset(f"aten.{name}" for name in _PLAIN.split()) | INDEXED
"""Every operator a record graph may use, as ``aten.<name>.<overload>``."""

REMEDIES: dict[str, str] = {
    "dropout": "Use nn.Dropout or torch.nn.functional.dropout, which draw from the record; else "
    "set dropout to 0.",
    "bernoulli": "Compare wb.noise(record, ...) instead: random numbers come with the record.",
    "rand": "Use wb.noise(record, ...): random numbers come with the record.",
    "normal": "Use wb.noise(record, ...): random numbers come with the record.",
    "batch_norm": "Batch normalisation mixes records: use nn.GroupNorm or nn.LayerNorm. As a layer "
    "(nn.BatchNorm2d) it is converted when the function is exported.",
    "binary_cross_entropy": "It fails on values outside [0, 1]: use "
    "binary_cross_entropy_with_logits on the raw outputs.",
    "local_scalar_dense": "A record's value must not steer Python: use torch.where instead of if "
    "and .item().",
    "nonzero": "Its output's shape depends on the record's values: use torch.where with masks.",
    "masked_select": "Its output's shape depends on the record's values: use torch.where.",
    "one_hot": "Compare instead: (x.unsqueeze(-1) == torch.arange(n)).float().",
    "index_put": "It writes in place: use torch.where with masks.",
    "scatter": "It can fail on a record's value: compare against torch.arange instead.",
    "prod": "Its gradient depends on whether any record of a batch holds a zero: use cumprod, or "
    "the exponential of a sum of logarithms.",
    "scaled_dot_product_attention": "Export it with workbench, which takes it apart.",
    "lstm": "Export it with workbench, which takes recurrent layers apart.",
    "gru": "Export it with workbench, which takes recurrent layers apart.",
}


def remedy(operator: str) -> str:
    """Return what to use instead of an operator that is not allowed; a general hint if unknown."""
    found = (text for part, text in REMEDIES.items() if part in operator)
    return next(found, "See docs/researcher.md for the operators that a record graph may use.")
