"""Run a study in a process of its own, so that it can be stopped and harms no other work.

The process is ``python -m workbench.space.studies``: it reads what to run as JSON from its
standard input and prints one JSON line for each step.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Literal

from workbench.space.studies.parameters import checked
from workbench.space.studies.record import REPORT

_STOP_SECONDS = 15.0
_LONGEST_LINE = 10_000


class StudyProcess:
    """A study that runs beside this process; made by `start`.

    Attributes
    ----------
    state
        ``running``, ``done``, ``failed`` or ``cancelled``.
    cell, cells
        Which code cell runs, of how many; 0 before the kernel is up.
    message
        What runs, or why it ended.
    """

    def __init__(self, notebook: Path, out: Path, process: subprocess.Popen[bytes]) -> None:
        self.notebook = notebook
        self.out = out
        self.state: Literal["running", "done", "failed", "cancelled"] = "running"
        self.cell = 0
        self.cells = 0
        self.message = "starting a kernel"
        self._process = process
        self._ended = threading.Event()
        self._cancelled = False
        self._changed: Callable[[StudyProcess], None] = lambda study: None

    @classmethod
    def start(
        cls,
        notebook: Path,
        out: Path,
        parameters: Mapping[str, Any] | None = None,
        *,
        space: Path | None = None,
        changed: Callable[[StudyProcess], None] | None = None,
    ) -> StudyProcess:
        """Start `notebook` as a study that leaves its files in `out`.

        Parameters
        ----------
        notebook, out, parameters
            As for `workbench.space.studies.run.run`.
        space
            The space.toml whose key signs the study, and that the notebook finds.
        changed
            Called from another thread after each step and at the end.

        Raises
        ------
        NotFound, InvalidConfiguration, TooLarge
            If the notebook or a parameter is wrong; nothing was started.
        """
        given = checked(notebook, parameters or {})
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.space.studies"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        study = cls(notebook, out, process)
        if changed is not None:
            study._changed = changed
        wanted = {
            "notebook": str(notebook.resolve()),
            "out": str(out.resolve()),
            "parameters": given,
            "space": str(space.resolve()) if space else None,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(json.dumps(wanted).encode())
        threading.Thread(target=study._follow, args=(process.stdout,), daemon=True).start()
        return study

    @property
    def report(self) -> Path | None:
        """The study's report, once it is there."""
        path = self.out / REPORT
        return path if self.state != "running" and path.is_file() else None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; return whether the study has ended."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Stop the study and its kernel; what was executed so far is kept.

        Returns when nothing of it runs any more. Requests that were sent stay with the domains.
        """
        if self._ended.is_set():
            return
        self._cancelled = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        if not self._ended.wait(_STOP_SECONDS):
            # The kernel ends with its parent.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._ended.wait(_STOP_SECONDS)

    def _follow(self, lines: IO[bytes]) -> None:
        end: dict[str, Any] = {}
        with lines:
            while line := lines.readline(_LONGEST_LINE):
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if "state" in said:
                    end = said
                else:
                    self.cell, self.cells = said["cell"], said["cells"]
                    self.message = said["words"]
                    self._changed(self)
        self._process.wait()
        self.message = end.get("message", "")
        if self._cancelled and end.get("state") != "done":
            self.state = "cancelled"
            self.message = self.message or "stopped"
        elif end:
            self.state = end["state"]
        else:
            self.state = "failed"
            self.message = (
                f"the study's process ended by itself (exit code {self._process.returncode}); "
                "see the notebook in its folder"
            )
        self._ended.set()
        self._changed(self)
