"""One flat program for a chunk of records: traced once, checked, and then run as it stands.

A function of tensors is followed once on tensors without data (``make_fx`` on fake tensors),
through ``vmap`` and ``autograd``. What comes out is a list of ATen operators, forward and backward.
It is shortened first: what shapes alone decide is computed once, equal calls are made once. Then
`workbench.engine.program.checker` proves that it keeps records apart, and that very object runs,
node by node. There is no second way to compute anything, and nothing changes the program after the
check.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import torch
import torch.fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import traceback
from torch.fx.experimental.proxy_tensor import make_fx

from workbench.engine.program.checker.rules.order import ORDERED, lies_in_order
from workbench.engine.program.checker.values.order import row_major
from workbench.engine.program.checker.values.value import Place, Value
from workbench.engine.program.checker.walk import Refused, check
from workbench.engine.program.places import refused
from workbench.engine.program.runner import Runner, pruned
from workbench.errors import GraphRefused
from workbench.graphs.operators.allowed import remedy
from workbench.graphs.record_graph import RecordGraph

A = torch.ops.aten
_COPIES = (A.detach.default, A.alias.default, A.lift_fresh_copy.default)
_OF_SHAPES = (
    A.zeros.default,
    A.ones.default,
    A.full.default,
    A.zeros_like.default,
    A.ones_like.default,
    A.full_like.default,
    A.new_zeros.default,
    A.new_ones.default,
    A.new_full.default,
    A.scalar_tensor.default,
    A.arange.default,
    A.arange.start,
    A.arange.start_step,
    A.eye.default,
    A.linspace.default,
)
"""Operators that make tensors from shapes alone."""
_FOLDED = 1 << 24
"""How many numbers a program's constants may have together; what is more is made each time."""
_SHAPES = (
    A.view.default,
    A._unsafe_view.default,
    A.reshape.default,
    A.unsqueeze.default,
    A.squeeze.dim,
    A.squeeze.dims,
)
"""Operators that give the same entries in the same order, in another shape."""
_PARTS = (
    A.select.int,
    A.select_backward.default,
    A.slice.Tensor,
    A.slice_backward.default,
    A.expand.default,
)
"""Operators that do too where they give as many entries as they are given."""
_IN_PLACE = {A.squeeze_.dim: A.squeeze.dim, A.squeeze_.dims: A.squeeze.dims}
"""Operators that change only how a tensor's memory is read, which ``vmap`` uses on its own."""


class Program:
    """A checked program.

    Parameters
    ----------
    function
        Takes as many tensors as there are `inputs`, gives a tuple of tensors; must not look at
        their values.
    inputs
        What is known of the tensors that it will be given.
    records
        How many records a chunk has.
    gives
        What its outputs have to be: ``records``, each with its records along the first dimension;
        ``totals``, sums over records; or ``public``, for a program that no record reaches.

    Attributes
    ----------
    outputs
        What is known of its outputs.

    Raises
    ------
    Refused
        If the checker refuses a node, or an output is not what it has to be.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Value],
        records: int,
        gives: Literal["records", "totals", "public"] = "records",
    ) -> None:
        self.module, self.constants = trace(function, inputs)
        # Not through nn.Module's call, which takes as long as several small operators.
        self._run = self.module.forward
        self.records, self.inputs, self.gives = records, tuple(inputs), gives
        self._laid = {
            place: row_major(value.shape) for place, value in enumerate(inputs) if value.laid
        }
        self.outputs = self.check()

    def check(self) -> tuple[Value, ...]:
        """Check the program that runs, once more.

        Raises
        ------
        Refused
            If it is not what it has to be.
        """
        graph = self.module.graph
        sums = self.gives == "totals"
        found = check(
            graph, self.inputs, self.constants, self.records, sums=sums, refused=refused()
        )
        last = next(node for node in reversed(graph.nodes) if node.op == "output")
        for value in found:
            if not self._is_right(value):
                raise Refused(last, f"an output is not what it has to be: {self.gives}")
        return found

    def _is_right(self, value: Value) -> bool:
        if self.gives == "totals" or value.total:
            return value.total and self.gives == "totals"
        if self.gives == "public":
            return value.place is None
        if not value.shape or value.shape[0] % self.records:
            return False
        rows = Place(0, 1, value.shape[0] // self.records)
        # Of a public value each record has its own copy if all rows are the same.
        return value.place == rows or (value.place is None and value.is_same_at(rows))

    def __call__(self, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the program on tensors of the shapes and dtypes that it was checked for."""
        if _noted is not None:
            _noted.add(self)
        with torch.inference_mode():
            if any(values[place].stride() != strides for place, strides in self._laid.items()):
                given = enumerate(values)
                values = tuple(_laid(v) if place in self._laid else v for place, v in given)
            found: tuple[torch.Tensor, ...] = self._run(*values)
        return found


_noted: set[Program] | None = None


@contextmanager
def noted() -> Iterator[set[Program]]:
    """Note the programs that run within; gives the set that they come into."""
    global _noted
    before, _noted = _noted, set()
    try:
        yield _noted
    finally:
        _noted = before


class RecordProgram:
    """A checked program that computes tensors for each record of a chunk of a record graph.

    Parameters
    ----------
    graph
        The graph; its bindings say where parameters, constants and columns go.
    places
        The placeholders, in the order in which `function` takes their values.
    function
        As for `Program`.
    rows
        How many records a chunk has.

    Raises
    ------
    GraphRefused
        If the checker refuses it; names the operator of the graph and what to use.
    """

    def __init__(
        self,
        graph: RecordGraph,
        places: Sequence[torch.fx.Node],
        function: Callable[..., Any],
        rows: int,
    ) -> None:
        self.rows = rows
        self._bindings = [graph.bindings[str(place.target)] for place in places]
        self._constants = graph.constants
        inputs = []
        for place, (kind, _) in zip(places, self._bindings, strict=True):
            spec = place.meta["spec"]
            mapped = kind == "input"
            shape = (rows, *spec.shape) if mapped else spec.shape
            inputs.append(Value(shape, spec.dtype, Place(0) if mapped else None, laid=True))
        try:
            self.program = Program(function, inputs, rows)
        except Refused as error:
            raise _told(error, graph) from None

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What is known of its outputs."""
        return self.program.outputs

    def __call__(
        self, parameters: Mapping[str, torch.Tensor], columns: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """Return the tensors of one chunk, each of shape ``(rows, ...)``.

        Parameters
        ----------
        parameters
            Name to present value, float32.
        columns
            The graph's inputs, each of shape ``(rows, *shape)``.
        """
        given: dict[str, Any] = {
            "input": columns,
            "constant": self._constants,
            "parameter": parameters,
        }
        return self.program(*(given[kind][name] for kind, name in self._bindings))


_remembered: OrderedDict[Hashable, Any] = OrderedDict()
_REMEMBERED = 32
P = TypeVar("P")


def remembered(graph: RecordGraph, key: Hashable, make: Callable[[], P]) -> P:
    """Return what was made for this graph and key in this process before, or make it.

    Tracing takes as long as some hundred chunks, and the same program serves every round, every
    evaluation and every rehearsal.
    """
    whole = (graph.digest, graph.trainable, key)
    if whole not in _remembered:
        made = make()
        _remembered[whole] = made
    _remembered.move_to_end(whole)
    while len(_remembered) > _REMEMBERED:
        _remembered.popitem(last=False)
    found: P = _remembered[whole]
    return found


def values_program(graph: RecordGraph, outputs: slice, rows: int) -> RecordProgram:
    """Return the program that computes some outputs of a graph for each record, without gradients.

    Parameters
    ----------
    graph
        The graph.
    outputs
        Which of its outputs.
    rows
        How many records a chunk has.

    Raises
    ------
    GraphRefused
        If the checker refuses it.
    """

    def make() -> RecordProgram:
        part = pruned(graph.graph, outputs)
        places = [node for node in part.nodes if node.op == "placeholder"]
        dims = tuple(0 if graph.bindings[str(p.target)][0] == "input" else None for p in places)

        def run(*values: torch.Tensor) -> Any:
            with torch.no_grad():
                return torch.func.vmap(Runner(part).run, in_dims=dims)(*values)

        return RecordProgram(graph, places, run, rows)

    return remembered(graph, (outputs.start, outputs.stop, rows), make)


def public_program(
    graph: RecordGraph, function: Callable[..., Any], inputs: Sequence[Value]
) -> Program:
    """Return a program of tensors that no record has a part in, with its operators checked.

    Parameters
    ----------
    graph
        Where `function` comes from, for messages.
    function, inputs
        As for `Program`; all inputs are public.

    Raises
    ------
    GraphRefused
        If the checker refuses it.
    """
    try:
        return Program(function, inputs, 2, "public")
    except Refused as error:
        raise _told(error, graph) from None


def _told(error: Refused, graph: RecordGraph) -> GraphRefused:
    """Return what a researcher is told: the operator of their graph, the reason and what to use."""
    origin = _origin(error.node)
    name = str(origin.get("operator", error.node.target))
    found = GraphRefused(
        f"graph: '{name}' does not keep records apart: {error.reason} ({error.node.target})",
        remedy(name),
    )
    found.origin = origin.get("origin")
    return found.at(graph.lines.get(found.origin or ""))


def _origin(node: torch.fx.Node) -> dict[str, Any]:
    """Return the meta data of the nearest node that came from an operator of the record graph."""
    seen: set[torch.fx.Node] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop(0)
        if "origin" in one.meta:
            return dict(one.meta)
        if one not in seen:
            seen.add(one)
            waiting += one.all_input_nodes
    return {}


def trace(
    function: Callable[..., Any], inputs: Sequence[Value]
) -> tuple[torch.fx.GraphModule, dict[str, torch.Tensor]]:
    """Return a function as a flat and shortened list of operators, and the constants in it.

    Parameters
    ----------
    function
        Takes as many tensors as there are `inputs`; must not look at their values.
    inputs
        Only their shapes and dtypes count.
    """
    with FakeTensorMode():
        examples = [_example(value) for value in inputs]
    with traceback.preserve_node_meta():
        module = make_fx(function, tracing_mode="fake")(*examples)
    for node in list(module.graph.nodes):
        _out_of_place(node)
        _shorten(node)
    _lay_together(module.graph, inputs)
    _once(module.graph)
    constants = _fold(module)
    _once(module.graph)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module, constants


def _example(value: Value) -> torch.Tensor:
    return torch.empty(value.shape, dtype=value.dtype)


def _lay_together(graph: torch.fx.Graph, inputs: Sequence[Value]) -> None:
    """Copy into row-major order what is not known to lie so, for operators that need it."""
    given = iter(inputs)
    laid: dict[torch.fx.Node, Any] = {}
    for node in list(graph.nodes):
        if node.op == "placeholder":
            laid[node] = next(given).laid
        elif node.target is operator.getitem:
            laid[node] = laid[node.args[0]][node.args[1]]
        elif node.op == "get_attr":
            laid[node] = True
        elif node.op == "call_function":
            if node.target in ORDERED:
                for source in node.all_input_nodes:
                    if not laid[source]:
                        _copy_before(node, source, laid)
            before = [laid[source] for source in node.all_input_nodes]
            value = node.meta["val"]
            found = [
                r is not None and lies_in_order(node.target, node.kwargs, before, r)
                for r in (value if isinstance(value, list | tuple) else [value])
            ]
            laid[node] = found if isinstance(value, list | tuple) else found[0]


def _laid(tensor: torch.Tensor) -> torch.Tensor:
    # Not by `contiguous`, which leaves the strides of dimensions of size 1.
    return tensor.clone(memory_format=torch.contiguous_format)


def _copy_before(
    node: torch.fx.Node, source: torch.fx.Node, laid: dict[torch.fx.Node, Any]
) -> None:
    with node.graph.inserting_before(node):
        copy = node.graph.call_function(
            A.clone.default, (source,), {"memory_format": torch.contiguous_format}
        )
    copy.meta = dict(node.meta) | {"val": _laid(source.meta["val"])}
    node.replace_input_with(source, copy)
    laid[copy] = True


def _out_of_place(node: torch.fx.Node) -> None:
    """Let later nodes read a new view instead of one that was changed."""
    if node.target not in _IN_PLACE:
        return
    source = node.args[0]
    assert isinstance(source, torch.fx.Node)
    node.target = _IN_PLACE[node.target]
    later = False
    for other in list(node.graph.nodes):
        if later and source in other.all_input_nodes:
            other.replace_input_with(source, node)
        later = later or other is node


def _fold(module: torch.fx.GraphModule) -> dict[str, torch.Tensor]:
    """Compute once what depends on shapes alone; what only that needed then goes."""
    constants: dict[str, torch.Tensor] = {}
    room = _FOLDED
    known: dict[torch.fx.Node, torch.Tensor] = {}
    for node in list(module.graph.nodes):
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, torch.Tensor):
            continue
        from_known = node.all_input_nodes and all(n in known for n in node.all_input_nodes)
        if value.numel() > room or not (from_known or node.target in _OF_SHAPES):
            continue
        room -= value.numel()
        arguments = torch.fx.map_arg(
            (node.args, node.kwargs), lambda n: known[n] if n in known else _empty(n.meta["val"])
        )
        known[node] = _laid(node.target(*arguments[0], **arguments[1]))
    for node, found in known.items():
        if not all(user in known for user in node.users):
            name = f"_folded_{node.name}"
            constants[name] = found
            # A plain attribute is found faster than a buffer.
            object.__setattr__(module, name, found)
            with module.graph.inserting_before(node):
                kept = module.graph.create_node("get_attr", name)
            kept.meta = dict(node.meta)
            node.replace_all_uses_with(kept, delete_user_cb=lambda user: user not in known)
    return constants


def _empty(value: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype)


def _once(graph: torch.fx.Graph) -> None:
    """Let equal calls be made once. Numbers are told apart by their dtype and their sign of 0."""
    seen: dict[object, torch.fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        key = (node.target, _exact(node.args), _exact(node.kwargs))
        first = seen.setdefault(key, node)
        if first is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)


def _exact(value: Any) -> object:
    if isinstance(value, list | tuple):
        return (list, *(_exact(v) for v in value))
    if isinstance(value, dict):
        return (dict, *((k, _exact(v)) for k, v in value.items()))
    return (float, value.hex()) if isinstance(value, float) else (type(value), value)


def _shorten(node: torch.fx.Node) -> None:
    """Take out steps that only give the same entries in the same order, or write them as one."""
    source = node.args[0] if node.args else None
    if not isinstance(source, torch.fx.Node):
        return
    if node.target in _COPIES or _multiplies_by_one(node):
        node.replace_all_uses_with(source)
    elif node.target in _SHAPES or _only_takes_a_shape(node, source):
        shape = list(node.meta["val"].shape)
        if source.target is A.reshape.default and isinstance(source.args[0], torch.fx.Node):
            source = source.args[0]
        # The same entries, whatever the strides of what it is given.
        node.target, node.args, node.kwargs = A.reshape.default, (source, shape), {}
        if list(source.meta["val"].shape) == shape:
            node.replace_all_uses_with(source)


def _only_takes_a_shape(node: torch.fx.Node, source: torch.fx.Node) -> bool:
    """Whether a node picks all of what it is given, or all of what it gives."""
    one, two = source.meta.get("val"), node.meta.get("val")
    return (
        node.target in _PARTS
        and isinstance(one, torch.Tensor)
        and isinstance(two, torch.Tensor)
        and one.numel() == two.numel()
    )


def _multiplies_by_one(node: torch.fx.Node) -> bool:
    if node.target is not A.mul.Scalar or node.args[1] != 1:
        return False
    source = node.args[0]
    return isinstance(source, torch.fx.Node) and (
        node.meta["val"].dtype == source.meta["val"].dtype
    )
