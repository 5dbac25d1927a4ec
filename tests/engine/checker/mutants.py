"""The checker with one thing wrong in it: a guard left out, an axis off by one, what is forgotten.

Mutants are made from the checker's source, one small change each:

- *guard*: a refusal that is left out, or one of the conditions of one;
- *limit*: a comparison that lets one more pass;
- *forgets*: what is no longer known, of a value that changed, is kept: `same`, `bounds`, a total;
- *axis*: a dimension, or a number of entries, that is off by one; `before` and `after` swapped;
- *choice*: a branch that is always or never taken, or a filter that is left out;
- *rule*: an operator with the rule of those that go entry by entry.

A mutant is the checker itself, of which one function has other code for a while.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import random
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch.fx

from tests.engine.checker.generator import Program
from tests.engine.checker.truth import Static, findings
from workbench.engine.program import checker
from workbench.engine.program.checker.rules.pointwise import elementwise
from workbench.engine.program.checker.rules.table import RULES, TABLE, with_name
from workbench.engine.program.checker.values.call import Call
from workbench.engine.program.checker.values.places import broadcast
from workbench.engine.program.checker.walk import Refused

GUARDS = [
    "need",
    "clear_of",
    "_within",
    "_over_last",
    "_images",
    "_scales",
    "_convolved",
    "_check_options",
    "_comes_from",
    "_keeps_floats",
]
_WEAKER = {ast.Lt: ast.LtE, ast.Gt: ast.GtE}
_STRONGER = {ast.LtE: ast.Lt, ast.GtE: ast.Gt}


@dataclass(frozen=True)
class Mutant:
    """One wrong checker.

    Attributes
    ----------
    kind
        As in the list above.
    function
        Where, by its qualified name.
    change
        What was replaced by what, as source.
    """

    kind: str
    function: str
    change: str
    _apply: Callable[[], Callable[[], None]]

    def __str__(self) -> str:
        return f"{self.kind}: {self.function}: {self.change}"

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Let the checker be this mutant."""
        restore = self._apply()
        try:
            yield
        finally:
            restore()


def modules() -> list[ModuleType]:
    """Return the modules of the checker, those that others need before them."""
    names = sorted(m.name for m in pkgutil.walk_packages(checker.__path__, f"{checker.__name__}."))
    return [importlib.import_module(name) for name in names]


def mutants() -> list[Mutant]:
    """Return all mutants, module by module, in the order of the source."""
    found = []
    for module in modules():
        for node in ast.parse(inspect.getsource(module)).body:
            functions = [node] if isinstance(node, ast.FunctionDef) else []
            owner: ModuleType | type = module
            if isinstance(node, ast.ClassDef):
                owner = getattr(module, node.name)
                functions = [f for f in node.body if isinstance(f, ast.FunctionDef)]
            for function in functions:
                if function.name not in ("overload", "with_name", "__init__"):
                    found += _of_function(function, owner, inspect.getfile(module))
    for target, rule in RULES.items():
        if str(target).partition(".")[2] not in _ALIKE:
            found.append(_with_rule(target, rule))
    return found


_ALIKE = {
    str(target).partition(".")[2]
    for target in RULES
    for name in [str(target).removeprefix("aten.").removesuffix(".default")]
    for rule, names in TABLE[:8]
    if name in names.split()
}
"""Operators that do go entry by entry."""


def _with_rule(target: Any, rule: Any) -> Mutant:
    name = str(target)
    plain = with_name("mutant", elementwise)

    def several(call: Call) -> Any:
        if len(call.out) == 1:
            return plain(call)
        return [broadcast(call.tensors, one) for one in call.out]

    def apply() -> Callable[[], None]:
        RULES[target] = several
        return lambda: RULES.__setitem__(target, rule)

    return Mutant("rule", name, "entry by entry", apply)


def _of_function(
    function: ast.FunctionDef, owner: ModuleType | type, file: str
) -> Iterator[Mutant]:
    name = f"{owner.__name__}.{function.name}" if isinstance(owner, type) else function.name
    sites = list(_sites(function))
    for kind, node, new in sites:
        if ast.dump(node) == ast.dump(new):
            continue
        old = _replaced(function, node, new)
        if old is None:
            continue
        change = f"{_short(node)} -> {_short(new)}"
        code = _compiled(function, file)
        _replaced(function, new, node)
        yield Mutant(kind, name, change, lambda code=code: _swapped(owner, function.name, code))


def _short(node: ast.AST) -> str:
    text = "left out" if isinstance(node, ast.Pass) else ast.unparse(node)
    return " ".join(text.split())[:110]


def _replaced(root: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST | None:
    """Put another node in one's place."""
    for parent in ast.walk(root):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
                return parent
            if isinstance(value, list):
                for position, item in enumerate(value):
                    if item is old:
                        value[position] = new
                        return parent
    return None


def _compiled(function: ast.FunctionDef, file: str) -> CodeType:
    decorators, function.decorator_list = function.decorator_list, []
    module = ast.fix_missing_locations(ast.Module([function], []))
    flags = 1 << 24  # annotations are not evaluated
    code = compile(module, file, "exec", flags=flags)
    function.decorator_list = decorators
    return next(c for c in code.co_consts if isinstance(c, CodeType))


def _swapped(owner: ModuleType | type, name: str, code: CodeType) -> Callable[[], None]:
    target = owner.__dict__[name]
    function: FunctionType = target.fget if isinstance(target, property) else target
    before, function.__code__ = function.__code__, code
    return lambda: setattr(function, "__code__", before)


# --- where something can be wrong

Site = tuple[str, ast.AST, ast.AST]


def _sites(function: ast.FunctionDef) -> Iterator[Site]:
    predicate = ast.unparse(function.returns) == "bool" if function.returns else False
    for node in ast.walk(function):
        if isinstance(node, ast.If):
            raises = len(node.body) == 1 and isinstance(node.body[0], ast.Raise)
            if raises:
                yield "guard", node, ast.Pass()
                yield from _conditions(node.test, False)
            else:
                for always in (True, False):
                    yield "choice", node.test, ast.Constant(always)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if _called_name(node.value) in GUARDS:
                yield "guard", node, ast.Pass()
            if _called_name(node.value) == "need":
                yield from _conditions(node.value.args[0], True)
        elif (isinstance(node, ast.Return) and predicate and node.value is not None) or (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.BoolOp | ast.Compare)
        ):
            yield from _conditions(node.value, True)
        elif isinstance(node, ast.IfExp):
            yield "choice", node, node.body
            yield "choice", node, node.orelse
        yield from _forgetting(node)
        yield from _shifted(node)


def _called_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _conditions(test: ast.expr, wanted: bool) -> Iterator[Site]:
    """Yield how a condition is weaker: `wanted` for one that has to hold, else one that refuses."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from _conditions(value, wanted)
        return
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _conditions(test.operand, not wanted)
        return
    yield "guard", test, ast.Constant(wanted)
    if isinstance(test, ast.Compare):
        for position, operator in enumerate(test.ops):
            swap = (_WEAKER if wanted else _STRONGER).get(type(operator))
            if swap is not None:
                ops = [*test.ops[:position], swap(), *test.ops[position + 1 :]]
                yield "limit", test, ast.Compare(test.left, ops, test.comparators)
                continue
            step = {ast.LtE: 1, ast.GtE: -1, ast.Lt: -1, ast.Gt: 1}.get(type(operator))
            if step is not None:
                other = test.comparators[position]
                moved = ast.BinOp(other, ast.Add(), ast.Constant(step))
                rest = [*test.comparators[:position], moved, *test.comparators[position + 1 :]]
                yield "limit", test, ast.Compare(test.left, test.ops, rest)


def _forgetting(node: ast.AST) -> Iterator[Site]:
    if isinstance(node, ast.Call):
        name = _called_name(node)
        if name == "without":
            yield "forgets", node, node.args[0]
        if name == "total_of":
            yield "forgets", node, ast.parse("call.out[0]", mode="eval").body
        if name == "replace":
            for keyword in node.keywords:
                if keyword.arg in ("same", "bounds", "total"):
                    rest = [k for k in node.keywords if k is not keyword]
                    yield "forgets", node, ast.Call(node.func, node.args, rest)
    less = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.BitAnd)
    if less and "same" in ast.unparse(node.left):
        yield "forgets", node, node.left


def _shifted(node: ast.AST) -> Iterator[Site]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        if isinstance(node.right, ast.Constant) and node.right.value in (1, 2):
            new = ast.Constant(node.right.value - 1)
            yield "axis", node, ast.BinOp(node.left, node.op, new)
        elif isinstance(node.right, ast.Compare):
            yield "axis", node, node.left
            swap = {ast.GtE: ast.Gt, ast.Lt: ast.LtE}.get(type(node.right.ops[0]))
            if swap is not None:
                right = ast.Compare(node.right.left, [swap()], node.right.comparators)
                yield "axis", node, ast.BinOp(node.left, node.op, right)
    if isinstance(node, ast.Attribute) and node.attr in ("before", "after"):
        other = "after" if node.attr == "before" else "before"
        yield "axis", node, ast.Attribute(node.value, other, node.ctx)
    if isinstance(node, ast.Call) and _called_name(node) == "Place":
        args = node.args
        if len(args) == 3:
            yield "axis", node, ast.Call(node.func, [args[0], args[2], args[1]], [])
        if isinstance(args[0], ast.Constant):
            other = ast.Constant(1 - args[0].value)
            yield "axis", node, ast.Call(node.func, [other, *args[1:]], [])
    if isinstance(node, ast.keyword) and node.arg == "dim" and isinstance(node.value, ast.Constant):
        yield "axis", node.value, ast.Constant(1 - node.value.value)
    if isinstance(node, ast.comprehension) and node.ifs:
        for position in range(len(node.ifs)):
            rest = [*node.ifs[:position], *node.ifs[position + 1 :]]
            new = ast.comprehension(node.target, node.iter, rest, node.is_async)
            yield "choice", node, new
    if isinstance(node, ast.Call) and _called_name(node) in ("min", "max", "any", "all"):
        other = {"min": "max", "max": "min", "any": "all", "all": "any"}[_called_name(node)]
        yield "choice", node.func, ast.Name(other, ast.Load())
    if isinstance(node, ast.Attribute) and node.attr in ("floor", "ceil"):
        other = "ceil" if node.attr == "floor" else "floor"
        yield "choice", node, ast.Attribute(node.value, other, node.ctx)


# --- catching them

_FILES = frozenset(inspect.getfile(module) for module in modules())


@dataclass(frozen=True)
class Sample:
    """A program, and what the checker as it is says of it.

    Attributes
    ----------
    program
        The program.
    claims
        What it says; None if it refuses it.
    functions
        Which of the checker's functions it needed for that, by their qualified names.
    runs
        Whether the program may be run.
    """

    program: Program
    claims: Mapping[torch.fx.Node, Any] | None
    functions: frozenset[str]
    runs: bool = True

    @classmethod
    def of(cls, program: Program, runs: bool = True) -> Sample:
        """Ask the checker."""
        functions = set()

        def note(frame: Any, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename in _FILES:
                functions.add(frame.f_code.co_qualname.partition(".<locals>")[0])

        sys.setprofile(note)
        try:
            claims = program.check()
        except (Refused, ValueError):
            claims = None
        finally:
            sys.setprofile(None)
        operators = {str(node.target) for node in program.calls}
        return cls(program, claims, frozenset(functions | operators), runs)


OUTCOMES = ("truth", "accepts", "refuses", "says another", "nothing")
"""How a mutant is caught, by the best first: what it says does not hold; it accepts what has to be
refused; it refuses what is right; it says something else that is true; not at all."""


def outcome(mutant: Mutant, sample: Sample, rng: random.Random) -> str:
    """Return how a program tells a mutant from the checker, one of `OUTCOMES`."""
    if mutant.function not in sample.functions:
        return "nothing"
    with mutant.alive():
        try:
            claims = sample.program.check()
        except (Refused, ValueError):
            return "nothing" if sample.claims is None else "refuses"
    if claims == sample.claims:
        return "nothing"
    otherwise = "accepts" if sample.claims is None else "says another"
    if not sample.runs:
        return otherwise
    try:
        return "truth" if findings(sample.program, claims, rng) else otherwise
    except Static:
        return "nothing"
    except Exception:
        # It says what cannot even be compared.
        return otherwise


def caught(
    mutant: Mutant, samples: Iterable[Sample], enough: Collection[str] = ("truth",)
) -> tuple[str, Sample | None]:
    """Return how a mutant is caught by some programs at best, and by which of them.

    It stops at the first one whose outcome is `enough`.
    """
    best: tuple[str, Sample | None] = ("nothing", None)
    for number, sample in enumerate(samples):
        found = outcome(mutant, sample, random.Random(number))
        if OUTCOMES.index(found) < OUTCOMES.index(best[0]):
            best = (found, sample)
        if found in enough:
            break
    return best
