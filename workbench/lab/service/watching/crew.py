"""Run calls that may hang in a bounded number of threads that end with the process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_IDLE_SECONDS = 10.0


class Crew:
    """A pool of daemon threads.

    The standard library's pool waits for its threads when the process ends: a domain that hangs
    would hold up the end of the Jupyter server.

    Parameters
    ----------
    most
        How many threads there may be; further work waits for its turn.
    name
        What the threads are called.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        # Taking work and counting who is free are one step: otherwise work could be left to a
        # thread that has just taken some other.
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do `work` in the next free thread."""
        future: Future[T] = Future()
        with self._changed:
            self._work.append((future, work))
            if self._idle < len(self._work) and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            else:
                self._changed.notify()
        return future

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return the next work, or nothing if this thread may end."""
        with self._changed:
            self._idle += 1
            found = self._changed.wait_for(lambda: self._work, _IDLE_SECONDS)
            self._idle -= 1
            if found:
                return self._work.popleft()
            self._threads -= 1
            return None

    def _run(self) -> None:
        while (item := self._next()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
