"""Divide one run among processes: the job's own is rank 0 and forks the others.

All are in the job's process group, so whoever ends the job ends them all, and each dies with rank
0. A thread of rank 0 waits for each of the others: the first that fails ends the run, with its
word if it has one and as ``worker-died`` if not. So nobody waits for a rank that is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from pathlib import Path
from typing import NoReturn

from workbench.documents import Failure
from workbench.domain.kinds.job import OUTCOME, Outcome
from workbench.domain.store.files import write_private

_PR_SET_PDEATHSIG = 1
EXIT_CODES: dict[Failure, int] = {
    "out-of-memory": 64,
    "timeout": 65,
    "not-finite": 66,
    "worker-died": 67,
    "internal": 68,
}
"""How a rank tells rank 0, by the exit code of its process, why it ended without a result."""
_FAILURES = {code: failure for failure, code in EXIT_CODES.items()}
_PATIENCE_SECONDS = 10.0


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when `parent` dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Crew:
    """The ranks of one run, seen from one of them.

    Parameters
    ----------
    folder
        The job's private folder.

    Attributes
    ----------
    rank, size
        Which one this process is, of how many.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rank, self.size = 0, 1
        self._ending = threading.Lock()
        self._watchers: list[threading.Thread] = []

    def fork(self, size: int) -> None:
        """Make `size` ranks of this process; each goes on from here.

        What was loaded before is shared between them until it is written to.
        """
        parent, pids = os.getpid(), []
        self.size = size
        for rank in range(1, size):
            pid = os.fork()
            if pid == 0:
                die_with_parent(parent)
                self.rank = rank
                return
            pids.append(pid)
        for pid in pids:
            watcher = threading.Thread(target=self._watch, args=(pid,), daemon=True)
            watcher.start()
            self._watchers.append(watcher)

    def _watch(self, pid: int) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code == 0:
            return
        over_time = code == -signal.SIGXCPU
        failure = "timeout" if over_time else _FAILURES.get(code, "worker-died")
        # Never released: the first to say how the run ended is the only one.
        self._ending.acquire()
        self._leave(Outcome(failure=failure))

    def end(self, outcome: Outcome) -> NoReturn:
        """End this process; rank 0 leaves `outcome` for the server, the others tell rank 0."""
        if self.rank > 0:
            os._exit(0 if outcome.failure is None else EXIT_CODES[outcome.failure])
        if outcome.failure is None:
            self._join()
        self._ending.acquire()
        self._leave(outcome)

    def lost(self) -> NoReturn:
        """End this process because another rank was lost; the watcher at rank 0 tells why."""
        while self.rank > 0:
            signal.pause()
        self._join()
        os._exit(1)

    def _join(self) -> None:
        for watcher in self._watchers:
            watcher.join(_PATIENCE_SECONDS)

    def _leave(self, outcome: Outcome) -> NoReturn:
        try:
            if outcome.failure != "worker-died":
                write_private(self._folder / OUTCOME, outcome.canonical())
        finally:
            os._exit(1 if outcome.failure == "worker-died" else 0)
