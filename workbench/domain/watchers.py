"""Who waits for news of a request in this process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchers:
    """Calls whoever watches a request when it or its progress changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watching: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)

    def changed(self, digest: str) -> None:
        """Call all who watch the request with this digest, in this thread."""
        with self._lock:
            watching = list(self._watching.get(digest, ()))
        for tell in watching:
            tell()

    @contextmanager
    def watched(self, digest: str, tell: Callable[[], object]) -> Iterator[None]:
        """Have `tell` called, in any thread, whenever a request or its progress changes."""
        with self._lock:
            self._watching[digest].append(tell)
        try:
            yield
        finally:
            with self._lock:
                self._watching[digest].remove(tell)
                if not self._watching[digest]:
                    del self._watching[digest]
