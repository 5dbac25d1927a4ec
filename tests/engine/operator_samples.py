"""One call, at least, of every operator that a record graph may use.

A record is three float32 tensors of shape ``(4, 6)``: `x` and `z` from its columns, and `p`, a
parameter, which the engine shares among the records or copies for each.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from workbench.engine.guards import GUARDS



class Operators:
    """``torch.ops.aten``, with some operators replaced by others."""

    def __init__(self, replaced):
        self._replaced = replaced

    def __getattr__(self, name):
        return _Overloads(getattr(torch.ops.aten, name), self._replaced)


class _Overloads:
    def __init__(self, packet, replaced):
        self._packet, self._replaced = packet, replaced

    def __getattr__(self, name):
        operator = getattr(self._packet, name)
        return self._replaced.get(operator, operator)


PLAIN = Operators({})
LOWERED = Operators(GUARDS)
"""The operators as the engine runs them."""

Sample = Callable[[Operators, torch.Tensor, torch.Tensor, torch.Tensor], object]


def _words(text):
    return text.split()


UNARY = _words("""
abs neg sign sgn exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan sinh cosh
tanh asin acos atan erf erfc sigmoid logit log_sigmoid floor ceil round trunc frac isnan isinf
isfinite logical_not relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardsigmoid
hardswish softplus hardshrink softshrink sum mean amax amin argmax argmin max min any all
t tril triu contiguous clone alias detach zeros_like ones_like
""")
BINARY = _words("""
atan2 maximum minimum fmax fmin logaddexp hypot logical_and logical_or logical_xor expand_as type_as
mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits kl_div
cosine_similarity pairwise_distance
""")
WITH_OPERAND = ("add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge")


def _index(x, size=4):
    return (x * 3).nan_to_num().clamp(0, size - 1).to(torch.int64)


SAMPLES: dict[str, list[Sample]] = {}


def add(name: str, *samples: Sample) -> None:
    SAMPLES.setdefault(f"aten.{name}", []).extend(samples)


for _name in UNARY:
    add(f"{_name}.default", lambda A, x, z, p, n=_name: getattr(A, n).default(x))
for _name in BINARY:
    add(f"{_name}.default", lambda A, x, z, p, n=_name: getattr(A, n).default(x, z),
        lambda A, x, z, p, n=_name: getattr(A, n).default(x, p))  # fmt: skip
for _name in WITH_OPERAND:
    add(f"{_name}.Tensor", lambda A, x, z, p, n=_name: getattr(A, n).Tensor(x, z),
        lambda A, x, z, p, n=_name: getattr(A, n).Tensor(p, x))  # fmt: skip
    add(f"{_name}.Scalar", lambda A, x, z, p, n=_name: getattr(A, n).Scalar(x, 0.5))

add("rsub.Scalar", lambda A, x, z, p: A.rsub.Scalar(x, 2.0))
add("rsub.Tensor", lambda A, x, z, p: A.rsub.Tensor(x, z))
add("pow.Tensor_Scalar", *(lambda A, x, z, p, e=e: A.pow.Tensor_Scalar(x, e) for e in (0, 2, 3, 0.5)))
add("pow.Scalar", lambda A, x, z, p: A.pow.Scalar(2.0, x), lambda A, x, z, p: A.pow.Scalar(0.0, x))
add("clamp.default", lambda A, x, z, p: A.clamp.default(x, -0.5, 0.5))
add("clamp.Tensor", lambda A, x, z, p: A.clamp.Tensor(x, z, p))
add("clamp_min.default", lambda A, x, z, p: A.clamp_min.default(x, 0.1))
add("clamp_max.default", lambda A, x, z, p: A.clamp_max.default(x, 0.1))
add("lerp.Scalar", lambda A, x, z, p: A.lerp.Scalar(x, z, 0.3))
add("lerp.Tensor", lambda A, x, z, p: A.lerp.Tensor(x, z, p))
add("addcmul.default", lambda A, x, z, p: A.addcmul.default(x, z, p, value=0.5))
add("addcdiv.default", lambda A, x, z, p: A.addcdiv.default(x, z, p, value=0.5))
add("where.self", lambda A, x, z, p: A.where.self(x > 0, z, p))
add("where.ScalarOther", lambda A, x, z, p: A.where.ScalarOther(x > 0, z, 0.5))
add("where.ScalarSelf", lambda A, x, z, p: A.where.ScalarSelf(x > 0, 0.5, z))
add("where.Scalar", lambda A, x, z, p: A.where.Scalar(x > 0, 0.5, 1.5))
add("masked_fill.Scalar", lambda A, x, z, p: A.masked_fill.Scalar(x, z > 0, 0.5))
add("masked_fill.Tensor", lambda A, x, z, p: A.masked_fill.Tensor(x, z > 0, p[0, 0]))
add("bitwise_and.Tensor", lambda A, x, z, p: A.bitwise_and.Tensor(x > 0, z > 0))
add("bitwise_or.Tensor", lambda A, x, z, p: A.bitwise_or.Tensor(_index(x), _index(z)))
add("bitwise_not.default", lambda A, x, z, p: A.bitwise_not.default(x > 0))
add("prelu.default", lambda A, x, z, p: A.prelu.default(x, p[0]))
add("glu.default", lambda A, x, z, p: A.glu.default(x))
add("threshold.default", lambda A, x, z, p: A.threshold.default(x, 0.1, 0.0))
add("sum.dim_IntList", lambda A, x, z, p: A.sum.dim_IntList(x, [1]))
add("mean.dim", lambda A, x, z, p: A.mean.dim(x, [0]))
for _name in ("amax", "amin", "argmax", "argmin"):
    _dim = [1] if _name.startswith("am") else 1
    add(f"{_name}.default", lambda A, x, z, p, n=_name, dim=_dim: getattr(A, n).default(x, dim))
for _name in ("max", "min", "any", "all"):
    add(f"{_name}.dim", lambda A, x, z, p, n=_name: getattr(A, n).dim(x, 1))
for _name in ("var", "std"):
    add(f"{_name}.correction", lambda A, x, z, p, n=_name: getattr(A, n).correction(x, [1]))
    add(f"{_name}.dim", lambda A, x, z, p, n=_name: getattr(A, n).dim(x, [0], False))
add("logsumexp.default", lambda A, x, z, p: A.logsumexp.default(x, [1]))
for _name in ("cumsum", "cumprod"):
    add(f"{_name}.default", lambda A, x, z, p, n=_name: getattr(A, n).default(x, 1),
        lambda A, x, z, p, n=_name: getattr(A, n).default(x, 0)[-1])  # fmt: skip
add("norm.Scalar", *(lambda A, x, z, p, q=q: A.norm.Scalar(x, q) for q in (0, 1, 2, 3)))
add("norm.ScalarOpt_dim", *(lambda A, x, z, p, q=q: A.norm.ScalarOpt_dim(x, q, [1])
                            for q in (1, 2, float("inf"))))  # fmt: skip
add("linalg_vector_norm.default", *(lambda A, x, z, p, q=q: A.linalg_vector_norm.default(x, q)
                                    for q in (0, 1, 2, 3, float("inf"))))  # fmt: skip
add("softmax.int", lambda A, x, z, p: A.softmax.int(x, 1), lambda A, x, z, p: A.softmax.int(x, 0))
add("log_softmax.int", lambda A, x, z, p: A.log_softmax.int(x, 1))
add("_softmax.default", lambda A, x, z, p: A._softmax.default(x, 1, False))
add("_log_softmax.default", lambda A, x, z, p: A._log_softmax.default(x, 0, False))
add("topk.default", lambda A, x, z, p: A.topk.default(x, 2))
add("sort.default", lambda A, x, z, p: A.sort.default(x))

add("linear.default", lambda A, x, z, p: A.linear.default(x, p, z[0, :4]),
    lambda A, x, z, p: A.linear.default(x, z), lambda A, x, z, p: A.linear.default(x[0], p))  # fmt: skip
add("matmul.default", lambda A, x, z, p: A.matmul.default(x, p.mT),
    lambda A, x, z, p: A.matmul.default(x, z.mT),
    lambda A, x, z, p: A.matmul.default(p, x[0]))  # fmt: skip
add("mm.default", lambda A, x, z, p: A.mm.default(x, p.mT), lambda A, x, z, p: A.mm.default(x, z.mT))
add("bmm.default", lambda A, x, z, p: A.bmm.default(x[None], p.mT[None]),
    lambda A, x, z, p: A.bmm.default(x[None], z.mT[None]))  # fmt: skip
add("mv.default", lambda A, x, z, p: A.mv.default(x, p[0]), lambda A, x, z, p: A.mv.default(p, x[0]))
add("dot.default", lambda A, x, z, p: A.dot.default(x[0], z[0]),
    lambda A, x, z, p: A.dot.default(x[0], p[0]))  # fmt: skip
add("addmm.default", lambda A, x, z, p: A.addmm.default(z[:, :4], x, p.mT))
add("addmv.default", lambda A, x, z, p: A.addmv.default(z[:, 0], p, x[0]))
add("baddbmm.default", lambda A, x, z, p: A.baddbmm.default(z[None, :, :4], x[None], p.mT[None]))
add("outer.default", lambda A, x, z, p: A.outer.default(x[0], p[1]))
add("einsum.default", lambda A, x, z, p: A.einsum.default("ij,kj->ik", [x, p]),
    lambda A, x, z, p: A.einsum.default("ij,kj->ik", [x, z]))  # fmt: skip
add("conv1d.default", lambda A, x, z, p: A.conv1d.default(x, p.reshape(2, 4, 3)),
    lambda A, x, z, p: A.conv1d.default(x, p.reshape(4, 2, 3), None, [2], [1], [1], 2))  # fmt: skip
add("conv1d.padding", lambda A, x, z, p: A.conv1d.padding(x, p.reshape(2, 4, 3), None, [1], "same"))


def _image(x):
    return x.reshape(1, 4, 6)


add("conv2d.default", lambda A, x, z, p: A.conv2d.default(_image(x), p.reshape(4, 1, 2, 3)),
    lambda A, x, z, p: A.conv2d.default(x.reshape(2, 2, 6), p.reshape(4, 2, 1, 3)[:, :1], None,
                                     [1, 2], [1, 1], [1, 2], 2),
    lambda A, x, z, p: A.conv2d.default(x.reshape(2, 2, 2, 3), p.reshape(3, 2, 2, 2)))  # fmt: skip
add(
    "conv2d.padding",
    lambda A, x, z, p: A.conv2d.padding(_image(x), p.reshape(4, 1, 2, 3), None, [1, 1], "same"),
)
add("conv3d.default", lambda A, x, z, p: A.conv3d.default(
    x.reshape(1, 2, 2, 6), p.reshape(3, 1, 2, 2, 2)))  # fmt: skip
add(
    "conv_transpose2d.input",
    lambda A, x, z, p: A.conv_transpose2d.input(_image(x), p.reshape(1, 4, 2, 3)),
)
add(
    "convolution.default",
    lambda A, x, z, p: A.convolution.default(
        x.reshape(1, 1, 4, 6), p.reshape(4, 1, 2, 3), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1
    ),
)
add("max_pool1d.default", lambda A, x, z, p: A.max_pool1d.default(x, [2]))
add("max_pool2d.default", lambda A, x, z, p: A.max_pool2d.default(_image(x), [2, 2]))
add("avg_pool1d.default", lambda A, x, z, p: A.avg_pool1d.default(x, [2]))
add("avg_pool2d.default", lambda A, x, z, p: A.avg_pool2d.default(_image(x), [2, 3]))
add("adaptive_avg_pool1d.default", lambda A, x, z, p: A.adaptive_avg_pool1d.default(x, [4]))
add("adaptive_avg_pool2d.default", lambda A, x, z, p: A.adaptive_avg_pool2d.default(_image(x), [3, 2]))
add(
    "_adaptive_avg_pool2d.default",
    lambda A, x, z, p: A._adaptive_avg_pool2d.default(_image(x), [3, 2]),
)
add(
    "max_pool2d_with_indices.default",
    lambda A, x, z, p: A.max_pool2d_with_indices.default(_image(x), [2, 2])[0],
)
add(
    "upsample_nearest2d.vec",
    lambda A, x, z, p: A.upsample_nearest2d.vec(_image(x)[None], [8, 9], None),
)
add(
    "upsample_nearest2d.default",
    lambda A, x, z, p: A.upsample_nearest2d.default(_image(x)[None], [8, 9]),
)
add("layer_norm.default", lambda A, x, z, p: A.layer_norm.default(x, [6], p[0], p[1]),
    lambda A, x, z, p: A.layer_norm.default(x, [6]))  # fmt: skip
add(
    "native_layer_norm.default",
    lambda A, x, z, p: A.native_layer_norm.default(x, [6], p[0], p[1], 1e-5)[0],
)
add("group_norm.default", lambda A, x, z, p: A.group_norm.default(x[None], 2, p[:, 0], p[:, 1]),
    lambda A, x, z, p: A.group_norm.default(x[None], 2))  # fmt: skip
add(
    "native_group_norm.default",
    lambda A, x, z, p: A.native_group_norm.default(x[None], p[:, 0], p[:, 1], 1, 4, 6, 2, 1e-5)[0],
)
add("rms_norm.default", lambda A, x, z, p: A.rms_norm.default(x, [6], p[0]))
add(
    "soft_margin_loss.default",
    lambda A, x, z, p: A.soft_margin_loss.default(x, A.sign.default(z.detach())),
)
add(
    "cosine_embedding_loss.default",
    lambda A, x, z, p: A.cosine_embedding_loss.default(x, z, A.sign.default(p[:, 0])),
)

for _name, _args in {
    "view": ([6, 4],), "_unsafe_view": ([6, 4],), "reshape": ([6, 4],), "unsqueeze": (1,),
    "permute": ([1, 0],), "repeat": ([2, 1],), "tile": ([2, 2],), "roll": ([1], [0]),
    "flip": ([1],), "diagonal": (), "chunk": (2,), "split_with_sizes": ([1, 3],),
    "constant_pad_nd": ([1, 1], 0.5), "pad": ([1, 1],), "narrow": (1, 2, 3),
    "_to_copy": (),
}.items():  # fmt: skip
    add(f"{_name}.default", lambda A, x, z, p, n=_name, args=_args: getattr(A, n).default(x, *args))
add("flatten.using_ints", lambda A, x, z, p: A.flatten.using_ints(x))
add("unflatten.int", lambda A, x, z, p: A.unflatten.int(x, 1, [2, 3]))
add("squeeze.default", lambda A, x, z, p: A.squeeze.default(x[:1]))
add("squeeze.dim", lambda A, x, z, p: A.squeeze.dim(x[:1], 0))
add("squeeze.dims", lambda A, x, z, p: A.squeeze.dims(x[:1], [0]))
add("transpose.int", lambda A, x, z, p: A.transpose.int(x, 0, 1))
add("expand.default", lambda A, x, z, p: A.expand.default(x[:1], [3, 6]))
add("broadcast_tensors.default", lambda A, x, z, p: A.broadcast_tensors.default([x, z[0]]))
add("repeat_interleave.self_int", lambda A, x, z, p: A.repeat_interleave.self_int(x, 2, 0))
add("cat.default", lambda A, x, z, p: A.cat.default([x, z, p]))
add("stack.default", lambda A, x, z, p: A.stack.default([x, p]))
add("split.Tensor", lambda A, x, z, p: A.split.Tensor(x, 2))
add("unbind.int", lambda A, x, z, p: A.unbind.int(x))
add("select.int", lambda A, x, z, p: A.select.int(x, 0, 1))
add("slice.Tensor", lambda A, x, z, p: A.slice.Tensor(x, 1, 1, 5, 2))
add("to.dtype", *(lambda A, x, z, p, kind=kind: A.to.dtype(x, kind) for kind in
                  (torch.float64, torch.int64, torch.int32, torch.bool)))  # fmt: skip
add("movedim.int", lambda A, x, z, p: A.movedim.int(x, 0, 1))
for _name, _args in {
    "zeros": ([2],), "ones": ([2],), "full": ([2], 0.5), "eye": (3,), "scalar_tensor": (2.0,),
    "arange": (4,), "linspace": (0, 1, 4),
}.items():  # fmt: skip
    add(
        f"{_name}.default",
        lambda A, x, z, p, n=_name, args=_args: x.sum() * getattr(A, n).default(*args),
    )
add("arange.start", lambda A, x, z, p: x.sum() * A.arange.start(1, 4))
add("arange.start_step", lambda A, x, z, p: x.sum() * A.arange.start_step(1, 9, 2))
add("full_like.default", lambda A, x, z, p: A.full_like.default(x, 0.5))
add("new_zeros.default", lambda A, x, z, p: x[0, 0] * A.new_zeros.default(x, [2]))
add("new_ones.default", lambda A, x, z, p: x[0, 0] * A.new_ones.default(x, [2]))
add("new_full.default", lambda A, x, z, p: x[0, 0] * A.new_full.default(x, [2], 0.5))

add("embedding.default", lambda A, x, z, p: A.embedding.default(p, _index(x)),
    lambda A, x, z, p: A.embedding.default(p, _index(x), 0),
    lambda A, x, z, p: A.embedding.default(p, _index(x), 9),
    lambda A, x, z, p: A.embedding.default(z, _index(x), 1))  # fmt: skip
for _name in ("cross_entropy_loss", "nll_loss", "nll_loss_nd"):
    for _ignored in (-100, 1, 7):
        add(f"{_name}.default", lambda A, x, z, p, n=_name, ignored=_ignored:
            getattr(A, n).default(x, _index(z[:, 0], 6), None, 1, ignored))  # fmt: skip
add(
    "cross_entropy_loss.default",
    lambda A, x, z, p: A.cross_entropy_loss.default(x, _index(z[:, 0], 6), None, 2, -100, 0.1),
    lambda A, x, z, p: A.cross_entropy_loss.default(x, torch.sigmoid(z)),
)
add(
    "nll_loss_forward.default",
    lambda A, x, z, p: A.nll_loss_forward.default(x, _index(z[:, 0], 6), None, 1, -100)[0],
)
add("gather.default", lambda A, x, z, p: A.gather.default(x, 1, _index(z, 6)),
    lambda A, x, z, p: A.gather.default(p, 1, _index(z, 6)))  # fmt: skip
add("index_select.default", lambda A, x, z, p: A.index_select.default(x, 1, _index(z[0], 6)),
    lambda A, x, z, p: A.index_select.default(p, 0, _index(z[0], 4)))  # fmt: skip
add("index.Tensor", lambda A, x, z, p: A.index.Tensor(x, [_index(z[0])]),
    lambda A, x, z, p: A.index.Tensor(p, [None, _index(z[0], 6)]))  # fmt: skip
