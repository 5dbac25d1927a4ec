"""Prove that a flat program keeps records apart, or refuse it.

A program is a list of calls of ATen operators on whole chunks of records. It comes from tracing
``vmap`` and autograd, which this module knows nothing of and does not trust: it reads the very
list that runs, node by node, and finds for each value one of

- *public*: no record has any part in it. `Value.same` tells along which dimensions all its entries
  are known to be equal;
- *per record*: `Value.place` tells where the records lie: dimension ``dim`` has size
  ``before * records * after``, and the entry ``(b * records + r) * after + a`` of it belongs to
  record ``r`` and was computed from record ``r`` and public values alone, alike at each place;
- *a total*: a sum over records. It may leave the program, and no operator may compute with it.

Each operator has one rule, in the table at the end. A rule either says where the records of the
result lie, or refuses. What has no rule is refused. The invariants that each rule keeps:

1. Entry by entry, a per-record result needs entries of one record only, the same one.
2. A public operand that meets a per-record one is equal along the records' dimension. Else a term
   would depend on a record's place in the chunk, which a neighbour that joins would move.
3. Whatever is looked up by a private index is looked up within bounds that the program itself
   ensures (`Value.bounds`), since a failure would tell the index.
4. No operator writes into its arguments, leaves memory unset, or has an empty operand.

Shapes and dtypes are found by calling each operator on tensors without data (``device="meta"``).

What this does not prove: that a kernel computes what its operator says, nor the last bits of
rounding. docs/privacy.md says what these rest on.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.fx

A = torch.ops.aten
DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)
MOST_NODES = 400_000


class Refused(Exception):
    """A node that no rule allows.

    Attributes
    ----------
    node
        The node of the program.
    reason
        What about it, in words.
    """

    def __init__(self, node: torch.fx.Node, reason: str) -> None:
        super().__init__(f"{node.target}: {reason}")
        self.node, self.reason = node, reason


class _No(Exception):
    """What a rule raises; `check` adds the node."""


@dataclass(frozen=True)
class Place:
    """Where records lie: dimension `dim` has size ``before * records * after``."""

    dim: int
    before: int = 1
    after: int = 1


@dataclass(frozen=True)
class Value:
    """What is known of one tensor of the program.

    Attributes
    ----------
    shape, dtype
        Those of the tensor.
    place
        Where records lie; None if the tensor is public.
    same
        For a public tensor: the dimensions along which all entries are equal, and the places at
        which they do not depend on the position that a record would have.
    bounds
        Between which two numbers every entry is; none is NaN then. None if unknown.
    total
        Whether it is a sum over records.
    laid
        Whether its entries are known to lie one behind the other, in row-major order. What PyTorch
        foretells of other orders does not always hold, so nothing is concluded from it.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    place: Place | None = None
    same: frozenset[Place | int] = frozenset()
    bounds: tuple[float, float] | None = None
    total: bool = False
    laid: bool = False

    @property
    def limits(self) -> tuple[float, float] | None:
        """The bounds; for whole numbers at least those of the dtype."""
        if self.bounds is not None or self.dtype.is_floating_point:
            return self.bounds
        if self.dtype is torch.bool:
            return (0, 1)
        return (torch.iinfo(self.dtype).min, torch.iinfo(self.dtype).max)

    def is_same_at(self, place: Place) -> bool:
        """Whether no entry depends on the position at `place`."""
        return self.shape[place.dim] == 1 or place.dim in self.same or place in self.same


@dataclass(frozen=True)
class Call:
    """One call: its arguments by their names in the operator's schema, and the results' specs.

    Attributes
    ----------
    args
        Each a `Value`, a list of them, or a plain argument.
    out
        One `Value` for each result, with only `shape` and `dtype` known.
    records
        How many records a chunk has.
    sums
        Whether sums over records are allowed, as outputs.
    """

    args: Mapping[str, Any]
    out: tuple[Value, ...]
    records: int
    sums: bool

    @property
    def tensors(self) -> list[Value]:
        """All tensors among the arguments."""
        found: list[Value] = []
        for value in self.args.values():
            found += [value] if isinstance(value, Value) else []
            several = value if isinstance(value, list | tuple) else []
            found += [v for v in several if isinstance(v, Value)]
        return found

    def dim(self, name: str = "dim", rank: int | None = None) -> int:
        """Return an argument that names one dimension, counted from 0."""
        given = self.args[name]
        if type(given) is not int:
            raise _No(f"'{name}' has to be given")
        return _counted(given, len(self.args["self"].shape) if rank is None else rank)

    def dims(self, name: str = "dim") -> list[int]:
        """Return an argument that names dimensions, counted from 0; there must be some."""
        given = self.args[name]
        if not isinstance(given, list | tuple) or not given:
            raise _No(f"'{name}' has to name dimensions")
        return [_counted(dim, len(self.args["self"].shape)) for dim in given]


Rule = Callable[[Call], Value | list[Value]]


def check(
    graph: torch.fx.Graph,
    inputs: Sequence[Value],
    attributes: Mapping[str, torch.Tensor],
    records: int,
    *,
    sums: bool = False,
    refused: frozenset[str] = frozenset(),
) -> tuple[Value, ...]:
    """Return what is known of a program's outputs, after every node of it was found right.

    Parameters
    ----------
    graph
        The program. The object that is checked is the one that has to run.
    inputs
        What its placeholders are, in their order.
    attributes
        The constants that it holds, public, by name.
    records
        How many records a chunk has, at least 2.
    sums
        Whether totals may be made.
    refused
        Names of operators that are refused whatever their rule says.

    Raises
    ------
    Refused
        At the first node that no rule allows.
    """
    if records < 2:
        raise ValueError("a chunk has at least two records")
    known: dict[torch.fx.Node, Any] = {}
    remaining = iter(inputs)
    for count, node in enumerate(graph.nodes):
        try:
            if count > MOST_NODES:
                raise _No(f"over {MOST_NODES} operators")
            if node.op == "placeholder":
                known[node] = next(remaining)
            elif node.op == "get_attr":
                known[node] = constant(attributes[str(node.target)], records)
            elif node.op == "output":
                if next(remaining, None) is not None:
                    raise _No("there are more inputs than placeholders")
                return tuple(known[value] for value in _outputs(node))
            else:
                known[node] = _called(node, known, records, sums, refused)
        except _No as error:
            raise Refused(node, str(error)) from None
        except Exception as error:
            # What PyTorch, or a rule, makes nothing of is refused as well.
            why = f"its arguments are not taken ({type(error).__name__})"
            raise Refused(node, why) from error
    raise ValueError("the program has no output")


def constant(tensor: torch.Tensor, records: int = 0) -> Value:
    """Return what its entries tell of a public tensor; also at places for so many records."""
    shape = tuple(tensor.shape)
    # By their bits, which tell 0.0 from -0.0.
    bits = tensor.reshape(*shape, 1).contiguous().view(torch.uint8)
    same: set[Place | int] = {dim for dim in range(len(shape)) if _all_same(bits, dim)}
    for dim in {*range(len(shape))} - same:
        parts = shape[dim] // records if records and shape[dim] % records == 0 else 0
        for before in (n for n in range(1, parts + 1) if parts % n == 0):
            cut = (*shape[:dim], before, records, parts // before, *shape[dim + 1 :], -1)
            if _all_same(bits.reshape(cut), dim + 1):
                same.add(Place(dim, before, parts // before))
    bounds = None
    if tensor.numel() and bool(torch.isfinite(tensor).all()):
        bounds = (tensor.min().item(), tensor.max().item())
    return Value(shape, tensor.dtype, None, frozenset(same), bounds, laid=is_laid(tensor))


def _all_same(bits: torch.Tensor, dim: int) -> bool:
    return torch.equal(bits, bits.narrow(dim, 0, 1).expand_as(bits))


def _outputs(node: torch.fx.Node) -> list[torch.fx.Node]:
    (values,) = node.args
    flat = list(values) if isinstance(values, list | tuple) else [values]
    if not flat or not all(isinstance(value, torch.fx.Node) for value in flat):
        raise _No("an output is not a tensor")
    return flat  # type: ignore[return-value]


def _called(
    node: torch.fx.Node,
    known: Mapping[torch.fx.Node, Any],
    records: int,
    sums: bool,
    refused: frozenset[str],
) -> Any:
    """Return what is known of one call's results."""
    if node.target is operator.getitem:
        source, position = node.args
        found = known[source][position]  # type: ignore[index]
        if found is None:
            raise _No("it is a result that was not asked for")
        return found
    rule = RULES.get(node.target)
    if node.op != "call_function" or rule is None:
        raise _No("the checker has no rule for it")
    if str(node.target) in refused:
        raise _No("it did not pass this machine's tests at the start")
    args = torch.fx.map_arg((list(node.args), dict(node.kwargs)), lambda n: known[n])
    schema = node.target._schema  # type: ignore[union-attr]
    named = {a.name: a.default_value if a.has_default_value() else None for a in schema.arguments}
    named |= dict(zip((a.name for a in schema.arguments), args[0], strict=False)) | args[1]
    for argument in schema.arguments:
        number = named[argument.name]
        # PyTorch takes a plain number for a tensor of rank 0.
        if "Tensor" in str(argument.type) and isinstance(number, bool | int | float):
            named[argument.name] = constant(torch.tensor(number))
    _check_options(named)
    results = node.target(*_meta(args[0]), **_meta(args[1] | _DEVICE.get(node.target, {})))  # type: ignore[operator]
    several = isinstance(results, list | tuple)
    out = tuple(
        Value((), torch.uint8, total=True) if r is None else Value(tuple(r.shape), r.dtype)
        for r in (results if several else [results])
    )
    call = Call(named, out, records, sums)
    if node.target in ORDERED and not all(value.laid for value in call.tensors):
        raise _No("its operands are not known to lie in row-major order")
    for value in (*call.tensors, *out):
        if value.dtype not in DTYPES:
            raise _No(f"{value.dtype} is not allowed")
        if 0 in value.shape:
            raise _No("an operand is empty")
    if any(value.total for value in call.tensors):
        if node.target not in _AFTER_TOTALS or not all(value.total for value in call.tensors):
            raise _No("it computes with a sum over records")
        if not out[0].dtype.is_floating_point and {v.dtype for v in call.tensors} != {out[0].dtype}:
            raise _No("it rounds a sum over records")
        return replace(out[0], total=True)
    before = [value.laid for value in call.tensors]
    found = rule(call)
    if not several:
        laid = lies_in_order(node.target, args[1], before, results)
        return replace(found, laid=laid)  # type: ignore[type-var]
    # Kernels may return something where they were told not to: nobody may have it.
    return [
        None if r is None else replace(v, laid=lies_in_order(node.target, args[1], before, r))
        for r, v in zip(results, found, strict=True)  # type: ignore[arg-type]
    ]


def lies_in_order(
    target: Any, options: Mapping[str, Any], operands: Sequence[bool], result: torch.Tensor
) -> bool:
    """Whether a result lies in row-major order, given which operands do.

    Parameters
    ----------
    target, options
        The operator, and its arguments by name.
    operands
        For each of its tensors, whether it is known to lie in row-major order.
    result
        As PyTorch foretells it for operands that do.
    """
    if target is A.clone.default and options.get("memory_format") is torch.contiguous_format:
        return True
    return is_laid(result) and (target in _MAKES_ORDER or all(operands))


def is_laid(tensor: torch.Tensor) -> bool:
    """Whether a tensor has the strides of row-major order.

    Those of dimensions of size 1 as well, which `Tensor.is_contiguous` does not look at: by them
    PyTorch chooses the order of other results.
    """
    return tensor.stride() == row_major(tensor.shape)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of row-major order."""
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))


def _check_options(named: Mapping[str, Any]) -> None:
    for name, allowed in (
        ("device", (None, torch.device("cpu"))),
        ("layout", (None, torch.strided)),
        ("pin_memory", (None, False)),
        ("memory_format", (None, torch.contiguous_format, torch.preserve_format)),
    ):
        if named.get(name) not in allowed:
            raise _No(f"{name}={named[name]} is not allowed")


def _meta(args: Any) -> Any:
    """Return arguments with tensors without data for values, on the device of such tensors."""
    if isinstance(args, Value):
        return torch.empty(args.shape, dtype=args.dtype, device="meta")
    if isinstance(args, dict):
        return {k: "meta" if k == "device" else _meta(v) for k, v in args.items()}
    return [_meta(arg) for arg in args] if isinstance(args, list | tuple) else args


# --- where records lie after a change of dimensions


def _counted(dim: int, rank: int) -> int:
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise _No(f"there is no dimension {dim}")
    return dim % max(rank, 1)


def _moved(value: Value, out: Value, to: Mapping[int, int]) -> Value:
    """Return `out` where dimension d of `value` became ``to[d]``; one that is missing is gone."""
    if value.place is not None and value.place.dim not in to:
        raise _No("it reduces, or picks, along the records")

    def then(at: Place | int) -> Place | int:
        return to[at] if isinstance(at, int) else replace(at, dim=to[at.dim])

    same = frozenset(then(at) for at in value.same if (at if isinstance(at, int) else at.dim) in to)
    place = None if value.place is None else then(value.place)
    return replace(out, place=place, same=same, bounds=value.bounds)  # type: ignore[arg-type]


def _joined(values: Sequence[Value], out: Value) -> Value:
    """Return `out`, computed entry by entry from operands that are broadcast against each other."""
    rank = len(out.shape)

    def at(value: Value, dim: int) -> int:
        return dim - (rank - len(value.shape))

    places = {replace(v.place, dim=v.place.dim + rank - len(v.shape)) for v in values if v.place}
    if len(places) > 1:
        raise _No("its operands have their records at different places")
    if not places:
        found = {dim for dim in range(rank) if all(_is_same(v, at(v, dim)) for v in values)}
        more = {
            p
            for v in values
            for q in v.same
            if isinstance(q, Place)
            for p in [replace(q, dim=q.dim + rank - len(v.shape))]
            if all(_is_same(o, at(o, p.dim), p) for o in values)
        }
        return replace(out, same=frozenset(found | more))
    (place,) = places
    for value in values:
        dim = at(value, place.dim)
        if value.place is None and not _is_same(value, dim, place):
            raise _No("a public operand differs along the records")
        if value.place is not None and value.shape[dim] != out.shape[place.dim]:
            raise _No("it repeats records")
    return replace(out, place=place)


def _is_same(value: Value, dim: int, place: Place | None = None) -> bool:
    if dim < 0 or value.shape[dim] == 1 or dim in value.same:
        return True
    return place is not None and replace(place, dim=dim) in value.same


def _clear_of(value: Value, *dims: int) -> None:
    if value.place is not None and value.place.dim in dims:
        raise _No("it works along the records")


def _without(value: Value, *dims: int) -> Value:
    """Return `value`, of whose entries nothing is known any more along `dims`."""
    same = {at for at in value.same if (at if isinstance(at, int) else at.dim) not in dims}
    return replace(value, same=frozenset(same), bounds=None)


def _position(shape: Sequence[int], before: int, records: int, after: int) -> Place | None:
    """Return the place with so many entries before and after it, in row-major order."""
    outside = 1
    for dim, size in enumerate(shape):
        inner, rest = before // outside, math.prod(shape[dim + 1 :])
        whole = before % outside == 0 and size % (inner * records) == 0 if inner else False
        if whole and size // (inner * records) * rest == after:
            return Place(dim, inner, size // (inner * records))
        outside *= size
    return None


# --- rules: entry by entry


def elementwise(call: Call) -> Value:
    """All tensors are broadcast; each entry of the result needs one entry of each."""
    if call.args["_name"].endswith("_backward"):
        # Else kernels give another dtype than they should.
        dtypes = {value.dtype for value in (*call.tensors, call.out[0])}
        _need(len(dtypes) == 1 and call.out[0].dtype.is_floating_point, "its dtypes differ")
    # `pow` of a truth value gives another dtype than PyTorch foretells.
    _need(not isinstance(call.args.get("exponent"), bool), "its exponent is no number")
    # Nor does NaN compare alike in vectors and beside them; to be filled in it is as good as any.
    limits = [number for name, number in call.args.items() if name != "value"]
    _need(not any(isinstance(n, float) and math.isnan(n) for n in limits), "a number is NaN")
    return _joined(call.tensors, call.out[0])


def affine(call: Call) -> Value:
    """``add``, ``sub`` and ``mul``: entry by entry, with the bounds of whole numbers."""
    found = elementwise(call)
    other = call.args["other"]
    first = call.args["self"].limits
    second = other.limits if isinstance(other, Value) else (other, other)
    plain = call.args.get("alpha", 1) == 1 and first and second
    if not plain or found.dtype is not torch.int64 or not all(map(_whole, (*first, *second))):  # type: ignore[misc]
        return found
    how = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}[call.args["_name"]]
    ends = [how(a, b) for a in first for b in second]  # type: ignore[union-attr]
    inside = min(ends) >= -(2**62) and max(ends) <= 2**62
    return replace(found, bounds=(min(ends), max(ends)) if inside else None)


def _whole(number: Any) -> bool:
    return isinstance(number, int)


def clamp(call: Call) -> Value:
    """``clamp``, ``clamp_min``, ``clamp_max`` by numbers: entry by entry, with bounds."""
    found, before = elementwise(call), call.args["self"].limits
    low, high = (call.args.get(name) for name in ("min", "max"))
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if before is None or any(isinstance(end, Value) or math.isnan(end) for end in (low, high)):
        return found
    # A whole number that the dtype does not hold is another one, or none at all.
    most = found.limits
    if most and any(math.isfinite(e) and not most[0] <= e <= most[1] for e in (low, high)):
        return found
    return _bounded(found, *(min(max(end, low), high) for end in before))


def _bounded(value: Value, low: float, high: float) -> Value:
    """Return `value` with bounds, as its dtype holds them: rounding keeps the order of numbers.

    Nothing is known of whole numbers of which some are out of the dtype's range: they wrap around.
    """
    if value.dtype.is_floating_point:
        # Rounded once, as operators do it.
        ends = [
            torch.tensor(e, dtype=torch.int64 if isinstance(e, int) else torch.float64)
            for e in (low, high)
        ]
        first, last = (end.to(value.dtype).item() for end in ends)
        return replace(value, bounds=(first, last))
    most = replace(value, bounds=None).limits
    if most is None or not (most[0] <= low and high <= most[1]):
        return replace(value, bounds=None)
    return replace(value, bounds=(math.floor(low), math.ceil(high)))


def where(call: Call) -> Value:
    """``where`` and ``masked_fill``: entry by entry, with the bounds of both."""
    found = elementwise(call)
    options = [call.args[name] for name in ("self", "other", "value") if name in call.args]
    both = _both(options)
    return found if both is None else _bounded(found, *both)


def _both(values: Sequence[Any]) -> tuple[float, float] | None:
    ends = [v.limits if isinstance(v, Value) else (v, v) for v in values]
    if any(end is None or math.isnan(end[0]) for end in ends):
        return None
    return min(end[0] for end in ends), max(end[1] for end in ends)  # type: ignore[index]


def nan_to_num(call: Call) -> Value:
    """Entry by entry; no entry is NaN then."""
    found = elementwise(call)
    if not found.dtype.is_floating_point:
        return found
    most = torch.finfo(found.dtype).max
    given = [call.args[name] for name in ("nan", "posinf", "neginf")]
    if any(number is not None and not math.isfinite(number) for number in given):
        return found
    ends = [most, -most, *(number for number in given if number is not None)]
    return _bounded(found, min(ends), max(ends))


def to_copy(call: Call) -> Value:
    """Entry by entry. A private number becomes a whole one only if it is sure to fit.

    Processors turn what does not fit into one number in vectors and into another one beside them.
    """
    source, found = call.args["self"], elementwise(call)
    if found.dtype is torch.bool:
        return found
    if found.dtype.is_floating_point:
        return found if source.limits is None else _bounded(found, *source.limits)
    inside = torch.iinfo(found.dtype)
    ends = source.limits
    fits = ends is not None and inside.min <= ends[0] and ends[1] <= inside.max
    if source.dtype.is_floating_point and not (fits and abs(ends[0]) < 2**62 > abs(ends[1])):
        raise _No("a number that may not fit becomes a whole one: clamp it before")
    whole = (math.floor(ends[0]), math.ceil(ends[1])) if fits and ends else None
    return replace(found, bounds=whole)


def copied(call: Call) -> Value:
    """The same entries."""
    return replace(elementwise(call), bounds=call.args["self"].bounds)


# --- rules: made from shapes


def filled(call: Call) -> Value:
    """All entries are one number, or follow from the shape."""
    out = call.out[0]
    out = replace(out, same=frozenset(range(len(out.shape))))
    number = call.args.get("fill_value", call.args.get("s", int("ones" in call.args["_name"])))
    if not isinstance(number, int | float):
        raise _No("it is filled with something that is no number")
    return _bounded(out, number, number) if math.isfinite(number) else out


def counted(call: Call) -> Value:
    """``arange``: other numbers at each entry, from 0 on."""
    out = call.out[0]
    start, end = call.args.get("start") or 0, call.args["end"]
    if out.dtype is not torch.int64 or not (_whole(start) and _whole(end)):
        return out
    return replace(out, bounds=(min(start, end), max(start, end)))


def public(call: Call) -> Value:
    """Allowed for what no record has a part in; nothing is known of the entries."""
    if any(value.place is not None for value in call.tensors):
        raise _No("it is allowed for public values only")
    return call.out[0]


# --- rules: other shapes


def view(call: Call) -> Value:
    """Entries keep their order: the records lie where as many entries are before and after."""
    value, out = call.args["self"], call.out[0]
    shape, records = value.shape, call.records

    def moved(at: Place) -> Place | None:
        before = math.prod(shape[: at.dim]) * at.before
        return _position(out.shape, before, records, math.prod(shape[at.dim + 1 :]) * at.after)

    if value.place is not None:
        place = moved(value.place)
        if place is None:
            raise _No("it cuts the records apart")
        return replace(out, place=place, bounds=value.bounds)
    places = {at for at in value.same if isinstance(at, Place)}
    same: set[Place | int] = set()
    for dims in _runs(value):
        covered = _covered(
            out.shape, math.prod(shape[: dims[0]]), math.prod(shape[d] for d in dims)
        )
        same |= covered
        if not covered:
            for dim in dims:
                same |= _covered(out.shape, math.prod(shape[:dim]), shape[dim])
            places |= {Place(dim) for dim in dims if shape[dim] == records}
    same |= {then for at in places if (then := moved(at)) is not None}
    return replace(out, same=frozenset(same), bounds=value.bounds)


def _runs(value: Value) -> list[list[int]]:
    """Return the dimensions along which a public tensor is the same, neighbours together."""
    runs: list[list[int]] = []
    for dim, size in enumerate(value.shape):
        if size == 1 or dim in value.same:
            if runs and runs[-1][-1] == dim - 1:
                runs[-1].append(dim)
            else:
                runs.append([dim])
    return runs


def _covered(shape: Sequence[int], before: int, size: int) -> set[int]:
    """Return the dimensions that together are what a dimension of `size` was, if there are any."""
    outside = 1
    for first in range(len(shape)):
        if outside == before:
            inside, last = 1, first
            while last < len(shape) and inside < size:
                inside *= shape[last]
                last += 1
            return set(range(first, last)) if inside == size else set()
        outside *= shape[first]
    return set()


def permute(call: Call) -> Value:
    """``permute``, ``transpose`` and ``t``."""
    value = call.args["self"]
    rank = len(value.shape)
    order = list(range(rank))
    if call.args["_name"] == "permute":
        order = call.dims("dims") if rank else []
    elif call.args["_name"] == "t":
        order.reverse()
    elif rank:
        one, two = call.dim("dim0"), call.dim("dim1")
        order[one], order[two] = order[two], order[one]
    return _moved(value, call.out[0], {dim: order.index(dim) for dim in range(rank)})


def unsqueeze(call: Call) -> Value:
    """A new dimension of size 1."""
    value = call.args["self"]
    new = call.dim(rank=len(value.shape) + 1)
    return _moved(value, call.out[0], {d: d + (d >= new) for d in range(len(value.shape))})


def squeeze(call: Call) -> Value:
    """Given dimensions of size 1 go; others stay, so that nothing depends on a batch of one."""
    value = call.args["self"]
    dims = call.dims() if isinstance(call.args["dim"], list | tuple) else [call.dim()]
    return _moved(
        value, call.out[0], _left(value, [d for d in dims if value.shape[d : d + 1] == (1,)])
    )


def _left(value: Value, gone: Sequence[int]) -> dict[int, int]:
    kept = [dim for dim in range(len(value.shape)) if dim not in gone]
    return {dim: position for position, dim in enumerate(kept)}


def expand(call: Call) -> Value:
    """What is repeated is the same along the new entries."""
    value, out = call.args["self"], call.out[0]
    shift = len(out.shape) - len(value.shape)
    found = _moved(value, out, {dim: dim + shift for dim in range(len(value.shape))})
    if found.place is not None:
        return found
    new = {d for d in range(len(out.shape)) if d < shift or value.shape[d - shift] == 1}
    return replace(found, same=found.same | new)


def select(call: Call) -> Value:
    """One entry of a dimension that is not the records'."""
    value = call.args["self"]
    return _moved(value, call.out[0], _left(value, [call.dim()]))


def unbind(call: Call) -> list[Value]:
    """All entries of a dimension that is not the records'."""
    value = call.args["self"]
    return [_moved(value, out, _left(value, [call.dim()])) for out in call.out]


def part(call: Call) -> Value | list[Value]:
    """``slice`` and ``split``: parts of a dimension that is not the records'."""
    value, dim = call.args["self"], call.dim()
    if call.out[0].shape != value.shape:
        _clear_of(value, dim)
    kept = {d: d for d in range(len(value.shape))}
    whole = replace(
        value, same=frozenset(at for at in value.same if isinstance(at, int) or at.dim != dim)
    )
    found = [_moved(whole, out, kept) for out in call.out]
    return found[0] if call.args["_name"] == "slice" else found


def part_backward(call: Call) -> Value:
    """``select_backward`` and ``slice_backward``: zeros around what comes back."""
    value, out = call.args["grad_output"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    if call.args["_name"] == "select_backward":
        _comes_from(call, A.select.int, dim, call.args["index"])
        found = _moved(value, out, {d: d + (d >= dim) for d in range(len(value.shape))})
    else:
        _comes_from(call, A.slice.Tensor, dim, *(call.args[n] for n in ("start", "end", "step")))
        if out.shape != value.shape:
            _clear_of(value, dim)
        found = _moved(value, out, {d: d for d in range(len(value.shape))})
    return _without(found, dim)


def _comes_from(call: Call, operator: Callable[..., torch.Tensor], *args: Any) -> None:
    """Check that a gradient has the shape of what it is the gradient of: none is broadcast."""
    forward = operator(_meta(call.out[0]), *args)
    if forward.shape != call.args["grad_output"].shape:
        raise _No("its operand has another size")


def diagonal(call: Call) -> Value:
    """Two dimensions, neither the records', become one at the end."""
    value = call.args["self"]
    return _without(
        _moved(value, call.out[0], _left(value, [call.dim("dim1"), call.dim("dim2")])),
        len(call.out[0].shape) - 1,
    )


def diagonal_backward(call: Call) -> Value:
    """The last dimension, not the records', becomes two."""
    value, out = call.args["grad_output"], call.out[0]
    rank = len(out.shape)
    new = [call.dim("dim1", rank), call.dim("dim2", rank)]
    _comes_from(call, A.diagonal.default, *(call.args[n] for n in ("offset", "dim1", "dim2")))
    kept = [dim for dim in range(rank) if dim not in new]
    return _without(_moved(value, out, dict(enumerate(kept))), *new)


def cat(call: Call) -> Value:
    """``cat``: the tensors lie behind each other along a dimension that is not the records'."""
    values, out = call.args["tensors"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    if any(len(value.shape) != len(out.shape) for value in values):
        raise _No("its operands have different ranks")
    # Along `dim` nothing is broadcast, whatever the sizes are.
    stretched = [
        replace(v, shape=(*v.shape[:dim], out.shape[dim], *v.shape[dim + 1 :])) for v in values
    ]
    found = _joined(stretched, out)
    _clear_of(found, dim)
    both = _both(values)
    return _without(found, dim) if both is None else _bounded(_without(found, dim), *both)


def stack(call: Call) -> Value:
    """``stack``: as `cat`, along a new dimension."""
    values, out = call.args["tensors"], call.out[0]
    dim = call.dim(rank=len(out.shape))
    rank = len(values[0].shape)
    flat = replace(out, shape=values[0].shape)
    found = _moved(_joined(values, flat), out, {d: d + (d >= dim) for d in range(rank)})
    both = _both(values)
    return _without(found, dim) if both is None else _bounded(_without(found, dim), *both)


# --- rules: along dimensions


def reduction(call: Call) -> Value | list[Value]:
    """One number for each position of the other dimensions; of all, for public values only.

    A sum along the records is a total.
    """
    value = call.args["self"]
    _keeps_floats(call)
    given = call.args.get("dim")
    if isinstance(given, int):
        dims = [call.dim()]
    elif not given:
        dims = list(range(len(value.shape)))
    else:
        dims = call.dims()
    if value.place is not None and value.place.dim in dims and call.args["_name"] == "sum":
        return _total(call)
    if value.place is not None and not given and given != 0:
        raise _No("it reduces all records to one number")
    if any(one.dtype.is_floating_point for one in (value, *call.out)):
        place = value.place
        outermost = place is None or _is_outermost(value, place)
        _need(outermost, "its records do not lie one behind the other in memory")
        # Of equal columns PyTorch may make sums that differ in their last bits.
        value = replace(value, same=frozenset(at for at in value.same if _is_outermost(value, at)))
    kept = call.args.get("keepdim", False)
    to = {d: d for d in range(len(value.shape)) if d not in dims} if kept else _left(value, dims)
    found = [replace(_moved(value, out, to), bounds=None) for out in call.out]
    sizes = [value.shape[dim] for dim in dims if value.shape]
    if call.args["_name"] in _INDICES:
        found[-1] = replace(found[-1], bounds=(0, math.prod(sizes) - 1))
    return found if len(found) > 1 else found[0]


_INDICES = ("argmax", "argmin", "max", "min")
"""Reductions whose only or last result is a position."""


def _is_outermost(value: Value, at: Place | int) -> bool:
    """Whether all numbers of a record lie together in memory, one record behind the other.

    The value lies in row-major order (`ORDERED`). Else PyTorch reduces the numbers of several
    records side by side: in blocks, and in another order, or by other instructions, in what is left
    over.
    """
    dim, before = (at, 1) if isinstance(at, int) else (at.dim, at.before)
    return math.prod(value.shape[:dim]) * before == 1


def _keeps_floats(call: Call) -> None:
    """Check that numbers do not become whole ones on the way, which `to_copy` has a rule for."""
    if call.args.get("dtype") is not None and call.tensors[0].dtype.is_floating_point:
        _need(call.out[0].dtype.is_floating_point, "it makes whole numbers")


def _total(call: Call) -> Value:
    if not call.sums:
        raise _No("it adds up records")
    return replace(call.out[0], total=True)


def along(call: Call) -> Value | list[Value]:
    """Softmax, running sums, sorting, flipping: along dimensions that are not the records'."""
    first = call.tensors[0]
    _keeps_floats(call)
    names = "dims" if "dims" in call.args else "dim"
    given = call.args[names]
    rank = len(first.shape)
    _need(all(v.shape == first.shape for v in call.tensors), "its operands have other sizes")
    dims = [_counted(d, rank) for d in (given if isinstance(given, list | tuple) else [given])]
    found = []
    for out in call.out:
        joined = _joined(call.tensors, replace(out, shape=first.shape))
        _clear_of(joined, *dims)
        found.append(_without(replace(joined, shape=out.shape), *dims))
    if len(found) == 2 and rank:
        found[1] = replace(found[1], bounds=(0, first.shape[dims[0]] - 1))
    elif len(found) == 2:
        found[1] = replace(found[1], bounds=(0, 0))
    return found if len(found) > 1 else found[0]


def triangle(call: Call) -> Value:
    """``tril`` and ``triu``: by the last two dimensions, which are not the records'."""
    value = call.args["self"]
    last = (len(value.shape) - 2, len(value.shape) - 1)
    _clear_of(value, *last)
    return _without(_moved(value, call.out[0], {d: d for d in range(len(value.shape))}), *last)


def pad(call: Call) -> Value:
    """``constant_pad_nd``: around dimensions that are not the records'."""
    value, amounts = call.args["self"], call.args["pad"]
    rank = len(value.shape)
    changed = [rank - 1 - n // 2 for n, amount in enumerate(amounts) if amount]
    _clear_of(value, *changed)
    return _without(_moved(value, call.out[0], {d: d for d in range(rank)}), *changed)


# --- rules: products


def _product(call: Call, left: Value, right: Value) -> Value:
    """``(n, m) @ (m, p)``, or ``(b, n, m) @ (b, m, p)``."""
    out = call.out[0]
    batch = len(out.shape) - 2
    one, two = left.place, right.place
    if one and two and (one.dim, two.dim) == (batch + 1, batch):
        if replace(one, dim=0) != replace(two, dim=0):
            raise _No("its operands have their records at different places")
        return _total(call)
    for place, inner in ((one, batch + 1), (two, batch)):
        if place is not None and place.dim == inner:
            raise _No("it adds up records")
    if two is not None and two.dim == batch + 1:
        raise _No("its records are columns, which are added up in an order that their place sets")
    sides = [
        replace(_without(left, batch + 1), shape=(*out.shape[:-1], 1)),
        # Equal columns are not added up in equal orders.
        replace(_without(right, batch, batch + 1), shape=(*out.shape[:-2], 1, out.shape[-1])),
    ]
    return _joined(sides, out)


def mm(call: Call) -> Value:
    """``mm`` and ``bmm``: records are rows or columns of the result, or apart from the product."""
    first, second = call.tensors
    return _product(call, first, second)


def addmm(call: Call) -> Value:
    """``addmm`` and ``baddbmm``: a product and what is added to it."""
    names = ("mat1", "mat2") if "mat1" in call.args else ("batch1", "batch2")
    product = _product(call, *(call.args[name] for name in names))
    if product.total:
        raise _No("it adds to a sum over records")
    return _joined([call.args["self"], product], call.out[0])


def convolution(call: Call) -> Value:
    """Records are images of the batch; or each is a group of channels with weights of its own."""
    value, weight, bias = (call.args[name] for name in ("input", "weight", "bias"))
    out = call.out[0]
    _convolved(call, value, weight)
    if weight.place is None and (value.place is None or value.place.dim == 0):
        _need(bias is None or bias.place is None, "its bias is one record's")
        return replace(out, place=value.place)
    own = _own_weights(call, value, weight)
    _need(bias is None or _lies(bias, own), "its bias lies elsewhere")
    return replace(out, place=replace(own, dim=1))


def _lies(value: Value, place: Place) -> bool:
    """Whether the records lie at `place`, or could: a public value that is the same there."""
    return value.place == place or (value.place is None and value.is_same_at(place))


def _own_weights(call: Call, value: Value, weight: Value) -> Place:
    """Return where the records lie in the weights, where each record has its own."""
    records, groups = call.records, call.args["groups"]
    place = Place(0, 1, weight.shape[0] // records)
    _need(weight.shape[0] % records == 0 and _lies(weight, place), "its weights lie elsewhere")
    _need(not call.args["transposed"], "it is transposed, with weights of each record's own")
    if value.place is None and groups == 1:
        return place
    _need(groups % records == 0, "its groups are not those of the records")
    _need(_lies(value, Place(1, 1, value.shape[1] // records)), "its channels lie elsewhere")
    return place


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise _No(otherwise)


def _convolved(call: Call, value: Value, weight: Value) -> None:
    rank = len(value.shape)
    _need(rank in (3, 4, 5) and len(weight.shape) == rank, "its operands have other ranks")
    _need(value.dtype == weight.dtype and value.dtype.is_floating_point, "its dtypes differ")
    for name, least in (("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)):
        given = call.args[name]
        _need(len(given) in (1, rank - 2) and min(given) >= least, f"'{name}' is out of range")
    for dim, size in enumerate(weight.shape[2:]):
        padding, dilation = (call.args[n][dim % len(call.args[n])] for n in ("padding", "dilation"))
        # PyTorch's kernel for channels that come last reads what is not its own there; one that is
        # transposed uses it for its gradient.
        _need(padding <= dilation * (size - 1), "a window lies beside the image")


def convolution_backward(call: Call) -> list[Value]:
    """As `convolution`: the input's gradient; the weights' where they are each record's own."""
    gradient, value, weight = (call.args[name] for name in ("grad_output", "input", "weight"))
    out = call.out
    _convolved(call, value, weight)
    how = [
        call.args[name]
        for name in ("stride", "padding", "dilation", "transposed", "output_padding", "groups")
    ]
    forward = A.convolution.default(_meta(value), _meta(weight), None, *how)
    alike = (gradient.shape, gradient.dtype) == (forward.shape, value.dtype)
    _need(alike, "its gradient has another size")
    if call.args["output_mask"][2]:
        sizes = call.args["bias_sizes"] or ()
        _need(tuple(sizes) == forward.shape[1:2], "its bias has another size")
    total = [replace(one, total=True) for one in out]
    place = gradient.place or value.place
    if place is None and weight.place is None:
        return list(out)
    if weight.place is None and place is not None and place.dim == 0:
        alike = _lies(gradient, place) and _lies(value, place)
        _need(alike, "its operands have their records at different places")
        return [replace(out[0], place=place), total[1], total[2]]
    own = _own_weights(call, value, weight)
    _need(_lies(gradient, replace(own, dim=1)), "its gradient lies elsewhere")
    inputs = Place(1, 1, value.shape[1] // call.records)
    return [
        replace(out[0], place=inputs) if call.args["groups"] > 1 else total[0],
        replace(out[1], place=own),
        replace(out[2], place=own),
    ]


# --- rules: images


def pooling(call: Call) -> Value | list[Value]:
    """Windows of the last two dimensions, which are not the records'."""
    value = call.args["self"]
    rank = len(value.shape)
    _need(rank in (3, 4) and value.dtype.is_floating_point, "it takes images")
    _clear_of(value, rank - 2, rank - 1)
    _need(_each_window_has_some(call, value.shape[-2:]), "a window lies beside the image")
    _need(_scales_fit(call, value.shape[-2:], call.out[0].shape[-2:]), "its scales do not fit")
    found = [
        _without(_moved(value, out, {d: d for d in range(rank)}), rank - 2, rank - 1)
        for out in call.out
    ]
    if len(found) == 1:
        return found[0]
    found[1] = replace(found[1], bounds=(0, value.shape[-2] * value.shape[-1] - 1))
    return found


def _each_window_has_some(call: Call, sizes: Sequence[int]) -> bool:
    """Whether windows that begin before the image reach into it: else their index is beyond it."""
    steps, margins = (call.args.get(name, [0]) for name in ("dilation", "padding"))
    each = zip(sizes, (list(steps) * 2)[:2], (list(margins) * 2)[:2], strict=True)
    return all(margin == 0 or step <= size for size, step, margin in each)


def _scales_fit(call: Call, sizes: Sequence[int], out: Sequence[int]) -> bool:
    """Whether scales that are given are those of the sizes: kernels look where scales tell them."""
    given = [call.args.get(name) for name in ("scales_h", "scales_w")]
    return all(
        scale is None or (0 < scale < 2**31 and math.floor(size * scale) == then)
        for scale, size, then in zip(given, sizes, out, strict=True)
    )


def pooling_backward(call: Call) -> Value:
    """The gradient of `pooling`; what it was taken at has the same places."""
    value = call.args.get("self")
    gradient, out = call.args["grad_output"], call.out[0]
    rank = len(out.shape)
    _need(rank in (3, 4) and len(gradient.shape) == rank, "it takes images")
    _need(gradient.shape[:-2] == out.shape[:-2], "its operands have other sizes")
    fits = _scales_fit(call, out.shape[-2:], gradient.shape[-2:])
    _need(fits, "its scales do not fit")
    others = [v for v in (value, call.args.get("indices")) if v is not None]
    for other in others:
        _need(other.shape[:-2] == out.shape[:-2], "its operands have other sizes")
    if (indices := call.args.get("indices")) is not None:
        within = indices.bounds is not None and indices.bounds[0] >= 0
        most = out.shape[-2] * out.shape[-1] - 1
        _need(within and indices.bounds[1] <= most, "its indices may be out of range")
        _need(indices.shape == gradient.shape, "its indices have another shape")
    flat = [replace(v, shape=(*v.shape[:-2], 1, 1)) for v in (gradient, *others)]
    for one in (gradient, *others):
        _clear_of(one, rank - 2, rank - 1)
    joined = _joined(flat, replace(out, shape=(*out.shape[:-2], 1, 1)))
    return _without(replace(joined, shape=out.shape), rank - 2, rank - 1)


# --- rules: normalization


def layer_norm(call: Call) -> list[Value]:
    """Over the last dimensions, which are not the records'."""
    value, shape = call.args["input"], tuple(call.args["normalized_shape"])
    _over_last(value, shape)
    for name in ("weight", "bias"):
        other = call.args[name]
        _scales(other, shape, value.dtype)
    rank = len(value.shape)
    last = range(rank - len(shape), rank)
    return [_without(_moved(value, out, {d: d for d in range(rank)}), *last) for out in call.out]


def _scales(other: Value | None, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    if other is not None:
        fits = other.place is None and (other.shape, other.dtype) == (shape, dtype)
        _need(fits, "its weight or bias is another")


def _over_last(value: Value, shape: tuple[int, ...]) -> None:
    rank = len(value.shape)
    _need(bool(shape) and value.shape[-len(shape) :] == shape, "it is not over the last dimensions")
    _need(value.dtype.is_floating_point, "it takes floats")
    _clear_of(value, *range(rank - len(shape), rank))


def layer_norm_backward(call: Call) -> list[Value]:
    """The input's gradient; those of weight and bias are sums over records."""
    shape = tuple(call.args["normalized_shape"])
    gradient, value = call.args["grad_out"], call.args["input"]
    out = call.out
    rank, size = len(value.shape), value.shape[: len(value.shape) - len(shape)]
    _need(gradient.shape == value.shape, "its operands have other sizes")
    operands = []
    for name in ("grad_out", "input", "mean", "rstd"):
        operand = call.args[name]
        _need(operand.dtype == value.dtype, "its dtypes differ")
        if name in ("mean", "rstd"):
            _need(operand.shape == (*size, *[1] * len(shape)), f"'{name}' has another shape")
        else:
            _over_last(operand, shape)
        operands.append(operand)
    _scales(call.args["weight"], shape, value.dtype)
    joined = _joined(operands, replace(out[0], shape=value.shape, dtype=value.dtype))
    found = _without(joined, *range(rank - len(shape), rank))
    rest = [replace(o, total=True) if joined.place else o for o in out[1:]]
    return [found, *rest]


def group_norm(call: Call) -> list[Value]:
    """Over groups of channels of each image; records are images."""
    value, out = call.args["input"], call.out
    _images(call, value)
    for name in ("weight", "bias"):
        other = call.args[name]
        _scales(other, (call.args["C"],), value.dtype)
    if value.place is None:
        return list(out)
    return [replace(o, place=value.place) for o in out]


def _images(call: Call, value: Value) -> None:
    images, channels, positions = (call.args[name] for name in ("N", "C", "HxW"))
    _need(len(value.shape) >= 2 and value.shape[:2] == (images, channels), "its sizes differ")
    _need(math.prod(value.shape) == images * channels * positions, "its sizes differ")
    _need(channels % call.args["group"] == 0, "its groups do not divide the channels")
    _need(value.dtype.is_floating_point, "it takes floats")
    _need(value.place is None or value.place.dim == 0, "it works along the records")


def group_norm_backward(call: Call) -> list[Value]:
    """The input's gradient; those of weight and bias are sums over records."""
    gradient, value, out = call.args["grad_out"], call.args["input"], call.out
    _images(call, value)
    _images(call, gradient)
    groups = (call.args["N"], call.args["group"])
    operands = [gradient, value]
    _need(gradient.shape == value.shape, "its operands have other sizes")
    for name in ("mean", "rstd"):
        operand = call.args[name]
        _need(operand.shape == groups and operand.dtype == value.dtype, f"'{name}' is another")
        operands.append(replace(operand, shape=(groups[0], *[1] * (len(value.shape) - 1))))
    _scales(call.args["weight"], (call.args["C"],), value.dtype)
    joined = _joined(operands, replace(out[0], shape=value.shape, dtype=value.dtype))
    _need(joined.place is None or joined.place.dim == 0, "it works along the records")
    found = _without(joined, *range(1, len(value.shape)))
    rest = [replace(o, total=True) if joined.place else o for o in out[1:]]
    return [found, *rest]


# --- rules: look-ups


def _within(index: Value, size: int) -> None:
    ends = index.limits
    _need(index.dtype in (torch.int64, torch.int32), "its index is not of whole numbers")
    _need(ends is not None and ends[0] >= 0 and ends[1] < size, "its index may be out of range")


def embedding(call: Call) -> Value:
    """Rows of a public table."""
    table, index, out = call.args["weight"], call.args["indices"], call.out[0]
    _need(len(table.shape) == 2, "its table is no table")
    _need(not call.args["scale_grad_by_freq"] and not call.args["sparse"], "an option is on")
    _need(table.place is None, "each record has a table of its own: use gather")
    _within(index, table.shape[0])
    return replace(out, place=index.place, same=index.same, bounds=table.bounds)


def gather(call: Call) -> Value:
    """``gather``: within each record, along a dimension that is not the records'."""
    value, index, out = call.args["self"], call.args["index"], call.out[0]
    dim = call.dim()
    _need(len(index.shape) == len(value.shape) > 0, "its operands have different ranks")
    _within(index, value.shape[dim])
    for d in range(len(value.shape)):
        _need(d == dim or index.shape[d] == value.shape[d], "its operands have other sizes")
    source = replace(value, shape=index.shape, same=value.same - {dim})
    _clear_of(value, dim)
    _clear_of(index, dim)
    return replace(_joined([source, index], out), bounds=value.bounds)


def scatter_add(call: Call) -> Value:
    """``scatter_add``: within each record, along a dimension that is not the records'."""
    value, index, source = (call.args[name] for name in ("self", "index", "src"))
    dim = call.dim()
    _need(
        len(value.shape) == len(index.shape) > 0 and index.shape == source.shape,
        "its operands have other sizes",
    )
    _within(index, value.shape[dim])
    for d in range(len(value.shape)):
        _need(d == dim or index.shape[d] == value.shape[d], "its operands have other sizes")
    for operand in (value, index, source):
        _clear_of(operand, dim)
    same = [replace(v, shape=value.shape, same=v.same - {dim}) for v in (index, source)]
    return _without(_joined([value, *same], call.out[0]), dim)


def index_select(call: Call) -> Value:
    """``index_select`` by a public index along another dimension, or by private ones in a table."""
    value, index, out = call.args["self"], call.args["index"], call.out[0]
    dim = call.dim()
    _need(len(index.shape) == 1 and bool(value.shape), "its index is no list")
    _within(index, value.shape[dim])
    if index.place is None:
        _clear_of(value, dim)
        kept = {d: d for d in range(len(value.shape))}
        return replace(_without(_moved(value, out, kept), dim), bounds=value.bounds)
    _need(value.place is None, "private indices into a table of each record's own: use gather")
    return replace(out, place=replace(index.place, dim=dim), bounds=value.bounds)


def index_add(call: Call) -> Value:
    """``index_add`` by a public index along another dimension; along the records it is a total."""
    value, index, source = (call.args[name] for name in ("self", "index", "source"))
    dim = call.dim()
    _need(
        len(index.shape) == 1 and len(value.shape) == len(source.shape) > 0,
        "its operands have different ranks",
    )
    _within(index, value.shape[dim])
    _need(
        source.shape == (*value.shape[:dim], index.shape[0], *value.shape[dim + 1 :]),
        "its operands have other sizes",
    )
    if index.place is not None:
        _need(
            source.place == replace(index.place, dim=dim) and value.place is None,
            "its operands have their records at different places",
        )
        return _total(call)
    _clear_of(value, dim)
    _clear_of(source, dim)
    stretched = replace(source, shape=value.shape, same=source.same - {dim})
    return _without(_joined([value, stretched], call.out[0]), dim)


# --- the table: each operator's rule

_ENTRY_BY_ENTRY = """
abs neg sign sgn exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal sin cos tan sinh cosh tanh
asin acos atan atan2 erf erfc sigmoid logit floor ceil round trunc frac isnan isinf isfinite
logical_not div.Tensor div.Scalar rsub.Scalar pow.Tensor_Scalar pow.Scalar maximum minimum fmax fmin
lerp.Scalar lerp.Tensor addcmul addcdiv logaddexp hypot eq.Tensor eq.Scalar ne.Tensor ne.Scalar
lt.Tensor lt.Scalar le.Tensor le.Scalar gt.Tensor gt.Scalar ge.Tensor ge.Scalar
logical_and logical_or logical_xor bitwise_and.Tensor bitwise_or.Tensor bitwise_not relu leaky_relu
elu gelu silu mish hardtanh hardsigmoid hardswish softplus hardshrink softshrink threshold
sigmoid_backward tanh_backward threshold_backward leaky_relu_backward gelu_backward silu_backward
mish_backward hardtanh_backward hardsigmoid_backward hardswish_backward softplus_backward
hardshrink_backward softshrink_backward logit_backward elu_backward
"""

_TABLE: tuple[tuple[Rule, str], ...] = (
    (elementwise, _ENTRY_BY_ENTRY),
    (affine, "add.Tensor add.Scalar sub.Tensor sub.Scalar mul.Tensor mul.Scalar"),
    (clamp, "clamp clamp.Tensor clamp_min clamp_max"),
    (where, "where.self masked_fill.Scalar"),
    (nan_to_num, "nan_to_num"),
    (to_copy, "_to_copy"),
    (copied, "detach alias clone lift_fresh_copy"),
    (
        filled,
        "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor",
    ),
    (counted, "arange arange.start arange.start_step"),
    (public, "eye linspace dot mv"),
    (view, "view _unsafe_view reshape"),
    (permute, "permute transpose.int t"),
    (unsqueeze, "unsqueeze"),
    (squeeze, "squeeze.dim squeeze.dims"),
    (expand, "expand"),
    (select, "select.int"),
    (unbind, "unbind.int"),
    (part, "slice.Tensor split.Tensor split_with_sizes"),
    (part_backward, "select_backward slice_backward"),
    (diagonal, "diagonal"),
    (diagonal_backward, "diagonal_backward"),
    (cat, "cat"),
    (stack, "stack"),
    (
        reduction,
        "sum sum.dim_IntList mean mean.dim amax amin argmax argmin max.dim min.dim"
        " var.correction logsumexp any any.dim any.dims all all.dim all.dims"
        " linalg_vector_norm",
    ),
    (
        along,
        "_softmax _log_softmax _softmax_backward_data _log_softmax_backward_data cumsum cumprod"
        " sort sort.stable topk flip",
    ),
    (triangle, "tril triu"),
    (pad, "constant_pad_nd"),
    (mm, "mm bmm"),
    (addmm, "addmm baddbmm"),
    (convolution, "convolution"),
    (convolution_backward, "convolution_backward"),
    (pooling, "max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d upsample_nearest2d"),
    (
        pooling_backward,
        "max_pool2d_with_indices_backward avg_pool2d_backward"
        " _adaptive_avg_pool2d_backward upsample_nearest2d_backward",
    ),
    (layer_norm, "native_layer_norm"),
    (layer_norm_backward, "native_layer_norm_backward"),
    (group_norm, "native_group_norm"),
    (group_norm_backward, "native_group_norm_backward"),
    (embedding, "embedding"),
    (gather, "gather"),
    (scatter_add, "scatter_add"),
    (index_select, "index_select"),
    (index_add, "index_add"),
)


def _overload(name: str) -> torch._ops.OpOverload:
    packet, _, overload = name.partition(".")
    found: torch._ops.OpOverload = getattr(getattr(A, packet), overload or "default")
    if found._schema.is_mutable:
        raise ValueError(f"{name} writes into its arguments")
    return found


def _with_name(name: str, rule: Rule) -> Rule:
    plain = name.partition(".")[0]

    def named(call: Call) -> Value | list[Value]:
        return rule(replace(call, args={**call.args, "_name": plain}))

    return named


RULES: dict[Any, Rule] = {
    _overload(name): _with_name(name, rule) for rule, names in _TABLE for name in names.split()
}
"""Each operator that a program may use, and its rule."""

_REDUCTIONS = frozenset(
    _overload(name) for rule, names in _TABLE if rule is reduction for name in names.split()
)
ORDERED = _REDUCTIONS | {A.native_group_norm.default, A.native_group_norm_backward.default}
"""Operators whose operands have to lie in row-major order: what they do depends on it."""
_MAKES_ORDER = frozenset(
    _overload(name)
    for rule, names in _TABLE
    if rule in (mm, addmm, filled, counted)
    for name in names.split()
    if "_like" not in name
)
"""Operators whose results lie in row-major order, however their operands do."""

_SAME_ENTRIES = "view _unsafe_view reshape _to_copy clone cat unsqueeze squeeze.dim"
_AFTER_TOTALS = frozenset(_overload(name) for name in _SAME_ENTRIES.split())
"""What may be done with totals: nothing but to give them another shape or dtype."""

_FROM_NOTHING = "zeros ones full scalar_tensor arange arange.start arange.start_step eye linspace"
_DEVICE: dict[Any, dict[str, Any]] = {
    _overload(name): {"device": "meta"} for name in _FROM_NOTHING.split()
}
"""Operators that have no tensor to tell where their result lies."""
