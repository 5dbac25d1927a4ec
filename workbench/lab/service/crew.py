"""Threads for calls that may hang: bounded in number, and never in the way of the process's end."""

from __future__ import annotations

import queue
import threading
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
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done by the next free thread."""
        future: Future[T] = Future()
        with self._lock:
            self._work.put((future, work))
            if self._idle < self._work.qsize() and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return future

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._lock:
            self._idle += 1
        try:
            return self._work.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            return None
        finally:
            with self._lock:
                self._idle -= 1

    def _run(self) -> None:
        while True:
            item = self._next()
            if item is None:
                with self._lock:
                    # Work may have come between the wait's end and here.
                    if self._work.empty():
                        self._threads -= 1
                        return
                continue
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
