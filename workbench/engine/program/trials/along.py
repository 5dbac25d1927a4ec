"""Calls of operators that reduce, sort, accumulate or add at an index."""

from __future__ import annotations

import itertools
import math

import torch

from workbench.engine.program.trials.samples import Samples, each

A = torch.ops.aten
SAMPLES = Samples()

for _name, _op in each("amax amin any.dims all.dims"):
    SAMPLES.add(
        _name,
        *(lambda d, op=_op, dims=dims: op(d(5, 7), dims) for dims in ([1], [2], [1, 2])),
        lambda d, op=_op: op(d(65), [1]),
        lambda d, op=_op: op(d(5).double(), [1]),
    )
for _name, _op in each("sum.dim_IntList mean.dim logsumexp"):
    # The checker lets them have records only one behind the other.
    SAMPLES.add(
        _name,
        *(
            lambda d, op=_op, dims=dims: op(d(5, 7).contiguous(), dims)
            for dims in ([1], [2], [1, 2])
        ),
        lambda d, op=_op: op(d(7, 5).contiguous().transpose(1, 2), [1]),
        lambda d, op=_op: op(d(65).contiguous(), [1]),
        lambda d, op=_op: op(d(40, 5).contiguous().double(), [1]),
    )
for _name, _op in each("argmax argmin max.dim min.dim any.dim all.dim sort cumsum cumprod"):
    SAMPLES.add(_name, *(lambda d, op=_op, dim=dim: op(d(5, 7), dim) for dim in (1, 2)))
SAMPLES.add("topk", *(lambda d, dim=dim: A.topk(d(5, 7), 3, dim) for dim in (1, 2)))
SAMPLES.add("sort.stable", lambda d: A.sort(d(5, 7), stable=True, dim=1))
SAMPLES.add(
    "var.correction",
    *(lambda d, dims=dims: A.var(d(5, 7), dims, correction=1) for dims in ([1], [2], [1, 2])),
)
SAMPLES.add(
    "linalg_vector_norm",
    *(
        lambda d, order=order, dims=dims: A.linalg_vector_norm(d(5, 7), order, dims)
        for order, dims in itertools.product((0, 1, 2, 3, math.inf), ([1], [2], [1, 2]))
    ),
    lambda d: A.linalg_vector_norm(d(65), 2, [1]),
    lambda d: A.linalg_vector_norm(d(257), 2, [1]),
)
for _name, _op in each("_softmax _log_softmax"):
    SAMPLES.add(
        _name,
        *(lambda d, op=_op, dim=dim: op(d(5, 7), dim, False) for dim in (1, 2)),
        lambda d, op=_op: op(d(67), 1, False),
    )
for _name, _op in each("_softmax_backward_data _log_softmax_backward_data"):
    SAMPLES.add(
        _name,
        *(
            lambda d, op=_op, dim=dim: op(d(5, 7), d.unit(5, 7), dim, torch.float32)
            for dim in (1, 2)
        ),
        lambda d, op=_op: op(d(67), d.unit(67), 1, torch.float32),
    )
SAMPLES.add(
    "scatter_add",
    *(lambda d, dim=dim: A.scatter_add(d(5, 7), dim, d.index(5, 5, 7), d(5, 7)) for dim in (1, 2)),
)
SAMPLES.add("index_add", lambda d: A.index_add(d(5, 7), 1, torch.tensor([3, 3, 1, 0]), d(4, 7)))
