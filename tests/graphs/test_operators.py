"""The table of signatures: what it allows loads, and each kind of violation is refused by name."""

from __future__ import annotations

import math
import operator

import pytest
import torch
import torch.fx
from torch.nn import functional as F

from tests.engine.models import CLASSES, classify, schema_of
from tests.engine.operator_samples import CALLS, Draw, Operand, operator_of
from workbench.errors import GraphRefused
from workbench.graphs.export.training import export
from workbench.graphs.operators.allowed import ALLOWED, check_call
from workbench.graphs.operators.signatures import EVERYWHERE, FIRST_ONLY
from workbench.graphs.operators.table import SIGNATURES
from workbench.graphs.record_graph import TensorSpec

WHOLE, MASK = torch.int64, torch.bool


def tensor(*shape, dtype=torch.float32):
    return TensorSpec(shape, dtype)


def called(name, args, kwargs, uses=(0,)):
    """Return a graph's call with specs for tensors, and items of its result."""
    graph = torch.fx.Graph()

    def node(value):
        if isinstance(value, list):
            return [node(item) for item in value]
        if isinstance(value, Operand):
            value = TensorSpec(tuple(value.value.shape[value.mapped :]), value.value.dtype)
        if not isinstance(value, TensorSpec):
            return value
        place = graph.placeholder("x")
        place.meta["spec"] = value
        return place

    given = [node(value) for value in args], {key: node(value) for key, value in kwargs.items()}
    call = graph.call_function(operator_of(name), tuple(given[0]), given[1])
    if name in FIRST_ONLY:
        for use in uses:
            graph.call_function(operator.getitem, (call, use))
    return call


@pytest.mark.parametrize("name", CALLS)
def test_every_form_that_is_tried_for_the_engine_is_allowed(name):
    for seed in range(20):
        check_call(called(name, *CALLS[name](Draw(seed))))


def test_a_signature_names_the_arguments_of_its_operator():
    for name, signature in SIGNATURES.items():
        known = {argument.name for argument in operator_of(name)._schema.arguments}
        needed = {
            argument.name
            for argument in operator_of(name)._schema.arguments
            if not argument.has_default_value() and argument.name not in EVERYWHERE
        }
        assert needed <= set(signature.arguments), name
        assert known & set(signature.arguments), name


def test_every_allowed_operator_changes_nothing_and_draws_nothing():
    for name in ALLOWED:
        assert not operator_of(name)._schema.is_mutable, name
        assert torch.Tag.nondeterministic_seeded not in operator_of(name).tags, name


X, IMAGE, WEIGHT = tensor(2, 3), tensor(1, 4, 6, 6), tensor(2, 4, 3, 3)
REFUSED = [
    # Kinds of tensors: dtype, rank, list.
    ("exp.default", [tensor(2, dtype=WHOLE)], "'self' is a tensor of int64 with shape"),
    ("relu.default", [tensor(2, dtype=MASK)], "it has to be a tensor of float32 or float64"),
    ("where.self", [tensor(2, dtype=torch.uint8), X, X], "has to be a tensor of bool"),
    ("mm.default", [X, tensor(3)], "'mat2' is .* with 2 dimensions"),
    ("linear.default", [X, tensor(3)], "'weight' is"),
    ("add.Tensor", [2.0, X], "'self' is 2.0; it has to be a tensor"),
    ("cat.default", [[]], "'tensors' is \\[\\]; it has to be a list"),
    ("cat.default", [[X, 1.0]], "'tensors' is"),
    ("index.Tensor", [X, [tensor(3, dtype=MASK)]], "'indices' is .* int64 or int32"),
    # Dimensions.
    ("sum.dim_IntList", [X, [0, 2]], "dimensions that the tensor has"),
    ("sum.dim_IntList", [X, [0, -2]], "each named once"),
    ("softmax.int", [tensor(), 0], "'self' is"),
    ("softmax.int", [X, 2], "'dim' is 2; it has to be a dimension"),
    ("logsumexp.default", [X, []], "'dim' is \\[\\]"),
    ("max.dim", [X, -3], "'dim' is -3"),
    ("diagonal.default", [X, 0, 1, -1], "the same dimension"),
    # Numbers, words and flags.
    ("mse_loss.default", [X, X, 7], "'reduction' is 7; it has to be one of 0, 1, 2"),
    ("mse_loss.default", [X, X, -1], "'reduction' is -1"),
    ("celu.default", [X, 0.0], "'alpha' is 0.0"),
    ("softplus.default", [X, math.inf], "'beta' is inf"),
    ("add.Tensor", [X, X, {"alpha": math.nan}], "'alpha' is nan"),
    ("gelu.default", [X, {"approximate": "wild"}], "'approximate' is 'wild'; .* none, tanh"),
    ("pad.default", [X, [1, 1], "wrap"], "'mode' is 'wrap'"),
    ("embedding.default", [X, tensor(2, dtype=WHOLE), -1, True], "'scale_grad_by_freq' is True"),
    ("embedding.default", [X, tensor(2, dtype=WHOLE), 2], "the table has 2 rows"),
    ("_softmax.default", [X, 1, True], "'half_to_float' is True"),
    ("avg_pool2d.default", [IMAGE, [2], [], [0], False, True, 3], "'divisor_override' has to be"),
    ("linalg_vector_norm.default", [X, -2], "'ord' is -2"),
    ("linalg_vector_norm.default", [X, math.nan], "'ord' is nan"),
    ("sum.default", [X, {"dtype": torch.int32}], "'dtype' is torch.int32"),
    ("cumsum.default", [X, 0, {"dtype": WHOLE}], "'dtype' is torch.int64"),
    ("mean.default", [tensor(2, dtype=WHOLE)], "needs a 'dtype' of floats"),
    ("clone.default", [X, {"memory_format": torch.channels_last}], "'memory_format' is"),
    ("zeros.default", [[2], {"device": torch.device("meta")}], "'device' is meta"),
    ("zeros.default", [[2, 0]], "'size' is \\[2, 0\\]"),
    ("repeat.default", [X, [0, 1]], "'repeats' is"),
    ("einsum.default", ["ij,jk->ik; import os", [X, X]], "'equation' is"),
    ("full.default", [[2], math.inf, {"dtype": WHOLE}], "a number of int64"),
    (
        "masked_fill.Scalar",
        [tensor(2, dtype=WHOLE), tensor(2, dtype=MASK), 0.5],
        "a number of int64",
    ),
    ("pow.Tensor_Scalar", [tensor(2, dtype=WHOLE), -1], "'exponent' is below 0"),
    ("pow.Tensor_Tensor", [X, tensor(2, 3, dtype=torch.float64)], "are of float32, float64"),
    ("fmod.Scalar", [tensor(2, dtype=WHOLE), 0], "'self' is a tensor of int64"),
    ("fmod.Tensor", [X, tensor(2, 3, dtype=WHOLE)], "'other' is a tensor of int64"),
    ("fmod.Scalar", [X, math.nan], "'other' is nan"),
    ("lgamma.default", [tensor(2, dtype=WHOLE)], "'self' is a tensor of int64"),
    ("clamp.default", [X], "has to be given"),
    # Shapes beside each other.
    ("mse_loss.default", [X, tensor(3)], "'target' has shape \\(3,\\); they have to be equal"),
    ("huber_loss.default", [X, tensor(2, 1)], "they have to be equal"),
    ("smooth_l1_loss.default", [tensor(3), X], "they have to be equal"),
    ("binary_cross_entropy_with_logits.default", [X, X, tensor(2, 2, 3)], "broadcast to"),
    ("cosine_embedding_loss.default", [X, X, tensor(3)], "it has to be \\(2,\\)"),
    ("cross_entropy_loss.default", [X, tensor(3, dtype=WHOLE)], "it has to be \\(2,\\)"),
    ("cross_entropy_loss.default", [X, tensor(2, dtype=WHOLE), tensor(2)], "'weight' has shape"),
    ("maximum.default", [X, tensor(2, 3, dtype=torch.float64)], "are of float32, float64"),
    ("mm.default", [X, X], "cannot be multiplied"),
    ("addmm.default", [tensor(3, 2), X, tensor(3, 2)], "broadcast to \\(2, 2\\)"),
    ("gather.default", [X, 0, tensor(4, 4, dtype=WHOLE)], "fit into"),
    ("roll.default", [X, [1, 2], [0]], "2 numbers for 1 dimensions"),
    ("roll.default", [X, [1, 2]], "2 numbers for 0 dimensions"),
    ("topk.default", [X, 4], "there are 3 entries"),
    ("glu.default", [X], "an even number"),
    ("prelu.default", [X, tensor(2)], "1 or 3 entries"),
    ("cumprod.default", [tensor(129), 0], "at most 128"),
    # Padding and images.
    ("pad.default", [X, [-3, 3]], "takes all away"),
    ("pad.default", [X, [3, 0], "reflect"], "at most 2"),
    ("pad.default", [X, [2, -2], "circular"], "at most 1"),
    ("pad.default", [X, [1, 1, 1], "circular"], "two for each"),
    ("conv2d.default", [IMAGE, tensor(2, 3, 3, 3)], "has 4 channels; .* need 3"),
    ("conv2d.default", [IMAGE, WEIGHT, tensor(4)], "'bias' has shape"),
    ("conv2d.default", [IMAGE, WEIGHT, None, [0, 1]], "'stride' is \\[0, 1\\]"),
    ("conv2d.default", [IMAGE, WEIGHT, None, [1], [-1]], "'padding' is \\[-1\\]"),
    ("conv2d.default", [IMAGE, WEIGHT, None, [1], [0], [3]], "reaches over 7 entries; there are 6"),
    ("conv2d.default", [IMAGE, tensor(3, 2, 3, 3), None, [1], [0], [1], 2], "it has to divide 3"),
    ("max_pool2d.default", [IMAGE, [2], [], [2]], "at most half"),
    ("max_pool2d.default", [IMAGE, [7]], "there are 6"),
    ("upsample_nearest2d.default", [IMAGE, [12, 12], 1e-30, None], "'scales_h' is 1e-30"),
    ("upsample_nearest2d.default", [IMAGE, [12, 12], 3.0, None], "makes 6 no 12"),
    # Normalization: of what it says.
    ("layer_norm.default", [X, [2]], "the end of \\(2, 3\\)"),
    ("layer_norm.default", [X, [3], tensor(2)], "'weight' has shape"),
    ("layer_norm.default", [X, [3], None, tensor(3)], "without 'weight'"),
    ("group_norm.default", [IMAGE, 3], "do not divide 4 channels"),
    ("native_group_norm.default", [IMAGE, None, None, 4, 1, 36, 1, 1e-5], "'N' is 4; .* 1"),
    ("native_group_norm.default", [IMAGE, None, None, 1, 4, 9, 1, 1e-5], "'HxW' is 9; .* 36"),
]


@pytest.mark.parametrize(
    ("name", "args", "match"), REFUSED, ids=[f"{r[0]}-{n}" for n, r in enumerate(REFUSED)]
)
def test_a_call_outside_of_its_signature_is_refused_with_what_would_be_right(name, args, match):
    named = args[-1] if isinstance(args[-1], dict) else {}
    plain = args[:-1] if named else args
    with pytest.raises(GraphRefused, match=match) as refusal:
        check_call(called(f"aten.{name}", plain, named))
    assert f"aten.{name}" in str(refusal.value)


def test_the_statistics_beside_a_normalization_are_nobodys_to_use():
    args = [X, [3], None, None, 1e-5]
    check_call(called("aten.native_layer_norm.default", args, {}))
    for uses in ((1,), (0, 2)):
        with pytest.raises(GraphRefused, match="only the first of its results"):
            check_call(called("aten.native_layer_norm.default", args, {}, uses))


def test_an_operator_that_is_not_in_the_table_is_refused():
    with pytest.raises(GraphRefused, match=r"'aten.prod.default' is not allowed"):
        check_call(called("aten.prod.default", [X], {}))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda x: x[:0].sum(), "empty tensor"),
        (lambda x: x.reshape([1] * 8 + [6]).sum(), "has 9 dimensions; at most 8"),
        (lambda x: F.mse_loss(x[3:3], x[3:3]), "empty tensor"),
    ],
)
def test_a_graph_with_an_empty_tensor_or_one_of_many_dimensions_is_refused(make, match):
    def loss(model, record):
        value, metrics = classify(model, record)
        return value + make(record["x"]), metrics

    with pytest.raises(GraphRefused, match=match):
        export(loss, torch.nn.Linear(6, CLASSES), schema_of((6,)))
