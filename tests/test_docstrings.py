"""What docstrings of public functions and methods say: errors, shapes, dtypes and units.

Public is what has no underscore and stands in no function. A docstring can send its reader to
another one by "see `name`", "see `Class`" for the method of the same name, or "see `Class.method`":
that one then counts too. What holds for a whole class, module or folder stands there once, in a
paragraph that begins with "Shapes and dtypes:". An alias of arrays says below itself what they are.
Commands of the command line are called by people, who read their docstrings as help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1] / "workbench"
TREES = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function

ERRORS = {"ValueError", "TypeError"} | {
    node.name for node in TREES[ROOT / "errors.py"].body if isinstance(node, ast.ClassDef)
}
ARRAY = r"\b(Tensor|NDArray|ndarray)\b"
SAID_OF_ARRAYS = {
    "shape": r"\bshapes?\b|\bscalar\b|``\([^`]*\)``",
    "dtype": r"\b(float32|float64|u?int\d+|bool|floating|dtypes?|objects)\b",
}
UNITS = {
    r"timeout|interval|age|delay|duration|period|lifetime": r"second|minute|hour|day",
    r"memory|size|limit": r"byte|_mb\b|at most|how many|number of|`(\w+_)?(size|limit)` \w+s\b",
}
"""Names of quantities, and what tells the unit of one: of an amount also what is counted."""


@dataclass(frozen=True)
class Place:
    """A public function or method: where it is, and the docstrings that are about it."""

    name: str
    function: Function
    texts: list[str]
    around: str

    @property
    def annotations(self) -> dict[str, str]:
        """The types of the parameters, by name, and that of what is returned."""
        given = [n for n in ast.walk(self.function.args) if isinstance(n, ast.arg)]
        kinds = {arg.arg: arg.annotation for arg in given} | {"return": self.function.returns}
        return {name: ast.unparse(kind) for name, kind in kinds.items() if kind}

    @property
    def raised(self) -> set[str]:
        """The errors that its own body raises."""
        raises = [node.exc for node in within(self.function) if isinstance(node, ast.Raise)]
        names = [n for exc in raises if exc for n in ast.walk(exc) if isinstance(n, ast.Name)]
        return {node.id for node in names} & ERRORS


def within(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of functions and classes inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from within(child)


def public(body: list[ast.stmt], kind: type) -> list:
    """Return the public functions or classes of a body, without commands of the command line."""
    found = [n for n in body if isinstance(n, kind) and not n.name.startswith("_")]
    return [n for n in found if isinstance(n, ast.ClassDef) or "typer." not in ast.unparse(n.args)]


def docstring(node: Documented) -> str:
    return ast.get_docstring(node) or ""


def defined() -> Iterator[tuple[Path, ast.ClassDef | None, Function]]:
    for path, tree in TREES.items():
        yield from ((path, None, function) for function in public(tree.body, Function))
        for owner in public(tree.body, ast.ClassDef):
            yield from ((path, owner, method) for method in public(owner.body, Function))


def full_name(owner: ast.ClassDef | None, function: Function) -> str:
    return f"{owner.name}.{function.name}" if owner else function.name


TEXTS: dict[str, str] = {}
for _, owner, function in defined():
    named = full_name(owner, function)
    TEXTS[named] = f"{TEXTS.get(named, '')}\n\n{docstring(function)}"


def said(owner: ast.ClassDef | None, function: Function) -> list[str]:
    """Return a function's docstring and those to which it sends the reader."""
    own = docstring(function)
    names = re.findall(r"\bsee `([\w.]+)`", own, re.I)
    others = [TEXTS.get(end, "") for name in names for end in (name, f"{name}.{function.name}")]
    return [own, *others]


def said_around(path: Path, owner: ast.ClassDef | None) -> str:
    """Return what a class, its module and the folders around it say of shapes and dtypes."""
    files = [path, *(ROOT / up / "__init__.py" for up in path.relative_to(ROOT).parents)]
    texts = [docstring(node) for node in (owner, *(TREES[file] for file in files)) if node]
    paragraphs = [part for text in texts for part in text.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part.startswith("Shapes and dtypes:"))


PLACES = [
    Place(
        f"{path.relative_to(ROOT)}: {full_name(owner, function)}",
        function,
        said(owner, function),
        said_around(path, owner),
    )
    for path, owner, function in defined()
]


def named_errors(texts: list[str]) -> set[str]:
    """Return the words of the ``Raises`` sections of some docstrings."""
    section = re.compile(r"^Raises\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", re.M | re.S)
    return {
        word
        for text in texts
        for part in section.findall(text)
        for word in re.findall(r"\w+", part)
    }


def missing_of_arrays(text: str) -> list[str]:
    return [what for what, words in SAID_OF_ARRAYS.items() if not re.search(words, text)]


def has_unit(name: str, kind: str, text: str) -> bool:
    """Return whether a number with such a name has a unit: in it, or where `text` names it."""
    parts = [part for part in re.split(r"\n\n|\n(?=\S)", text) if re.search(rf"\b{name}\b", part)]
    return all(
        re.search(units, f"{name}\n{' '.join(parts)}", re.I)
        for names, units in UNITS.items()
        if re.search(rf"(^|_)({names})(_|$)", name) and re.search(r"\b(int|float)\b", kind)
    )


def test_every_error_that_is_raised_stands_under_raises():
    wrong = {
        place.name: missing
        for place in PLACES
        if (missing := place.raised - named_errors(place.texts))
    }
    assert wrong == {}


def test_whatever_takes_or_gives_arrays_says_shapes_and_dtypes():
    wrong = {
        place.name: missing
        for place in PLACES
        if re.search(ARRAY, " ".join(place.annotations.values()))
        and (missing := missing_of_arrays("\n\n".join([*place.texts, place.around])))
    }
    assert wrong == {}


def test_every_alias_of_arrays_says_shapes_and_dtypes_below_itself():
    wrong = {}
    for path, tree in TREES.items():
        for node, below in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
            line = ast.unparse(node)
            text = ast.unparse(below) if isinstance(below, ast.Expr) else ""
            is_alias = isinstance(node, ast.Assign) and re.match(r"[A-Z]\w*[a-z]\w* = ", line)
            if is_alias and re.search(ARRAY, line) and (missing := missing_of_arrays(text)):
                wrong[f"{path.relative_to(ROOT)}: {line}"] = missing
    assert wrong == {}


def test_every_quantity_has_a_unit():
    of_parameters = [
        f"{place.name}({name})"
        for place in PLACES
        for name, kind in place.annotations.items()
        if not has_unit(name, kind, "\n\n".join(place.texts))
    ]
    of_attributes = [
        f"{path.relative_to(ROOT)}: {owner.name}.{name}"
        for path, tree in TREES.items()
        for owner in public(tree.body, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.AnnAssign)
        and not (name := ast.unparse(node.target)).startswith("_")
        and not has_unit(name, ast.unparse(node.annotation), docstring(owner))
    ]
    assert of_parameters + of_attributes == []


def test_the_first_line_is_one_sentence_that_says_what_is_done():
    wrong = {
        f"{path.relative_to(ROOT)}: {getattr(node, 'name', '')}": first
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, Documented) and docstring(node)
        for first, *rest in [docstring(node).split("\n")]
        if not first.endswith(".")
        or any(rest[:1])
        or re.match(r"Returns? (None|True|False|nothing) (if|when|unless)\b", first)
    }
    assert wrong == {}
