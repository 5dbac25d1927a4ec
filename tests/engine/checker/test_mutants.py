"""Whatever is wrong in the checker, a program tells: each mutant is caught, or told why it is none.

The programs are those of `hostile`. ``benchmarks/checker.py --mutants`` takes random ones, too.
"""

from __future__ import annotations

import pytest

from tests.engine.checker.hostile import HONEST, HOSTILE
from tests.engine.checker.mutants import Mutant, Sample, caught, mutants

pytestmark = pytest.mark.slow

FAILS = "what follows fails where the guard refuses, and what fails is refused"
PYTORCH = "PyTorch refuses it as well, for all data"
GUARDED = "another guard refuses it as well"
STRICTER = "it only refuses more, or knows less"
SAME = "it is the same for all that there is"

EXPLAINED: dict[str, str] = {
    # --- the walk over the program
    "Call.dim: if type(given) is not int": PYTORCH,
    "Call.dim: type(given)": PYTORCH,
    "Call.dims: ": SAME,  # without dimensions nothing changes
    "check: if count > MOST_NODES": SAME,  # too long for a test
    "check: count > MOST_NODES": SAME,
    "constant: tensor.numel()": SAME,  # NaN as a bound is never within anything
    "constant: shape[dim] // records": SAME,  # a place that does not fit is none
    "constant: for n in range": FAILS,
    "_outputs: ": FAILS,  # what is no node is not known
    "called: if node.op != 'call_function'": FAILS,
    "called: node.op != 'call_function' -> False": FAILS,
    "called: rule is None": FAILS,
    "called: 'Tensor' in str(argument.type)": SAME,  # a number is public, and the same everywhere
    "called: a.default_value if": SAME,
    "meta: isinstance(args, dict)": SAME,  # then the device is that of data
    "meta: 'meta' if k == 'device'": SAME,
    # --- places
    "counted_dim: ": PYTORCH,
    "rearranged: if value.place is not None": FAILS,
    "rearranged: value.place": FAILS,
    "rearranged: for at in value.same": FAILS,
    "rearranged: at if isinstance(at, int)": STRICTER,
    "broadcast: if len(places) > 1": FAILS,
    "broadcast: len(places) > 1": FAILS,
    "place_between: before % outside": FAILS,
    # --- entry by entry
    "elementwise: need(not any(": GUARDED,  # NaN is no bound; only kernels' edges tell
    "elementwise: any(": GUARDED,
    "elementwise: any -> all": GUARDED,
    "elementwise: len(dtypes) == 1": GUARDED,
    "elementwise: call.out[0].dtype": PYTORCH,
    "elementwise: for name, number": STRICTER,
    "affine: first": SAME,
    "affine: second": SAME,
    "affine: min(ends) >= -2 ** 62 -> min(ends) >= -2 ** 62 + -1": SAME,  # far from the last number
    "affine: max(ends) <= 2 ** 62 -> max(ends) <= 2 ** 62 + 1": SAME,
    "affine: other.limits if": FAILS,
    "affine: all -> any": SAME,  # bounds of whole numbers are whole
    "is_whole: isinstance(number, int)": SAME,
    "clamp: before is None or": FAILS,
    "clamp: -math.inf if low is None else low -> low": FAILS,
    "clamp: math.inf if high is None else high -> high": FAILS,
    "clamp: any -> all": FAILS,
    "bounded: value.dtype.is_floating_point -> True": STRICTER,
    "bounded: replace(value, bounds=None) -> replace(value)": SAME,
    "where: found if both is None": FAILS,
    "nan_to_num: not found.dtype": FAILS,
    "nan_to_num: any": SAME,  # infinity is a bound, too
    "to_copy: found.dtype": STRICTER,
    "to_copy: ends is not None": FAILS,
    "to_copy: abs(ends[0])": SAME,  # what fits is within the dtype already
    "to_copy: found if source.limits": STRICTER,
    "filled: ": PYTORCH,
    "counted: out.dtype is not torch.int64": SAME,
    # --- other shapes
    "view: replace(out, same=frozenset(same), bounds=value.bounds)": STRICTER,
    "view: for dim in dims if shape[dim] == records": SAME,  # else there is no position
    "permute: ": SAME,
    "unsqueeze: len(value.shape) + 1": STRICTER,
    "squeeze: call.dims() if": STRICTER,
    "part: replace(value, same=": SAME,  # a part has no place of the size of the whole
    "part: for at in value.same": SAME,
    "part: found[0] if": FAILS,
    "part_backward: out.shape != value.shape -> True": STRICTER,
    "diagonal: ": SAME,  # the new dimension is none of the old ones
    "diagonal_backward: without(": SAME,
    "cat: if any((len(value.shape)": PYTORCH,
    "cat: any": PYTORCH,
    "stack: without(found, dim) -> found": SAME,
    # --- along dimensions
    "reduction: if value.place is not None and (not given)": GUARDED,
    "reduction: value.place is not None -> False": GUARDED,
    "reduction: given": GUARDED,
    "reduction: for dim in dims if value.shape": SAME,
    "reduction: for d in range": FAILS,
    "along: 'dims' if": FAILS,
    "along: given if": FAILS,
    "pad: for n, amount": STRICTER,
    # --- products
    "_product: if place is not None": GUARDED,
    "_product: place": GUARDED,
    "_product: without(left": SAME,
    "_lies: value.place is None": GUARDED,
    "_own_weights: weight.shape[0] % records": GUARDED,
    "_convolved: need(rank in (3": PYTORCH,
    "_convolved: rank in (3": PYTORCH,
    "_convolved: len(": PYTORCH,
    "_convolved: value.dtype ==": PYTORCH,
    "_convolved: need(len(given)": PYTORCH,
    "_convolved: min": PYTORCH,
    "convolution_backward: _convolved(": PYTORCH,
    "convolution_backward: ()": FAILS,
    "convolution_backward: replace(out[0], place=inputs) if": GUARDED,
    # --- images and norms
    "pooling: rank in (3, 4)": PYTORCH,
    "_scales_fit: math.floor -> math.ceil": SAME,  # both stay within the image
    "pooling_backward: need(rank in": PYTORCH,
    "pooling_backward: rank in": PYTORCH,
    "pooling_backward: len(gradient.shape)": PYTORCH,
    "pooling_backward: need(other.shape": PYTORCH,
    "pooling_backward: other.shape": PYTORCH,
    "pooling_backward: indices.bounds is not None": FAILS,
    "pooling_backward: need(indices.shape": PYTORCH,
    "pooling_backward: indices.shape": PYTORCH,
    "_scales: (other.shape, other.dtype)": PYTORCH,
    "_over_last: need(bool(shape)": PYTORCH,
    "_over_last: bool(shape)": PYTORCH,
    "_over_last: value.shape": PYTORCH,
    "_over_last: need(value.dtype": PYTORCH,
    "_over_last: value.dtype": PYTORCH,
    "layer_norm_backward: need(operand.dtype": PYTORCH,
    "layer_norm_backward: operand.dtype": PYTORCH,
    "group_norm: value.place is None -> False": SAME,
    "_images: len(value.shape) >= 2": GUARDED,
    "_images: need(math.prod": PYTORCH,
    "_images: math.prod": PYTORCH,
    "_images: need(channels %": PYTORCH,
    "_images: channels %": PYTORCH,
    "_images: need(value.dtype": PYTORCH,
    "_images: value.dtype": PYTORCH,
    "group_norm_backward: _images(call,": GUARDED,
    "group_norm_backward: need(gradient.shape": GUARDED,
    "group_norm_backward: gradient.shape": GUARDED,
    "group_norm_backward: need(joined.place": GUARDED,
    "group_norm_backward: joined.place": GUARDED,
    "group_norm_backward: need(operand.shape": PYTORCH,
    "group_norm_backward: operand": PYTORCH,
    # --- look-ups
    "_within: need(index.dtype": PYTORCH,
    "_within: index.dtype": PYTORCH,
    "_within: ends is not None": SAME,  # whole numbers have limits
    "embedding: need(len(table.shape)": PYTORCH,
    "embedding: len(table.shape)": PYTORCH,
    "embedding: call.args['sparse']": SAME,  # it is for gradients
    "gather: need(len(index.shape)": PYTORCH,
    "gather: len(index.shape)": PYTORCH,
    "gather: clear_of(index, dim)": GUARDED,
    "gather: replace(value, shape=index.shape, same=": SAME,  # also where it is found
    "gather: value.same": SAME,
    "scatter_add: len(value.shape)": PYTORCH,
    "scatter_add: without(": GUARDED,
    "scatter_add: replace(v, shape=": GUARDED,
    "scatter_add: v.same": GUARDED,
    "index_select: bool(value.shape)": FAILS,
    "index_add: need(len(index.shape)": PYTORCH,
    "index_add: len(": PYTORCH,
    "index_add: need(source.shape": PYTORCH,
    "index_add: source.shape": PYTORCH,
    "index_add: clear_of(value, dim)": GUARDED,
    "index_add: replace(source, shape=": GUARDED,
    "index_add: without(": GUARDED,
    "index_add: source.same": GUARDED,
}
"""How mutants begin that no program can catch, and why. `GUARDED` ones are told by two at once."""


def explanation(mutant: Mutant) -> str | None:
    """Return why no program can catch a mutant; None if one should."""
    if mutant.kind == "rule":
        return STRICTER
    name = str(mutant).partition(": ")[2]
    return next((why for start, why in EXPLAINED.items() if name.startswith(start)), None)


@pytest.fixture(scope="module")
def survivors():
    samples = [Sample.of(one.program, one.runs) for one in HOSTILE]
    samples += [Sample.of(program) for program in HONEST.values()]
    wanted = [mutant for mutant in mutants() if mutant.kind != "rule"]
    assert len(wanted) > 500
    alive = [m for m in wanted if caught(m, samples, ("truth", "accepts"))[0] == "nothing"]
    return alive


def test_each_mutant_is_caught_or_explained(survivors):
    """One that is not: write a program for `hostile` that shows what is wrong with it."""
    assert [str(mutant) for mutant in survivors if explanation(mutant) is None] == []


def test_no_more_is_explained_than_survives(survivors):
    names = [str(mutant).partition(": ")[2] for mutant in survivors]
    assert [start for start in EXPLAINED if not any(n.startswith(start) for n in names)] == []
