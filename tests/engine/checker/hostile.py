"""Programs that the checker has to refuse, one for each guard, and some that it has to take.

In the first, records meet, or something is looked up out of bounds. Each says why it is refused;
what is wrong with it would show if the checker took it, which `test_mutants` does by leaving the
guard out. The second need all that the checker may know.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx

from tests.engine.checker.generator import Program
from workbench.engine.program.checker.values.value import Place, Value

A = torch.ops.aten
R = 4
F32, F64, I64, I32, U8, BOOL = (
    torch.float32,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
)
FIRST = Place(0)


@dataclass(frozen=True)
class Hostile:
    """One program that has to be refused.

    Attributes
    ----------
    name
        What is wrong, in words.
    reason
        How the checker refuses it.
    program
        The program.
    runs
        Whether it may be run at all; else kernels would leave their memory.
    """

    name: str
    reason: str
    program: Program
    runs: bool = True


class Build:
    """Writes one program down."""

    def __init__(self, records: int = R, sums: bool = False) -> None:
        self.graph = torch.fx.Graph()
        self.inputs: list[Value] = []
        self.attributes: dict[str, torch.Tensor] = {}
        self.records, self.sums = records, sums
        self.refused: frozenset[str] = frozenset()

    def own(
        self, *shape: int, place: Place = FIRST, dtype: torch.dtype = F32, bounds: Any = None
    ) -> torch.fx.Node:
        """An input of each record."""
        return self._input(Value(shape, dtype, place, bounds=bounds, laid=True))

    def public(
        self, *shape: int, dtype: torch.dtype = F32, same: Sequence[Any] = (), bounds: Any = None
    ) -> torch.fx.Node:
        """A public input."""
        return self._input(Value(shape, dtype, None, frozenset(same), bounds, laid=True))

    def _input(self, value: Value) -> torch.fx.Node:
        self.inputs.append(value)
        return self.graph.placeholder(f"x{len(self.inputs)}")

    def constant(self, tensor: torch.Tensor) -> torch.fx.Node:
        """A constant of the program."""
        name = f"c{len(self.attributes)}"
        self.attributes[name] = tensor
        return self.graph.get_attr(name)

    def __call__(self, target: Any, *args: Any, **kwargs: Any) -> torch.fx.Node:
        """A call."""
        return self.graph.call_function(target, args, kwargs)

    def result(self, node: torch.fx.Node, position: int) -> torch.fx.Node:
        """One result of a call."""
        return self.graph.call_function(operator.getitem, (node, position))

    def program(self) -> Program:
        """The program, all values as outputs."""
        self.graph.output(tuple(self.graph.nodes))
        return Program(
            self.graph, self.inputs, self.attributes, self.records, self.sums, self.refused
        )


HOSTILE: list[Hostile] = []
HONEST: dict[str, Program] = {}
"""Programs that keep records apart, by what they show."""


def hostile(
    reason: str, records: int = R, sums: bool = False, runs: bool = True
) -> Callable[[Callable[[Build], Any]], Callable[[Build], Any]]:
    """Note a program that has to be refused for a reason."""

    def noted(write: Callable[[Build], Any]) -> Callable[[Build], Any]:
        build = Build(records, sums)
        write(build)
        name = write.__name__.replace("_", " ")
        HOSTILE.append(Hostile(name, reason, build.program(), runs))
        return write

    return noted


def honest(write: Callable[[Build], Any]) -> Callable[[Build], Any]:
    """Note a program that has to be accepted."""
    build = Build(sums=True)
    write(build)
    HONEST[write.__name__.replace("_", " ")] = build.program()
    return write


def index(b: Build, *shape: int, place: Place | None = FIRST, most: int = 2) -> torch.fx.Node:
    """Private whole numbers from 0 to `most`, or public ones."""
    if place is None:
        return b.public(*shape, dtype=I64, bounds=(0, most))
    return b.own(*shape, place=place, dtype=I64, bounds=(0, most))


# --- what a program is


@hostile("at least two records", records=1, runs=False)
def a_chunk_of_one_record(b):
    b(A.neg.default, b.own(1, 3))


@hostile("more inputs than placeholders")
def an_input_that_no_placeholder_takes(b):
    b(A.neg.default, b.own(R, 3))
    b.inputs.append(Value((R,), F32, FIRST, laid=True))


@hostile("not taken", runs=False)
def fewer_inputs_than_placeholders(b):
    b(A.add.Tensor, b.own(R, 3), b.own(R, 3))
    b.inputs.pop()


@hostile("no rule")
def an_operator_without_a_rule(b):
    b(A.roll.default, b.own(R, 3), [1], [0])


@hostile("no rule")
def a_call_of_something_else(b):
    b.graph.call_method("sum", (b.own(R, 3),))


@hostile("did not pass this machine's tests")
def an_operator_that_failed_at_the_start(b):
    b(A.neg.default, b.own(R, 3))
    b.refused = frozenset({"aten.neg.default"})


@hostile("is not allowed")
def numbers_of_16_bits(b):
    b(A._to_copy.default, b.own(R, 3), dtype=torch.float16)


@hostile("is not allowed")
def another_device(b):
    b(A.zeros.default, [R], device=torch.device("cuda"))


@hostile("is not allowed")
def another_layout(b):
    b(A.zeros.default, [R], layout=torch.sparse_coo)


@hostile("is not allowed")
def another_memory_format(b):
    b(A.clone.default, b.own(R, 3, 4, 4), memory_format=torch.channels_last)


@hostile("empty")
def a_part_of_nothing(b):
    b(A.slice.Tensor, b.own(R, 3), 1, 3, 3)


@hostile("empty")
def a_mean_of_nothing(b):
    empty = b.public(0, 3)
    b(A.mean.dim, empty, [0])


# --- totals


def total(b):
    """The gradient of public weights: a sum over records."""
    found = b(
        A.convolution_backward.default,
        b.own(R, 2, 3),
        b.own(R, 2, 3),
        b.public(2, 2, 1),
        None,
        [1],
        [0],
        [1],
        False,
        [0],
        1,
        [False, True, False],
    )
    return b.result(found, 1)


@hostile("computes with a sum over records")
def a_total_that_meets_records(b):
    b(A.add.Tensor, b.own(R, 2, 2, 1), total(b))


@hostile("computes with a sum over records")
def a_total_that_is_changed(b):
    b(A.neg.default, total(b))


@hostile("computes with a sum over records")
def totals_among_others(b):
    b(A.cat.default, [total(b), b.public(2, 2, 1)], 0)


@hostile("computes with a sum over records")
def a_tuple_of_totals_among_others(b):
    b(A.add.Tensor, b.own(R, 4, 2, 1), b(A.cat.default, (total(b), b.public(2, 2, 1)), 0))


@hostile("computes with a sum over records")
def a_total_of_another_shape(b):
    b(A.add.Tensor, b.own(R, 4), b(A.reshape.default, total(b), [4]))


@hostile("rounds a sum over records")
def a_total_that_becomes_whole_numbers(b):
    b(A._to_copy.default, total(b), dtype=I64)


@hostile("not asked for")
def a_gradient_that_was_not_asked_for(b):
    found = b(
        A.convolution_backward.default,
        b.own(R, 2, 3),
        b.own(R, 2, 3),
        b.public(2, 2, 1),
        None,
        [1],
        [0],
        [1],
        False,
        [0],
        1,
        [False, True, False],
    )
    b.result(found, 0)


@hostile("adds up records")
def a_sum_over_records(b):
    b(A.mul.Tensor, b.own(R, 3), b(A.sum.dim_IntList, b.own(R, 3), [0]))


@hostile("computes with a sum over records", sums=True)
def a_sum_over_records_as_an_operand(b):
    b(A.mul.Tensor, b.own(R, 3), b(A.sum.dim_IntList, b.own(R, 3), [0]))


@hostile("computes with a sum over records", sums=True)
def a_product_over_records_as_an_operand(b):
    b(A.mul.Tensor, b.own(R, 2, 3), b(A.mm.default, b.own(2, R, place=Place(1)), b.own(R, 3)))


@hostile("computes with a sum over records", sums=True)
def a_sum_of_rows_as_an_operand(b):
    rows = b(A.index_add.default, b.public(3, 3), 0, index(b, R), b.own(R, 3))
    b(A.add.Tensor, b.own(R, 3, 3), rows)


@hostile("adds up records")
def a_sum_of_all(b):
    b(A.sum.default, b.own(R, 3))


# --- entry by entry


@hostile("different places")
def records_against_records(b):
    b(A.sub.Tensor, b.own(R, 1), b.own(1, R, place=Place(1)))


@hostile("different places")
def records_of_another_order(b):
    b(A.sub.Tensor, b.own(2 * R, place=Place(0, 2, 1)), b.own(2 * R, place=Place(0, 1, 2)))


@hostile("different places")
def ranks_that_differ(b):
    b(A.sub.Tensor, b.own(R), b.own(R, R))


@hostile("differs along the records")
def a_weight_of_each_place(b):
    b(A.mul.Tensor, b.own(R, 3), b.public(R, 3))


@hostile("differs along the records")
def weights_that_are_the_same_elsewhere(b):
    b(A.mul.Tensor, b.own(2 * R, place=Place(0, 2, 1)), b.public(2 * R, same=[Place(0, 1, 2)]))


@hostile("repeats records")
def records_that_are_repeated(b):
    # No operator makes a record's dimension larger; a wrong input would.
    b(A.add.Tensor, b.own(1, 3), b.public(R, 3, same=[0]))


@hostile("differs along the records")
def a_condition_of_each_place(b):
    b(A.where.self, b.public(R, 1, dtype=BOOL), b.own(R, 3), b.own(R, 3))


@hostile("differs along the records")
def a_constant_of_each_place(b):
    b(A.mul.Tensor, b.own(R, 3), b.constant(torch.arange(float(R)).reshape(R, 1)))


@hostile("differs along the records")
def zeros_of_both_signs(b):
    b(A.add.Tensor, b.own(R), b.constant(torch.tensor([0.0, -0.0, 0.0, 0.0])))


@hostile("differs along the records")
def a_constant_that_is_the_same_in_another_order(b):
    weights = b.constant(torch.tensor([0.0, 1.0]).repeat(R))
    b(A.mul.Tensor, b.own(2 * R, place=Place(0, 2, 1)), weights)


@hostile("differs along the records")
def a_public_sum_that_is_the_same_in_one_part_only(b):
    added = b(A.add.Tensor, b.public(2 * R, same=[Place(0, 2, 1)]), b.public(2 * R))
    b(A.mul.Tensor, added, b.own(2 * R, place=Place(0, 2, 1)))


# --- bounds


def looked_up(b, where, rows=2):
    b(A.embedding.default, b.public(rows, 3), where)


def whole(b, value):
    return b(A._to_copy.default, value, dtype=I64)


@hostile("dtypes differ")
def a_gradient_of_flags(b):
    # PyTorch says that these are whole numbers. They are floats.
    found = b(A.threshold_backward.default, b.own(R, dtype=BOOL), b.own(R), 3.0)
    looked_up(b, whole(b, b(A.clamp.default, found, 0, 1)))


@hostile("index may be out of range")
def an_index_without_bounds(b):
    looked_up(b, b.own(R, dtype=I64))


@hostile("index may be out of range")
def an_index_below_zero(b):
    looked_up(b, b.own(R, dtype=I64, bounds=(-1, 1)))


@hostile("index may be out of range")
def an_index_beyond_the_rows(b):
    looked_up(b, b.own(R, dtype=I64, bounds=(0, 2)))


@hostile("not of whole numbers|not taken")
def an_index_of_bytes(b):
    looked_up(b, b.own(R, dtype=U8, bounds=(0, 1)))


@hostile("index may be out of range")
def a_sum_of_indices(b):
    looked_up(b, b(A.add.Tensor, index(b, R, most=1), index(b, R, most=1)))


@hostile("index may be out of range")
def a_difference_of_indices(b):
    looked_up(b, b(A.sub.Tensor, index(b, R, most=1), index(b, R, most=1)))


@hostile("index may be out of range")
def a_product_of_negative_numbers(b):
    one, two = (b.own(R, dtype=I64, bounds=(-2, 0)) for _ in range(2))
    looked_up(b, b(A.mul.Tensor, one, two))


@hostile("index may be out of range")
def an_index_counted_twice(b):
    looked_up(b, b(A.add.Tensor, index(b, R, most=0), index(b, R, most=1), alpha=2))


@hostile("index may be out of range")
def an_index_that_overflows(b):
    large = b(A.mul.Scalar, index(b, R, most=1), 2**62)
    large = b(A.add.Scalar, large, 2**61)
    large = b(A.add.Tensor, large, large)
    looked_up(b, b(A.sub.Scalar, b(A.clamp.default, large, 0, 5), 5), 1)


@hostile("index may be out of range")
def an_index_that_overflows_from_below(b):
    large = b(A.mul.Scalar, index(b, R, most=1), -(2**62))
    large = b(A.sub.Scalar, large, 2**61)
    large = b(A.add.Tensor, large, large)
    looked_up(b, b(A.add.Scalar, b(A.clamp.default, large, -5, 0), 5), 1)


@hostile("index may be out of range")
def a_number_that_does_not_fit_into_a_byte(b):
    byte = b(A._to_copy.default, b.own(R, dtype=I64, bounds=(255, 256)), dtype=U8)
    looked_up(b, b(A.sub.Scalar, whole(b, byte), 255))


@hostile("index may be out of range")
def a_fraction_that_is_cut_off(b):
    number = b(A.clamp.default, b(A.nan_to_num.default, b.own(R)), 0.5, 1.5)
    looked_up(b, b(A.sub.Scalar, whole(b, number), 1))


@hostile("index may be out of range")
def a_negative_fraction_that_is_cut_off(b):
    number = b(A.clamp.default, b(A.nan_to_num.default, b.own(R)), -1.5, -0.5)
    looked_up(b, b(A.add.Scalar, whole(b, number), 2))


@hostile("index may be out of range")
def a_fraction_among_whole_numbers(b):
    ones = b.own(R, dtype=I64, bounds=(1, 1))
    mixed = b(A.where.self, b.own(R, dtype=BOOL), ones, b(A.full.default, [1], 0.5, dtype=I64))
    looked_up(b, b(A.sub.Scalar, mixed, 1), 1)


@hostile("index may be out of range")
def a_negative_fraction_among_whole_numbers(b):
    ones = b.own(R, dtype=I64, bounds=(-1, -1))
    mixed = b(A.where.self, b.own(R, dtype=BOOL), ones, b(A.full.default, [1], -0.5, dtype=I64))
    looked_up(b, b(A.add.Scalar, mixed, 1), 1)


@hostile("index may be out of range")
def a_byte_that_wraps_around_where_it_is_masked(b):
    one = b(A.masked_fill.Scalar, b.own(R, dtype=U8, bounds=(0, 0)), b.own(R, dtype=BOOL), -1)
    looked_up(b, b(A.add.Scalar, whole(b, one), 1))


@hostile("index may be out of range")
def a_byte_that_is_clamped_below_zero(b):
    one = b(A.clamp_max.default, b.own(R, dtype=U8), -1)
    looked_up(b, b(A.add.Scalar, whole(b, one), 1))


@hostile("index may be out of range")
def a_byte_that_is_clamped_by_what_wraps_around(b):
    one = b(A.clamp_min.default, b.own(R, dtype=U8, bounds=(0, 1)), -1)
    one = b(A.mul.Tensor, whole(b, one), index(b, R, most=1))
    looked_up(b, one)


@hostile("index may be out of range")
def a_byte_from_a_larger_number(b):
    one = b(
        A.where.self,
        b.own(R, dtype=BOOL),
        b.public(1, dtype=U8, bounds=(0, 0)),
        b.public(dtype=I64, bounds=(-1, -1)),
    )
    looked_up(b, b(A.add.Scalar, whole(b, one), 1))


@hostile("index may be out of range")
def a_byte_that_is_minus_one(b):
    filled = b(A.full.default, [1], -1, dtype=U8)
    one = b(A.where.self, b.own(R, dtype=BOOL), b.public(1, dtype=U8, bounds=(0, 0)), filled)
    looked_up(b, b(A.add.Scalar, whole(b, one), 1))


@hostile("index may be out of range")
def a_whole_number_that_is_rounded_twice(b):
    most = 2**60 + 2**36 + 1
    one = b(A.clamp.default, b.own(R, dtype=I64), 2**60, most)
    one = whole(b, b(A._to_copy.default, one, dtype=F32))
    looked_up(b, b(A.sub.Scalar, one, 2**60), 1)


@hostile("index may be out of range")
def a_whole_number_that_is_rounded_up_beside_a_float(b):
    one = b.own(R, 1, dtype=I64, bounds=(2**24 + 3, 2**24 + 3))
    both = b(A.cat.default, [one, b.own(R, 1, bounds=(2**24 + 4, 2**24 + 4))], 1)
    looked_up(b, b(A.sub.Scalar, whole(b, both), 2**24 + 4 - 1), 1)


@hostile("index may be out of range")
def a_whole_number_that_is_rounded_up_in_a_stack(b):
    one = b.own(R, dtype=I64, bounds=(2**24 + 3, 2**24 + 3))
    both = b(A.stack.default, [one, b.own(R, bounds=(2**24 + 4, 2**24 + 4))], 1)
    looked_up(b, b(A.sub.Scalar, whole(b, both), 2**24 + 4 - 1), 1)


@hostile("index may be out of range")
def an_index_of_one_of_two(b):
    one = b(A.where.self, b.own(R, dtype=BOOL), index(b, R, most=1), index(b, R, most=2))
    looked_up(b, one)


@hostile("index may be out of range")
def an_index_that_is_joined_with_a_larger_one(b):
    looked_up(b, b(A.cat.default, [index(b, R, 1, most=1), index(b, R, 1, most=2)], 1))


@hostile("index may be out of range")
def an_index_that_is_stacked_with_a_larger_one(b):
    looked_up(b, b(A.stack.default, [index(b, R, most=1), index(b, R, most=2)], 1))


@hostile("index may be out of range")
def an_index_that_is_filled_with_a_larger_one(b):
    looked_up(b, b(A.masked_fill.Scalar, index(b, R, most=1), b.own(R, dtype=BOOL), 2))


@hostile("index may be out of range")
def a_running_sum_of_indices(b):
    looked_up(b, b(A.cumsum.default, index(b, R, 3, most=1), 1))


@hostile("index may be out of range")
def a_sum_of_indices_of_a_record(b):
    looked_up(b, b(A.sum.dim_IntList, index(b, R, 3, most=1), [1]))


@hostile("index may be out of range")
def an_index_that_is_padded(b):
    padded = b(A.constant_pad_nd.default, index(b, R, 1, most=1), [0, 1], 2)
    looked_up(b, b(A.mul.Tensor, padded, index(b, R, 2, most=1)))


@hostile("index may be out of range")
def indices_that_are_added_at_places(b):
    where = b(
        A.scatter_add.default,
        index(b, R, 1, most=1),
        1,
        index(b, R, 2, most=0),
        index(b, R, 2, most=1),
    )
    looked_up(b, where)


@hostile("index may be out of range")
def rows_that_are_added_at_public_places(b):
    where = b(
        A.index_add.default,
        index(b, R, 1, most=1),
        1,
        index(b, 2, place=None, most=0),
        index(b, R, 2, most=1),
    )
    looked_up(b, where)


@hostile("index may be out of range")
def a_product_of_indices(b):
    looked_up(b, b(A.mm.default, index(b, R, 3, most=1), index(b, 3, 2, place=None, most=1)))


@hostile("index may be out of range")
def an_index_that_is_negated(b):
    looked_up(b, b(A.neg.default, index(b, R, most=1)))


@hostile("index may be out of range")
def an_index_that_comes_from_a_table(b):
    rows = b(A.embedding.default, b.public(2, 1, dtype=I64, bounds=(0, 5)), index(b, R, most=1))
    looked_up(b, rows)


@hostile("index may be out of range")
def an_index_that_is_gathered(b):
    looked_up(b, b(A.gather.default, b.own(R, 3, dtype=I64, bounds=(0, 5)), 1, index(b, R, 1)))


@hostile("index may be out of range")
def an_index_that_is_selected(b):
    rows = b(
        A.index_select.default, b.own(R, 3, dtype=I64, bounds=(0, 5)), 1, index(b, 2, place=None)
    )
    looked_up(b, rows)


@hostile("index may be out of range")
def the_largest_position_and_one(b):
    looked_up(b, b(A.argmax.default, b.own(R, 3), 1), 2)


@hostile("index may be out of range")
def the_position_of_the_largest(b):
    looked_up(b, b.result(b(A.max.dim, b.own(R, 3), 1), 1), 2)


@hostile("index may be out of range")
def a_position_in_a_sorted_list(b):
    looked_up(b, b.result(b(A.sort.default, b.own(R, 3), 1), 1), 2)


@hostile("index may be out of range")
def a_position_in_an_image(b):
    pooled = b(A.max_pool2d_with_indices.default, b.own(R, 1, 2, 2), [2, 2])
    looked_up(b, b.result(pooled, 1), 3)


@hostile("index may be out of range")
def a_constant_with_a_large_entry(b):
    looked_up(b, b.constant(torch.tensor([0, 1, 2])))


@hostile("index may be out of range")
def a_range_that_ends_beyond(b):
    looked_up(b, b(A.arange.default, 4))


@hostile("index may be out of range")
def a_range_that_starts_below(b):
    looked_up(b, b(A.arange.start, -2, 2))


@hostile("index may be out of range")
def a_range_of_fractions(b):
    # From 0.5 on in whole numbers begins with 0.
    where = b(A.arange.start_step, 0.5, 3.5, 1.0, dtype=I64)
    looked_up(b, b(A.sub.Scalar, where, 1))


@hostile("clamp it before")
def a_float_that_becomes_an_index(b):
    looked_up(b, whole(b, b.own(R)))


@hostile("clamp it before")
def a_float_that_is_clamped_and_may_be_nan(b):
    looked_up(b, whole(b, b(A.clamp.default, b.own(R), 0, 1)))


@hostile("clamp it before")
def a_float_that_is_clamped_on_one_side(b):
    clamped = b(A.clamp_min.default, b(A.nan_to_num.default, b.own(R)), 0)
    looked_up(b, whole(b, clamped))


@hostile("its exponent is no number")
def a_power_of_a_truth_value(b):
    # PyTorch says that these are whole numbers. They are truth values.
    b(A.pow.Tensor_Scalar, b.own(R, dtype=BOOL), True)


@hostile("a number is NaN")
def a_float_that_is_clamped_by_nan(b):
    number = b(A.nan_to_num.default, b.own(R))
    looked_up(b, whole(b, b(A.clamp.default, number, float("nan"), 1)))


@hostile("clamp it before")
def a_float_that_is_clamped_by_tensors(b):
    number = b(A.nan_to_num.default, b.own(R))
    looked_up(b, whole(b, b(A.clamp.Tensor, number, b.public(), b.public())))


@hostile("clamp it before")
def a_float_whose_nan_becomes_infinite(b):
    number = b(A.nan_to_num.default, b.own(R), float("inf"))
    whole(b, b(A.clamp.default, number, 0, float("inf")))


@hostile("clamp it before")
def a_float_beyond_a_byte(b):
    b(A._to_copy.default, b.own(R, bounds=(0, 256)), dtype=U8)


@hostile("clamp it before")
def a_float_below_a_byte(b):
    b(A._to_copy.default, b.own(R, bounds=(-1, 1)), dtype=U8)


@hostile("clamp it before")
def a_float_that_is_doubled(b):
    clamped = b(A.clamp.default, b(A.nan_to_num.default, b.own(R)), 0, 1)
    looked_up(b, whole(b, b(A.mul.Scalar, clamped, 2.0)))


@hostile("clamp it before")
def a_float_that_nan_was_chosen_for(b):
    one = b(A.masked_fill.Scalar, b.own(R, bounds=(0, 1)), b.own(R, dtype=BOOL), float("nan"))
    looked_up(b, whole(b, one))


@hostile("makes whole numbers")
def a_sum_of_floats_as_whole_numbers(b):
    b(A.sum.dim_IntList, b.own(R, 3), [1], dtype=I64)


@hostile("makes whole numbers")
def a_running_sum_of_floats_as_bytes(b):
    b(A.cumsum.default, b.own(R, 3), 1, dtype=U8)


@hostile("filled with something|not taken")
def a_tensor_filled_with_a_tensor(b):
    b(A.full.default, [R], b.public())


@hostile("public values only")
def a_private_dot_product(b):
    b(A.dot.default, b.own(R), b.public(R))


# --- other shapes


@hostile("cuts the records apart")
def a_view_across_records(b):
    b(A.view.default, b.own(R, 3), [3, R])


@hostile("different places")
def a_view_of_equal_sizes_in_another_order(b):
    turned = b(A.reshape.default, b(A.permute.default, b.own(R, R), [1, 0]), [R * R])
    b(A.add.Tensor, turned, b(A.reshape.default, b.own(R, R), [R * R]))


@hostile("different places")
def records_that_lie_inside(b):
    merged = b(A.reshape.default, b.own(3, R, place=Place(1)), [3 * R])
    b(A.add.Tensor, merged, b.own(3 * R, place=Place(0, 1, 3)))


@hostile("different places")
def records_that_lie_outside(b):
    merged = b(A.reshape.default, b.own(R, 3), [3 * R])
    b(A.add.Tensor, merged, b.own(3 * R, place=Place(0, 3, 1)))


@hostile("differs along the records")
def a_public_view_that_is_not_the_same_any_more(b):
    rows = b(A.reshape.default, b.public(R, 3, same=[1]), [3, R])
    b(A.mul.Tensor, rows, b.own(3, R, place=Place(1)))


@hostile("differs along the records")
def a_public_view_whose_part_was_the_same(b):
    rows = b(A.reshape.default, b.public(3, R, same=[1]), [3 * R])
    b(A.mul.Tensor, rows, b.own(3 * R, place=Place(0, 1, 3)))


@hostile("differs along the records")
def a_public_view_of_equal_sizes(b):
    rows = b(A.reshape.default, b.public(R, R, same=[1]), [R, R])
    b(A.mul.Tensor, rows, b.own(R, R))


@hostile("differs along the records")
def a_public_view_that_mixes_two_dimensions(b):
    rows = b(A.reshape.default, b.public(R, 2, same=[0]), [2, R])
    b(A.mul.Tensor, rows, b.own(2, R, place=Place(1)))


@hostile("different places")
def a_turned_tensor(b):
    b(A.add.Tensor, b(A.permute.default, b.own(R, R), [1, 0]), b.own(R, R))


@hostile("different places")
def a_tensor_turned_by_two_dimensions(b):
    b(A.add.Tensor, b(A.transpose.int, b.own(R, R, R), 0, -1), b.own(R, R, R))


@hostile("different places")
def a_matrix_that_is_turned(b):
    b(A.add.Tensor, b(A.t.default, b.own(R, R)), b.own(R, R))


@hostile("differs along the records")
def a_turned_public_tensor(b):
    b(A.mul.Tensor, b(A.permute.default, b.public(R, R, same=[0]), [1, 0]), b.own(R, R))


@hostile("different places")
def a_new_dimension_before_the_records(b):
    b(A.add.Tensor, b(A.unsqueeze.default, b.own(R), 0), b.own(R, R))


@hostile("different places")
def a_new_dimension_before_from_the_end(b):
    b(A.add.Tensor, b(A.unsqueeze.default, b.own(R), -2), b.own(R, R))


@hostile("different places")
def a_dimension_less_before_the_records(b):
    b(
        A.add.Tensor,
        b(A.squeeze.dim, b.own(1, R, R, place=Place(1)), 0),
        b.own(R, R, place=Place(1)),
    )


@hostile("different places")
def dimensions_less_before_the_records(b):
    b(
        A.add.Tensor,
        b(A.squeeze.dims, b.own(1, R, 1, R, place=Place(1)), [0, 2]),
        b.own(R, R, place=Place(1)),
    )


@hostile("different places")
def a_dimension_that_stays(b):
    # Only dimensions of size 1 go.
    b(A.add.Tensor, b(A.squeeze.dims, b.own(R, R, 1, place=Place(1)), [0, 2]), b.own(R, R))


@hostile("different places")
def a_tensor_that_is_repeated_before_the_records(b):
    b(A.add.Tensor, b(A.expand.default, b.own(R), [R, R]), b.own(R, R))


@hostile("differs along the records")
def a_public_tensor_that_is_repeated_elsewhere(b):
    b(A.mul.Tensor, b(A.expand.default, b.public(R, 1), [R, R]), b.own(R, R))


@hostile("picks, along the records")
def one_record(b):
    b(A.add.Tensor, b.own(R, 3), b(A.select.int, b.own(R, 3), 0, 0))


@hostile("picks, along the records")
def one_record_from_the_end(b):
    b(A.add.Tensor, b.own(R, 3), b(A.select.int, b.own(R, 3), -2, -1))


@hostile("picks, along the records")
def each_record(b):
    one = b.result(b(A.unbind.int, b.own(R, 3), 0), 1)
    b(A.add.Tensor, b.own(R, 3), one)


@hostile("different places")
def an_entry_before_the_records(b):
    b(
        A.add.Tensor,
        b(A.select.int, b.own(2, R, R, place=Place(1)), 0, 1),
        b.own(R, R, place=Place(1)),
    )


@hostile("along the records")
def a_part_of_the_records(b):
    b(A.slice.Tensor, b.own(2 * R, 3, place=Place(0, 1, 2)), 0, 0, R)


@hostile("along the records")
def records_that_are_split(b):
    b(A.split.Tensor, b.own(2 * R, 3, place=Place(0, 1, 2)), R)


@hostile("differs along the records")
def a_public_part_that_was_the_same_in_the_whole(b):
    rows = b.public(2 * R, same=[Place(0, 2, 1)])
    b(A.mul.Tensor, b(A.slice.Tensor, rows, 0, 1, R + 1), b.own(R))


@hostile("its operand has another size")
def a_gradient_of_an_entry_that_is_repeated(b):
    b(A.select_backward.default, b.own(R), [2, R, R], 0, 0)


@hostile("its operand has another size")
def a_gradient_of_a_part_that_is_repeated(b):
    b(A.slice_backward.default, b.own(R), [R, R], 1, 0, R, 1)


@hostile("its operand has another size")
def a_gradient_of_a_diagonal_that_is_repeated(b):
    b(A.diagonal_backward.default, b.own(R), [R, R, R], 0, 1, 2)


@hostile("along the records")
def a_gradient_of_some_records(b):
    b(A.slice_backward.default, b.own(R, 3), [2 * R, 3], 0, 0, R, 1)


@hostile("different places")
def a_gradient_of_an_entry_before_the_records(b):
    b(A.add.Tensor, b(A.select_backward.default, b.own(R), [R, R], 0, 0), b.own(R, R))


@hostile("differs along the records")
def a_public_gradient_of_an_entry(b):
    one = b(A.select_backward.default, b.public(3, same=[0]), [R, 3], 0, 1)
    b(A.mul.Tensor, one, b.own(R, 3))


@hostile("differs along the records")
def a_public_gradient_of_a_part(b):
    one = b(A.slice_backward.default, b.public(2, same=[0]), [R], 0, 0, 2, 1)
    b(A.mul.Tensor, one, b.own(R))


@hostile("picks, along the records")
def a_diagonal_of_records(b):
    b(A.diagonal.default, b.own(R, R), 0, 0, 1)


@hostile("different places")
def a_diagonal_before_the_records(b):
    b(
        A.add.Tensor,
        b(A.diagonal.default, b.own(R, R, R, place=Place(2)), 0, 0, 1),
        b.own(R, R, place=Place(1)),
    )


@hostile("picks, along the records")
def a_gradient_of_a_diagonal_of_records(b):
    b(A.diagonal_backward.default, b.own(R), [R, R], 0, 0, 1)


@hostile("differs along the records")
def a_public_gradient_of_a_diagonal(b):
    one = b(A.diagonal_backward.default, b.public(R, same=[0]), [R, R], 0, 0, 1)
    b(A.mul.Tensor, one, b.own(R, R))


@hostile("works along the records")
def records_behind_records(b):
    b(A.cat.default, [b.own(R, 3), b.own(R, 3)], 0)


@hostile("works along the records")
def one_chunk_behind_nothing(b):
    b(A.cat.default, [b.own(R, 3)], -2)


@hostile("different places")
def tensors_joined_with_records_elsewhere(b):
    b(A.cat.default, [b.own(R, R, 1), b.own(R, R, 1, place=Place(1))], 2)


@hostile("differs along the records")
def public_rows_joined_with_records(b):
    b(A.cat.default, [b.own(R, 1), b.public(R, 1)], 1)


@hostile("differs along the records")
def public_rows_behind_each_other(b):
    rows = b(A.cat.default, [b.public(2, same=[0]), b.public(2, same=[0])], 0)
    b(A.mul.Tensor, rows, b.own(R))


@hostile("differs along the records")
def public_rows_with_bounds_behind_each_other(b):
    rows = b(A.cat.default, [b.public(2, same=[0], bounds=(0, 1)) for _ in range(2)], 0)
    b(A.mul.Tensor, rows, b.own(R))


@hostile("different places")
def tensors_stacked_before_the_records(b):
    stacked = b(A.stack.default, [b.own(R) for _ in range(R)], 0)
    b(A.add.Tensor, stacked, b.own(R, R))


@hostile("differs along the records")
def public_rows_that_are_stacked(b):
    rows = b(A.stack.default, [b.public(3) for _ in range(R)], 0)
    b(A.mul.Tensor, rows, b.own(R, 3))


# --- along dimensions


@hostile("along the records")
def a_mean_over_records(b):
    b(A.sub.Tensor, b.own(R, 3), b(A.mean.dim, b.own(R, 3), [0]))


@hostile("along the records")
def a_mean_over_records_from_the_end(b):
    b(A.sub.Tensor, b.own(R, 3), b(A.mean.dim, b.own(R, 3), [-2], True))


@hostile("along the records")
def a_mean_over_two_dimensions(b):
    b(A.mean.dim, b.own(R, 3, 2), [1, 0])


@hostile("all records")
def a_mean_of_all(b):
    b(A.sub.Tensor, b.own(R, 3), b(A.mean.default, b.own(R, 3)))


@hostile("all records")
def a_largest_number_of_no_dimensions(b):
    b(A.sub.Tensor, b.own(R, 3), b(A.amax.default, b.own(R, 3), []))


@hostile("all records")
def the_position_of_the_largest_of_all(b):
    b(A.argmax.default, b.own(R, 3), None)


@hostile("along the records")
def a_largest_number_over_records(b):
    b(A.max.dim, b.own(R, 3), 0)


@hostile("different places")
def a_reduced_dimension_before_the_records(b):
    reduced = b(A.amax.default, b.own(2, R, R, place=Place(1), dtype=I64), [0])
    b(A.add.Tensor, reduced, b.own(R, R, place=Place(1), dtype=I64))


@hostile("different places")
def a_reduced_dimension_that_stays(b):
    reduced = b(A.amax.default, b.own(2, R, R, place=Place(1), dtype=I64), [0], True)
    b(A.add.Tensor, reduced, b.own(1, R, R, place=Place(2), dtype=I64))


@hostile("one behind the other")
def a_sum_of_numbers_that_lie_beside_each_other(b):
    b(A.mean.dim, b.own(5, R, place=Place(1)), [0])


@hostile("one behind the other")
def a_sum_within_records_of_another_order(b):
    b(A.sum.dim_IntList, b.own(2 * R, 3, place=Place(0, 2, 1)), [1])


@hostile("row-major order")
def a_sum_of_turned_numbers(b):
    b(A.logsumexp.default, b(A.permute.default, b.own(5, R, place=Place(1)), [1, 0]), [1])


@hostile("one behind the other")
def a_largest_number_of_those_that_lie_beside_each_other(b):
    # Of zeros of both signs another one is taken in what is left over.
    b(A.amax.default, b.own(2, R, place=Place(1)), [0])


@hostile("row-major order")
def a_sum_of_one_number_that_is_repeated(b):
    b(A.sum.dim_IntList, b(A.expand.default, b.own(R, 1), [R, 1000]), [1])


@hostile("row-major order")
def a_sum_of_images_whose_weights_were_turned(b):
    turned = b(A.permute.default, b.own(2, 2, R, 1, place=Place(2)), [2, 3, 0, 1])
    image = b(
        A.convolution.default,
        b.public(1, 1, 3, 3, same=[]),
        turned,
        None,
        [1, 1],
        [0, 0],
        [1, 1],
        False,
        [0, 0],
        1,
    )
    b(A.sum.dim_IntList, image, [2, 3])


@hostile("row-major order")
def a_sum_of_what_turned_operands_give(b):
    # PyTorch foretells another order than the result has.
    turned = b(A.permute.default, b.own(3, R, place=Place(1)), [1, 0])
    b(A.sum.dim_IntList, b(A.logaddexp.default, turned, b.own(R, 3)), [1])


@hostile("row-major order")
def a_sum_of_an_image_that_lies_in_two_orders_at_once(b):
    # Of one channel: PyTorch takes it for one whose channels come last, and answers so.
    turned = b(A.permute.default, b.own(R, 3, 3, 1), [0, 3, 1, 2])
    b(A.sum.dim_IntList, turned, [2, 3])


@hostile("row-major order")
def groups_with_a_weight_that_is_repeated(b):
    weight = b(A.expand.default, b.public(1), [4])
    b(A.native_group_norm.default, b.own(R, 4, 3, 3), weight, None, R, 4, 9, 2, 1e-5)


@hostile("row-major order")
def groups_of_turned_images(b):
    turned = b(A.permute.default, b.own(R, 3, 3, 4), [0, 3, 1, 2])
    b(A.native_group_norm.default, turned, None, None, R, 4, 9, 2, 1e-5)


@hostile("differs along the records")
def a_public_running_sum_at_a_place(b):
    summed = b(A.cumsum.default, b.public(2 * R, same=[Place(0, 2, 1)]), 0)
    b(A.mul.Tensor, summed, b.own(2 * R, place=Place(0, 2, 1)))


@hostile("differs along the records")
def a_public_running_sum(b):
    b(A.mul.Tensor, b(A.cumsum.default, b.public(R, same=[0]), 0), b.own(R))


@hostile("works along the records")
def a_softmax_over_records(b):
    b(A._softmax.default, b.own(R, 3), 0, False)


@hostile("works along the records")
def a_softmax_over_records_from_the_end(b):
    b(A._log_softmax.default, b.own(R, 3), -2, False)


@hostile("works along the records")
def a_gradient_of_a_softmax_over_records(b):
    b(A._softmax_backward_data.default, b.own(R, 3), b.own(R, 3), 0, F32)


@hostile("other sizes")
def a_gradient_of_a_softmax_that_is_repeated(b):
    b(A._softmax_backward_data.default, b.own(R), b.own(2, R, place=Place(1)), -1, F32)


@hostile("other sizes", runs=False)
def a_gradient_of_a_softmax_of_fewer_numbers(b):
    # PyTorch's kernel reads as many numbers as its other operand has.
    b(A._log_softmax_backward_data.default, b.own(R, 3), b.public(1, 3), 1, F32)


@hostile("works along the records")
def records_in_order(b):
    b(A.sort.default, b.own(R, 3), 0)


@hostile("works along the records")
def the_largest_records(b):
    b(A.topk.default, b.own(R, 3), 2, 0)


@hostile("works along the records")
def records_turned_around(b):
    b(A.flip.default, b.own(R, 3), [1, 0])


@hostile("works along the records")
def a_running_sum_of_records(b):
    b(A.cumsum.default, b.own(R, 3), 0)


@hostile("works along the records")
def a_triangle_of_records(b):
    b(A.tril.default, b.own(R, 3))


@hostile("works along the records")
def a_triangle_of_columns(b):
    b(A.triu.default, b.own(3, R, place=Place(1)))


@hostile("differs along the records")
def a_public_triangle(b):
    b(A.mul.Tensor, b(A.tril.default, b.public(R, R, same=[0, 1])), b.own(R, R))


@hostile("works along the records")
def records_that_are_padded(b):
    b(A.constant_pad_nd.default, b.own(R, 3), [0, 0, 1, 0])


@hostile("works along the records")
def records_that_are_cut(b):
    b(A.constant_pad_nd.default, b.own(R, 3), [0, 0, -1, 1])


@hostile("differs along the records")
def a_public_tensor_that_is_padded(b):
    padded = b(A.constant_pad_nd.default, b.public(R - 1, same=[0]), [0, 1])
    b(A.mul.Tensor, padded, b.own(R))


# --- products


@hostile("adds up records")
def a_product_that_adds_up_records(b):
    b(A.mm.default, b.own(2, R, place=Place(1)), b.public(R, 3, same=[0]))


@hostile("adds up records")
def a_product_with_a_column_of_records(b):
    b(A.mm.default, b.public(2, R, same=[1]), b.own(R, 3))


@hostile("adds up records")
def a_product_of_records_with_records(b):
    b(A.mm.default, b.own(2, R, place=Place(1)), b.own(R, 3))


@hostile("different places", sums=True)
def a_product_of_records_in_another_order(b):
    left = b.own(2, 2 * R, place=Place(1, 2, 1))
    b(A.mm.default, left, b.own(2 * R, 3, place=Place(0, 1, 2)))


@hostile("different places|columns")
def all_pairs_of_records(b):
    b(A.mm.default, b.own(R, 3), b.own(3, R, place=Place(1)))


@hostile("columns")
def a_product_with_records_as_columns(b):
    b(A.mm.default, b.public(2, 3), b.own(3, R, place=Place(1)))


@hostile("differs along the records")
def a_matrix_of_each_place(b):
    b(A.bmm.default, b.own(R, 2, 3), b.public(R, 3, 2))


@hostile("different places|columns")
def batches_with_records_elsewhere(b):
    b(A.bmm.default, b.own(R, R, 3), b.own(R, 3, R, place=Place(2)))


@hostile("adds to a sum over records", sums=True)
def something_added_to_a_product_over_records(b):
    b(A.addmm.default, b.public(2, 3), b.own(2, R, place=Place(1)), b.own(R, 3))


@hostile("differs along the records")
def something_of_each_place_added_to_a_product(b):
    b(A.addmm.default, b.public(R, 2), b.own(R, 3), b.public(3, 2))


@hostile("different places")
def other_records_added_to_a_product(b):
    b(A.addmm.default, b.own(R, place=Place(0)), b.own(R, 3), b.public(3, R))


@hostile("differs along the records")
def a_public_product_of_rows(b):
    product = b(A.mm.default, b.public(R, 3, same=[1]), b.public(3, 2))
    b(A.mul.Tensor, product, b.own(R, 2))


@hostile("differs along the records")
def a_public_product_of_columns(b):
    product = b(A.mm.default, b.public(2, 3), b.public(3, R, same=[0]))
    b(A.mul.Tensor, product, b.own(2, R, place=Place(1)))


@hostile("differs along the records")
def a_public_product_of_equal_columns(b):
    # Equal columns, but not added up in equal orders.
    product = b(A.mm.default, b.public(2, 3), b.public(3, R, same=[1]))
    b(A.mul.Tensor, product, b.own(2, R, place=Place(1)))


@hostile("differs along the records")
def a_public_product_of_equal_columns_in_blocks(b):
    columns = b.public(3, 2 * R, same=[Place(1, 2, 1)])
    product = b(A.mm.default, b.public(2, 3), columns)
    b(A.mul.Tensor, product, b.own(2, 2 * R, place=Place(1, 2, 1)))


@hostile("differs along the records")
def a_public_sum_of_equal_columns(b):
    b(A.mul.Tensor, b(A.sum.dim_IntList, b.public(3, R, same=[1]), [0]), b.own(R))


@hostile("differs along the records")
def a_public_sum_of_equal_columns_in_blocks(b):
    columns = b.public(3, 2 * R, same=[Place(1, 2, 1)])
    b(A.mul.Tensor, b(A.sum.dim_IntList, columns, [0]), b.own(2 * R, place=Place(0, 2, 1)))


@hostile("one behind the other")
def a_sum_of_whole_numbers_as_floats(b):
    b(A.sum.dim_IntList, b.own(3, R, dtype=I64, place=Place(1)), [0], dtype=F32)


@hostile("one behind the other")
def a_mean_of_whole_numbers_as_floats(b):
    b(A.mean.dim, b.own(3, R, dtype=I64, place=Place(1)), [0], dtype=F32)


# --- convolutions


ONE = ([1, 1], [0, 0], [1, 1], False, [0, 0])


@hostile("weights lie elsewhere")
def channels_of_records_in_one_sum(b):
    b(A.convolution.default, b.own(2, R, 3, 3, place=Place(1)), b.public(2, R, 1, 1), None, *ONE, 1)


@hostile("groups are not those of the records")
def channels_of_records_with_weights_of_each_record(b):
    b(A.convolution.default, b.own(2, R, 3, 3, place=Place(1)), b.own(R, R, 1, 1), None, *ONE, 1)


@hostile("groups are not those of the records")
def groups_of_two_records(b):
    b(A.convolution.default, b.own(2, R, 3, 3, place=Place(1)), b.own(R, 2, 1, 1), None, *ONE, 2)


@hostile("weights lie elsewhere")
def weights_that_differ_from_record_to_record(b):
    weight = b.public(R, 1, 1, 1)
    b(A.convolution.default, b.own(2, R, 3, 3, place=Place(1)), weight, None, *ONE, R)


@hostile("weights lie elsewhere")
def weights_of_records_by_input_channel(b):
    weight = b.own(2, R, 1, 1, place=Place(1))
    b(A.convolution.default, b.public(1, R, 3, 3), weight, None, *ONE, 1)


@hostile("weights lie elsewhere")
def weights_of_records_in_another_order(b):
    weight = b.own(2 * R, 1, 1, 1, place=Place(0, 2, 1))
    b(A.convolution.default, b.public(1, 1, 3, 3), weight, None, *ONE, 1)


@hostile("channels lie elsewhere")
def images_of_records_with_weights_of_each_record(b):
    b(A.convolution.default, b.own(R, R, 3, 3), b.own(R, 1, 1, 1), None, *ONE, R)


@hostile("channels lie elsewhere")
def public_channels_that_differ(b):
    b(A.convolution.default, b.public(1, R, 3, 3), b.own(R, 1, 1, 1), None, *ONE, R)


@hostile("channels lie elsewhere")
def channels_of_records_in_another_order(b):
    value = b.own(1, 2 * R, 3, 3, place=Place(1, 2, 1))
    b(A.convolution.default, value, b.own(2 * R, 1, 1, 1, place=Place(0, 1, 2)), None, *ONE, 2 * R)


@hostile("weights lie elsewhere")
def rows_of_images_as_records(b):
    b(A.convolution.default, b.own(1, 1, R, 3, place=Place(2)), b.public(3, 1, 1, 1), None, *ONE, 1)


@hostile("bias is one record's")
def a_bias_of_each_record_for_all_images(b):
    b(A.convolution.default, b.own(R, 2, 3, 3), b.public(R, 2, 1, 1), b.own(R), *ONE, 1)


@hostile("bias lies elsewhere")
def a_bias_that_differs_from_record_to_record(b):
    weight = b.own(R, 1, 1, 1)
    b(A.convolution.default, b.public(1, 1, 3, 3), weight, b.public(R), *ONE, 1)


@hostile("bias lies elsewhere")
def a_bias_of_records_in_another_order(b):
    weight = b.own(2 * R, 1, 1, 1, place=Place(0, 1, 2))
    bias = b.own(2 * R, place=Place(0, 2, 1))
    b(A.convolution.default, b.public(1, 1, 3, 3), weight, bias, *ONE, 1)


@hostile("transposed")
def transposed_weights_of_each_record(b):
    weight = b.own(R, 1, 1, 1)
    b(
        A.convolution.default,
        b.own(1, R, 3, 3, place=Place(1)),
        weight,
        None,
        [1, 1],
        [0, 0],
        [1, 1],
        True,
        [0, 0],
        R,
    )


@hostile("other ranks|not taken")
def an_image_without_a_batch(b):
    b(
        A.convolution.default,
        b.own(R, 3, place=FIRST),
        b.public(2, 3),
        None,
        [],
        [],
        [],
        False,
        [],
        1,
    )


@hostile("dtypes differ")
def whole_numbers_convolved(b):
    b(
        A.convolution.default,
        b.own(R, 1, 3, 3, dtype=I64),
        b.public(1, 1, 1, 1, dtype=I64),
        None,
        *ONE,
        1,
    )


@hostile("'padding' is out of range")
def a_negative_padding(b):
    b(
        A.convolution.default,
        b.own(R, 1, 3, 3),
        b.public(1, 1, 1, 1),
        None,
        [1, 1],
        [-1, 0],
        [1, 1],
        False,
        [0, 0],
        1,
    )


@hostile("'stride' is out of range")
def strides_of_another_number(b):
    b(
        A.convolution.default,
        b.own(R, 1, 3, 3),
        b.public(1, 1, 1, 1),
        None,
        [1, 1, 1],
        [0, 0],
        [1, 1],
        False,
        [0, 0],
        1,
    )


@hostile("beside the image", runs=False)
def windows_of_a_convolution_beside_the_image(b):
    b(
        A.convolution.default,
        b.own(R, 1, 3, 3),
        b.public(1, 1, 1, 2),
        None,
        [1, 1],
        [0, 2],
        [1, 1],
        False,
        [0, 0],
        1,
    )


@hostile("beside the image", runs=False)
def windows_of_a_convolution_with_gaps_beside_the_image(b):
    b(A.convolution.default, b.own(R, 1, 4), b.public(1, 1, 2), None, [1], [3], [2], False, [0], 1)


@hostile("beside the image", runs=False)
def windows_of_a_transposed_convolution_beside_the_image(b):
    b(
        A.convolution.default,
        b.own(R, 1, 3, 5),
        b.public(1, 1, 1, 2),
        None,
        [1, 1],
        [0, 2],
        [1, 1],
        True,
        [0, 0],
        1,
    )


def convolved_back(b, gradient, value, weight, groups=1, bias=None, mask=(True, True, False)):
    return b(
        A.convolution_backward.default, gradient, value, weight, bias, *ONE, groups, list(mask)
    )


@hostile("weights lie elsewhere")
def gradients_of_channels_for_images_of_records(b):
    convolved_back(b, b.own(R, R, 3, 3, place=Place(1)), b.own(R, 2, 3, 3), b.public(R, 2, 1, 1))


@hostile("different places")
def gradients_of_each_place(b):
    convolved_back(b, b.public(R, 2, 3, 3), b.own(R, 2, 3, 3), b.public(2, 2, 1, 1))


@hostile("different places")
def images_of_each_place(b):
    convolved_back(b, b.own(R, 2, 3, 3), b.public(R, 2, 3, 3), b.public(2, 2, 1, 1))


@hostile("gradient lies elsewhere")
def gradients_of_records_in_another_order(b):
    weight = b.own(2 * R, 1, 1, 1, place=Place(0, 1, 2))
    gradient = b.own(1, 2 * R, 3, 3, place=Place(1, 2, 1))
    convolved_back(b, gradient, b.public(1, 1, 3, 3), weight)


@hostile("gradient lies elsewhere")
def gradients_that_differ_from_record_to_record(b):
    convolved_back(b, b.public(1, R, 3, 3), b.public(1, 1, 3, 3), b.own(R, 1, 1, 1))


@hostile("another size")
def gradients_of_another_size(b):
    convolved_back(b, b.own(R, 2, 1, 1), b.own(R, 2, 3, 3), b.public(2, 2, 1, 1))


@hostile("another size", runs=False)
def gradients_of_more_images(b):
    # PyTorch's kernel for double numbers reads as many images as there are gradients.
    convolved_back(
        b,
        b.own(R, 2, 3, 3, dtype=F64),
        b.public(1, 2, 3, 3, dtype=F64),
        b.public(2, 2, 1, 1, dtype=F64),
    )


@hostile("another size")
def gradients_of_another_dtype_than_the_images(b):
    convolved_back(b, b.own(R, 2, 3, 3, dtype=F64), b.own(R, 2, 3, 3), b.public(2, 2, 1, 1))


@hostile("bias has another size")
def a_bias_gradient_of_another_size(b):
    convolved_back(
        b,
        b.own(R, 2, 3, 3),
        b.own(R, 2, 3, 3),
        b.public(2, 2, 1, 1),
        bias=[3],
        mask=(True, True, True),
    )


@hostile("computes with a sum over records")
def the_gradient_of_public_weights(b):
    found = convolved_back(b, b.own(R, 2, 3, 3), b.own(R, 2, 3, 3), b.public(2, 2, 1, 1))
    b(A.mul.Tensor, b.result(found, 1), b.own(R, 2, 2, 1, 1))


@hostile("computes with a sum over records")
def the_gradient_of_a_public_bias(b):
    found = convolved_back(
        b,
        b.own(R, 2, 3, 3),
        b.own(R, 2, 3, 3),
        b.public(2, 2, 1, 1),
        bias=[2],
        mask=(True, True, True),
    )
    b(A.mul.Tensor, b.result(found, 2), b.own(R, 2))


@hostile("computes with a sum over records")
def the_gradient_of_an_image_that_all_records_share(b):
    found = convolved_back(
        b, b.own(1, R, 3, 3, place=Place(1)), b.public(1, 1, 3, 3), b.own(R, 1, 1, 1)
    )
    b(A.mul.Tensor, b.result(found, 0), b.own(R, 1, 3, 3))


# --- images


@hostile("works along the records")
def windows_over_records(b):
    b(A.avg_pool2d.default, b.own(2, R, 3, place=Place(1)), [2, 1])


@hostile("works along the records")
def windows_over_columns_of_records(b):
    b(A.max_pool2d_with_indices.default, b.own(1, 2, 3, R, place=Place(3)), [1, 2])


@hostile("takes images")
def whole_numbers_in_windows(b):
    b(A.max_pool2d_with_indices.default, b.own(R, 1, 3, 3, dtype=I64), [2, 2])


@hostile("beside the image", runs=False)
def windows_beside_the_image(b):
    b(A.max_pool2d_with_indices.default, b.own(R, 1, 1, 1), [2, 2], [1, 1], [1, 1], [2, 2])


@hostile("beside the image", runs=False)
def windows_beside_the_image_in_one_direction(b):
    b(A.max_pool2d_with_indices.default, b.own(R, 1, 1, 3), [2, 2], [1, 1], [1, 1], [2, 1])


@hostile("scales do not fit", runs=False)
def scales_that_lead_out_of_the_image(b):
    b(A.upsample_nearest2d.default, b.own(R, 1, 2, 2), [2, 2], 1e-30, None)


@hostile("scales do not fit", runs=False)
def scales_that_lead_a_gradient_out_of_the_image(b):
    b(A.upsample_nearest2d_backward.default, b.own(R, 1, 2, 2), [2, 2], [R, 1, 2, 2], 1e-30, None)


@hostile("differs along the records")
def public_windows_over_columns(b):
    pooled = b(A.avg_pool2d.default, b.public(1, 2, R + 1, same=[2]), [1, 2], [1, 1], [0, 1])
    b(A.mul.Tensor, b(A.slice.Tensor, pooled, 2, 0, R), b.own(1, 2, R, place=Place(2)))


@hostile("differs along the records")
def public_gradients_of_windows(b):
    found = b(
        A.avg_pool2d_backward.default,
        b.public(1, R, R),
        b.public(1, R, R),
        [1, 1],
        [1, 1],
        [0, 0],
        False,
        True,
        None,
    )
    b(A.mul.Tensor, found, b.own(1, R, R, place=Place(1)))


@hostile("differs along the records")
def public_gradients_of_windows_over_columns(b):
    found = b(
        A.avg_pool2d_backward.default,
        b.public(1, R, R),
        b.public(1, R, R),
        [1, 1],
        [1, 1],
        [0, 0],
        False,
        True,
        None,
    )
    b(A.mul.Tensor, found, b.own(1, R, R, place=Place(2)))


@hostile("works along the records")
def gradients_of_windows_over_columns_of_records(b):
    b(
        A.avg_pool2d_backward.default,
        b.own(1, 1, R, place=Place(2)),
        b.public(1, 1, R, same=[0, 1, 2]),
        [1, 1],
        [1, 1],
        [0, 0],
        False,
        True,
        None,
    )


@hostile("differs along the records")
def public_windows(b):
    pooled = b(A.avg_pool2d.default, b.public(1, R + 1, 2, same=[1]), [2, 1], [1, 1], [1, 0])
    b(A.mul.Tensor, b(A.slice.Tensor, pooled, 1, 0, R), b.own(1, R, 2, place=Place(1)))


def pooled_back(b, gradient, value, indices):
    return b(
        A.max_pool2d_with_indices_backward.default,
        gradient,
        value,
        [2, 2],
        [2, 2],
        [0, 0],
        [1, 1],
        False,
        indices,
    )


@hostile("indices may be out of range", runs=False)
def positions_beyond_the_image(b):
    where = index(b, R, 1, 1, 1, most=4)
    pooled_back(b, b.own(R, 1, 1, 1), b.own(R, 1, 2, 2), where)


@hostile("indices may be out of range", runs=False)
def positions_below_the_image(b):
    where = b.own(R, 1, 1, 1, dtype=I64, bounds=(-1, 3))
    pooled_back(b, b.own(R, 1, 1, 1), b.own(R, 1, 2, 2), where)


@hostile("indices may be out of range", runs=False)
def positions_that_nobody_looked_at(b):
    pooled_back(b, b.own(R, 1, 1, 1), b.own(R, 1, 2, 2), b.own(R, 1, 1, 1, dtype=I64))


@hostile("indices have another shape|not taken", runs=False)
def fewer_positions(b):
    where = index(b, R, 1, 1, 1, most=3)
    pooled_back(b, b.own(R, 1, 1, 2), b.own(R, 1, 2, 4), where)


@hostile("different places")
def positions_of_other_records(b):
    where = index(b, R, R, 1, 1, place=Place(1), most=3)
    pooled_back(b, b.own(R, R, 1, 1), b.own(R, R, 2, 2), where)


@hostile("other sizes", runs=False)
def gradients_of_fewer_windows(b):
    # PyTorch's kernel reads as many as there are images.
    b(
        A.avg_pool2d_backward.default,
        b.public(2, 1, 2, 2, same=[0]),
        b.own(R, 1, 4, 4),
        [2, 2],
        [2, 2],
        [0, 0],
        False,
        True,
        None,
    )


@hostile("differs along the records")
def positions_of_each_place(b):
    where = index(b, R, 1, 1, 1, place=None, most=3)
    pooled_back(b, b.own(R, 1, 1, 1), b.own(R, 1, 2, 2), where)


@hostile("works along the records")
def gradients_of_windows_over_records(b):
    b(
        A.avg_pool2d_backward.default,
        b.own(1, R, 1, place=Place(1)),
        b.public(1, R, 1, same=[0, 1]),
        [1, 1],
        [1, 1],
        [0, 0],
        False,
        True,
        None,
    )


@hostile("not taken|other sizes")
def gradients_of_other_images(b):
    b(A._adaptive_avg_pool2d_backward.default, b.own(1, R, 1, 1, place=Place(1)), b.own(R, 1, 2, 2))


# --- normalization


@hostile("works along the records")
def a_norm_over_records(b):
    b(A.native_layer_norm.default, b.own(R, 3), [R, 3], None, None, 1e-5)


@hostile("weight or bias is another")
def a_norm_with_weights_of_each_record(b):
    b(A.native_layer_norm.default, b.public(2, R), [R], b.own(R), None, 1e-5)


@hostile("weight or bias is another")
def a_norm_with_biases_of_each_record(b):
    b(A.native_layer_norm.default, b.public(2, R), [R], None, b.own(R), 1e-5)


@hostile("not over the last dimensions|not taken")
def a_norm_over_nothing(b):
    b(A.native_layer_norm.default, b.own(R, 3), [], None, None, 1e-5)


@hostile("differs along the records")
def a_public_norm(b):
    normed = b.result(
        b(A.native_layer_norm.default, b.public(3, R, same=[1]), [R], b.public(R), None, 1e-5), 0
    )
    b(A.mul.Tensor, normed, b.own(3, R, place=Place(1)))


def normed_back(b, gradient, value, mean, rstd, shape=(3,), weight=None, mask=(True, False, False)):
    return b(
        A.native_layer_norm_backward.default,
        gradient,
        value,
        list(shape),
        mean,
        rstd,
        weight,
        None,
        list(mask),
    )


@hostile("differs along the records")
def a_public_gradient_of_a_norm(b):
    one, two = b.public(3, R, same=[1]), b.public(3, R, same=[1])
    found = normed_back(b, one, two, b.public(3, 1), b.public(3, 1), (R,), b.public(R))
    b(A.mul.Tensor, b.result(found, 0), b.own(3, R, place=Place(1)))


@hostile("works along the records")
def a_gradient_of_a_norm_over_records(b):
    normed_back(
        b, b.own(2, R, place=Place(1)), b.public(2, R), b.public(2, 1), b.public(2, 1), (R,)
    )


@hostile("works along the records")
def a_norm_over_records_whose_gradient_is_public(b):
    normed_back(
        b, b.public(2, R), b.own(2, R, place=Place(1)), b.public(2, 1), b.public(2, 1), (R,)
    )


@hostile("works along the records")
def a_gradient_of_a_norm_of_records_over_records(b):
    one, two = b.own(2, R, place=Place(1)), b.own(2, R, place=Place(1))
    normed_back(b, one, two, b.public(2, 1), b.public(2, 1), (R,))


@hostile("differs along the records")
def means_of_each_place(b):
    normed_back(b, b.own(R, 3), b.own(R, 3), b.public(R, 1), b.own(R, 1))


@hostile("differs along the records")
def deviations_of_each_place(b):
    normed_back(b, b.own(R, 3), b.own(R, 3), b.own(R, 1), b.public(R, 1))


@hostile("different places")
def a_gradient_of_other_records(b):
    normed_back(b, b.own(R, R, 3), b.own(R, R, 3, place=Place(1)), b.own(R, R, 1), b.own(R, R, 1))


@hostile("has another shape")
def a_mean_of_all_rows(b):
    normed_back(
        b,
        b.own(2, R, 3, place=Place(1)),
        b.own(2, R, 3, place=Place(1)),
        b.own(1, R, 1, place=Place(1)),
        b.own(2, R, 1, place=Place(1)),
    )


@hostile("other sizes")
def a_gradient_of_fewer_rows(b):
    normed_back(
        b,
        b.own(1, R, 3, place=Place(1)),
        b.own(2, R, 3, place=Place(1)),
        b.own(2, R, 1, place=Place(1)),
        b.own(2, R, 1, place=Place(1)),
    )


@hostile("dtypes differ")
def a_gradient_of_another_dtype(b):
    normed_back(b, b.own(R, 3, dtype=F64), b.own(R, 3), b.own(R, 1), b.own(R, 1))


@hostile("weight or bias is another")
def a_gradient_with_weights_of_each_record(b):
    normed_back(b, b.public(2, R), b.public(2, R), b.public(2, 1), b.public(2, 1), (R,), b.own(R))


@hostile("computes with a sum over records")
def the_gradient_of_a_norms_weights(b):
    found = normed_back(
        b,
        b.own(R, 3),
        b.own(R, 3),
        b.own(R, 1),
        b.own(R, 1),
        (3,),
        b.public(3),
        (True, True, False),
    )
    b(A.mul.Tensor, b.result(found, 1), b.own(R, 3))


@hostile("works along the records")
def groups_of_channels_of_records(b):
    b(A.native_group_norm.default, b.own(2, R, 3, place=Place(1)), None, None, 2, R, 3, 1, 1e-5)


@hostile("sizes differ")
def groups_that_reach_across_records(b):
    b(A.native_group_norm.default, b.own(R, 2, 3), None, None, 2, R, 3, 1, 1e-5)


@hostile("sizes differ|not taken", runs=False)
def groups_of_fewer_positions(b):
    b(A.native_group_norm.default, b.own(R, 2, 3), None, None, R, 2, 2, 1, 1e-5)


@hostile("do not divide the channels|not taken")
def groups_that_do_not_divide_the_channels(b):
    b(A.native_group_norm.default, b.own(R, 3, 2), None, None, R, 3, 2, 2, 1e-5)


@hostile("weight or bias is another")
def groups_with_weights_of_each_record(b):
    b(A.native_group_norm.default, b.public(2, R, 3), b.own(R), None, 2, R, 3, 1, 1e-5)


def grouped_back(b, gradient, value, mean, rstd, sizes=(R, 2, 3, 1), weight=None, mask=None):
    return b(
        A.native_group_norm_backward.default,
        gradient,
        value,
        mean,
        rstd,
        weight,
        *sizes,
        mask or [True, False, False],
    )


@hostile("works along the records")
def a_gradient_of_groups_of_channels_of_records(b):
    grouped_back(
        b,
        b.own(2, R, 3, place=Place(1)),
        b.public(2, R, 3),
        b.public(2, 1),
        b.public(2, 1),
        (2, R, 3, 1),
    )


@hostile("differs along the records")
def group_means_of_each_place(b):
    grouped_back(b, b.own(R, 2, 3), b.own(R, 2, 3), b.public(R, 1), b.own(R, 1))


@hostile("is another|not taken")
def group_means_of_another_size(b):
    grouped_back(b, b.own(R, 2, 3), b.own(R, 2, 3), b.own(R, 2), b.own(R, 1))


@hostile("is another|not taken")
def group_means_in_another_shape(b):
    mean = b.public(1, R, same=[0, 1])
    grouped_back(b, b.own(R, 2, 3), b.own(R, 2, 3), mean, b.own(R, 1))


@hostile("weight or bias is another|not taken")
def a_group_gradient_with_weights_in_another_shape(b):
    grouped_back(
        b, b.own(R, 6, 3), b.own(R, 6, 3), b.own(R, 2), b.own(R, 2), (R, 6, 3, 2), b.public(2, 3)
    )


@hostile("do not divide the channels|not taken", runs=False)
def a_gradient_of_groups_that_do_not_divide_the_channels(b):
    grouped_back(b, b.own(R, 6, 3), b.own(R, 6, 3), b.own(R, 4), b.own(R, 4), (R, 6, 3, 4))


@hostile("works along the records|repeats records|different places")
def group_means_of_channels(b):
    one, two = b.public(2, R, 3, same=[1]), b.public(2, R, 3, same=[1])
    grouped_back(b, one, two, b.own(2, R, place=Place(1)), b.public(2, R, same=[1]), (2, R, 3, R))


@hostile("weight or bias is another")
def a_group_gradient_with_weights_of_each_record(b):
    grouped_back(
        b,
        b.public(2, R, 3),
        b.public(2, R, 3),
        b.public(2, 1),
        b.public(2, 1),
        (2, R, 3, 1),
        b.own(R),
    )


@hostile("differs along the records")
def a_public_gradient_of_groups(b):
    one, two = b.public(2, R, 3, same=[1, 2]), b.public(2, R, 3, same=[1, 2])
    found = grouped_back(b, one, two, b.public(2, 1), b.public(2, 1), (2, R, 3, 1), b.public(R))
    b(A.mul.Tensor, b.result(found, 0), b.own(2, R, 3, place=Place(1)))


@hostile("computes with a sum over records")
def the_gradient_of_a_group_norms_weights(b):
    found = grouped_back(
        b,
        b.own(R, 2, 3),
        b.own(R, 2, 3),
        b.own(R, 1),
        b.own(R, 1),
        weight=b.public(2),
        mask=[True, True, True],
    )
    b(A.mul.Tensor, b.result(found, 1), b.own(R, 2))


# --- look-ups


@hostile("table of its own")
def a_table_of_records(b):
    b(A.embedding.default, b.own(R, 3), index(b, R, most=R - 1))


@hostile("is no table|not taken")
def a_table_of_more_dimensions(b):
    b(A.embedding.default, b.public(2, 3, 4), index(b, R, most=1))


@hostile("option is on")
def a_table_with_options(b):
    b(A.embedding.default, b.public(3, 3), index(b, R), -1, True)


@hostile("works along the records")
def records_that_are_gathered(b):
    b(A.gather.default, b.own(R, 3), 0, index(b, 2, 3, place=None))


@hostile("works along the records")
def records_that_are_gathered_alike(b):
    b(A.gather.default, b.own(R, 3), 0, b.public(R, 3, dtype=I64, same=[0], bounds=(0, R - 1)))


@hostile("other sizes")
def entries_of_the_first_records(b):
    b(A.gather.default, b.own(R, 3), 1, b.public(2, 3, dtype=I64, same=[0, 1], bounds=(0, 2)))


@hostile("works along the records")
def records_that_gather(b):
    b(A.gather.default, b.public(3, 2), 0, index(b, R, 2))


@hostile("different places")
def entries_of_other_records(b):
    b(A.gather.default, b.own(R, R, 3), 2, index(b, R, R, 1, place=Place(1)))


@hostile("differs along the records")
def entries_of_each_place(b):
    b(A.gather.default, b.own(R, 3), 1, index(b, R, 1, place=None))


@hostile("index may be out of range")
def entries_beyond(b):
    b(A.gather.default, b.own(R, 2), 1, index(b, R, 1))


@hostile("other sizes")
def entries_of_some_records(b):
    b(A.gather.default, b.own(2 * R, 3, place=Place(0, 1, 2)), 1, index(b, R, 3))


@hostile("differs along the records")
def public_entries_by_public_indices(b):
    found = b(A.gather.default, b.public(R, same=[0]), 0, index(b, R, place=None, most=R - 1))
    rows = b(A.gather.default, b.public(R), 0, index(b, R, place=None, most=R - 1))
    b(A.mul.Tensor, b(A.add.Tensor, found, rows), b.own(R))


@hostile("works along the records")
def records_that_are_added_to(b):
    b(A.scatter_add.default, b.public(3, 2), 0, index(b, R, 2), b.own(R, 2))


@hostile("works along the records")
def records_that_are_added_to_equal_rows(b):
    b(A.scatter_add.default, b.public(R, 2, same=[0]), 0, index(b, R, 2), b.own(R, 2))


@hostile("different places")
def additions_of_other_records(b):
    b(A.scatter_add.default, b.own(R, R, 3), 2, index(b, R, R, 1), b.own(R, R, 1, place=Place(1)))


@hostile("index may be out of range")
def additions_beyond(b):
    b(A.scatter_add.default, b.own(R, 2), 1, index(b, R, 1), b.own(R, 1))


@hostile("other sizes")
def additions_of_more_entries(b):
    b(A.scatter_add.default, b.own(R, 3), 1, index(b, R, 1), b.own(R, 2))


@hostile("other sizes")
def additions_to_some_records(b):
    b(
        A.scatter_add.default,
        b.public(3, 2 * R, same=[1]),
        0,
        index(b, 1, R, place=Place(1)),
        b.own(1, R, place=Place(1)),
    )


@hostile("differs along the records")
def public_additions(b):
    one = b(
        A.scatter_add.default,
        b.public(R, same=[0]),
        0,
        index(b, 1, place=None, most=R - 1),
        b.public(1),
    )
    b(A.mul.Tensor, one, b.own(R))


@hostile("works along the records")
def records_that_are_selected(b):
    b(A.index_select.default, b.own(R, 3), 0, index(b, 2, place=None))


@hostile("table of each record's own")
def private_entries_of_each_record(b):
    b(A.index_select.default, b.own(3, R, place=Place(1)), 0, index(b, R))


@hostile("index may be out of range")
def selections_beyond(b):
    b(A.index_select.default, b.public(2, 3), 0, index(b, R))


@hostile("index is no list")
def a_selection_by_one_number(b):
    b(A.index_select.default, b.public(3), 0, index(b, place=None))


@hostile("differs along the records")
def public_selections(b):
    rows = b(A.index_select.default, b.public(3, same=[]), 0, index(b, R, place=None))
    b(A.mul.Tensor, rows, b.own(R))


@hostile("differs along the records")
def public_selections_of_what_was_the_same_at_a_place(b):
    rows = b.public(2 * R, same=[Place(0, 2, 1)])
    rows = b(A.index_select.default, rows, 0, index(b, 2 * R, place=None, most=2 * R - 1))
    b(A.mul.Tensor, rows, b.own(2 * R, place=Place(0, 2, 1)))


@hostile("differs along the records")
def public_selections_of_what_was_the_same(b):
    rows = b(A.index_select.default, b.public(3, 2, same=[1]), 0, index(b, R, place=None))
    b(A.mul.Tensor, rows, b.own(R, 2))


@hostile("works along the records")
def rows_added_to_records(b):
    b(A.index_add.default, b.own(R, 3), 0, index(b, 2, place=None), b.public(2, 3))


@hostile("works along the records")
def records_added_to_public_rows(b):
    b(A.index_add.default, b.public(3, 3), 0, index(b, R, place=None), b.own(R, 3))


@hostile("works along the records")
def records_added_to_equal_rows(b):
    rows = b.public(R, 3, same=[0])
    b(A.index_add.default, rows, 0, index(b, R, place=None), b.own(R, 3))


@hostile("adds up records")
def rows_of_records_added_up(b):
    b(A.index_add.default, b.public(3, 3), 0, index(b, R), b.own(R, 3))


@hostile("different places", sums=True)
def rows_of_records_added_by_others(b):
    where = index(b, 2 * R, place=Place(0, 2, 1))
    b(A.index_add.default, b.public(3, 3), 0, where, b.own(2 * R, 3, place=Place(0, 1, 2)))


@hostile("different places", sums=True)
def rows_of_records_added_to_records(b):
    b(A.index_add.default, b.own(3, R, place=Place(1)), 0, index(b, R), b.public(R, R, same=[1]))


@hostile("different places", sums=True)
def rows_of_records_added_to_columns_of_records(b):
    b(A.index_add.default, b.own(3, R, place=Place(1)), 0, index(b, R), b.own(R, R))


@hostile("index may be out of range")
def rows_added_beyond(b):
    b(A.index_add.default, b.own(R, 2), 1, index(b, 1, place=None), b.own(R, 1))


@hostile("other sizes|not taken")
def rows_of_another_size(b):
    b(A.index_add.default, b.own(R, 3), 1, index(b, 1, place=None), b.own(R, 2))


@hostile("differs along the records")
def public_rows_added(b):
    one = b(
        A.index_add.default,
        b.public(R, same=[0]),
        0,
        index(b, 1, place=None, most=R - 1),
        b.public(1),
    )
    b(A.mul.Tensor, one, b.own(R))


# --- what has to be accepted


def beside(b, rows, *shape, place=FIRST):
    """Let something meet entries of records that lie at a place."""
    b(A.mul.Tensor, rows, b.own(*shape, place=place))


@honest
def public_values_that_are_the_same_along_the_records(b):
    beside(b, b(A.expand.default, b.public(1, 3), [R, 3]), R, 3)
    beside(b, b(A.expand.default, b.public(3), [R, 3]), R, 3)
    beside(b, b(A.zeros.default, [R, 3]), R, 3)
    beside(b, b(A.add.Tensor, b.public(R, 3, same=[0]), b.public(3)), R, 3)
    beside(b, b(A.neg.default, b.public(2 * R, same=[Place(0, 2, 1)])), 2 * R, place=Place(0, 2, 1))
    beside(b, b.constant(torch.tensor([0.0, 1.0]).repeat(R)), 2 * R, place=Place(0, 1, 2))
    beside(b, b.constant(torch.arange(2.0).repeat_interleave(R)), 2 * R, place=Place(0, 2, 1))
    beside(
        b,
        b.constant(torch.arange(6.0).reshape(2, 1, 3).expand(2, R, 3).reshape(2, 3 * R)),
        2,
        3 * R,
        place=Place(1, 1, 3),
    )


@honest
def public_values_that_stay_the_same_in_other_shapes(b):
    rows = b.public(3, R, same=[1])
    beside(b, b(A.reshape.default, rows, [3, R, 1]), 3, R, 1, place=Place(1))
    beside(b, b(A.reshape.default, rows, [3 * R]), 3 * R, place=Place(0, 3, 1))
    beside(b, b(A.reshape.default, b.public(2, R, same=[0, 1]), [R, 2]), R, 2)
    beside(b, b(A.permute.default, rows, [1, 0]), R, 3)
    beside(b, b(A.select.int, rows, 0, 1), R)
    beside(b, b(A.slice.Tensor, rows, 0, 0, 2), 2, R, place=Place(1))
    beside(b, b(A.unsqueeze.default, rows, 1), 3, 1, R, place=Place(2))
    beside(b, b(A.cat.default, [rows, rows], 0), 6, R, place=Place(1))
    beside(b, b(A.stack.default, [rows, rows], 1), 3, 2, R, place=Place(2))
    beside(b, b(A.cumsum.default, rows, 0), 3, R, place=Place(1))
    beside(b, b(A.amax.default, b.public(R, 3, same=[0]), [1]), R)
    beside(b, b(A.sum.dim_IntList, b.public(1, R, 3, same=[1]), [0], True), 1, R, 3, place=Place(1))
    beside(b, b(A.any.dims, b(A.eq.Scalar, rows, 1), [0]), R)
    beside(
        b,
        b(A.embedding.default, b.public(2, 3), b.public(R, dtype=I64, same=[0], bounds=(0, 1))),
        R,
        3,
    )
    split = b(A.reshape.default, b.public(2 * R, same=[Place(0, 2, 1)]), [2, R])
    beside(b, split, 2, R, place=Place(1))
    beside(b, b(A.mm.default, b.public(R, 3, same=[0]), b.public(3, 2)), R, 2)


@honest
def records_in_other_shapes(b):
    value = b.own(2, R, 3, place=Place(1))
    beside(b, b(A.reshape.default, value, [2 * R, 3]), 2 * R, 3, place=Place(0, 2, 1))
    merged = b(A.reshape.default, value, [2, R * 3])
    beside(b, merged, 2, R * 3, place=Place(1, 1, 3))
    beside(b, b(A.reshape.default, merged, [2, R, 3]), 2, R, 3, place=Place(1))
    outer = b(A.reshape.default, b.own(2 * R, 3, place=Place(0, 2, 1)), [2, R, 3])
    beside(b, outer, 2, R, 3, place=Place(1))
    beside(b, b(A.unsqueeze.default, value, 1), 2, 1, R, 3, place=Place(2))
    beside(b, b(A.unsqueeze.default, value, -1), 2, R, 3, 1, place=Place(1))
    beside(b, b(A.squeeze.dim, b.own(1, R, place=Place(1)), 0), R)
    beside(b, b(A.expand.default, b.own(R), [2, R]), 2, R, place=Place(1))
    beside(b, b.result(b(A.unbind.int, value, 0), 1), R, 3)
    beside(b, b(A.slice.Tensor, value, 1), 2, R, 3, place=Place(1))
    beside(b, b(A.select_backward.default, b.own(R), [2, R], 0, 0), 2, R, place=Place(1))
    beside(b, b(A.slice_backward.default, value, [2, R, 5], 2, 1, 4, 1), 2, R, 5, place=Place(1))
    beside(b, b(A.diagonal.default, b.own(2, R, 2, place=Place(1)), 0, 0, 2), R, 2)
    beside(
        b, b(A.diagonal_backward.default, b.own(R, 2), [2, R, 2], 0, 0, 2), 2, R, 2, place=Place(1)
    )
    beside(b, b(A.cat.default, [value, value], 0), 4, R, 3, place=Place(1))
    beside(b, b(A.stack.default, [b.own(R), b.own(R)], 0), 2, R, place=Place(1))
    beside(b, b(A.t.default, b.own(R, 3)), 3, R, place=Place(1))
    beside(b, b(A.transpose.int, value, 0, 1), R, 2, 3)


@honest
def bounds_that_are_kept(b):
    one = index(b, R, 2, most=1)
    for kept in (
        b(A.clone.default, one),
        b(A.select.int, one, 1, 0),
        b(A.reshape.default, one, [2 * R]),
        b(A.cat.default, [one, one], 1),
        b(A.stack.default, [one, one], 1),
        b(A.gather.default, one, 1, index(b, R, 1, most=1)),
        b(A.index_select.default, one, 1, index(b, 1, place=None, most=1)),
        b(A.index_select.default, b.public(2, dtype=I64, bounds=(0, 1)), 0, index(b, R, most=1)),
        b(A.embedding.default, b.public(2, 1, dtype=I64, bounds=(0, 1)), one),
        b(A.where.self, b.own(R, 2, dtype=BOOL), one, one),
        b(A.mul.Tensor, one, one),
        b(A.sub.Tensor, b(A.add.Tensor, one, b(A.full.default, [], 1, dtype=I64)), 1),
        whole(b, b(A.clamp.default, b(A.nan_to_num.default, b.own(R)), 0, 1)),
        whole(b, b(A._to_copy.default, one, dtype=U8)),
        b(A.argmax.default, b.own(R, 2), 1),
        b.result(b(A.max.dim, b.own(R, 2), 1), 1),
        b.result(b(A.sort.default, b.own(R, 2), 1), 1),
        b.result(b(A.max_pool2d_with_indices.default, b.own(R, 1, 1, 2), [1, 1]), 1),
        b(A.arange.default, 1),
        b(A.masked_fill.Scalar, one, b.own(R, 2, dtype=BOOL), 0),
        b.constant(torch.tensor([0, 1])),
    ):
        looked_up(b, kept)
    looked_up(b, b.result(b(A.sort.default, b.public()), 1), 1)


@honest
def products_of_records(b):
    beside(b, b(A.mm.default, b.own(R, 3), b.public(3, 2)), R, 2)
    beside(b, b(A.bmm.default, b.own(R, 2, 3), b.own(R, 3, 2)), R, 2, 2)
    beside(
        b,
        b(A.bmm.default, b.own(2, R, 3, place=Place(1)), b.public(2, 3, 2)),
        2,
        R,
        2,
        place=Place(1),
    )
    beside(b, b(A.addmm.default, b.public(2), b.own(R, 3), b.public(3, 2)), R, 2)
    beside(b, b(A.baddbmm.default, b.own(R, 1, 1), b.own(R, 2, 3), b.own(R, 3, 2)), R, 2, 2)
    b(A.mm.default, b.own(3, R, place=Place(1)), b.own(R, 2))
    b(A.bmm.default, b.own(2, 3, R, place=Place(2)), b.own(2, R, 2, place=Place(1)))


@honest
def sums_over_records(b):
    for total_of_records in (
        b(A.sum.dim_IntList, b.own(R, 3), [0]),
        b(A.sum.default, b.own(R, 3)),
        b(A.index_add.default, b.public(3, 3), 0, index(b, R), b.own(R, 3)),
    ):
        b(A._to_copy.default, b(A.reshape.default, total_of_records, [-1]), dtype=F64)


@honest
def convolutions_of_records(b):
    beside(
        b,
        b(A.convolution.default, b.own(R, 2, 3, 3), b.public(3, 2, 1, 1), b.public(3), *ONE, 1),
        R,
        3,
        3,
        3,
    )
    weight = b.own(2 * R, 1, 1, 1, place=Place(0, 1, 2))
    beside(
        b,
        b(A.convolution.default, b.public(2, 1, 3, 3), weight, None, *ONE, 1),
        2,
        2 * R,
        3,
        3,
        place=Place(1, 1, 2),
    )
    value = b.own(2, 2 * R, 3, 3, place=Place(1, 1, 2))
    beside(
        b,
        b(A.convolution.default, value, weight, None, *ONE, 2 * R),
        2,
        2 * R,
        3,
        3,
        place=Place(1, 1, 2),
    )
    gradient = b.own(2, 2 * R, 3, 3, place=Place(1, 1, 2))
    found = convolved_back(b, gradient, value, weight, 2 * R, [2 * R], (True, True, True))
    beside(b, b.result(found, 0), 2, 2 * R, 3, 3, place=Place(1, 1, 2))
    beside(b, b.result(found, 1), 2 * R, 1, 1, 1, place=Place(0, 1, 2))
    beside(b, b.result(found, 2), 2 * R, place=Place(0, 1, 2))
    public = convolved_back(b, b.public(1, 2, 3, 3), b.public(1, 2, 3, 3), b.public(2, 2, 1, 1))
    beside(b, b.result(public, 1), R, 2, 2, 1, 1)
    images = convolved_back(b, b.own(R, 2, 3, 3), b.own(R, 2, 3, 3), b.public(2, 2, 1, 1))
    beside(b, b.result(images, 0), R, 2, 3, 3)


@honest
def transposed_convolutions_of_records(b):
    turned = b(
        A.convolution.default,
        b.own(R, 1, 3, 3),
        b.public(1, 2, 2, 2),
        None,
        [1, 1],
        [1, 1],
        [1, 1],
        True,
        [0, 0],
        1,
    )
    beside(b, turned, R, 2, 2, 2)


@honest
def sums_of_numbers_that_were_laid_out(b):
    turned = b(A.permute.default, b.own(5, R, place=Place(1)), [1, 0])
    laid = b(A.clone.default, turned, memory_format=torch.contiguous_format)
    beside(b, b(A.sum.dim_IntList, laid, [1]), R)


@honest
def images_of_records(b):
    image = b.own(R, 1, 4, 4)
    pooled = b(A.max_pool2d_with_indices.default, image, [2, 2])
    gradient = b.own(R, 1, 2, 2)
    beside(b, pooled_back(b, gradient, image, b.result(pooled, 1)), R, 1, 4, 4)
    beside(
        b,
        b(
            A.avg_pool2d_backward.default,
            gradient,
            image,
            [2, 2],
            [2, 2],
            [0, 0],
            False,
            True,
            None,
        ),
        R,
        1,
        4,
        4,
    )
    channels = b(A._adaptive_avg_pool2d.default, b.own(2, R, 4, 4, place=Place(1)), [2, 2])
    beside(b, channels, 2, R, 2, 2, place=Place(1))
    beside(b, b(A.upsample_nearest2d.default, image, [8, 8], 2.0, 2.0), R, 1, 8, 8)
    flat = b(A.avg_pool2d.default, b.public(3, 4, 4, same=[0]), [1, 1])
    beside(b, b(A.slice.Tensor, flat, 0, 0, 1), R, 4, 4)


@honest
def norms_of_records(b):
    value, gradient = b.own(R, 2, 3), b.own(R, 2, 3)
    for weight in (None, b.public(3)):
        normed = b(A.native_layer_norm.default, value, [3], weight, None, 1e-5)
        beside(b, b.result(normed, 1), R, 2, 1)
        back = normed_back(
            b, gradient, value, b.result(normed, 1), b.result(normed, 2), (3,), weight
        )
        beside(b, b.result(back, 0), R, 2, 3)
    public = normed_back(
        b,
        b.public(2, 3),
        b.public(2, 3),
        b.public(2, 1),
        b.public(2, 1),
        (3,),
        b.public(3),
        (True, True, False),
    )
    beside(b, b.result(public, 1), R, 3)
    grouped = b(A.native_group_norm.default, value, b.public(2), None, R, 2, 3, 1, 1e-5)
    beside(b, b.result(grouped, 0), R, 2, 3)
    back = grouped_back(b, gradient, value, b.result(grouped, 1), b.result(grouped, 2))
    beside(b, b.result(back, 0), R, 2, 3)
    flat = grouped_back(
        b,
        b.public(2, 2, 3),
        b.public(2, 2, 3),
        b.public(2, 1),
        b.public(2, 1),
        (2, 2, 3, 1),
        b.public(2),
        [True, True, True],
    )
    beside(b, b.result(flat, 1), R, 2)


@honest
def look_ups_of_records(b):
    beside(
        b,
        b(A.gather.default, b.own(2, R, place=Place(1)), 0, index(b, 3, R, place=Place(1), most=1)),
        3,
        R,
        place=Place(1),
    )
    where, rows = index(b, R, 2), b.own(R, 2)
    beside(b, b(A.scatter_add.default, b.own(R, 3), 1, where, rows), R, 3)
    beside(b, b(A.index_add.default, b.own(R, 3), 1, index(b, 2, place=None), rows), R, 3)
    beside(b, b(A.index_select.default, b.public(3, 2), 0, index(b, R)), R, 2)
    beside(b, b(A.index_select.default, b.public(2, 3), 1, index(b, R)), 2, R, place=Place(1))
    beside(
        b,
        b(A.embedding.default, b.public(3, 2), index(b, 2, R, place=Place(1))),
        2,
        R,
        2,
        place=Place(1),
    )
