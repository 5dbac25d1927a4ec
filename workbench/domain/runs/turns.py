"""Share threads between several people, in turns."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

_log = logging.getLogger("workbench.domain")


@dataclass(frozen=True)
class _Waiting:
    owner: str
    key: str
    call: Callable[[], None]


class Turns:
    """Threads for calls that belong to owners, so that nobody's many calls keep others waiting.

    The next call is one of the owner who has the fewest calls going on; among those, of the owner
    whose last turn is longest ago; of one owner's calls the oldest.

    Parameters
    ----------
    threads
        How many calls go on at once.
    per_owner
        How many of them one owner may have, even if nobody else waits; all of them by default.
    name
        What the threads are called.
    """

    def __init__(self, threads: int, name: str, per_owner: int | None = None) -> None:
        self._per_owner = per_owner or threads
        self._waiting: list[_Waiting] = []
        self._going: Counter[str] = Counter()
        self._last: dict[str, int] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, owner: str, key: str, call: Callable[[], None]) -> None:
        """Let `call` have its turn; `key` names it for `drop`."""
        with self._changed:
            if not self._closed:
                self._waiting.append(_Waiting(owner, key, call))
                self._changed.notify()

    def drop(self, key: str) -> None:
        """Take back calls that wait under `key`; one that has begun goes on."""
        with self._changed:
            self._waiting = [one for one in self._waiting if one.key != key]

    def close(self) -> None:
        """Take back all calls that wait, and return when those that have begun have ended."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _next(self) -> _Waiting | None:
        able = [one for one in self._waiting if self._going[one.owner] < self._per_owner]
        if not able:
            return None
        return min(able, key=lambda one: (self._going[one.owner], self._last.get(one.owner, -1)))

    def _work(self) -> None:
        while True:
            with self._changed:
                while (one := self._next()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
                self._waiting.remove(one)
                self._going[one.owner] += 1
                self._last[one.owner] = next(self._numbers)
            try:
                one.call()
            except Exception as error:
                # The thread is needed for others. Only the class: a message could quote data.
                _log.error("%s: %s", one.key, type(error).__name__)
            finally:
                with self._changed:
                    self._going[one.owner] -= 1
                    self._going += Counter()
                    self._changed.notify_all()
