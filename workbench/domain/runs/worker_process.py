"""Keep a worker process: start it, hear what it says, and notice its end."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from workbench.domain.worker.surroundings import worker_environment
from workbench.errors import DomainUnavailable

_log = logging.getLogger("workbench.domain")
_START_SECONDS = 120


class WorkerProcess:
    """One worker (`workbench.domain.worker.main`), seen from the server.

    Parameters
    ----------
    told
        Called, in a thread of its own, with each line about a job.
    ended
        Called in that thread when the process has ended, and its children with it.

    Attributes
    ----------
    process
        The process.
    moved
        The operators that did not pass the tests of places on this machine
        (`workbench.engine.program.places`).
    """

    def __init__(
        self, told: Callable[[dict[str, Any]], None], ended: Callable[[WorkerProcess], None]
    ) -> None:
        self._told, self._ended = told, ended
        self._settled = threading.Event()
        self._unfit = ""
        self.moved: frozenset[str] = frozenset()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "workbench.domain.worker.main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=worker_environment(),
        )
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def wait_ready(self) -> None:
        """Return when the worker has loaded the engine and passed its tests.

        Raises
        ------
        DomainUnavailable
            If it did not start, or this machine is not what it needs.
        """
        if not self._settled.wait(_START_SECONDS) or self.ended:
            if self._unfit:
                raise DomainUnavailable(
                    f"this machine can't run private programs: {self._unfit}",
                    "See 'What a worker needs' in docs/operator.md.",
                )
            raise DomainUnavailable("the worker process did not start")

    def send(self, order: dict[str, Any]) -> None:
        """Hand the worker an order; `OSError` if it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End the process; the kernel ends its children with it."""
        self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "unfit" in message:
                self._unfit = message["unfit"]
            elif "ready" in message:
                self.moved = frozenset(message["moved"])
                if self.moved:
                    _log.warning("not allowed on this machine: %s", ", ".join(sorted(self.moved)))
                self._settled.set()
            else:
                self._told(message)
        self.process.wait()
        self._settled.set()
        self._ended(self)
