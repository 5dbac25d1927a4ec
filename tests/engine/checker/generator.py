"""Random flat programs over every rule of the checker, with arguments that are right and wrong.

A program grows node by node. Operands are values that are there already, or fresh inputs: of each
record (their place may lie between entries of other dimensions), or public, which are the same
along the records, or differ there, or have the records elsewhere. What PyTorch itself does not
take is dropped; what the checker refuses mostly is, too, so that programs become deep, and
sometimes ends the program, which the checker then has to refuse as a whole.
"""

from __future__ import annotations

import math
import operator
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import torch
import torch.fx

from workbench.engine.program.checker import walk
from workbench.engine.program.checker.rules.order import ORDERED
from workbench.engine.program.checker.rules.table import TABLE, overload
from workbench.engine.program.checker.values.call import Unproven
from workbench.engine.program.checker.values.value import DTYPES, Place, Value, constant

A = torch.ops.aten
F32, F64, I64, I32, U8, BOOL = DTYPES
FLOATS = (F32, F64)
RECORDS = (2, 3, 4, 16)
MOST_ENTRIES = 2048
MOST_NODES = 12
NUMBERS = (0.5, -0.5, 2.0, 1.0, 0.0, -0.0, -1.0, 3.0, 1e-3, 2, 1, 0, -1, 3)
RARE = (math.inf, -math.inf, math.nan, 1e30, -1e30, 1e300, 300, -300, 2**40, True)
TAKEN_BY_NONE = (RuntimeError, IndexError, ValueError, ZeroDivisionError)
"""What PyTorch raises for arguments that it does not take."""
NOT_TAKEN = "its arguments are not taken"
"""How the reason begins that the checker gives for what PyTorch does not take."""


@dataclass
class Program:
    """One program, as the checker is asked about it.

    Attributes
    ----------
    graph
        Its outputs are all of its values.
    inputs
        What its placeholders are.
    attributes
        Its constants.
    records
        How many records a chunk has.
    sums
        Whether sums over records are allowed.
    refused
        Operators that failed at the start.
    """

    graph: torch.fx.Graph
    inputs: list[Value]
    attributes: dict[str, torch.Tensor]
    records: int
    sums: bool = False
    refused: frozenset[str] = frozenset()
    known: dict[torch.fx.Node, Any] | None = None
    """What the checker said while it grew; None if its last node is refused."""

    def check(self, by: ModuleType = walk) -> dict[torch.fx.Node, Any]:
        """Return what a checker says of each node; a list for those with several results."""
        found = by.check(
            self.graph,
            self.inputs,
            self.attributes,
            self.records,
            sums=self.sums,
            refused=self.refused,
        )
        (nodes,) = next(reversed(self.graph.nodes)).args
        return dict(zip(nodes, found, strict=True))  # type: ignore[arg-type]

    @property
    def calls(self) -> list[torch.fx.Node]:
        """Its calls of operators."""
        return [
            n
            for n in self.graph.nodes
            if n.op == "call_function" and n.target is not operator.getitem
        ]


@dataclass(frozen=True)
class Item:
    """One tensor of a program that is being made: what the checker says of it, and its node."""

    node: torch.fx.Node
    value: Value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def place(self) -> Place | None:
        return self.value.place

    @property
    def rank(self) -> int:
        return len(self.value.shape)


class Dropped(Exception):
    """A node that PyTorch does not take, or that the checker refuses and that is left out."""


class Ended(Exception):
    """A node that the checker refuses and that stays: the program ends with it."""


@dataclass
class Counts:
    """What was proposed while programs grew.

    Attributes
    ----------
    rejected
        How many nodes PyTorch does not take.
    refused
        How many nodes the checker refused, by reason.
    broken
        How many nodes made the checker fail otherwise.
    """

    rejected: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)


class Maker:
    """Makes one program.

    Parameters
    ----------
    rng
        Whence all choices come.
    counts
        Where to count what was left out.
    """

    def __init__(self, rng: random.Random, counts: Counts | None = None) -> None:
        self.rng, self.counts = rng, counts or Counts()
        self.records = rng.choice(RECORDS)
        self.sums = rng.random() < 0.2
        self.graph = torch.fx.Graph()
        self.inputs: list[Value] = []
        self.attributes: dict[str, torch.Tensor] = {}
        self.known: dict[torch.fx.Node, Any] = {}
        self.items: list[Item] = []
        self.calls = 0
        self.reckless = rng.random() < 0.25
        """Whether a node that is refused may end the program."""

    # --- choices

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def size(self) -> int:
        """Return a small size, that of all records at times."""
        return self.rng.choice((1, 2, 3, 4, 5, self.records))

    def number(self) -> float:
        return self.rng.choice(RARE) if self.chance(0.05) else self.rng.choice(NUMBERS)

    def dims(self, rank: int, count: int, avoid: Place | None = None) -> list[int]:
        """Return some dimensions, seldom that of the records, seldom one that is not there."""
        if rank and self.chance(0.02):
            return [rank + self.rng.randrange(2)] * count
        free = [d for d in range(rank) if avoid is None or d != avoid.dim or self.chance(0.1)]
        found = self.rng.sample(free, min(count, len(free))) or [0] * min(count, 1)
        return [d - rank if self.chance(0.4) else d for d in found]

    def dim(self, item: Item, more: int = 0) -> int:
        """Return a dimension of an item, or of one with more dimensions."""
        found = self.dims(item.rank + more, 1, item.place if not more else None)
        return found[0] if found else self.rng.choice((0, -1))

    def pick(
        self, *ranks: int, dtypes: Sequence[torch.dtype] = (), place: bool | None = None
    ) -> Item:
        """Return an item of some rank and dtype, a fresh one if there is none."""
        fits = [
            item
            for item in self.items
            if (not ranks or item.rank in ranks)
            and (not dtypes or item.value.dtype in dtypes)
            and (place is None or (item.place is not None) == place)
            and not item.value.total
        ]
        # Later ones more often, so that programs become deep.
        if fits and self.chance(0.9):
            return fits[max(self.rng.randrange(len(fits)), self.rng.randrange(len(fits)))]
        rank = self.rng.choice(ranks or (1, 2, 3, 4))
        dtype = self.rng.choice(dtypes or (F32, F32, F32, F32, F64, I64, BOOL, U8, I32))
        return self.private(rank, dtype) if place is not False else self.public(rank, dtype)

    # --- inputs

    def fresh(
        self,
        shape: Sequence[int],
        dtype: torch.dtype = F32,
        place: Place | None = None,
        same: frozenset[Place | int] = frozenset(),
        bounds: tuple[float, float] | None = None,
    ) -> Item:
        """Return a new input."""
        if math.prod(shape) > MOST_ENTRIES:
            raise Dropped
        if place is not None and not self._fits(place, shape):
            place = None
        same = frozenset(at for at in same if self._fits(at, shape))
        value = Value(tuple(shape), dtype, place, same, bounds, laid=True)
        node = self.graph.placeholder(f"x{len(self.inputs)}")
        self.inputs.append(value)
        return self._known(node, value)

    def _fits(self, at: Place | int, shape: Sequence[int]) -> bool:
        dim = at if isinstance(at, int) else at.dim
        size = None if isinstance(at, int) else at.before * self.records * at.after
        return 0 <= dim < len(shape) and size in (None, shape[dim])

    def _known(self, node: torch.fx.Node, value: Value) -> Item:
        self.known[node] = value
        item = Item(node, value)
        self.items.append(item)
        return item

    def place(self, rank: int, sizes: Sequence[int] | None = None) -> tuple[list[int], Place]:
        """Return a shape and where the records lie in it."""
        shape = [self.size() for _ in range(rank)] if sizes is None else list(sizes)
        dim = 0 if self.chance(0.5) else self.rng.randrange(rank)
        before, after = (self.rng.choice((1, 1, 1, 2, 3)) for _ in range(2))
        if self.chance(0.5):
            before = after = 1
        shape[dim] = before * self.records * after
        return shape, Place(dim, before, after)

    def private(self, rank: int, dtype: torch.dtype = F32) -> Item:
        """Return a new input of each record."""
        shape, place = self.place(max(rank, 1))
        return self.fresh(shape, dtype, place, bounds=self.some_bounds(dtype))

    def public(self, rank: int, dtype: torch.dtype = F32) -> Item:
        """Return a new public input, or a constant."""
        shape = [self.size() for _ in range(rank)]
        same = frozenset(d for d in range(rank) if self.chance(0.4))
        if self.chance(0.3):
            return self.constant(shape, dtype, same)
        return self.fresh(shape, dtype, None, same, self.some_bounds(dtype))

    def some_bounds(self, dtype: torch.dtype) -> tuple[float, float] | None:
        if self.chance(0.8) or dtype is BOOL:
            return None
        low = self.rng.choice((0, 0, 1, 250, -3 if dtype is not U8 else 2))
        return (low, low + self.rng.choice((0, 1, 4, 5)))

    def constant(self, shape: Sequence[int], dtype: torch.dtype, same: Any = frozenset()) -> Item:
        """Return a constant that the program holds."""
        numbers = [self.rng.choice((0, 1, 2, 3)) for _ in range(math.prod(shape))]
        tensor = torch.tensor(numbers, dtype=dtype).reshape(list(shape))
        for dim in same:
            tensor = tensor.narrow(dim, 0, 1).expand(list(shape))
        name = f"c{len(self.attributes)}"
        tensor = self.attributes[name] = tensor.contiguous()
        return self._known(self.graph.get_attr(name), constant(tensor, self.records))

    def operand(self, item: Item, dtype: torch.dtype | None = None) -> Item:
        """Return something to be broadcast against an item: right in most ways, or nearly."""
        dtype = dtype or (item.value.dtype if self.chance(0.85) else self.rng.choice((F32, I64)))
        if self.chance(0.4):
            fits = [
                o
                for o in self.items
                if o.value.dtype is dtype and not o.value.total and _broadcast(o.shape, item.shape)
            ]
            if fits:
                return self.rng.choice(fits)
        shape, place = list(item.shape), item.place
        kind = self.rng.random()
        if place is None:
            if kind < 0.15 and item.rank:
                dim = self.rng.randrange(item.rank)
                if shape[dim] % self.records == 0:
                    return self.fresh(shape, dtype, Place(dim, 1, shape[dim] // self.records))
            same = frozenset(d for d in range(item.rank) if self.chance(0.3))
            return self.fresh(self._thinned(shape), dtype, None, same)
        if kind < 0.45:
            thin = self._thinned(shape, place.dim)
            shift = item.rank - len(thin)
            return self.fresh(thin, dtype, replace(place, dim=place.dim - shift))
        if kind < 0.6:
            shape[place.dim] = 1
            return self.fresh(self._thinned(shape), dtype)
        if kind < 0.7:
            return self.fresh(shape[place.dim + 1 :], dtype)
        if kind < 0.75:
            return self.fresh((), dtype)
        if kind < 0.82:
            return self.fresh(shape, dtype, None, frozenset({place.dim}))
        if kind < 0.87:
            return self.fresh(shape, dtype, None, frozenset({place}))
        if kind < 0.92:
            return self.constant(shape[place.dim + 1 :], dtype)
        if kind < 0.96:
            return self.fresh(shape, dtype)
        other = Place(place.dim, place.after, place.before)
        if place.before == place.after:
            dims = [d for d, size in enumerate(shape) if size % self.records == 0]
            dim = self.rng.choice(dims or [place.dim])
            other = Place(dim, 1, shape[dim] // self.records)
        return self.fresh(shape, dtype, other)

    def _thinned(self, shape: Sequence[int], keep: int = 10**6) -> list[int]:
        """Return a shape that is broadcast to it: some sizes are 1, some leading ones are gone."""
        found = [1 if d != keep and self.chance(0.15) else s for d, s in enumerate(shape)]
        gone = self.rng.randrange(min(keep, len(found)) + 1) if self.chance(0.15) else 0
        return found[gone:]

    def beside(self, place: Place | None, shape: Sequence[int], dtype: torch.dtype = F32) -> Item:
        """Return a fresh input with the records at a place; or public; seldom wrong."""
        kind = self.rng.random()
        if place is not None and kind < 0.8:
            return self.fresh(shape, dtype, place)
        if place is not None and kind < 0.9:
            return self.fresh(shape, dtype, None, frozenset({place.dim}))
        if place is not None and kind < 0.93 and place.before != place.after:
            return self.fresh(shape, dtype, Place(place.dim, place.after, place.before))
        return self.fresh(shape, dtype)

    # --- calls

    def _laid(self, arg: Any) -> Any:
        """Return a tensor in row-major order."""
        if not isinstance(arg, Item) or arg.value.laid:
            return arg
        return self.call(A.clone.default, arg, memory_format=torch.contiguous_format)[0]

    def call(self, target: Any, *args: Any, **kwargs: Any) -> list[Item]:
        """Add a call, and return its results.

        Raises
        ------
        Dropped
            If PyTorch does not take it, or the checker refuses it and the program goes on.
        Ended
            If the checker refuses it and the program ends with it.
        """
        if target in ORDERED and not self.chance(0.05):
            args = tuple(self._laid(arg) for arg in args)
        node = self.graph.call_function(target, _nodes(args), _nodes(kwargs))
        self.known[node] = None
        try:
            found = walk.called(node, self.known, self.records, self.sums, frozenset())
        except Unproven as error:
            self.counts.refused[plain(str(error))] += 1
            if self.reckless and self.chance(0.5):
                raise Ended from None
            self._erase(node)
            raise Dropped from None
        except Exception as error:
            # Else the checker itself is wrong, which `Counts.broken` tells.
            if not isinstance(error, TAKEN_BY_NONE):
                self.counts.broken[f"{target}: {type(error).__name__} {str(error)[:60]}"] += 1
            self.counts.rejected += 1
            self._erase(node)
            raise Dropped from None
        self.known[node] = found
        self.calls += 1
        if not isinstance(found, list):
            item = Item(node, found)
            self.items.append(item)
            return [item]
        items = []
        for position, value in enumerate(found):
            if value is None:
                continue
            index = position - len(found) if self.chance(0.2) else position
            item = Item(self.graph.call_function(operator.getitem, (node, index)), value)
            self.known[item.node] = value
            self.items.append(item)
            items.append(item)
        return items

    def _erase(self, node: torch.fx.Node) -> None:
        del self.known[node]
        self.graph.erase_node(node)

    def step(self, target: Any) -> None:
        """Add one call of an operator, with what it needs."""
        recipe = RECIPES[target]
        recipe(self, target)

    def program(self, ended: bool) -> Program:
        """Return what was made, all values as outputs."""
        self.graph.output(tuple(self.known))
        known = None if ended else self.known
        return Program(
            self.graph, self.inputs, self.attributes, self.records, self.sums, known=known
        )

    # --- indices

    def index(self, shape: Sequence[int], size: int, place: Place | None) -> Item:
        """Return whole numbers below `size`, in most cases: with bounds, or clamped, or neither."""
        kind = self.rng.random()
        most = size - 1 + (self.rng.randrange(3) if self.chance(0.1) else 0)
        dtype = I32 if self.chance(0.1) else I64
        same = frozenset() if place or self.chance(0.6) else frozenset(range(len(shape)))
        if kind < 0.05:
            return self.fresh(shape, dtype, place, same)
        if kind < 0.5:
            return self.fresh(shape, dtype, place, same, (0, most))
        if kind < 0.7:
            (found,) = self.call(A.clamp.default, self.fresh(shape, I64, place, same), 0, most)
            return found
        if kind < 0.8 and place is None:
            return (
                self.constant(shape, I64)
                if size > 3
                else self.fresh(shape, I64, None, same, (0, most))
            )
        source = self.fresh(shape, F32, place, same)
        steps = [(A.nan_to_num.default,), (A.clamp.default, 0, most)]
        if self.chance(0.1):
            del steps[self.rng.randrange(2)]
        for target, *args in steps:
            (source,) = self.call(target, source, *args)
        (found,) = self.call(A._to_copy.default, source, dtype=dtype)
        return found


def plain(reason: str) -> str:
    """Return a reason without the numbers and names in it."""
    return "".join("N" if c.isdigit() else c for c in reason).replace("NN", "N")


def _broadcast(one: Sequence[int], other: Sequence[int]) -> bool:
    return all(a in (1, b) or b == 1 for a, b in zip(reversed(one), reversed(other), strict=False))


def _nodes(args: Any) -> Any:
    if isinstance(args, Item):
        return args.node
    if isinstance(args, list | tuple):
        return type(args)(_nodes(arg) for arg in args)
    return {k: _nodes(v) for k, v in args.items()} if isinstance(args, dict) else args


# --- recipes: how each operator is called

Recipe = Callable[[Maker, Any], None]
_RULES_OF = {name: rule for rule, names in TABLE for name in names.split()}


def _name(target: Any) -> str:
    return str(target).removeprefix("aten.").removesuffix(".default")


def entry_by_entry(maker: Maker, target: Any) -> None:
    """Tensors that are broadcast, and numbers, as the schema wants them."""
    name = _name(target)
    dtypes: tuple[torch.dtype, ...] = FLOATS
    if name.startswith("bitwise"):
        dtypes = (BOOL, I64, U8, I32)
    elif maker.chance(0.15) or name in ("where.self", "masked_fill.Scalar", "_to_copy"):
        dtypes = DTYPES
    elif name in (
        "clamp",
        "clamp_min",
        "clamp_max",
        "add.Tensor",
        "sub.Tensor",
        "mul.Tensor",
        "add.Scalar",
        "sub.Scalar",
        "mul.Scalar",
    ) and maker.chance(0.4):
        dtypes = (I64, I64, U8)
    main = maker.pick(dtypes=dtypes)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in target._schema.arguments:
        kind, given = str(argument.type), None
        if "Tensor" in kind:
            given = _tensor(maker, name, argument.name, main, bool(args))
            if given is None and "Optional" not in kind:
                given = main
        elif name.endswith("gelu") or argument.name == "approximate":
            given = maker.rng.choice(("none", "tanh"))
        elif "dtype" in argument.name:
            given = maker.rng.choice(DTYPES) if name == "_to_copy" else None
        elif argument.has_default_value() and maker.chance(0.4):
            given = argument.default_value
        elif kind in ("number", "Optional[number]", "float", "Optional[float]"):
            given = maker.number()
            given = float(given) if "float" in kind else given
        elif kind == "bool":
            given = maker.chance(0.5)
        elif argument.has_default_value():
            given = argument.default_value
        if argument.kwarg_only:
            kwargs |= {} if given == argument.default_value else {argument.name: given}
        else:
            args.append(given)
    maker.call(target, *args, **kwargs)


def _tensor(maker: Maker, name: str, argument: str, main: Item, later: bool) -> Item | None:
    if name == "where.self" and argument == "condition":
        return maker.operand(main, BOOL)
    if argument == "mask":
        return maker.operand(main, BOOL)
    if not later:
        return main
    if name in ("clamp.Tensor", "clamp") and maker.chance(0.3):
        return None
    return maker.operand(main, main.value.dtype if "backward" in name else None)


def filled(maker: Maker, target: Any) -> None:
    name = _name(target)
    options = {"dtype": maker.rng.choice((F32, F32, F64, I64, U8, BOOL, I32))}
    shape = [maker.size() for _ in range(maker.rng.randrange(4))]
    number = maker.number()
    if name == "scalar_tensor":
        maker.call(target, number, **options)
    elif name.endswith("_like"):
        args = [number] if name == "full_like" else []
        maker.call(target, maker.pick(), *args, **(options if maker.chance(0.5) else {}))
    elif name.startswith("new_"):
        args = [number] if name == "new_full" else []
        maker.call(target, maker.pick(), shape, *args, **(options if maker.chance(0.5) else {}))
    else:
        maker.call(target, shape, *([number] if name == "full" else []), **options)


def counted(maker: Maker, target: Any) -> None:
    numbers = [maker.size(), maker.size() + maker.size(), maker.rng.choice((1, 1, 2))]
    if maker.chance(0.2):
        numbers = [n * maker.rng.choice((0.5, 1.5, 1)) for n in numbers]
    args = {"arange": numbers[1:2], "arange.start": numbers[:2]}.get(_name(target), numbers)
    dtype = maker.rng.choice((I64, I64, I32, F32, U8))
    maker.call(target, *args, **({"dtype": dtype} if maker.chance(0.6) else {}))


def public(maker: Maker, target: Any) -> None:
    name = _name(target)
    if name == "eye":
        maker.call(target, maker.size())
    elif name == "linspace":
        maker.call(target, 0.0, 1.0, maker.size())
    else:
        private = maker.chance(0.2)
        one = maker.pick(1 if name == "dot" else 2, dtypes=(F32,), place=private)
        other = maker.fresh(one.shape[-1:])
        maker.call(target, one, other)


def view(maker: Maker, target: Any) -> None:
    item = maker.pick()
    shape = list(item.shape)
    for _ in range(maker.rng.randrange(1, 4)):
        kind = maker.rng.random()
        if kind < 0.35 and len(shape) > 1:
            at = maker.rng.randrange(len(shape) - 1)
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        elif kind < 0.75 and shape:
            at = maker.rng.randrange(len(shape))
            divisors = [d for d in range(1, shape[at] + 1) if shape[at] % d == 0]
            first = maker.rng.choice(divisors)
            shape[at : at + 1] = [first, shape[at] // first]
        elif kind < 0.8:
            shape.insert(maker.rng.randrange(len(shape) + 1), 1)
        elif kind < 0.85:
            shape = [math.prod(shape)]
        elif kind < 0.9:
            maker.rng.shuffle(shape)
    if shape and maker.chance(0.2):
        shape[maker.rng.randrange(len(shape))] = -1
    maker.call(target, item, shape)


def permute(maker: Maker, target: Any) -> None:
    name = _name(target)
    item = maker.pick(*((1, 2) if name == "t" else ()))
    if name == "permute":
        order = maker.rng.sample(range(item.rank), item.rank)
        maker.call(target, item, [d - item.rank if maker.chance(0.3) else d for d in order])
    elif name == "t":
        maker.call(target, item)
    else:
        both = [maker.rng.randrange(-item.rank, item.rank) if item.rank else 0 for _ in range(2)]
        maker.call(target, item, *both)


def unsqueeze(maker: Maker, target: Any) -> None:
    item = maker.pick()
    maker.call(target, item, maker.dim(item, 1))


def squeeze(maker: Maker, target: Any) -> None:
    fits = [item for item in maker.items if 1 in item.shape]
    item = maker.rng.choice(fits) if fits and maker.chance(0.8) else maker.pick()
    ones = [d for d, size in enumerate(item.shape) if size == 1 or maker.chance(0.2)]
    dims = [d - item.rank if maker.chance(0.3) else d for d in ones or [0]]
    if _name(target) == "squeeze.dim":
        maker.call(target, item, maker.rng.choice(dims))
    else:
        maker.call(target, item, dims if maker.chance(0.95) else [])


def expand(maker: Maker, target: Any) -> None:
    fits = [item for item in maker.items if 1 in item.shape]
    item = maker.rng.choice(fits) if fits and maker.chance(0.7) else maker.pick()
    shape = [maker.size() if size == 1 else size for size in item.shape]
    shape = [-1 if maker.chance(0.1) else size for size in shape]
    new = [maker.size() for _ in range(maker.rng.randrange(3))]
    maker.call(target, item, new + shape)


def select(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3, 4)
    dim = maker.dim(item)
    size = item.shape[dim] if -item.rank <= dim < item.rank else 1
    maker.call(target, item, dim, maker.rng.randrange(-size, size))


def unbind(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3, 4)
    maker.call(target, item, maker.dim(item))


def part(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3, 4)
    dim = maker.rng.randrange(item.rank) if maker.chance(0.2) else maker.dim(item)
    size = item.shape[dim] if -item.rank <= dim < item.rank else 1
    name = _name(target)
    if name == "slice.Tensor":
        start = maker.rng.randrange(-size, size) if maker.chance(0.7) else None
        end = maker.rng.choice((None, size, 2**63 - 1, -1, maker.size()))
        maker.call(target, item, dim, start, end, maker.rng.choice((1, 1, 1, 2)))
    elif name == "split.Tensor":
        maker.call(target, item, maker.rng.randrange(1, size + 2), dim)
    else:
        first = maker.rng.randrange(size + 1)
        sizes = [size] if maker.chance(0.2) else [first, size - first]
        maker.call(target, item, sizes, dim)


def part_backward(maker: Maker, target: Any) -> None:
    item = maker.pick(*((1, 2, 3) if _name(target) == "slice_backward" else (0, 1, 2, 3)))
    shape = list(item.shape)
    if _name(target) == "select_backward":
        dim = maker.rng.randrange(item.rank + 1)
        size = maker.size()
        shape.insert(dim, size)
        index = maker.rng.randrange(-size, size)
        _larger(maker, shape)
        maker.call(target, item, shape, dim - len(shape) if maker.chance(0.3) else dim, index)
        return
    dim = maker.dim(item)
    before, after = maker.rng.randrange(3), maker.rng.randrange(3)
    step = maker.rng.choice((1, 1, 2))
    if -item.rank <= dim < item.rank:
        span = (shape[dim] - 1) * step + 1
        shape[dim] = before + span + after
        _larger(maker, shape)
        maker.call(target, item, shape, dim, before, before + span, step)


def _larger(maker: Maker, shape: list[int]) -> None:
    """Change a shape at times, so that what is written into it is broadcast."""
    if maker.chance(0.1):
        at = maker.rng.randrange(len(shape))
        shape[at] = maker.records if shape[at] == 1 else shape[at]
    if maker.chance(0.07):
        shape.insert(maker.rng.randrange(len(shape) + 1), maker.size())


def diagonal(maker: Maker, target: Any) -> None:
    item = maker.pick(2, 3, 4)
    dims = maker.dims(item.rank, 2, item.place)
    maker.call(target, item, maker.rng.choice((0, 0, 1, -1)), *(dims * 2)[:2])


def diagonal_backward(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3)
    kept, size = list(item.shape[:-1]), item.shape[-1]
    offset = maker.rng.choice((0, 0, 1, -1))
    one, two = sorted(maker.rng.sample(range(len(kept) + 2), 2))
    shape = list(kept)
    shape.insert(one, size + max(-offset, 0))
    shape.insert(two, size + max(offset, 0))
    _larger(maker, shape)
    if maker.chance(0.3):
        one, two, offset = two, one, -offset
    rank = len(shape)
    dims = [d - rank if maker.chance(0.3) else d for d in (one, two)]
    maker.call(target, item, shape, offset, *dims)


def cat(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3, 4)
    dim = maker.dim(item)
    items = [item]
    for _ in range(maker.rng.randrange(3)):
        shape = list(item.shape)
        if -item.rank <= dim < item.rank and maker.chance(0.5):
            shape[dim] = maker.size()
        dtype = item.value.dtype if maker.chance(0.8) else maker.rng.choice(DTYPES)
        place = item.place if item.place and item.place.dim != dim % item.rank else None
        others = [o for o in maker.items if o.shape == tuple(shape)]
        other = maker.rng.choice(others) if others and maker.chance(0.4) else None
        items.append(other or maker.beside(place, shape, dtype))
    maker.rng.shuffle(items)
    maker.call(target, items if maker.chance(0.8) else tuple(items), dim)


def stack(maker: Maker, target: Any) -> None:
    item = maker.pick(0, 1, 2, 3)
    items = [item]
    for _ in range(maker.rng.randrange(3)):
        others = [o for o in maker.items if o.shape == item.shape]
        other = maker.rng.choice(others) if maker.chance(0.6) else None
        items.append(other or maker.beside(item.place, item.shape, item.value.dtype))
    maker.call(target, items if maker.chance(0.8) else tuple(items), maker.dim(item, 1))


_WHOLE_LISTS = ("amax", "amin", "logsumexp", "any.dims", "all.dims", "sum.dim_IntList", "mean.dim")


def reduction(maker: Maker, target: Any) -> None:
    name = _name(target)
    # A sum over the records is a total, which is an end.
    free = name.startswith("sum") and maker.sums
    dtypes = FLOATS if maker.chance(0.8) or name in ("logsumexp", "var.correction") else ()
    item = maker.pick(1, 2, 3, 4, dtypes=dtypes)
    if "dim" not in {a.name for a in target._schema.arguments}:
        args: list[Any] = [] if maker.chance(0.2) or free else [maker.pick(place=False)]
        maker.call(target, *(args or [item]))
        return
    several = name in _WHOLE_LISTS or name in ("var.correction", "linalg_vector_norm")
    kwargs: dict[str, Any] = {}
    if name == "var.correction":
        kwargs["correction"] = maker.rng.choice((0, 1, 0.5))
    if name.startswith(("sum", "mean", "linalg")) and maker.chance(0.1):
        kwargs["dtype"] = maker.rng.choice((F32, F64, F64, I64))
    count = maker.rng.choice((1, 1, 2)) if several else 1
    dims: Any = maker.dims(item.rank, count, item.place)
    if free and item.place is not None and maker.chance(0.3):
        dims = [*dims, item.place.dim] if maker.chance(0.3) else [item.place.dim]
    if not several:
        dims = dims[0] if dims else 0
    if maker.chance(0.03):
        dims = maker.rng.choice(([], None)) if several or name.startswith("arg") else dims
    keepdim = maker.chance(0.4)
    if name == "linalg_vector_norm":
        order = maker.rng.choice((2, 1, 0, math.inf, -math.inf, 3, 0.5))
        maker.call(target, item, order, dims, keepdim, **kwargs)
    elif name == "var.correction":
        maker.call(target, item, dims, keepdim=keepdim, **kwargs)
    else:
        maker.call(target, item, dims, keepdim, **kwargs)


def along(maker: Maker, target: Any) -> None:
    name = _name(target)
    item = maker.pick(1, 2, 3, dtypes=FLOATS)
    if name.startswith(("cum", "sort", "topk", "flip")) and maker.chance(0.2):
        item = maker.pick(1, 2, 3)
    dim = maker.dim(item)
    size = item.shape[dim] if -item.rank <= dim < item.rank else 1
    if name in ("_softmax", "_log_softmax"):
        maker.call(target, item, dim, maker.chance(0.02))
    elif name.endswith("backward_data"):
        maker.call(target, item, maker.operand(item, item.value.dtype), dim, item.value.dtype)
    elif name.startswith("cum"):
        dtype = {"dtype": maker.rng.choice((F64, F32, I64))} if maker.chance(0.1) else {}
        maker.call(target, item, dim, **dtype)
    elif name == "sort":
        maker.call(target, item, dim, maker.chance(0.5))
    elif name == "sort.stable":
        maker.call(target, item, stable=True, dim=dim, descending=maker.chance(0.5))
    elif name == "topk":
        maker.call(target, item, maker.rng.randrange(1, size + 1), dim, maker.chance(0.5), True)
    else:
        dims = maker.dims(item.rank, maker.rng.choice((0, 1, 1, 2)), item.place)
        maker.call(target, item, dims)


def triangle(maker: Maker, target: Any) -> None:
    maker.call(target, maker.pick(2, 3, 4), maker.rng.choice((0, 0, 1, -1)))


def pad(maker: Maker, target: Any) -> None:
    item = maker.pick(1, 2, 3, 4)
    amounts = []
    for dim in reversed(range(maker.rng.randrange(item.rank), item.rank)):
        free = item.place is None or dim != item.place.dim or maker.chance(0.1)
        amounts += [maker.rng.choice((0, 1, 2, -1)) if free else 0 for _ in range(2)]
    maker.call(target, item, amounts, maker.number())


def mm(maker: Maker, target: Any) -> None:
    one, two = _factors(maker, "bmm" in _name(target))
    maker.call(target, one, two)


def _factors(maker: Maker, batched: bool) -> tuple[Item, Item]:
    one = maker.pick(3 if batched else 2, dtypes=(F32, F32, F64, I64))
    batch = one.rank - 2
    shape = [*one.shape[:batch], one.shape[-1], maker.size()]
    place = one.place
    if place is None or maker.chance(0.2):
        shape, place = maker.place(one.rank, shape)
        if shape[: batch + 1] != [*one.shape[:batch], one.shape[-1]]:
            shape, place = [*one.shape[:batch], one.shape[-1], maker.size()], None
    elif place.dim == batch + 1:
        place = replace(place, dim=batch)
    elif place.dim == batch:
        place = None
    two = maker.beside(place, shape, one.value.dtype)
    if maker.chance(0.5):
        return one, two
    # The other way round: (A B)^T = B^T A^T.
    (two,) = maker.call(A.transpose.int, two, -1, -2)
    (one,) = maker.call(A.transpose.int, one, -1, -2)
    return two, one


def addmm(maker: Maker, target: Any) -> None:
    batched = _name(target) == "baddbmm"
    one, two = _factors(maker, batched)
    shape = (*one.shape[:-1], two.shape[-1])
    places = [p for p in (one.place, two.place) if p]
    place = places[0] if len(set(places)) == 1 else None
    product = Item(one.node, Value(shape, one.value.dtype, place))
    kwargs = {"beta": maker.rng.choice((0, 1, 0.5)), "alpha": maker.rng.choice((1, 2))}
    maker.call(
        target,
        maker.operand(product, one.value.dtype),
        one,
        two,
        **(kwargs if maker.chance(0.4) else {}),
    )


@dataclass(frozen=True)
class _Convolution:
    value: Item
    weight: Item
    bias: Item | None
    out: Place | None
    args: tuple[Any, ...]


def _convolution(maker: Maker) -> _Convolution:
    space = maker.rng.choice((1, 2, 2, 3))
    records, rng = maker.records, maker.rng
    kernel = [rng.choice((1, 2, 3)) for _ in range(space)]
    sizes = [rng.choice((3, 4, 5)) for _ in range(space)]
    images = rng.choice((1, 2, 3))
    kind = rng.random()
    transposed = maker.chance(0.15)
    dtype = F32 if maker.chance(0.9) else F64
    place: Place | None
    if kind < 0.5:
        groups = rng.choice((1, 1, 2))
        inputs, outputs = groups * rng.choice((1, 2)), groups * rng.choice((1, 2, 3))
        before, after = rng.choice(((1, 1), (1, 1), (2, 1), (1, 2)))
        found = [
            i
            for i in maker.items
            if i.rank == space + 2
            and i.value.dtype is dtype
            and i.place
            and i.place.dim == 0
            and i.shape[1] % groups == 0
        ]
        if found and maker.chance(0.6):
            value = rng.choice(found)
            place, inputs = value.place, value.shape[1]
        else:
            place = Place(0, before, after)
            value = maker.beside(place, [before * records * after, inputs, *sizes], dtype)
        own, out = None, place
    else:
        each = rng.choice((1, 2))
        outputs = records * each * rng.choice((1, 2))
        own, out = Place(0, 1, outputs // records), Place(1, 1, outputs // records)
        if kind < 0.85:
            groups = records * each
            inputs = groups * rng.choice((1, 2))
            place = Place(1, 1, inputs // records)
        else:
            groups, inputs, place = 1, rng.choice((1, 2)), None
        value = maker.beside(place, [images, inputs, *sizes], dtype)
    shape = [outputs, inputs // groups]
    if transposed:
        shape = [inputs, outputs // groups]
    weight = maker.beside(own, [*shape, *kernel], dtype)
    if own is not None and maker.chance(0.05):
        weight = maker.fresh([*shape, *kernel], dtype)
    bias = maker.beside(own, [outputs], dtype) if maker.chance(0.5) else None
    stride, padding = (
        [rng.choice((1, 1, 2)) for _ in range(space)],
        [rng.choice((0, 0, 1)) for _ in range(space)],
    )
    dilation = [rng.choice((1, 1, 1, 2)) for _ in range(space)]
    options = (stride, padding, dilation, transposed, [0] * space, groups)
    return _Convolution(value, weight, bias, out, options)


def convolution(maker: Maker, target: Any) -> None:
    made = _convolution(maker)
    maker.call(target, made.value, made.weight, made.bias, *made.args)


def convolution_backward(maker: Maker, target: Any) -> None:
    made = _convolution(maker)
    shapes = (
        torch.empty(i.shape, dtype=i.value.dtype, device="meta") for i in (made.value, made.weight)
    )
    try:
        shape = list(A.convolution.default(*shapes, None, *made.args).shape)
    except RuntimeError:
        raise Dropped from None
    outputs = [shape[1]]
    if maker.chance(0.03):
        shape[maker.rng.randrange(len(shape))] += 1
    gradient = maker.beside(made.out, shape, made.value.value.dtype)
    bias = maker.rng.choice((None, outputs, outputs, [3]))
    mask = [maker.chance(0.8), maker.chance(0.8), bias is not None and maker.chance(0.8)]
    maker.call(target, gradient, made.value, made.weight, bias, *made.args, mask)


def _image(maker: Maker, channels: bool = False) -> Item:
    found = [
        i
        for i in maker.items
        if i.rank in ((4,) if channels else (3, 4))
        and i.value.dtype in FLOATS
        and i.shape[-1] > 1
        and not i.value.total
    ]
    if found and maker.chance(0.5):
        return maker.rng.choice(found)
    rank = 4 if channels else maker.rng.choice((3, 4))
    shape, place = maker.place(rank)
    sizes = [maker.rng.choice((1, 2, 3, 4, 5, 6)) for _ in range(2)]
    if place.dim < rank - 2:
        shape[-2:] = sizes
    return maker.beside(place, shape, F32 if maker.chance(0.9) else F64)


def _windows(maker: Maker, name: str, image: Item) -> list[Any]:
    rng = maker.rng
    if name.startswith("_adaptive"):
        return [[rng.choice((1, 2, 3)) for _ in range(2)]]
    if name.startswith("upsample"):
        sizes = [rng.choice((1, 2, 3, 5)) for _ in range(2)]
        scales: list[float | None] = [None, None]
        if maker.chance(0.5):
            scales = [n / size for n, size in zip(sizes, image.shape[-2:], strict=True)]
            if maker.chance(0.2):
                scales[rng.randrange(2)] = rng.choice((0.5, 2.0, 1e-30, 0.0, -1.0))
        return [sizes, *scales]
    kernel = [rng.choice((1, 2, 3)) for _ in range(2)]
    stride = rng.choice(([], [1, 1], [2, 2], [1, 2]))
    padding = [rng.randrange(k // 2 + 1) for k in kernel]
    if name.startswith("avg"):
        return [
            kernel,
            stride,
            padding,
            maker.chance(0.3),
            maker.chance(0.5),
            rng.choice((None, 1, 3)),
        ]
    return [
        kernel,
        stride,
        padding,
        [rng.choice((1, 1, 2, 3)) for _ in range(2)],
        maker.chance(0.3),
    ]


def pooling(maker: Maker, target: Any) -> None:
    name = _name(target)
    image = _image(maker, name.startswith("upsample"))
    maker.call(target, image, *_windows(maker, name, image))


def pooling_backward(maker: Maker, target: Any) -> None:
    name = _name(target)
    image = _image(maker, name.startswith("upsample"))
    windows = _windows(maker, name, image)
    forward = getattr(A, name.removesuffix("_backward")).default
    outs = maker.call(forward, image, *windows)
    gradient = maker.beside(image.place, outs[0].shape, image.value.dtype)
    if maker.chance(0.2):
        image = maker.beside(image.place, image.shape, image.value.dtype)
    if name.startswith("upsample"):
        maker.call(target, gradient, windows[0], list(image.shape), *windows[1:])
    elif name.startswith("max"):
        indices = outs[1]
        if maker.chance(0.3):
            most = math.prod(image.shape[-2:])
            indices = maker.index(indices.shape, most, image.place)
        maker.call(target, gradient, image, *windows, indices)
    else:
        more = [] if name.startswith("_adaptive") else windows
        maker.call(target, gradient, image, *more)


def _scales(maker: Maker, shape: Sequence[int], dtype: torch.dtype) -> list[Item | None]:
    found = []
    for _ in range(2):
        kind = maker.rng.random()
        if kind < 0.05 and shape and shape[0] % maker.records == 0:
            found.append(maker.fresh(shape, dtype, Place(0, 1, shape[0] // maker.records)))
        else:
            found.append(None if kind < 0.4 else maker.fresh(shape, dtype))
    return found


_EPS = (1e-5, 1e-3, 1e-1)


def _over_last(maker: Maker) -> tuple[Item, list[int]]:
    value = maker.pick(2, 3, 4, dtypes=FLOATS)
    most = value.rank if value.place is None else value.rank - 1 - value.place.dim
    count = maker.rng.randrange(1, most + 1) if most and maker.chance(0.95) else value.rank
    return value, list(value.shape[value.rank - count :])


def layer_norm(maker: Maker, target: Any) -> None:
    value, shape = _over_last(maker)
    scales = _scales(maker, shape, value.value.dtype)
    maker.call(target, value, shape, *scales, maker.rng.choice(_EPS))


def _mask(maker: Maker, *there: Any) -> list[bool]:
    return [maker.chance(0.8), *(o is not None and maker.chance(0.8) for o in there)]


def layer_norm_backward(maker: Maker, target: Any) -> None:
    value, shape = _over_last(maker)
    weight, bias = _scales(maker, shape, value.value.dtype)
    forward = A.native_layer_norm.default
    _, mean, rstd = maker.call(forward, value, shape, weight, bias, maker.rng.choice(_EPS))
    if maker.chance(0.2):
        mean = maker.beside(value.place, mean.shape, value.value.dtype)
    gradient = maker.beside(value.place, value.shape, value.value.dtype)
    maker.call(target, gradient, value, shape, mean, rstd, weight, bias, _mask(maker, weight, bias))


def _grouped(maker: Maker) -> tuple[Item, list[int], Item | None, Item | None]:
    found = [
        i
        for i in maker.items
        if i.rank >= 2
        and i.value.dtype in FLOATS
        and (i.place is None or i.place.dim == 0)
        and not i.value.total
    ]
    if found and maker.chance(0.6):
        value = maker.rng.choice(found)
    else:
        rank = maker.rng.choice((2, 3, 4))
        after = maker.rng.choice((1, 1, 2))
        shape = [maker.records * after, *(maker.size() for _ in range(rank - 1))]
        value = maker.beside(Place(0, 1, after), shape)
        if maker.chance(0.1):
            value = maker.private(rank)
    images, channels = value.shape[:2]
    groups = maker.rng.choice([g for g in range(1, channels + 1) if channels % g == 0])
    sizes = [images, channels, math.prod(value.shape[2:]), groups]
    if maker.chance(0.03):
        sizes[0], sizes[1] = sizes[1], sizes[0]
    return value, sizes, *_scales(maker, [channels], value.value.dtype)


def group_norm(maker: Maker, target: Any) -> None:
    value, sizes, weight, bias = _grouped(maker)
    maker.call(target, value, weight, bias, *sizes, maker.rng.choice(_EPS))


def group_norm_backward(maker: Maker, target: Any) -> None:
    value, sizes, weight, bias = _grouped(maker)
    forward = A.native_group_norm.default
    _, mean, rstd = maker.call(forward, value, weight, bias, *sizes, maker.rng.choice(_EPS))
    if maker.chance(0.2):
        mean = maker.beside(value.place, mean.shape, value.value.dtype)
    gradient = maker.beside(value.place, value.shape, value.value.dtype)
    mask = _mask(maker, weight, bias)
    maker.call(target, gradient, value, mean, rstd, weight, *sizes, mask)


def embedding(maker: Maker, target: Any) -> None:
    rows = maker.size()
    table = maker.fresh([rows, maker.size()], F32 if maker.chance(0.9) else I64)
    if maker.chance(0.05):
        table = maker.private(2)
    shape, place = maker.place(maker.rng.choice((1, 2)))
    index = maker.index(shape, table.shape[0], place if maker.chance(0.85) else None)
    maker.call(target, table, index)


def gather(maker: Maker, target: Any) -> None:
    value = maker.pick(1, 2, 3)
    dim = maker.dim(value)
    if not -value.rank <= dim < value.rank:
        raise Dropped
    shape = list(value.shape)
    shape[dim] = maker.size()
    place = value.place
    if place is None and maker.chance(0.4):
        shape, place = maker.place(value.rank, shape)
        for d in range(value.rank):
            shape[d] = shape[d] if d == dim % value.rank else value.shape[d]
        if shape[place.dim] != place.before * maker.records * place.after:
            place = None
    elif (place is not None and place.dim == dim % value.rank) or maker.chance(0.1):
        place = None
    maker.call(target, value, dim, maker.index(shape, value.shape[dim], place))


def scatter_add(maker: Maker, target: Any) -> None:
    value = maker.pick(1, 2, 3, dtypes=(F32, F64, I64))
    dim = maker.dim(value)
    if not -value.rank <= dim < value.rank:
        raise Dropped
    shape = list(value.shape)
    shape[dim] = maker.size()
    place = value.place if value.place and value.place.dim != dim % value.rank else None
    index = maker.index(shape, value.shape[dim], place if maker.chance(0.8) else None)
    maker.call(target, value, dim, index, maker.beside(place, shape, value.value.dtype))


def index_select(maker: Maker, target: Any) -> None:
    value = maker.pick(1, 2, 3)
    dim = maker.dim(value)
    if not -value.rank <= dim < value.rank:
        raise Dropped
    own = value.place is None and maker.chance(0.5)
    (size,), place = maker.place(1)
    if not own:
        size, place = maker.size(), None  # type: ignore[assignment]
    maker.call(target, value, dim, maker.index([size], value.shape[dim], place))


def index_add(maker: Maker, target: Any) -> None:
    value = maker.pick(1, 2, 3, dtypes=(F32, F64, I64), place=False if maker.sums else None)
    dim = maker.dim(value)
    if not -value.rank <= dim < value.rank:
        raise Dropped
    shape = list(value.shape)
    place = value.place
    if maker.sums and place is None and maker.chance(0.6):
        after = maker.rng.choice((1, 2))
        shape[dim] = maker.records * after
        place = Place(dim % value.rank, 1, after)
        index = maker.index([shape[dim]], value.shape[dim], Place(0, 1, after))
    else:
        shape[dim] = maker.size()
        place = place if place and place.dim != dim % value.rank else None
        index = maker.index([shape[dim]], value.shape[dim], None)
    kwargs = {"alpha": 2} if maker.chance(0.1) else {}
    maker.call(target, value, dim, index, maker.beside(place, shape, value.value.dtype), **kwargs)


_BY_RULE: dict[str, Recipe] = {
    **dict.fromkeys(
        ("elementwise", "affine", "clamp", "where", "nan_to_num", "to_copy", "copied"),
        entry_by_entry,
    ),
    **{
        recipe.__name__: recipe
        for recipe in (
            filled,
            counted,
            public,
            view,
            permute,
            unsqueeze,
            squeeze,
            expand,
            select,
            unbind,
            part,
            part_backward,
            diagonal,
            diagonal_backward,
            cat,
            stack,
            reduction,
            along,
            triangle,
            pad,
            mm,
            addmm,
            convolution,
            convolution_backward,
            pooling,
            pooling_backward,
            layer_norm,
            layer_norm_backward,
            group_norm,
            group_norm_backward,
            embedding,
            gather,
            scatter_add,
            index_select,
            index_add,
        )
    },
}

RECIPES: dict[Any, Recipe] = {
    overload(name): _BY_RULE[rule.__name__] for name, rule in _RULES_OF.items()
}
"""How each operator of the checker's table is called."""

_GROUPS = [[overload(name) for name in names.split()] for _, names in TABLE]
_ALL = list(RECIPES)


def made(rng: random.Random, counts: Counts | None = None) -> Program:
    """Return a random program."""
    maker = Maker(rng, counts)
    maker.private(1)
    wanted = rng.randrange(1, MOST_NODES + 1)
    for _ in range(3 * wanted):
        if maker.calls >= wanted:
            break
        target = rng.choice(rng.choice(_GROUPS)) if rng.random() < 0.5 else rng.choice(_ALL)
        try:
            maker.step(target)
        except Dropped:
            continue
        except Ended:
            return maker.program(ended=True)
    return maker.program(ended=False)


# --- nearly right


def nearly(program: Program, rng: random.Random) -> Program:
    """Return a copy of a program in which one argument, or one input's place, is another."""
    inputs = list(program.inputs)
    graph = torch.fx.Graph()
    copies: dict[torch.fx.Node, torch.fx.Node] = {}
    (nodes,) = (graph.graph_copy(program.graph, copies),)  # type: ignore[assignment]
    graph.output(nodes)
    calls = [n for n in graph.nodes if n.op == "call_function"]
    if not calls or rng.random() < 0.2:
        at = rng.randrange(len(inputs))
        inputs[at] = _moved(inputs[at], program.records, rng)
    else:
        node = rng.choice(calls)
        earlier = []
        for other in graph.nodes:
            if other is node:
                break
            earlier.append(other)
        places = [(False, i) for i in range(len(node.args))] + [(True, k) for k in node.kwargs]
        named, key = rng.choice(places)
        if named:
            node.update_kwarg(key, _another(node.kwargs[key], earlier, program.records, rng))
        else:
            node.update_arg(key, _another(node.args[key], earlier, program.records, rng))
    return Program(graph, inputs, program.attributes, program.records, program.sums)


def _moved(value: Value, records: int, rng: random.Random) -> Value:
    place = value.place
    if place is None:
        dims = [d for d, size in enumerate(value.shape) if size % records == 0]
        if dims and rng.random() < 0.5:
            dim = rng.choice(dims)
            return replace(value, place=Place(dim, 1, value.shape[dim] // records))
        return replace(value, same=frozenset(), bounds=None)
    if place.before != place.after and rng.random() < 0.7:
        return replace(value, place=Place(place.dim, place.after, place.before))
    if rng.random() < 0.3:
        return replace(value, place=None)
    dims = [d for d, size in enumerate(value.shape) if size % records == 0]
    dim = rng.choice(dims or [place.dim])
    return replace(value, place=Place(dim, value.shape[dim] // records, 1))


def _another(given: Any, earlier: Sequence[torch.fx.Node], records: int, rng: random.Random) -> Any:
    if isinstance(given, torch.fx.Node):
        return rng.choice(earlier)
    if isinstance(given, bool):
        return not given
    if isinstance(given, int):
        return rng.choice((given + 1, given - 1, -given, 0, records))
    if isinstance(given, float):
        return rng.choice((0.0, -given, 2.0, math.nan, 1e30))
    if isinstance(given, list | tuple) and given:
        several = list(given)
        kind, at = rng.random(), rng.randrange(len(several))
        if kind < 0.6:
            several[at] = _another(several[at], earlier, records, rng)
        elif kind < 0.8 and len(several) > 1:
            other = rng.randrange(len(several))
            several[at], several[other] = several[other], several[at]
        else:
            del several[at]
        return several
    return given
