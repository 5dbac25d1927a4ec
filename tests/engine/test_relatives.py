"""Relatives of what a red team found: hostile graphs of the same kinds, made by hand or exported.

Each is refused by name, or keeps records apart: neighbours of any kind change no bit of what a
record adds, nothing fails for a value, and no record moves the clipped sum beyond its bound.
"""

from __future__ import annotations

import math

import pytest
import torch

from tests.engine.redteam import Builder, Value
from workbench.engine.program.record_program import values_program
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import GraphRefused
from workbench.graphs.record_graph import RecordGraph

HOSTILE = (0.0, -0.0, 1e30, -1e30, 1e-40, math.nan, math.inf, -math.inf)
_HOSTILE_WHOLE = (-1, 1 << 62, -(1 << 63), (1 << 63) - 1, 99, 2, 7, 0)


def drawn(graph: RecordGraph, rows: int, hostile: int | None = None) -> tuple[torch.Tensor, ...]:
    """Return a chunk of made-up records; with `hostile`, of the so manyth kind of hostile ones."""
    generator = torch.Generator().manual_seed(rows)
    columns = []
    for spec in graph.input_specs:
        shape = (rows, *spec.shape)
        if hostile is not None and spec.dtype.is_floating_point:
            made = torch.full(shape, HOSTILE[hostile], dtype=spec.dtype)
        elif spec.dtype.is_floating_point:
            made = torch.rand(shape, generator=generator, dtype=spec.dtype)
        elif hostile is None or spec.dtype is torch.bool:
            made = torch.randint(0, 2, shape, generator=generator).to(spec.dtype)
        else:
            ends = torch.iinfo(spec.dtype)
            number = min(max(_HOSTILE_WHOLE[hostile], ends.min), ends.max)
            made = torch.full(shape, number, dtype=spec.dtype)
        columns.append(made)
    return tuple(columns)


def mixes(graph: RecordGraph, rows: int = 16) -> str:
    """Return what one record changes of others, or beyond its bound; nothing, if all is right.

    Every other record becomes a hostile one: no bit of another's gradients and outputs may change.
    Then one record becomes hostile, or leaves: the clipped sum may move by at most the bound.
    """
    clipped = ClippedSum(graph, 1.0)
    clipped.allow_float32(rows, rows)
    parts = [clipped.program(rows), values_program(graph, slice(0, graph.outputs), rows)]

    def bits(columns: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        found = [part for run in parts for part in run(graph.parameters, columns)]
        flat = [part.reshape(rows, -1) for part in found]
        # Any NaN counts as the same.
        return [torch.where(f.isnan(), math.nan, f) if f.is_floating_point() else f for f in flat]

    def told(columns: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        return [part[::2].contiguous().view(torch.uint8) for part in bits(columns)]

    base = drawn(graph, rows)
    alone = told(base)
    odd, present = torch.arange(rows) % 2 == 1, torch.ones(rows, dtype=torch.bool)
    one = torch.arange(rows) == 3
    for kind, number in enumerate(HOSTILE):
        hostile = drawn(graph, rows, kind)

        def among(where: torch.Tensor, others: tuple = hostile) -> tuple[torch.Tensor, ...]:
            pairs = zip(base, others, strict=True)
            return tuple(torch.where(_along(where, b), o, b) for b, o in pairs)

        if not all(torch.equal(a, b) for a, b in zip(alone, told(among(odd)), strict=True)):
            return f"neighbours of {number} change a record's bits"
        for exact in (True, False):
            with_it = clipped(graph.parameters, among(one), present, exact)
            without = clipped(graph.parameters, base, ~one, exact)
            moved = sum(float((with_it[n].double() - without[n]).square().sum()) for n in with_it)
            if not moved <= 1:
                return f"a record of {number} moves the sum by {moved**0.5} bounds"
    return ""


def _along(where: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return where.reshape(-1, *[1] * (values.dim() - 1))


TABLE = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
RELATIVES = {}


def relative(function):
    """Let a function be tried, which builds a program and returns its outputs."""
    RELATIVES[function.__name__] = function
    return function


def total(made, value):
    return made.call("aten.sum.default", value)


def squared(made, value):
    return total(made, made.call("aten.square.default", value))


def scaled(made, *shape):
    """Return a column of a shape, times a trained parameter of its last size."""
    x = made.column("x", torch.rand(shape))
    weight = made.parameter("weight", torch.linspace(-1, 1, shape[-1]))
    return made.call("aten.mul.Tensor", x, weight)


# --- outputs that are no calls, and parameters of odd uses


@relative
def a_column_is_the_loss_and_parameter_and_constant_are_metrics(made):
    x = made.column("x", torch.rand(()))
    return [x, made.parameter("w", torch.tensor(2.0)), made.constant("c", torch.tensor(3.0)), x]


@relative
def a_parameter_is_the_loss(made):
    made.column("x", torch.rand(4))
    return [made.parameter("w", torch.tensor(2.0))]


@relative
def parameters_of_one_number(made):
    x, w = made.column("x", torch.rand(4)), made.parameter("w", torch.tensor(3.0))
    v = made.parameter("v", torch.tensor(2.0))
    return [made.call("aten.mul.Tensor", w, total(made, made.call("aten.mul.Tensor", x, v)))]


@relative
def a_layer_of_constants(made):
    x, w = made.column("x", torch.rand(4)), made.parameter("w", TABLE.clone())
    known = made.constant("c", torch.rand(16, 4))
    first = made.call("aten.select.int", x, 0, 0)
    layer = made.call("aten.linear.default", known, w, made.parameter("v", torch.ones(4)))
    return [made.call("aten.mul.Tensor", squared(made, layer), first)]


@relative
def a_layer_whose_weight_is_its_input(made):
    x, w = made.column("x", torch.rand(4)), made.parameter("w", TABLE.clone())
    layer = made.call("aten.linear.default", w, w, made.call("aten.neg.default", x))
    return [total(made, made.call("aten.mul.Tensor", layer, x))]


@relative
def an_image_of_constants(made):
    x, w = made.column("x", torch.rand(4)), made.parameter("w", torch.randn(4, 2, 2, 2))
    known = made.constant("c", torch.rand(16, 4, 5, 5))
    image = made.call("aten.conv2d.default", known, w, None, [2, 1], [0, 1], [1, 2], 2)
    return [
        made.call("aten.mul.Tensor", squared(made, image), made.call("aten.select.int", x, 0, 1))
    ]


@relative
def a_transposed_convolution_with_weights_of_each_record(made):
    known = made.constant("c", torch.rand(2, 2, 6))
    weight = scaled(made, 2, 4, 3)
    return [
        squared(
            made,
            made.call("aten.convolution.default", known, weight, None, [3], [2], [2], True, [1], 1),
        )
    ]


@relative
def a_convolution_with_groups_and_weights_of_each_record(made):
    h = scaled(made, 4, 4)
    image = made.call("aten.reshape.default", h, [1, 4, 4])
    weight = made.call("aten.reshape.default", h, [4, 2, 2])
    bias = made.call("aten.select.int", h, 0, 1)
    return [squared(made, made.call("aten.conv1d.default", image, weight, bias, [1], [1], [2], 2))]


@relative
def a_normalization_of_sixteen_images(made):
    x, w = made.column("x", torch.rand(16, 4, 3)), made.parameter("w", torch.ones(4))
    v = made.parameter("v", torch.ones(4))
    return [squared(made, made.call("aten.group_norm.default", x, 2, w, v, 1e-5))]


# --- sizes that are those of a chunk


@relative
def constants_of_the_size_of_a_chunk(made):
    h = scaled(made, 16, 16)
    for name, shape in (("c", (16,)), ("d", (16, 1)), ("e", (16, 16, 16))):
        h = made.call("aten.mul.Tensor", h, made.constant(name, torch.rand(shape)))
    turned = made.call("aten.transpose.int", h, 0, 2)
    return [total(made, turned), total(made, made.call("aten.diagonal.default", turned, 0, 0, 1))]


@relative
def products_of_the_size_of_a_chunk(made):
    x, w = made.column("x", torch.rand(16, 16)), made.parameter("w", torch.randn(16, 16))
    y = made.call("aten.mm.default", made.constant("c", torch.rand(16, 16)), x)
    y = made.call("aten.mm.default", made.call("aten.t.default", y), w)
    return [squared(made, made.call("aten.mm.default", w, y))]


@relative
def views_of_the_size_of_a_chunk(made):
    x, w = made.column("x", torch.rand(16, 48)), made.parameter("w", torch.randn(48, 16))
    y = made.call("aten.mul.Tensor", made.call("aten.view.default", x, [48, 16]), w)
    y = made.call(
        "aten.permute.default", made.call("aten.reshape.default", y, [3, 16, 4, 4]), [1, 3, 0, 2]
    )
    return [
        total(made, made.call("aten.cumsum.default", made.call("aten.reshape.default", y, [-1]), 0))
    ]


# --- look-ups: of any index, in tables of all and of each


def looked_up(made, operator, shape, *args):
    """Return a look-up that PyTorch would not make here, since an index is out of range."""
    made.answers[operator] = torch.zeros(shape)
    return made.call(operator, *args)


@relative
def a_table_that_is_looked_up_with_padding_and_without(made):
    x, i = made.column("x", torch.rand(4)), made.column("i", torch.zeros(5, dtype=torch.int32))
    w = made.parameter("w", TABLE.clone())
    one = looked_up(made, "aten.embedding.default", (5, 4), w, i, 3)
    two = looked_up(made, "aten.embedding.default", (5, 4), w, i)
    return [total(made, made.call("aten.mul.Tensor", made.call("aten.mul.Tensor", one, two), x))]


@relative
def a_table_of_each_record_with_padding(made):
    h, i = scaled(made, 4, 4), made.column("i", torch.zeros((), dtype=torch.int64))
    return [squared(made, looked_up(made, "aten.embedding.default", (4,), h, i, 0))]


@relative
def an_index_of_two_that_are_broadcast(made):
    h, i = scaled(made, 4, 4, 4), made.column("i", torch.zeros(2, 1, dtype=torch.int64))
    j = made.call(
        "aten._to_copy.default",
        made.column("j", torch.zeros(3, dtype=torch.int32)),
        dtype=torch.int64,
    )
    found = looked_up(made, "aten.index.Tensor", (2, 3, 4), h, [i, None, j])
    return [squared(made, found)]


@relative
def an_index_that_overflows(made):
    h, i = scaled(made, 16), made.column("i", torch.zeros(7, dtype=torch.int64))
    wild = made.call("aten.add.Scalar", made.call("aten.mul.Scalar", i, 3), (1 << 62) + 5)
    found = looked_up(made, "aten.gather.default", (7,), h, 0, wild)
    return [total(made, made.call("aten.mul.Tensor", found, wild))]


@relative
def a_float_as_an_index(made):
    h = scaled(made, 16)
    huge = made.call("aten.mul.Scalar", made.call("aten.slice.Tensor", h, 0, 0, 3), 1e30)
    wide = made.call("aten._to_copy.default", huge, dtype=torch.int32)
    index = made.call("aten._to_copy.default", wide, dtype=torch.int64)
    return [total(made, looked_up(made, "aten.index_select.default", (3,), h, 0, index))]


@relative
def classes_that_there_are_not(made):
    h, i = scaled(made, 2, 4), made.column("i", torch.zeros(2, dtype=torch.int64))
    return [
        looked_up(
            made,
            "aten.cross_entropy_loss.default",
            (),
            h,
            i,
            made.constant("c", torch.rand(4)),
            1,
            2,
            0.1,
        )
    ]


# --- numbers: of no size, beyond their type, of both signs


@relative
def whole_numbers_that_wrap_around(made):
    x, w = made.column("x", torch.zeros(4, dtype=torch.uint8)), made.parameter("w", torch.ones(4))
    i = made.column("i", torch.zeros(4, dtype=torch.int64))
    small = made.call("aten.mul.Tensor", made.call("aten.add.Tensor", x, x), w)
    wide = made.call("aten.cumsum.default", made.call("aten.mul.Tensor", i, i), 0)
    return [total(made, made.call("aten.mul.Tensor", small, wide))]


@relative
def floats_that_no_whole_number_holds(made):
    h = made.call("aten.mul.Scalar", scaled(made, 4), 1e30)
    parts = [
        made.call(
            "aten._to_copy.default",
            made.call("aten._to_copy.default", h, dtype=kind),
            dtype=torch.float32,
        )
        for kind in (torch.int64, torch.int32, torch.uint8, torch.bool)
    ]
    made_of = made.call("aten.cat.default", [*parts, h])
    return [total(made, made.call("aten.mul.Tensor", made_of, made_of))]


@relative
def doubles_beyond_floats(made):
    x, w = made.column("x", torch.zeros(4, dtype=torch.float64)), made.parameter("w", torch.ones(4))
    huge = made.call("aten.mul.Scalar", made.call("aten.mul.Tensor", x, w), 1e300)
    return [made.call("aten._to_copy.default", total(made, huge), dtype=torch.float32)]


@relative
def zeros_of_both_signs_in_one_program(made):
    h = scaled(made, 4)
    angles = []
    for zero in (0.0, -0.0):
        product = made.call("aten.mul.Scalar", h, zero)
        angles.append(
            made.call("aten.atan2.default", made.call("aten.zeros_like.default", h), product)
        )
    return [total(made, made.call("aten.mul.Tensor", h, made.call("aten.sub.Tensor", *angles)))]


@relative
def ties_and_their_places(made):
    h = made.call("aten.round.default", scaled(made, 3, 5))
    values, places = made.call("aten.topk.default", h, 5, -1, False, False)
    first = made.call("aten.argmax.default", h, 1)
    counted = made.call("aten._to_copy.default", total(made, first), dtype=torch.float32)
    return [total(made, made.call("aten.mul.Tensor", values, places)), counted]


@relative
def variances_of_one_entry(made):
    h = scaled(made, 3, 1)
    one = made.call("aten.var.correction", h, [1], correction=5.0)
    other = made.call("aten.std.correction", h, [0], correction=2.5)
    return [made.call("aten.add.Tensor", total(made, one), total(made, other))]


@relative
def norms_of_all_orders(made):
    h = scaled(made, 3, 4)
    norms = [
        total(made, made.call("aten.norm.ScalarOpt_dim", h, p, [1]))
        for p in (0.0, 0.3, 1.0, 3.0, 17.5, math.inf, -math.inf)
    ]
    return [total(made, made.call("aten.stack.default", norms))]


# --- whole tensors, diagonals, repeated letters


@relative
def a_matrix_that_is_rolled_without_naming_dimensions(made):
    h = made.call("aten.roll.default", scaled(made, 3, 4), [5])
    return [
        total(
            made,
            made.call("aten.mul.Tensor", h, made.call("aten.roll.default", h, [1, -2], [0, 1])),
        )
    ]


@relative
def letters_that_repeat(made):
    x, w = made.column("x", torch.rand(4, 4)), made.parameter("w", TABLE.clone())
    return [total(made, made.call("aten.einsum.default", "ii,jj,ij->j", [x, w, x]))]


@relative
def a_mask_and_a_number_of_each_record(made):
    h = scaled(made, 4)
    number = made.call("aten.select.int", h, 0, 0)
    known = made.constant("c", torch.rand(16, 4))
    mask = made.call("aten.gt.Tensor", h, known)
    kept = made.call("aten.masked_fill.Tensor", known, mask, number)
    return [total(made, made.call("aten.where.self", mask, kept, number))]


@relative
def a_part_of_a_layer_that_is_no_result_of_its_own(made):
    """The archive says that a layer has two results; what is read is its second row."""
    x, w = made.column("x", torch.rand(4, 4)), made.parameter("w", TABLE.clone())
    made.call("aten.linear.default", x, w)
    made.rename("one", "other")
    rows = [Value(name, torch.rand(4)) for name in ("one", "other")]
    return [total(made, made.call("aten.mul.Tensor", *rows))]


@pytest.mark.parametrize("build", RELATIVES.values(), ids=RELATIVES)
def test_a_hostile_graph_keeps_records_apart(build):
    made = Builder()
    assert mixes(made.graph(*build(made))) == ""


SCALARS = {
    "cumsum.default": (0,),
    "cumprod.default": (-1,),
    "flip.default": ([0],),
    "sort.default": (0,),
    "topk.default": (1,),
    "softmax.int": (0,),
    "_log_softmax.default": (-1, False),
    "logsumexp.default": ([0],),
    "max.dim": (0,),
    "any.dim": (0,),
    "amax.default": ([-1],),
    "sum.dim_IntList": ([0],),
    "mean.dim": ([-1],),
    "var.correction": ([0],),
    "var.dim": ([-1],),
    "linalg_vector_norm.default": (2, [0]),
    "argmax.default": (0,),
    "squeeze.dim": (0,),
    "transpose.int": (0, -1),
    "flatten.using_ints": (0, -1),
    "movedim.int": (0, 0),
    "repeat_interleave.self_int": (3,),
    "roll.default": ([1], [0]),
    "permute.default": ([],),
    "index_select.default": (0, torch.tensor([0])),
    "gather.default": (0, torch.tensor(0)),
    "sum.default": (),
    "amin.default": ([],),
    "mean.default": (),
    "std.correction": (None,),
    "norm.Scalar": (3.0,),
    "squeeze.default": (),
    "t.default": (),
    "repeat.default": ([3],),
    "tile.default": ([],),
    "expand.default": ([16],),
    "view.default": ([1, 1],),
    "stack.default": None,
    "argmin.default": (None, True),
    "unsqueeze.default": (-1,),
}
RIGHT = {
    "sum.default",
    "amin.default",
    "mean.default",
    "std.correction",
    "norm.Scalar",
    "t.default",
    "squeeze.default",
    "repeat.default",
    "tile.default",
    "expand.default",
    "view.default",
    "stack.default",
    "argmin.default",
    "unsqueeze.default",
    "permute.default",
}
"""Calls of a scalar that name no dimension, and none that there is not."""


@pytest.mark.parametrize("name", SCALARS)
def test_a_dimension_that_a_scalar_has_not_is_refused_and_none_is_taken_instead(name):
    """Under ``vmap`` the only dimension that is there is that of the records."""
    made = Builder()
    x, weight = made.column("x", torch.rand(())), made.parameter("weight", torch.tensor(0.5))
    h = made.call("aten.mul.Tensor", x, weight)
    args = ([h, h],) if SCALARS[name] is None else (h, *SCALARS[name])
    args = [made.constant("index", a) if isinstance(a, torch.Tensor) else a for a in args]
    made.answers[f"aten.{name}"] = SCALAR_RESULTS.get(name)
    found = made.call(f"aten.{name}", *args)
    found = found[0] if isinstance(found, list) else found
    loss = total(made, made.call("aten.mul.Tensor", found, h))
    if name in RIGHT:
        assert mixes(made.graph(loss)) == ""
    else:
        with pytest.raises(GraphRefused, match=f"aten.{name}"):
            made.graph(loss)


SCALAR_RESULTS = {"roll.default": torch.zeros(())}
"""Examples of the results of calls that PyTorch does not take here."""


# --- order in memory: reductions that take records side by side tell their places


def told_places(graph: RecordGraph, rows: int, draws: int = 40) -> float:
    """Return by how many bounds what a record adds differs between places; records are equal."""
    clipped = ClippedSum(graph, 1.0)
    clipped.allow_float32(rows, rows)
    program, most = clipped.program(rows), 0.0
    for seed in range(draws):
        generator = torch.Generator().manual_seed(seed)
        columns = tuple(
            torch.randn((1, *spec.shape), generator=generator)
            .expand(rows, *spec.shape)
            .contiguous()
            for spec in graph.input_specs
        )
        factors = torch.cat(
            [f.reshape(rows, -1).double() for f in program(graph.parameters, columns)], 1
        )
        terms = factors / factors.norm(dim=1, keepdim=True).clamp_min(1.0)
        most = max(most, float((terms - terms[:1]).norm(dim=1).max()))
    return most


def images_of_each(made, *shape):
    """Return many images, of which each record has its own weight: image by image in memory."""
    x = made.column("x", torch.rand(shape[0], 1, 1, 1))
    columns = math.prod(shape[1:])
    weight = made.column("w", torch.rand(columns))
    image = made.call(
        "aten.conv2d.default", x, made.call("aten.reshape.default", weight, [columns, 1, 1, 1])
    )
    return made.call("aten.reshape.default", image, list(shape))


def turned(made, value):
    return made.call("aten.permute.default", value, [1, 0])


def other_way(made, first, second):
    """Return a loss of two sums that are equal but for their order, made large."""
    weight = made.parameter("p", torch.zeros(first.example.shape))
    apart = made.call("aten.mul.Scalar", made.call("aten.sub.Tensor", first, second), 1e12)
    return total(made, made.call("aten.mul.Tensor", weight, apart))


def a_zero_of_either_sign_is_the_largest(made):
    x, w = made.column("x", torch.rand(2)), made.parameter("w", torch.ones(1))
    one = made.call("aten.select.int", x, 0, 0)
    images = made.constant("images", torch.ones(2, 1, 1, 1))
    weight = made.call("aten.reshape.default", one, [1, 1, 1, 1])
    both = made.call("aten.conv2d.default", images, weight)
    signs = made.constant("zeros", torch.tensor([0.0, -0.0]).reshape(2, 1, 1, 1))
    largest = made.call("aten.amax.default", made.call("aten.mul.Tensor", both, signs), [0])
    largest = made.call("aten.reshape.default", largest, [])
    nothing = made.call("aten.zeros_like.default", largest)
    angle = made.call("aten.mul.Scalar", made.call("aten.atan2.default", nothing, largest), 1e3)
    along = made.call("aten.mul.Tensor", angle, made.call("aten.select.int", x, 0, 1))
    return total(made, made.call("aten.mul.Tensor", w, along))


def one_number_that_is_repeated(made):
    a, q = made.column("a", torch.rand(3, 1)), made.parameter("q", torch.zeros(1, 3, 1))
    p = made.call("aten.mul.Scalar", q, 1e12)
    row = made.call("aten.select.int", made.call("aten.expand.default", p, [1, 3, 1000]), 0, 0)
    one = made.call("aten.mul.Tensor", made.call("aten.sum.dim_IntList", row, [1], True), a)
    times = made.call("aten.mul.Scalar", made.call("aten.select.int", p, 0, 0), 1000.0)
    other = made.call("aten.mul.Tensor", times, a)
    return total(made, made.call("aten.sub.Tensor", one, other))


def weights_that_were_turned(made):
    q = made.parameter("q", torch.zeros(1, 3, 1, 1))
    p = made.call("aten.mul.Scalar", q, 1e12)
    weight, x = made.column("w", torch.rand(3, 2, 2, 3)), made.column("x", torch.rand(1, 3, 9, 9))
    weight = made.call("aten.permute.default", weight, [0, 3, 1, 2])
    image = made.call("aten.conv2d.default", x, weight)
    wide = made.call("aten.expand.default", p, [1, 3, 8, 8])
    one = made.call(
        "aten.mul.Tensor",
        made.call("aten.select.int", wide, 0, 0),
        made.call("aten.select.int", image, 0, 0),
    )
    flat = made.call("aten.reshape.default", made.call("aten.mul.Tensor", wide, image), [-1])
    return made.call("aten.sub.Tensor", total(made, one), total(made, flat))


def a_logarithm_of_sums_of_other_order(made):
    known = made.constant("c", torch.randn(40, 7, generator=torch.Generator().manual_seed(0)))
    image = images_of_each(made, 40, 1)
    found = made.call("aten.logaddexp.default", known, image)
    return other_way(
        made,
        made.call("aten.sum.dim_IntList", found, [0]),
        made.call("aten.sum.dim_IntList", turned(made, found), [1]),
    )


def an_image_with_odd_strides_where_there_is_one(squeezed):
    """An image of one channel that is laid channels last and row-major at once."""

    def build(made):
        q = made.parameter("q", torch.zeros(1))
        weight = made.column("w", torch.rand(1, 1, 2, 2))
        known = torch.randn((1, 6, 6, 1), generator=torch.Generator().manual_seed(3))
        image = made.call("aten.permute.default", made.constant("c", known), [0, 3, 1, 2])
        if squeezed:
            image = made.call("aten.squeeze.dim", image, 0)
        found = made.call("aten.conv_transpose2d.input", image, weight, None, [1, 1], [1, 1])
        one = total(made, found)
        other = made.call("aten.cumsum.default", made.call("aten.reshape.default", found, [-1]), 0)
        other = made.call("aten.select.int", other, 0, -1)
        apart = made.call("aten.sub.Tensor", one, other)
        return total(
            made, made.call("aten.mul.Tensor", apart, made.call("aten.mul.Scalar", q, 1e12))
        )

    return build


def gradients_of_other_order(name):
    def build(made):
        z0, image = made.column("z", torch.rand(40, 3)), images_of_each(made, 40, 3)
        q = made.parameter("q", torch.zeros(1, 3))
        p = made.call("aten.mul.Scalar", q, 1e12)
        one = made.call(f"aten.{name}.default", made.call("aten.add.Tensor", p, z0))
        other = made.call("aten.add.Tensor", turned(made, p), turned(made, z0))
        other = made.call(f"aten.{name}.default", other)
        return made.call(
            "aten.sub.Tensor",
            total(made, made.call("aten.mul.Tensor", one, image)),
            total(made, made.call("aten.mul.Tensor", other, turned(made, image))),
        )

    return build


ORDERS = (
    {
        build.__name__: build
        for build in (
            a_zero_of_either_sign_is_the_largest,
            one_number_that_is_repeated,
            weights_that_were_turned,
            a_logarithm_of_sums_of_other_order,
        )
    }
    | {
        "odd strides": an_image_with_odd_strides_where_there_is_one(False),
        "odd strides, squeezed": an_image_with_odd_strides_where_there_is_one(True),
    }
    | {
        name: gradients_of_other_order(name)
        for name in (
            "softplus",
            "hardsigmoid",
            "elu",
            "silu",
            "hardswish",
            "hardtanh",
            "mish",
            "gelu",
        )
    }
)


@pytest.mark.parametrize("rows", [16, 48, 80])
@pytest.mark.parametrize("build", ORDERS.values(), ids=ORDERS)
def test_no_order_in_memory_tells_a_records_place(build, rows):
    """A reviewer moved clipped sums by 20 to 116 bounds so; which places differ hangs on rows."""
    made = Builder()
    graph = made.graph(build(made))
    try:
        ClippedSum(graph, 1.0).program(rows)
    except GraphRefused:
        return
    assert told_places(graph, rows) == 0


@pytest.mark.parametrize("first", [1, 2])
def test_a_convolutions_weight_may_be_used_with_other_groups(first):
    """One use gives a gradient as two factors, the other as a whole."""
    made = Builder()
    a, b = made.column("a", torch.rand(1, 4, 3, 3)), made.column("b", torch.rand(1, 8, 3, 3))
    weight = made.parameter("w", torch.ones(2, 4, 1, 1))
    terms = []
    for groups in (first, 3 - first):
        given = a if groups == 1 else b
        terms.append(
            total(
                made,
                made.call(
                    "aten.conv2d.default", given, weight, None, [1, 1], [0, 0], [1, 1], groups
                ),
            )
        )
    graph = made.graph(made.call("aten.add.Tensor", *terms))
    columns = drawn(graph, 16)
    (found,) = ClippedSum(graph, 1e9)(graph.parameters, columns, torch.ones(16) > 0).values()
    w = torch.ones(2, 4, 1, 1, requires_grad=True)
    one, other = columns
    loss = torch.nn.functional.conv2d(one.squeeze(1), w).sum()
    loss = loss + torch.nn.functional.conv2d(other.squeeze(1), w, groups=2).sum()
    loss.backward()
    assert torch.allclose(found.float(), w.grad, rtol=1e-5)
