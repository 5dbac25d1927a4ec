"""Calls of operators that go entry by entry."""

from __future__ import annotations

import torch

from workbench.engine.program.trials.samples import Samples, each

A = torch.ops.aten
SAMPLES = Samples()

for _name, _op in each("""
    abs neg sign sgn exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh
    tanh asin acos atan asinh acosh erf erfc erfinv lgamma digamma sigmoid logit floor ceil
    round trunc frac isnan isinf isfinite logical_not relu leaky_relu elu gelu silu mish hardtanh
    hardsigmoid hardswish softplus hardshrink softshrink nan_to_num
"""):
    SAMPLES.add(
        _name,
        lambda d, op=_op: op(d(5, 7)),
        lambda d, op=_op: op(d.unit(3)),
        lambda d, op=_op: op(d(5).double()),
    )
SAMPLES.add(
    "polygamma",
    *(lambda d, n=n: A.polygamma(n, d(5, 7)) for n in (1, 2)),
    lambda d: A.polygamma(1, d.unit(3)),
    lambda d: A.polygamma(1, d(5).double()),
)
SAMPLES.add(
    "div.Tensor_mode",
    *(
        lambda d, mode=mode: A.div.Tensor_mode(d(5, 7), d(5, 7), rounding_mode=mode)
        for mode in ("trunc", "floor", None)
    ),
    lambda d: A.div.Tensor_mode(d(5).double(), d(5).double(), rounding_mode="trunc"),
)
SAMPLES.add("elu", lambda d: A.elu(d(5, 7), 1.5, 1.1, 0.7))
SAMPLES.add("gelu", lambda d: A.gelu(d(5, 7), approximate="tanh"))
SAMPLES.add("softplus", lambda d: A.softplus(d(5, 7), 0.5, 10))
for _name, _op in each("""
    atan2 fmod.Tensor pow.Tensor_Tensor maximum minimum fmax fmin logaddexp hypot logical_and
    logical_or logical_xor
    add.Tensor sub.Tensor mul.Tensor div.Tensor eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor
    ge.Tensor sigmoid_backward tanh_backward gelu_backward silu_backward mish_backward
    hardsigmoid_backward hardswish_backward
"""):
    SAMPLES.add(
        _name,
        lambda d, op=_op: op(d(5, 7), d(5, 7)),
        lambda d, op=_op: op(d(3), d(3)),
        lambda d, op=_op: op(d(5, 7).double(), d(5, 7).double()),
    )
    if "backward" not in _name:
        SAMPLES.add(
            _name,
            lambda d, op=_op: op(d(5, 7), d.public(7)),
            lambda d, op=_op: op(d.public(5, 7), d(5, 1)),
        )
for _name, _op in each("""
    add.Scalar sub.Scalar rsub.Scalar mul.Scalar div.Scalar fmod.Scalar eq.Scalar ne.Scalar
    lt.Scalar le.Scalar gt.Scalar ge.Scalar threshold_backward hardshrink_backward
    softshrink_backward logit_backward
"""):
    if "backward" in _name:
        SAMPLES.add(_name, lambda d, op=_op: op(d(5, 7), d.unit(5, 7), 0.3))
    else:
        SAMPLES.add(_name, lambda d, op=_op: op(d(5, 7), 0.3))
SAMPLES.add("gelu_backward", lambda d: A.gelu_backward(d(5, 7), d(5, 7), approximate="tanh"))
SAMPLES.add("leaky_relu_backward", lambda d: A.leaky_relu_backward(d(5, 7), d(5, 7), 0.1, False))
SAMPLES.add(
    "elu_backward",
    lambda d: A.elu_backward(d(5, 7), 1.5, 1.1, 0.7, False, d(5, 7)),
    lambda d: A.elu_backward(d(5, 7), 1.5, 1.1, 0.7, True, d(5, 7)),
)
SAMPLES.add("hardtanh_backward", lambda d: A.hardtanh_backward(d(5, 7), d(5, 7), -1, 1))
SAMPLES.add("softplus_backward", lambda d: A.softplus_backward(d(5, 7), d(5, 7), 0.5, 10))
SAMPLES.add(
    "pow.Tensor_Scalar", *(lambda d, e=e: A.pow(d(5, 7), e) for e in (0, 0.5, 2, 2.7, 3, -1, -2))
)
SAMPLES.add("pow.Scalar", lambda d: A.pow(2.0, d(5, 7)), lambda d: A.pow(0.3, d(5, 7)))
SAMPLES.add("lerp.Scalar", lambda d: A.lerp(d(5, 7), d(5, 7), 0.3))
SAMPLES.add("lerp.Tensor", lambda d: A.lerp.Tensor(d(5, 7), d(5, 7), d.unit(5, 7)))
SAMPLES.add("addcmul", lambda d: A.addcmul(d(5, 7), d(5, 7), d(7).unsqueeze(1), value=0.3))
SAMPLES.add("addcdiv", lambda d: A.addcdiv(d(5, 7), d(5, 7), d.public(5, 7), value=0.3))
SAMPLES.add("clamp", lambda d: A.clamp(d(5, 7), -0.3, 0.4))
SAMPLES.add("clamp.Tensor", lambda d: A.clamp.Tensor(d(5, 7), d(5, 7), d.public(7)))
SAMPLES.add("clamp_min", lambda d: A.clamp_min(d(5, 7), 0.3))
SAMPLES.add("clamp_max", lambda d: A.clamp_max(d(5, 7), 0.3))
SAMPLES.add("threshold", lambda d: A.threshold(d(5, 7), 0.3, 0.4))
SAMPLES.add("where.self", lambda d: A.where(d(5, 7) > 0, d(5, 7), d.public(7)))
SAMPLES.add("masked_fill.Scalar", lambda d: A.masked_fill(d(5, 7), d(5, 7) > 0, 0.3))
SAMPLES.add(
    "_to_copy",
    lambda d: A._to_copy(d(5, 7), dtype=torch.float64),
    lambda d: A._to_copy(d(5, 7).double(), dtype=torch.float32),
    lambda d: A._to_copy(d(5, 7).nan_to_num().clamp(-99, 99), dtype=torch.int64),
    lambda d: A._to_copy(d(5, 7), dtype=torch.bool),
    lambda d: A._to_copy(d.index(9, 5, 7), dtype=torch.float32),
)
