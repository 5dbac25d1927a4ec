"""The rooms of the package: what never imports what, and how large a room, a file or a function is.

docs/architecture.md tells what the rooms are for. There are no exceptions here: imports inside
functions and those for type checkers count like all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
FACE = "workbench"

ROOMS = (
    {"errors", "records", "_version"},
    {"identity"},
    {"documents"},
    {"graphs", "budget", "catalog", "views"},
    {"engine", "evidence", "models"},
    {"audit", "domain", "space"},
    {"demo", "lab"},
    {"cli"},
)
"""From the bottom to the top. A room never imports another one of its own line or above it."""

NEVERS = {("space", "domain"), ("domain", "space"), ("lab", "domain"), ("audit", "domain")}
"""Who never imports whom, whatever their lines: the two sides meet in documents only."""

Graph = Mapping[str, Iterable[str]]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted((ROOT / FACE).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}
FOLDERS = sorted({name for name, path in FILES.items() if path.name == "__init__.py"})


def imported(tree: ast.Module) -> set[str]:
    """Return the modules that a module imports anywhere in it; packages as their ``__init__``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            place = node.module or ""
            for alias in node.names:
                inner = f"{place}.{alias.name}"
                found.add(inner if inner in FILES else place)
    return found


IMPORTS = {name: imported(tree) & set(FILES) - {name} for name, tree in TREES.items()}


def circle(graph: Graph) -> list[str]:
    """Return the names along a circle of a graph, or nothing if there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for after in graph.get(name, ()):
            if found := walk(after, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in graph if (found := walk(name, []))), [])


def inside(folder: str) -> dict[str, set[str]]:
    """Return what the children of a folder import of each other: its files and its folders."""

    def child(name: str) -> str:
        return name.removeprefix(f"{folder}.").split(".")[0]

    within = [name for name in FILES if name.startswith(f"{folder}.")]
    graph: dict[str, set[str]] = {child(name): set() for name in within}
    for name in within:
        graph[child(name)] |= {child(other) for other in IMPORTS[name] if other in within}
        graph[child(name)] -= {child(name)}
    return graph


def room(name: str) -> str:
    return name.split(".")[1]


def test_a_circle_is_found():
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_every_room_has_its_place():
    assert {room(name) for name in FILES if name != FACE} == set().union(*ROOMS)


@pytest.mark.parametrize("height", range(len(ROOMS)))
def test_a_room_never_imports_beside_or_above_itself(height):
    above = set().union(*ROOMS[height:])
    wrong = [
        f"{name} imports {other}"
        for name in FILES
        if name != FACE and room(name) in ROOMS[height]
        for other in IMPORTS[name]
        if other != FACE and room(other) in above - {room(name)}
    ]
    assert wrong == []


@pytest.mark.parametrize(("one", "other"), sorted(NEVERS))
def test_these_rooms_never_know_each_other(one, other):
    wrong = [
        f"{name} imports {found}"
        for name in FILES
        if name != FACE and room(name) == one
        for found in IMPORTS[name]
        if found != FACE and room(found) == other
    ]
    assert wrong == []


def test_nobody_inside_imports_the_public_face():
    wrong = [
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and FACE in {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module == FACE and name != FACE)
    ]
    assert wrong == []


def test_no_module_imports_another_ones_private_names():
    wrong = [
        f"{name} imports {node.module}.{alias.name}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{FACE}.")
        for alias in node.names
        if alias.name.startswith("_") and node.module != f"{FACE}._version"
    ]
    assert wrong == []


def test_no_test_file_is_imported_by_another_one():
    """What tests share is in modules of its own, so that each file can run alone."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for name in imported(ast.parse(path.read_text())):
            last = name.rpartition(".")[2]
            assert not (name.startswith("tests.") and last.startswith("test_")), (path, name)


def test_modules_make_no_circle():
    assert circle(IMPORTS) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_children_of_a_folder_make_no_circle(folder):
    assert circle(inside(folder)) == []


def test_folders_make_no_circle():
    """Here a folder is the files that lie directly in it; what stands at the root is all apart."""

    def folder(name: str) -> str:
        return name if name in FOLDERS else name.rpartition(".")[0]

    graph: dict[str, set[str]] = {name: set() for name in FOLDERS if name != FACE}
    for name, others in IMPORTS.items():
        if folder(name) != FACE:
            graph[folder(name)] |= {folder(other) for other in others} - {folder(name), FACE}
    assert circle(graph) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_at_most_fifteen_modules(folder):
    beside = [name for name in FILES if name.rpartition(".")[0] == folder and name not in FOLDERS]
    assert len(beside) <= 15


def test_modules_are_short():
    lines = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}
    assert {name: count for name, count in lines.items() if count > 400} == {}
    assert median(lines.values()) < 130


def test_functions_are_short():
    long = {
        f"{name}.{node.name}": node.end_lineno - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 >= 75
    }
    assert long == {}
