"""Each operator that export takes apart gives PyTorch's values and gradients, ties included.

A decomposition is called as it is, beside the operator, on numbers of which some are equal, and on
infinite ones and NaN where it says what they give.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from workbench.graphs.export.decompositions.table import DECOMPOSITIONS
from workbench.graphs.operators.allowed import ALLOWED

A = torch.ops.aten
INF, NAN = float("inf"), float("nan")
TIED = (0.0, 1.0, -1.0, 0.5, 0.5, 2.0)


def real(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + len(shape)))


def tied(*shape, seed=0):
    """Return numbers of which many are equal."""
    random = torch.Generator().manual_seed(seed)
    return torch.tensor(TIED)[torch.randint(len(TIED), shape, generator=random)]


def whole(*shape, low=0, high=5, seed=0):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed))


def special(*numbers):
    return torch.tensor(numbers)


EACH, OTHER = real(3, 4) * 2, real(4, seed=1)
SIGNED = special(0.0, -0.0, 1.5, -1.5, INF, -INF)
WHOLE = whole(3, 4, low=-9, high=9)
IMAGE, VOLUME = tied(2, 2, 5, 6), tied(1, 2, 4, 4, 5)
MASK = whole(3, 4, high=2) > 0
UNIT = real(2, 3, 4).sigmoid()


def divided(mode):
    pairs = itertools.product((1.0, -7.5, 0.3, 6.0, 0.0), (0.1, -0.3, 2.5, -INF, 0.0))
    one, two = (torch.tensor(column) for column in zip(*pairs, strict=True))
    named = {"rounding_mode": mode}
    yield [one, two], named
    yield [EACH, 0.3], named
    yield [WHOLE, 3], named
    yield [WHOLE, whole(4, low=1)], named
    yield [WHOLE, 2.5], named


def left_over():
    for args, _ in divided("floor"):
        yield args, {}


def grids():
    for image, grid in (
        (real(2, 3, 4, 5), real(2, 3, 2, 2)),
        (real(1, 2, 3, 4, 3), real(1, 2, 2, 2, 3)),
    ):
        modes = (0, 1, 2) if image.dim() == 4 else (0, 1)
        for mode, padding, corners in itertools.product(modes, (0, 1, 2), (False, True)):
            yield [image, grid, mode, padding, corners], {}
            yield [image, 3 * grid, mode, padding, corners], {}
    edges = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-1.0, 0.2], [0.0, 0.0]]).reshape(1, 2, 2, 2)
    for mode, padding in itertools.product((0, 1), (0, 1)):
        yield [real(1, 1, 3, 3), edges, mode, padding, True], {}


def along(*values, keep=True):
    for value in values:
        for dim in range(-1, value.dim()):
            yield [value, dim], {}
            if keep:
                yield [value, dim, True], {}


DISTINCT = torch.randperm(24, generator=torch.Generator().manual_seed(0)).reshape(2, 3, 4) / 3


def pooled(value, sizes, more=()):
    space = value.dim() - 2
    yield [value, [2] * space], {}
    yield [value, [2] * space, [1] * space], {}
    yield [value, [3] * space, [2] * space, [1] * space], {}
    for extra in more:
        yield [value, [3] * space, [2] * space, [1] * space, *extra], {}


def resized(value, corners=True):
    space = value.dim() - 2
    flags = ([False], [True]) if corners else ([],)
    for flag in flags:
        yield [value, [7] * space, *flag, None], {}
        yield [value, [2] * space, *flag, None], {}
        yield [value, None, *flag, [1.5] * space], {}
        yield [value, None, *flag, [0.6] * space], {}


class Constant(torch.Tensor):
    """A tensor that is not learned."""


def constant(tensor):
    return tensor.as_subclass(Constant)


LINE = real(2, 3, 6)
SCALED = (None, None), (real(3), real(3, seed=1))
WEIGHTS = constant(torch.tensor([1.0, 2.0, 0.5, 3.0]))
KEPT = constant(real(3)), constant(real(3).abs())
CALLS = {
    A.scaled_dot_product_attention.default: [
        ([real(2, 5, 4), real(2, 3, 4, seed=1), real(2, 3, 4, seed=2)], {}),
        ([real(2, 5, 4), real(2, 5, 4), real(2, 5, 4), None, 0.0, True], {"scale": 0.3}),
        ([real(2, 3, 4), real(2, 3, 4), real(2, 3, 4), real(3, 3)], {}),
        ([real(1, 4, 3, 2), real(1, 2, 3, 2), real(1, 2, 3, 2)], {"enable_gqa": True}),
    ],
    A.instance_norm.default: [
        ([LINE, *scaled, None, None, True, 0.1, 1e-5, False], {}) for scaled in SCALED
    ]
    + [([LINE, *SCALED[1], *KEPT, False, 0.1, 1e-5, False], {})],
    A.batch_norm.default: [
        ([LINE, *scaled, *KEPT, False, 0.1, 1e-5, False], {}) for scaled in SCALED
    ],
    A.var_mean.correction: [
        ([EACH], {"correction": 1}),
        ([EACH, [1]], {"correction": 0, "keepdim": True}),
        ([EACH, [0, 1]], {}),
    ],
    A.max_pool3d.default: list(pooled(VOLUME, 3, ([[1, 1, 1], True],))),
    A.max_pool3d_with_indices.default: list(pooled(VOLUME, 3, ([[1, 1, 1], True],))),
    A.avg_pool3d.default: list(pooled(VOLUME, 3, ([True], [False, False], [True, False]))),
    A.adaptive_avg_pool2d.default: [([IMAGE, [1, 1]], {}), ([IMAGE[0], [1, 1]], {})],
    A.adaptive_avg_pool3d.default: [([VOLUME, [2, 3, 2]], {})],
    A.adaptive_max_pool1d.default: [([tied(2, 3, 7), [3]], {})],
    A.adaptive_max_pool2d.default: [([IMAGE, [3, 4]], {}), ([IMAGE[0], [2, 5]], {})],
    A.adaptive_max_pool3d.default: [([VOLUME, [2, 3, 2]], {})],
    A.upsample_linear1d.vec: list(resized(LINE)),
    A.upsample_bilinear2d.vec: list(resized(IMAGE)),
    A.upsample_trilinear3d.vec: list(resized(VOLUME)),
    A.upsample_bicubic2d.vec: list(resized(IMAGE)),
    A._upsample_bilinear2d_aa.vec: list(resized(IMAGE)),
    A._upsample_bicubic2d_aa.vec: list(resized(IMAGE)),
    A.upsample_nearest1d.vec: list(resized(LINE, False)),
    A.upsample_nearest3d.vec: list(resized(VOLUME, False)),
    A._upsample_nearest_exact1d.vec: list(resized(LINE, False)),
    A._upsample_nearest_exact2d.vec: list(resized(IMAGE, False)),
    A._upsample_nearest_exact3d.vec: list(resized(VOLUME, False)),
    A.new_full.default: [([EACH, [2, 3], 0.5], {}), ([EACH, [], 7], {"dtype": torch.int64})],
    A.new_zeros.default: [([WHOLE, [2, 3]], {})],
    A.new_ones.default: [([MASK, [4]], {}), ([EACH, [1]], {"dtype": torch.float64})],
    A.copy.default: [([WHOLE, EACH], {}), ([constant(EACH), constant(OTHER)], {})],
    A.fill.Tensor: [([EACH, torch.tensor(0.3)], {})],
    A.slice_scatter.default: [
        ([EACH, real(3, 2), 1, 1, 3], {}),
        ([EACH, real(3, 2), 1, 0, 4, 2], {}),
        ([EACH, real(1, 4), 0, -1], {}),
    ],
    A.select_scatter.default: [([EACH, real(4), 0, -1], {}), ([EACH, real(3), 1, 2], {})],
    A.index_put.default: [
        ([EACH, [MASK], torch.tensor(0.3)], {}),
        ([EACH, [MASK[:, 0]], OTHER], {}),
        ([EACH, [torch.tensor([-1])], OTHER], {}),
        ([EACH, [None, torch.tensor([2, 2, 0])], real(3, 3), True], {}),
    ],
    A.index_add.default: [
        ([EACH, 0, torch.tensor([2, 0, 2]), real(3, 4)], {"alpha": 2}),
        ([EACH, 1, torch.tensor([1]), real(3, 1)], {}),
    ],
    A.index_fill.int_Scalar: [([EACH, 1, torch.tensor([0, -1]), 0.3], {})],
    A.scatter.value: [([EACH, 1, whole(3, 2, high=4), 0.3], {})],
    A.scatter.src: [([EACH, 1, whole(3, 1, high=4), real(3, 1, seed=2)], {})],
    A.scatter_add.default: [
        ([EACH, 1, whole(3, 3, high=4), real(3, 3, seed=2)], {}),
        ([EACH, 0, whole(1, 4, high=3).expand(5, 4), real(5, 4)], {}),
        ([EACH, 0, whole(5, 1, high=3).expand(5, 4), real(5, 4)], {}),
    ],
    A.scatter_reduce.two: [
        ([EACH, dim, index, real(*index.shape, seed=2), reduce], {"include_self": own})
        for dim, index in ((1, whole(3, 3, high=4)), (0, whole(5, 4, high=3)))
        for reduce in ("sum", "mean", "amax", "amin")
        for own in (True, False)
    ],
    A.pad.default: [
        ([WHOLE, [1, 0, 2, 3]], {}),
        ([WHOLE, [2, 2]], {"value": -7}),
        ([MASK, [0, 1]], {}),
    ],
    A.cat.default: [([[torch.tensor([]), EACH, real(2, 4)]], {}), ([[EACH, real(0, 4)], 0], {})],
    A.isin.Tensor_Tensor: [
        ([WHOLE, torch.tensor([1, 3, -2])], {}),
        ([constant(tied(5)), constant(special(0.5, NAN))], {"invert": True}),
    ],
    A.one_hot.default: [([whole(2, 3), 5], {})],
    A.embedding.default: [([real(5, 3), whole(2, 2), 1, False, True], {})],
    A.bilinear.default: [([real(2, 3), real(2, 4), real(5, 3, 4), b], {}) for b in (None, real(5))],
    A.cdist.default: [
        ([real(2, 3, 4), real(2, 5, 4, seed=1), p, None], {}) for p in (2.0, 1.0, 3.0, INF)
    ],
    A.cosine_similarity.default: [([real(1, 4), real(3, 4, seed=1), -1], {})],
    A.pairwise_distance.default: [([real(4), real(3, 4, seed=1), 3.0], {"keepdim": True})],
    A.cross_entropy_loss.default: [
        ([scores, target, WEIGHTS, reduction, ignored, 0.2], {})
        for scores, target in (
            (real(4), torch.tensor(2)),
            (real(3, 4), whole(3, high=4)),
            (real(2, 4, 3), whole(2, 3, high=4)),
        )
        for reduction in (0, 1, 2)
        for ignored in (-100, 1)
    ],
    A.pdist.default: [([real(4, 3), p], {}) for p in (1.0, 2.0, 3.0, INF)],
    A.conv_tbc.default: [([real(5, 2, 3), real(2, 3, 4), real(4), pad], {}) for pad in (0, 1)],
    A.take_along_dim.default: [
        ([EACH, whole(3, 2, high=4), 1], {}),
        ([EACH, whole(1, 4, low=-3, high=3), 0], {}),
        ([EACH, whole(5, high=12)], {}),
    ],
    A.cross.default: [
        ([real(4, 3), real(4, 3, seed=1), 1], {}),
        ([real(3, 4), real(3, 4, seed=1)], {}),
    ],
    A.linalg_cross.default: [
        ([real(4, 3), real(1, 3, seed=1)], {}),
        ([real(3, 2), real(3, 2)], {"dim": 0}),
    ],
    A.grid_sampler.default: list(grids()),
    A.hinge_embedding_loss.default: [
        ([tied(3, 4), tied(3, 4, seed=1).sign(), 1.0, r], {}) for r in (0, 1, 2)
    ],
    A.multilabel_margin_loss.default: [
        ([scores, target, r], {})
        for scores, target, r in itertools.product(
            (tied(2, 4),), (torch.tensor([[3, 0, -1, 1], [1, -1, -1, -1]]),), (0, 1, 2)
        )
    ]
    + [([tied(3), torch.tensor([2, 0, 1]), 1], {}), ([tied(3), torch.tensor([-1, 2, 1]), 2], {})],
    A.atanh.default: [([UNIT - 0.5], {}), ([special(0.0, -0.0, 1.0, -1.0, 2.0, NAN)], {})],
    A.copysign.Tensor: [
        ([SIGNED.reshape(-1, 1), SIGNED], {}),
        ([EACH, WHOLE], {}),
        ([WHOLE, OTHER], {}),
    ],
    A.copysign.Scalar: [([SIGNED, -0.0], {}), ([EACH, 2], {})],
    A.pow.Tensor_Tensor: [([EACH.abs(), WHOLE], {}), ([WHOLE, OTHER], {})],
    A.fmod.Tensor: [([WHOLE, whole(4, low=1)], {}), ([EACH, whole(4, low=1)], {})],
    A.fmod.Scalar: [([WHOLE, 3], {}), ([WHOLE, -2.5], {})],
    A.remainder.Tensor: [c for c in left_over() if isinstance(c[0][1], torch.Tensor)],
    A.remainder.Scalar: [c for c in left_over() if not isinstance(c[0][1], torch.Tensor)],
    A.remainder.Scalar_Tensor: [([0.7, constant(OTHER)], {}), ([7, whole(4, low=1)], {})],
    A.div.Tensor_mode: [
        c
        for mode in ("floor", "trunc", None)
        for c in divided(mode)
        if isinstance(c[0][1], torch.Tensor)
    ],
    A.div.Scalar_mode: [
        c
        for mode in ("floor", "trunc", None)
        for c in divided(mode)
        if not isinstance(c[0][1], torch.Tensor)
    ],
    A.floor_divide.default: [
        (list(map(constant, args)), {})
        for args, _ in divided("floor")
        if isinstance(args[1], torch.Tensor)
    ],
    A.floor_divide.Scalar: [([constant(EACH), 0.3], {}), ([WHOLE, 4], {})],
    A.median.default: [([tied(3, 4)], {}), ([real(5)], {}), ([special(1.0, NAN, 2.0)], {})],
    A.median.dim: [
        *along(DISTINCT),
        ([special(1.0, NAN, 2.0, NAN), 0], {}),
        ([torch.tensor(1.0), 0], {}),
    ],
    A.nanmedian.default: [
        ([special(3.0, NAN, 2.0, 2.0, 5.0)], {}),
        ([special(NAN, NAN)], {}),
        ([tied(7)], {}),
    ],
    A.nanmedian.dim: [
        *along(DISTINCT),
        ([special(1.0, NAN, 2.0, 0.5, NAN), 0], {}),
        ([torch.tensor(1.0), 0], {}),
    ],
    A.kthvalue.default: [([DISTINCT, k, dim], {}) for k, dim in ((1, 0), (2, 1), (4, -1))]
    + [([DISTINCT, 2, 2, True], {}), ([torch.tensor(1.0), 1], {})],
    A.cummax.default: list(along(tied(3, 4), DISTINCT, torch.tensor(2.0), keep=False)),
    A.cummin.default: list(along(tied(3, 4), DISTINCT, torch.tensor(2.0), keep=False)),
    A.logcumsumexp.default: list(along(tied(3, 4), real(2, 3, 4), torch.tensor(2.0), keep=False)),
    A.prod.default: [
        ([tied(7)], {}),
        ([special(0.0, 2.0, 3.0)], {}),
        ([WHOLE], {}),
        ([MASK], {"dtype": torch.float32}),
    ],
    A.prod.dim_int: list(along(tied(3, 4), tied(5, 1), torch.tensor(2.0))),
    A.searchsorted.Tensor: [
        ([row, tied(3, 4)], {"right": right, "out_int32": right})
        for right in (False, True)
        for row in (special(-1.0, 0.0, 0.5, 0.5, 2.0), tied(3, 6).sort(-1).values)
    ]
    + [
        ([special(0.0, 1.0), special(NAN, INF, -INF)], {}),
        (
            [special(2.0, 0.0, 1.0), special(0.5, 1.0)],
            {"side": "right", "sorter": torch.tensor([1, 2, 0])},
        ),
        ([torch.tensor([1, 3, 3]), WHOLE], {"side": "left"}),
    ],
    A.searchsorted.Scalar: [([special(0.0, 0.5, 1.0), 0.5], {"right": True})],
    A.bucketize.Tensor: [
        ([tied(3, 4), special(-1.0, 0.5, 2.0)], {"right": r}) for r in (True, False)
    ],
    A.bucketize.Scalar: [([0.5, special(0.0, 0.5, 1.0)], {})],
    A.unfold.default: [([EACH, 1, 2, 1], {}), ([EACH, 0, 2, 2], {}), ([EACH, -1, 3, 1], {})],
    A.im2col.default: [
        ([IMAGE, [2, 3], [1, 1], [0, 1], [1, 2]], {}),
        ([IMAGE[0], [2, 2], [2, 1], [1, 0], [2, 1]], {}),
    ],
    A.col2im.default: [
        ([real(2, 12, 9), [4, 4], [2, 2], [1, 1], [1, 1], [2, 2]], {}),
        ([real(8, 4), [4, 5], [2, 2], [2, 1], [0, 0], [1, 2]], {}),
        ([real(1, 4, 16), [5, 5], [2, 2], [1, 1], [0, 0], [1, 1]], {}),
    ],
}


def test_every_operator_that_is_taken_apart_is_tried():
    assert set(CALLS) == set(DECOMPOSITIONS)


def run(function, args, kwargs):
    """Return what a function gives, and the gradients of a number that depends on all of it."""
    learned = []

    def given(value):
        if isinstance(value, Constant):
            return value.as_subclass(torch.Tensor)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            learned.append(value.clone().requires_grad_())
            return learned[-1]
        return [given(item) for item in value] if isinstance(value, list) else value

    found = function(*[given(value) for value in args], **{k: given(v) for k, v in kwargs.items()})
    if found is NotImplemented:
        return None
    outputs = [found] if isinstance(found, torch.Tensor) else list(found)
    total = sum(
        (o * torch.cos(torch.arange(float(o.numel())) + 1).reshape(o.shape)).nan_to_num().sum()
        for o in outputs
        if o.requires_grad
    )
    if not isinstance(total, torch.Tensor):
        return outputs, [torch.zeros_like(value) for value in learned]
    gradients = torch.autograd.grad(total, learned, allow_unused=True)
    return outputs, [
        torch.zeros_like(value) if gradient is None else gradient.to_dense()
        for value, gradient in zip(learned, gradients, strict=True)
    ]


def finite(*values):
    """Return whether a gradient says anything: whether nothing is infinite or NaN."""
    return all(
        bool(torch.isfinite(value).all())
        for several in values
        for value in several
        if isinstance(value, torch.Tensor)
    )


@pytest.mark.parametrize("operator", CALLS, ids=str)
def test_values_and_gradients_are_those_of_the_operator(operator):
    for args, kwargs in CALLS[operator]:
        wanted, got = run(operator, args, kwargs), run(DECOMPOSITIONS[operator], args, kwargs)
        assert got is not None, "it was left as it is: nothing is tried"
        for kind, ours, theirs in zip(("value", "gradient"), got, wanted, strict=True):
            assert len(ours) == len(theirs)
            if kind == "gradient" and not finite(args, wanted[0]):
                continue
            for one, two in zip(ours, theirs, strict=True):
                assert (one.dtype, one.shape) == (two.dtype, two.shape), (kind, args, kwargs)
                close = torch.allclose(one.double(), two.double(), 1e-4, 1e-5, equal_nan=True)
                assert close, (kind, args, kwargs, one, two)


def test_what_is_left_of_a_division_by_zero_ends_no_run():
    numbers = torch.tensor([5, -5, 0])
    for operator in (A.remainder.Scalar, A.fmod.Scalar, A.floor_divide.Scalar):
        assert DECOMPOSITIONS[operator](numbers, 0).dtype == torch.int64


def test_an_operator_that_is_allowed_is_taken_apart_only_in_the_forms_that_are_not():
    both = {str(operator) for operator in DECOMPOSITIONS} & ALLOWED
    assert both == {
        "aten.adaptive_avg_pool2d.default",
        "aten.cat.default",
        "aten.cosine_similarity.default",
        "aten.cross_entropy_loss.default",
        "aten.embedding.default",
        "aten.fmod.Scalar",
        "aten.fmod.Tensor",
        "aten.new_full.default",
        "aten.new_ones.default",
        "aten.new_zeros.default",
        "aten.pad.default",
        "aten.pairwise_distance.default",
        "aten.pow.Tensor_Tensor",
    }
    assert DECOMPOSITIONS[A.adaptive_avg_pool2d.default](IMAGE, [2, 1]) is NotImplemented
    assert DECOMPOSITIONS[A.pad.default](EACH, [1, 1]) is NotImplemented
    assert DECOMPOSITIONS[A.cat.default]([EACH, EACH]) is NotImplemented
    assert DECOMPOSITIONS[A.fmod.Scalar](EACH, 0.3) is NotImplemented
    assert DECOMPOSITIONS[A.pow.Tensor_Tensor](EACH, OTHER) is NotImplemented
