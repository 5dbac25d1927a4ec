"""What a program does, against what the checker says of it.

A program runs node by node on four sets of data, each over memory filled with other junk: ordinary
numbers; the same, but some records have others; special ones (zeros of both signs, subnormals,
infinities, NaN, huge ones); the same, but some records have others. Then, for what the checker
says of each node:

- *records*: entries of records that are the same in two sets have the same bits in both;
- *public*: public values have the same bits in both;
- *place*: if a node's operands are rolled along the records, then so is its result: in every bit
  for operators that compute exactly, else as far as rounding goes;
- *last bits*: as *place*, but for rounding;
- *total*: a sum over records is a sum of one term for each record;
- *same*, *bounds*, *shape*, *laid*: hold;
- *fails*: no set of data makes an operator fail.

Any NaN is as good as another; 0.0 is not -0.0.
"""

from __future__ import annotations

import ctypes
import math
import operator
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx

from tests.engine.checker.generator import Program
from workbench.engine.program.checker.values.order import is_laid
from workbench.engine.program.checker.values.value import Place, Value

A = torch.ops.aten
_BITS = {4: torch.int32, 8: torch.int64}
_POOL = 1 << 18
_SPECIAL = (0.0, -0.0, 1e-40, -1e-40, 5e-324, math.inf, -math.inf, math.nan, 1e30, -1e30, 1.0, -1.0)
_WHOLE = (0, 1, -1, 2, 255, 256, -128, 2**31 - 1, -(2**31), 2**31, 2**62, 2**63 - 1, -(2**63))


@dataclass(frozen=True)
class Finding:
    """What does not hold.

    Attributes
    ----------
    kind
        As in the table above.
    node
        Where.
    detail
        More about it.
    """

    kind: str
    node: torch.fx.Node
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.node.target} {self.detail}"


# --- data


class Pools:
    """Numbers made once, of which every input is a piece."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(_POOL, generator=generator, dtype=torch.float64)
        chosen = torch.randint(len(_SPECIAL), (_POOL,), generator=generator)
        special = torch.tensor(_SPECIAL, dtype=torch.float64)[chosen]
        often = torch.rand(_POOL, generator=generator) < 0.4
        self.floats = (normal, torch.where(often, special, normal))
        small = torch.randint(-3, 6, (_POOL,), generator=generator)
        whole = torch.tensor(_WHOLE)[torch.randint(len(_WHOLE), (_POOL,), generator=generator)]
        self.whole = (small, torch.where(often, whole, small))
        self._cast: dict[tuple[torch.dtype, int], torch.Tensor] = {}

    def piece(self, dtype: torch.dtype, count: int, special: int, start: int) -> torch.Tensor:
        """Return some numbers of a dtype, ordinary or special ones."""
        if (dtype, special) not in self._cast:
            source = self.floats if dtype.is_floating_point else self.whole
            self._cast[dtype, special] = source[special].to(dtype)
        pool = self._cast[dtype, special]
        if count >= len(pool):
            pool = pool.repeat(count // len(pool) + 1)
        start %= len(pool) - count
        return pool[start : start + count]


_POOLS = Pools()


def drawn(value: Value, special: int, rng: random.Random, records: int) -> torch.Tensor:
    """Return a tensor of which is true what is said of an input."""
    count = math.prod(value.shape)
    numbers = _POOLS.piece(value.dtype, count, special, rng.randrange(_POOL)).reshape(value.shape)
    if value.bounds is not None:
        low, high = value.bounds
        if value.dtype.is_floating_point:
            numbers = numbers.nan_to_num().clamp(low, high)
        else:
            # Also where nothing was within before.
            numbers = (numbers.to(torch.int64) % (int(high) - int(low) + 1) + int(low)).to(
                value.dtype
            )
    for at in value.same:
        if isinstance(at, int):
            numbers = numbers.narrow(at, 0, 1).expand(value.shape)
        else:
            apart = _apart(numbers, at, records)
            numbers = apart.narrow(at.dim + 1, 0, 1).expand(apart.shape).reshape(value.shape)
    return numbers.clone(memory_format=torch.contiguous_format)


def _apart(tensor: torch.Tensor, place: Place, records: int) -> torch.Tensor:
    """Return a tensor whose records' dimension is ``place.dim + 1``."""
    sizes = (place.before, records, place.after)
    dim, shape = place.dim, tensor.shape
    return tensor.reshape((*shape[:dim], *sizes, *shape[dim + 1 :]))


def rolled(tensor: torch.Tensor, place: Place, records: int, by: int) -> torch.Tensor:
    """Return a tensor in which each record has the entries of another."""
    return _apart(tensor, place, records).roll(by, place.dim + 1).reshape(tensor.shape)


def equal_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether both have the same bits, but for those of NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.dtype.is_floating_point:
        return torch.equal(one, other)
    bits = _BITS[one.element_size()]
    first, second = one.contiguous().view(bits), other.contiguous().view(bits)
    if torch.equal(first, second):
        return True
    return bool(((first == second) | (one.isnan() & other.isnan())).all())


# --- memory


class Junk:
    """What new and freed memory holds.

    The C library fills what it hands out (glibc's ``M_PERTURB``). Elsewhere nothing is filled.
    """

    _PERTURB = -6

    def __init__(self) -> None:
        self._mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None)

    def fill(self, byte: int) -> None:
        if self._mallopt is not None:
            self._mallopt(self._PERTURB, byte)


_JUNK = Junk()
_BYTES = (0xC0, 0x3A, 0x80, 0x01)
"""New memory holds the complement of each: ordinary floats, NaN, large indices."""


# --- running


def _plan(program: Program) -> list[tuple[torch.fx.Node, Any, Any]]:
    return [(n, n.args, n.kwargs) for n in program.graph.nodes if n.op == "call_function"]


def run(program: Program, inputs: Sequence[torch.Tensor]) -> dict[torch.fx.Node, Any]:
    """Return the value of each node; raises what an operator raises, with its node as `node`."""
    values: dict[torch.fx.Node, Any] = {}
    given = iter(inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder":
            values[node] = next(given)
        elif node.op == "get_attr":
            values[node] = program.attributes[str(node.target)]
        elif node.op == "call_function":
            args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), values.__getitem__)
            try:
                values[node] = node.target(*args, **kwargs)
            except Exception as error:
                raise Failed(node, error) from error
    return values


class Failed(Exception):
    """An operator failed."""

    def __init__(self, node: torch.fx.Node, error: Exception) -> None:
        super().__init__(f"{node.target}: {type(error).__name__} {str(error)[:80]}")
        self.node = node


def pairs(claim: Any, value: Any) -> Iterator[tuple[int, Value, torch.Tensor]]:
    """Yield each result with what is said of it."""
    claims = claim if isinstance(claim, list) else [claim]
    values = value if isinstance(value, list | tuple) else [value]
    for position, (one, tensor) in enumerate(zip(claims, values, strict=True)):
        if one is not None:
            yield position, one, tensor


class Static(Exception):
    """A program that fails for all data: PyTorch does not take its arguments."""


def findings(
    program: Program,
    claims: Mapping[torch.fx.Node, Any],
    rng: random.Random,
    exactly: bool = False,
) -> list[Finding]:
    """Return what does not hold of what a checker says, at the first node for each kind.

    Parameters
    ----------
    program
        The program.
    claims
        What is said of each node, as `Program.check` returns it.
    rng
        Whence the data come.
    exactly
        Whether rolled operands have to give the same bits for every operator.

    Raises
    ------
    Static
        If PyTorch takes its arguments for no data.
    """
    records = program.records
    others = _some_records(records, rng)
    sets = [[drawn(value, special, rng, records) for value in program.inputs] for special in (0, 1)]
    changed = [
        [
            _with_others(
                value, tensor, drawn(value, int(rng.random() < 0.7), rng, records), others, records
            )
            for value, tensor in zip(program.inputs, one, strict=True)
        ]
        for one in sets
    ]
    values = []
    failed = []
    for data, byte in zip((sets[0], changed[0], sets[1], changed[1]), _BYTES, strict=True):
        _JUNK.fill(byte)
        try:
            values.append(run(program, data))
        except Failed as error:
            failed.append(error)
        finally:
            _JUNK.fill(0)
    if failed:
        if len(failed) == 4 and _fails_for_all(program, records):
            raise Static(str(failed[0]))
        return [Finding("fails", failed[0].node, str(failed[0]))]
    found: dict[str, Finding] = {}

    def add(kind: str, node: torch.fx.Node, detail: str = "") -> None:
        found.setdefault(kind, Finding(kind, node, detail))

    kept = ~others
    for node, claim in claims.items():
        for position, value, tensor in pairs(claim, values[0][node]):
            special = _result(values[2][node], position)
            if tensor is None:
                add("shape", node, "there is nothing")
                continue
            if (tuple(tensor.shape), tensor.dtype) != (value.shape, value.dtype):
                add("shape", node, f"{tuple(tensor.shape)} {tensor.dtype}, not {value}")
                continue
            if value.place is not None and not _has(value, value.place, records):
                add("shape", node, f"no {value.place} in {value.shape}")
                continue
            if node.op == "call_function" and value.laid and not is_laid(tensor):
                add("laid", node, f"{tensor.stride()}, not {value}")
            for one, other in ((tensor, values[1]), (special, values[3])):
                _compared(value, one, _result(other[node], position), kept, records, node, add)
            _claimed(value, tensor, special, node, records, add)
        if "shape" in found:
            return list(found.values())
        if node.op == "call_function" and node.target is not operator.getitem:
            _rolled(program, node, claims, values, rng, exactly, add)
    if any(one.total for claim in claims.values() for one in _listed(claim)):
        _totals(program, claims, sets[0], values[0], rng, add)
    return list(found.values())


def _fails_for_all(program: Program, records: int) -> bool:
    """Whether it fails for the smallest and for the largest numbers, too."""
    for end in (0, 1):
        data = []
        for value in program.inputs:
            least = 0 if value.dtype in (torch.bool, torch.uint8) else -2
            number = (least, 1)[end] if value.bounds is None else value.bounds[end]
            data.append(torch.full(value.shape, number, dtype=value.dtype))
        try:
            run(program, data)
        except Failed:
            continue
        return False
    return True


def _has(value: Value, place: Place, records: int) -> bool:
    there = 0 <= place.dim < len(value.shape)
    return there and value.shape[place.dim] == place.before * records * place.after


def _listed(claim: Any) -> list[Value]:
    return [one for one in claim if one] if isinstance(claim, list) else [claim]


def _result(value: Any, position: int) -> torch.Tensor:
    found: torch.Tensor = value[position] if isinstance(value, list | tuple) else value
    return found


def _some_records(records: int, rng: random.Random) -> torch.Tensor:
    """Return which records get other data: some and not all, at times all but one."""
    if rng.random() < 0.3:
        chosen = [True] * records
        chosen[rng.randrange(records)] = False
    else:
        chosen = [rng.random() < 0.5 for _ in range(records)]
        first, second = rng.sample(range(records), 2)
        chosen[first], chosen[second] = True, False
    return torch.tensor(chosen)


def _with_others(
    value: Value, one: torch.Tensor, other: torch.Tensor, others: torch.Tensor, records: int
) -> torch.Tensor:
    if value.place is None:
        return one
    shape = [1] * (one.dim() + 2)
    shape[value.place.dim + 1] = records
    first, second = (_apart(t, value.place, records) for t in (one, other))
    return torch.where(others.reshape(shape), second, first).reshape(one.shape)


def _compared(
    value: Value,
    one: torch.Tensor,
    other: torch.Tensor,
    kept: torch.Tensor,
    records: int,
    node: torch.fx.Node,
    add: Any,
) -> None:
    if value.total:
        return
    if value.place is None:
        if not equal_bits(one, other):
            add("public", node)
        return
    dim = value.place.dim + 1
    first, second = (_apart(t, value.place, records) for t in (one, other))
    where = kept.nonzero().flatten()
    if not equal_bits(first.index_select(dim, where), second.index_select(dim, where)):
        add("records", node, f"{value.place}")


def _claimed(
    value: Value,
    tensor: torch.Tensor,
    special: torch.Tensor,
    node: torch.fx.Node,
    records: int,
    add: Any,
) -> None:
    for one in (tensor, special):
        if value.bounds is None or value.total:
            break
        low, high = value.bounds
        least, most = one.amin().item(), one.amax().item()
        if not (low <= least and most <= high):
            add("bounds", node, f"[{least}, {most}] is not within {value.bounds}")
    for at in value.same:
        dim, apart = (at, tensor) if isinstance(at, int) else (at.dim + 1, None)
        if apart is None:
            assert isinstance(at, Place)
            if not _has(value, at, records):
                # A place in a size that it does not have is true of nothing.
                continue
            apart = _apart(tensor, at, records)
        if not _near(apart, apart.narrow(dim, 0, 1).expand(apart.shape), 1.0):
            add("same", node, f"{at}")


def _near(one: torch.Tensor, other: torch.Tensor, size: float, share: float = 1e-3) -> bool:
    """Whether both differ by what rounding can explain, where operands are as large as `size`."""
    if not one.dtype.is_floating_point:
        return torch.equal(one, other)
    if torch.equal(one, other):
        return True
    first, second = one.double(), other.double()
    close = torch.isclose(first, second, rtol=share, atol=1e-5 * size, equal_nan=True)
    if size > 1e15:
        # Sums of huge numbers, which may overflow in one order and not in another.
        close |= ~(first.isfinite() & second.isfinite())
    return bool(close.all())


# --- places


_EXACT_NAMES = """
abs neg sign sgn floor ceil round trunc isnan isinf isfinite logical_not maximum minimum fmax fmin
eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_not relu add sub
mul div clamp clamp_min clamp_max where masked_fill nan_to_num _to_copy detach alias clone
lift_fresh_copy zeros_like ones_like full_like new_zeros new_ones new_full view _unsafe_view reshape
permute transpose t unsqueeze squeeze expand select unbind slice split split_with_sizes
select_backward slice_backward diagonal diagonal_backward cat stack amax amin argmax argmin max min
any all sort topk flip tril triu constant_pad_nd max_pool2d_with_indices upsample_nearest2d
embedding gather index_select hardtanh threshold threshold_backward sqrt
"""
_EXACT = frozenset(_EXACT_NAMES.split())
"""Operators whose results are the operands' entries, or rounded once."""


def _is_exact(node: torch.fx.Node) -> bool:
    name = str(node.target).removeprefix("aten.").partition(".")[0]
    scaled = node.kwargs.get("alpha", 1) != 1 or (name in ("add", "sub") and len(node.args) > 2)
    return name in _EXACT and not scaled


def _rolled(
    program: Program,
    node: torch.fx.Node,
    claims: Mapping[torch.fx.Node, Any],
    values: Sequence[Mapping[torch.fx.Node, Any]],
    rng: random.Random,
    exactly: bool,
    add: Any,
) -> None:
    """Roll one node's operands, and see whether its results roll with them."""
    records = program.records
    claim = _listed(claims[node])
    if not any(one.place for one in claim):
        return
    exact = _is_exact(node) or exactly
    numbers = [abs(n) for n in (*node.args, *node.kwargs.values()) if isinstance(n, float | int)]
    largest = max([1.0, *(float(n) for n in numbers if math.isfinite(n))])
    by = rng.randrange(1, records)
    # Exact operators on special numbers, too.
    for data in (values[0], values[2])[: 1 + exact]:
        size, cleaned = largest, False

        def operand(other: torch.fx.Node, data: Any = data) -> Any:
            nonlocal size, cleaned
            tensors = data[other]
            if not isinstance(tensors, torch.Tensor) or not tensors.dtype.is_floating_point:
                return tensors
            if not exact and bool(tensors.isnan().any()):
                # Some kernels take NaN otherwise at the end of an array than within it.
                cleaned = True
                tensors = tensors.nan_to_num(0.5, math.inf, -math.inf)
            size *= max(1.0, float(tensors.abs().nan_to_num(0, 1e300, 1e300).amax()))
            return tensors

        operands = {n: operand(n) for n in node.all_input_nodes}
        others = {n: _moved(claims[n], t, records, by) for n, t in operands.items()}
        arguments = (node.args, dict(node.kwargs))
        plain = torch.fx.map_arg(arguments, operands.__getitem__)
        moved = torch.fx.map_arg(arguments, others.__getitem__)
        try:
            again = node.target(*moved[0], **moved[1])  # type: ignore[operator]
            before = node.target(*plain[0], **plain[1]) if cleaned else data[node]  # type: ignore[operator]
        except Exception as error:
            add("fails", node, f"rolled: {error}")
            return
        for position, value, tensor in pairs(claims[node], before):
            if value.place is None or value.total or tuple(tensor.shape) != value.shape:
                continue
            expected = rolled(tensor, value.place, records, by)
            other = _result(again, position)
            if exact and equal_bits(expected, other):
                continue
            # The lesser of 0.0 and -0.0 is another one at the end of an array.
            if exact and not exactly and _near(expected, other, 0.0, 0.0):
                continue
            most = (expected.double() - other.double()).abs().nan_to_num().amax().item()
            detail = f"{value.place}, by {most:.3g} where operands reach {size:.3g}"
            if _is_exact(node) or not _near(expected, other, size):
                add("place", node, detail)
            elif exact:
                add("last bits", node, detail)


def _moved(claim: Any, data: Any, records: int, by: int) -> Any:
    """Return one operand, or a list of them, rolled along the records."""
    if isinstance(claim, list):
        return [_moved(c, d, records, by) for c, d in zip(claim, data, strict=True)]
    if claim is None or claim.place is None:
        return data
    moved = rolled(data, claim.place, records, by)
    if data.stride() == moved.stride():
        return moved
    # As the operand lies in memory, since kernels take other ways for other strides.
    for dim, stride in enumerate(data.stride()):
        moved = moved.narrow(dim, 0, 1) if stride == 0 else moved
    alike = torch.empty_strided(moved.shape, data.stride(), dtype=data.dtype).copy_(moved)
    return alike.expand(data.shape)


# --- totals


def _totals(
    program: Program,
    claims: Mapping[torch.fx.Node, Any],
    data: Sequence[torch.Tensor],
    values: Mapping[torch.fx.Node, Any],
    rng: random.Random,
    add: Any,
) -> None:
    """Each record has a term, the same at each place.

    What changes if two halves of the records change is what changes if each of them does; and
    nothing changes if records change places.
    """
    records = program.records
    first = _some_records(records, rng)
    new = [drawn(value, 0, rng, records) for value in program.inputs]

    def with_new(others: torch.Tensor) -> dict[torch.fx.Node, Any]:
        each = zip(program.inputs, data, new, strict=True)
        return run(program, [_with_others(v, one, two, others, records) for v, one, two in each])

    one, two = with_new(first), with_new(~first)
    both = with_new(torch.ones(records, dtype=torch.bool))
    by = rng.randrange(1, records)
    turned = [_moved(v, t, records, by) for v, t in zip(program.inputs, data, strict=True)]
    moved = run(program, turned)
    for node, claim in claims.items():
        for position, value, tensor in pairs(claim, values[node]):
            if not value.total or not tensor.dtype.is_floating_point:
                continue
            runs = (both, values, one, two, moved)
            terms = [_result(v[node], position).double() for v in runs]
            if not all(bool(t.isfinite().all()) for t in terms):
                continue
            most = max(float(t.abs().amax()) for t in terms)
            added = terms[0] + terms[1] - terms[2] - terms[3]
            for difference in (added, terms[1] - terms[4]):
                if float(difference.abs().amax()) > 1e-3 * (1 + most):
                    add("total", node)
