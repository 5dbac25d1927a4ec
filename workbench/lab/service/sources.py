"""Find the space: from a file that may appear or change, or one that is connected already."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Protocol

from workbench.errors import InvalidConfiguration, WorkbenchError
from workbench.space.connection import FILE, VARIABLE, Space, connect, nearest


class Source(Protocol):
    """Gives the current space."""

    def current(self) -> Space:
        """Return the space; raise a `WorkbenchError` that says what to do if there is none."""


class FixedSource:
    """A space that was connected already."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def current(self) -> Space:
        """Return the space."""
        return self._space


class FileSource:
    """The space of a ``space.toml``, connected again whenever the file or its key changes.

    Parameters
    ----------
    configured
        The file or its folder, if one was configured.
    root
        Where to look first otherwise, after ``$WORKBENCH_SPACE``; then in the folders above.
    """

    def __init__(self, configured: str, root: Path) -> None:
        self._configured = configured
        self._root = root
        self._lock = threading.Lock()
        self._seen: object = None
        self._space: Space | None = None
        self._problem: WorkbenchError | None = None

    def _find(self) -> Path:
        given = self._configured or os.environ.get(VARIABLE)
        if given:
            path = Path(given).expanduser()
            path = path if path.is_absolute() else self._root / path
            return path / FILE if path.is_dir() else path
        file = nearest(self._root)
        if file is not None:
            return file
        raise InvalidConfiguration(
            f"there is no {FILE} in {self._root} or in a folder above",
            f"Put one there, or set c.WorkbenchLab.space in Jupyter's configuration or ${VARIABLE} "
            "to its path. 'workbench demo --lab' starts with one that works.",
        )

    def path(self) -> Path | None:
        """Return the path of the current space.toml, if there is one."""
        try:
            return self._find()
        except InvalidConfiguration:
            return None

    @staticmethod
    def _mark(path: Path) -> object:
        """Return a value that is another one after the file, or a key beside it, changed."""
        marks = []
        for file in (path, *sorted(path.parent.glob("*.key")), *sorted(path.parent.glob("*.pem"))):
            try:
                status = file.stat()
                marks.append(
                    (str(file), status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
                )
            except OSError:
                marks.append((str(file), 0, 0, 0, 0))
        return tuple(marks)

    def current(self) -> Space:
        """Return the space that the file describes now.

        Raises
        ------
        InvalidConfiguration
            If there is no file, or it or the key is wrong; says what to do.
        """
        with self._lock:
            path = self._find()
            mark = self._mark(path)
            if mark != self._seen:
                self._seen, self._space, self._problem = mark, None, None
                try:
                    self._space = connect(path)
                except WorkbenchError as error:
                    self._problem = error
                except (OSError, ValueError) as error:
                    self._problem = InvalidConfiguration(
                        f"{path} cannot be used ({type(error).__name__})",
                        "Compare it with the example in docs/researcher.md.",
                    )
            if self._space is None:
                assert self._problem is not None
                raise self._problem
            return self._space
