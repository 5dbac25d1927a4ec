"""Studies started from the front end: each a process of its own, within one folder."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from workbench.documents import now
from workbench.errors import Conflict, InvalidDocument, NotFound
from workbench.space.studies.new import write_new
from workbench.space.studies.parameters import parameters_of
from workbench.space.studies.process import StudyProcess

MOST_RUNNING = 4
MOST_KNOWN = 100
_LONGEST_PATH = 500


class StudyView(TypedDict):
    """A study as people see it; paths are below the folder that the server shows."""

    id: str
    path: str
    out: str
    state: str
    cell: int
    cells: int
    message: str
    report: str | None
    started: str
    ended: str | None


class ParameterView(TypedDict):
    """A parameter of a notebook; its default is Python source."""

    name: str
    default: str
    type: str
    help: str


class _Known:
    """A study and when it began and ended."""

    def __init__(self, number: str, path: str, out: str) -> None:
        self.number, self.path, self.out = number, path, out
        self.started = now()
        self.ended: str | None = None
        self.process: StudyProcess | None = None


class Studies:
    """The studies of one Jupyter server.

    Parameters
    ----------
    root
        Nothing outside of this folder is read or written.
    space
        Gives the space.toml that the studies use, if it is known.
    changed
        Called from any thread when a study changed.
    """

    def __init__(
        self, root: Path, space: Callable[[], Path | None], changed: Callable[[], None]
    ) -> None:
        self._root = root.resolve()
        self._space = space
        self._changed = changed
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def _inside(self, text: str) -> Path:
        """Return a path below the root, after following links.

        Raises
        ------
        NotFound
            If it leads out of the root.
        """
        if len(text) > _LONGEST_PATH or "\x00" in text:
            raise InvalidDocument("path: too long, or not a path")
        path = (self._root / text.lstrip("/")).resolve()
        if not path.is_relative_to(self._root):
            raise NotFound(
                "the path leads out of the folder that this Jupyter server shows",
                "Copy the notebook into it.",
            )
        return path

    def _notebook(self, text: str) -> Path:
        path = self._inside(text)
        if path.suffix != ".ipynb" or not path.is_file():
            raise NotFound(f"there is no notebook '{text[:200]}' here", "Has it been saved?")
        return path

    def make(self, name: str, folder: str, cells: list[dict[str, str]]) -> dict[str, str]:
        """Write a new notebook from cells; an earlier one is never overwritten.

        Parameters
        ----------
        name
            How its file begins.
        folder
            Where, below the root.
        cells
            Each with ``kind`` and ``source``.

        Raises
        ------
        NotFound
            If there is no such folder.
        Conflict
            If `write_new` finds no free name.
        """
        place = self._inside(folder)
        if not place.is_dir():
            raise NotFound(f"there is no folder '{folder[:200]}' here", "Make it first.")
        path = write_new(place, name, cells)
        return {"path": path.relative_to(self._root).as_posix()}

    def parameters(self, path: str) -> dict[str, list[ParameterView]]:
        """Return the parameters of a notebook."""
        found = parameters_of(self._notebook(path)).values()
        return {
            "parameters": [
                {"name": p.name, "default": p.default, "type": p.type, "help": p.help}
                for p in found
            ]
        }

    def run(self, path: str, parameters: Mapping[str, Any]) -> StudyView:
        """Start a notebook as a study in a folder of its own.

        Raises
        ------
        NotFound
            If there is no such notebook.
        Conflict
            If `MOST_RUNNING` studies run already.
        """
        notebook = self._notebook(path)
        with self._lock:
            running = [k for k in self._known.values() if k.ended is None]
            if len(running) >= MOST_RUNNING:
                raise Conflict(
                    f"{len(running)} studies run already", "Wait for one to end, or cancel it."
                )
            number = secrets.token_hex(8)
            stamp = now()[:19].replace(":", "").replace("-", "")
            out = self._inside(
                f"{path.rpartition('/')[0]}/studies/{notebook.stem}-{stamp}-{number[:4]}"
            )
            known = _Known(
                number,
                notebook.relative_to(self._root).as_posix(),
                out.relative_to(self._root).as_posix(),
            )
            self._known[number] = known
        try:
            known.process = StudyProcess.start(
                notebook,
                out,
                parameters,
                space=self._space(),
                changed=lambda process: self._on_change(known, process),
            )
        except BaseException:
            with self._lock:
                del self._known[number]
            raise
        self._changed()
        return _view(known)

    def _on_change(self, known: _Known, process: StudyProcess) -> None:
        if process.state != "running":
            with self._lock:
                known.ended = known.ended or now()
                ended = [n for n, k in self._known.items() if k.ended is not None]
                for number in ended[: max(0, len(self._known) - MOST_KNOWN)]:
                    del self._known[number]
        self._changed()

    def all(self) -> list[StudyView]:
        """Return the studies since the server started, newest first."""
        with self._lock:
            known = list(self._known.values())
        return [_view(one) for one in reversed(known)]

    def cancel(self, number: str) -> StudyView:
        """End a study and its kernel; requests that were sent stay with the domains.

        Raises
        ------
        NotFound
            If there is none of this number, or it has not started.
        """
        with self._lock:
            known = self._known.get(number)
        if known is None or known.process is None:
            raise NotFound("there is no such study", "The server may have been restarted.")
        known.process.cancel()
        return _view(known)

    def close(self) -> None:
        """End all studies, because the server ends."""
        with self._lock:
            running = [k.process for k in self._known.values() if k.ended is None]
        enders = [
            threading.Thread(target=process.cancel, daemon=True) for process in running if process
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join(20)


def _view(known: _Known) -> StudyView:
    process = known.process
    report = process.report if process else None
    return {
        "id": known.number,
        "path": known.path,
        "out": known.out,
        "state": process.state if process else "running",
        "cell": process.cell if process else 0,
        "cells": process.cells if process else 0,
        "message": process.message if process else "",
        "report": f"{known.out}/{report.name}" if report else None,
        "started": known.started,
        "ended": known.ended,
    }
