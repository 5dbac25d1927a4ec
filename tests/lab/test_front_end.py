"""Check the sources of the front end: which file uses which, how long they are, command ids."""

from __future__ import annotations

import graphlib
import re
from pathlib import Path

import pytest

from tests.lab.browser import REPOSITORY

SOURCES = REPOSITORY / "extensions" / "dataspace-lab" / "src"
MOST_LINES = 300
_IMPORT = re.compile(r"(?:from|import) '(\.[^']*)'")


def files() -> list[Path]:
    return sorted([*SOURCES.rglob("*.ts"), *SOURCES.rglob("*.tsx")])


def imported(file: Path) -> set[Path]:
    """Return the files of our own that a file imports."""
    found = set()
    for target in _IMPORT.findall(file.read_text()):
        place = (file.parent / target).resolve()
        candidates = (Path(f"{place}.ts"), Path(f"{place}.tsx"), place / "index.ts")
        both = [path for path in (*candidates, place / "index.tsx") if path.is_file()]
        assert len(both) == 1, f"{file.name} imports {target}: expected one file, found {both}"
        found |= set(both)
    return found


def circle(uses: dict) -> list:
    """Return one circle of what uses what, if there is any."""
    try:
        graphlib.TopologicalSorter(uses).prepare()
    except graphlib.CycleError as error:
        return [str(one) for one in error.args[1]]
    return []


def test_no_file_uses_itself_through_others():
    assert circle({file.relative_to(SOURCES): _short(imported(file)) for file in files()}) == []


def _short(paths: set[Path]) -> set[Path]:
    return {path.relative_to(SOURCES) for path in paths}


@pytest.mark.parametrize("folder", sorted({file.parent for file in files()}), ids=lambda f: f.name)
def test_the_children_of_a_folder_use_each_other_in_one_direction(folder):
    uses: dict[str, set[str]] = {}
    for file in files():
        for target in imported(file):
            if file.is_relative_to(folder) and target.is_relative_to(folder):
                one, other = (path.relative_to(folder).parts[0] for path in (file, target))
                uses.setdefault(one, set()).update({other} - {one})
    assert circle(uses) == []


def test_every_file_is_short():
    long = [path.name for path in files() if len(path.read_text().splitlines()) > MOST_LINES]
    assert long == []


def test_every_command_has_its_id_in_one_place():
    ids = re.findall(r"= '(dataspace:[\w-]+)'", (SOURCES / "commands.ts").read_text())
    assert len(ids) == len(set(ids)) > 20
    for file in files():
        if file.name != "commands.ts":
            assert not [one for one in ids if f"'{one}'" in file.read_text()], file.name
