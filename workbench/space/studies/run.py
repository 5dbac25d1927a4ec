"""Run a notebook as a study: papermill executes, the folder says what happened.

1. the parameters are checked against the notebook's own,
2. papermill runs the notebook in a fresh kernel and saves it after each cell,
3. the kernel's journal tells which requests were sent and which evidence held,
4. the report and ``study.json`` are written; also when a cell failed or somebody stopped it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.documents import PrivateKey, digest_bytes, now
from workbench.errors import InvalidConfiguration, StudyFailed
from workbench.space.client import journal
from workbench.space.studies import environment
from workbench.space.studies.finish import finish
from workbench.space.studies.parameters import checked
from workbench.space.studies.record import ENVIRONMENT, PARAMETERS, State, StudyRecord


@dataclass(frozen=True)
class Step:
    """Which code cell runs now; `cell` counts from 1."""

    cell: int
    cells: int
    words: str


class _Course:
    """Follows a notebook through nbclient's hooks."""

    def __init__(self, progress: Callable[[Step], None] | None) -> None:
        self._progress = progress
        self._numbers: dict[int, int] = {}
        self._words: dict[int, str] = {}
        self.cell = 0

    @property
    def cells(self) -> int:
        return len(self._numbers)

    def begin(self, notebook: Any) -> None:
        heading = ""
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                found = re.search(r"^#+\s+(.+)$", cell.source, re.M)
                heading = found[1].strip() if found else heading
            elif cell.cell_type == "code" and cell.source.strip():
                self._numbers[index] = len(self._numbers) + 1
                self._words[index] = (heading or cell.source.strip().splitlines()[0])[:100]

    def enter(self, cell: Any, cell_index: int) -> None:
        if cell_index in self._numbers:
            self.cell = self._numbers[cell_index]
            if self._progress is not None:
                self._progress(Step(self.cell, self.cells, self._words[cell_index]))


def run(
    notebook: Path,
    out: Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    progress: Callable[[Step], None] | None = None,
    key: PrivateKey | None = None,
) -> StudyRecord:
    """Run `notebook` and leave its study in `out`.

    Ctrl-C ends the kernel; what was executed so far is kept and `KeyboardInterrupt` raised again.

    Parameters
    ----------
    notebook
        An .ipynb file. It runs in its own folder.
    out
        The study's folder; an earlier study in it is replaced.
    parameters
        Values for names of the notebook's cell tagged ``parameters``.
    progress
        Called before each code cell.
    key
        Signs ``study.json``.

    Raises
    ------
    StudyFailed
        If a cell fails: the message is the cell's error, the folder is complete up to there.
    InvalidConfiguration
        If the notebook or a parameter is wrong; nothing ran.
    """
    given = checked(notebook, parameters or {})
    notebook = notebook.resolve()
    out = _prepared(notebook, out.resolve())
    began_ns, started, source = time.time_ns(), now(), digest_bytes(notebook.read_bytes())
    (out / PARAMETERS).write_text(json.dumps(given, indent=2, sort_keys=True) + "\n")
    (out / ENVIRONMENT).write_text(environment.lock())
    course = _Course(progress)

    def finished(state: State, message: str) -> StudyRecord:
        return finish(
            out,
            notebook.name,
            began_ns=began_ns,
            key=key,
            source=source,
            started=started,
            state=state,
            message=message,
            cell=course.cell,
            cells=course.cells,
        )

    try:
        error = _execute(notebook, out, given, course)
    except KeyboardInterrupt:
        finished("cancelled", f"stopped in cell {course.cell} of {course.cells}")
        raise
    if error is not None:
        message = f"cell {course.cell} of {course.cells} of {notebook.name} failed: {error}"
        finished("failed", message[:2000])
        raise StudyFailed(message, f"See {out / notebook.name}: what ran before is kept there.")
    return finished("done", "")


def _prepared(notebook: Path, out: Path) -> Path:
    if out / notebook.name == notebook:
        raise InvalidConfiguration(
            f"the study would overwrite {notebook}", "Give another folder: --out runs/1"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / journal.FILE).unlink(missing_ok=True)
        # A kernel that never comes up leaves a notebook to report on.
        shutil.copyfile(notebook, out / notebook.name)
    except OSError as error:
        raise InvalidConfiguration(
            f"cannot write into {out}: {error.strerror}", "Give another folder with --out."
        ) from None
    return out


def _execute(
    notebook: Path, out: Path, parameters: Mapping[str, Any], course: _Course
) -> str | None:
    """Run all cells; return the error of the one that failed, in a line."""
    import papermill
    from papermill.exceptions import PapermillException, PapermillExecutionError

    with _environment({journal.VARIABLE: str(out)}):
        try:
            papermill.execute_notebook(
                # papermill formats paths, so that braces in them need to be doubled.
                _braced(notebook),
                _braced(out / notebook.name),
                parameters=dict(parameters),
                kernel_name="python3",
                cwd=str(notebook.parent),
                progress_bar=False,
                on_notebook_start=course.begin,
                on_cell_start=course.enter,
            )
        except PapermillExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        except (PapermillException, RuntimeError) as error:
            # A kernel that died, or one that never came up.
            return f"{type(error).__name__}: {error}"
    return None


def _braced(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def signing_key(space: str | Path | None) -> PrivateKey | None:
    """Return the key of a space, to sign the study with, or None if there is no space here."""
    from workbench.space.connection import connect

    try:
        return connect(space).key
    except InvalidConfiguration:
        return None
