"""Follow the log of a domain while it is served: each new line is told once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import select

from workbench.documents import LogEntry
from workbench.domain.access import log
from workbench.domain.store.database import Store
from workbench.domain.store.tables import log as lines
from workbench.errors import DomainUnavailable

_log = logging.getLogger("workbench.domain")
_SECONDS = 1.0
_MOST = 1000


class Follower:
    """Tells the lines that are added to a log, whichever process adds them.

    Parameters
    ----------
    store
        The domain's database.
    tell
        Called with each new line, in a thread of its own.
    """

    def __init__(self, store: Store, tell: Callable[[LogEntry], None]) -> None:
        self._store, self._tell = store, tell
        with store.read() as connection:
            self._last, _ = log.head(connection)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell what is new once more, and stop."""
        self._closing.set()
        self._thread.join()

    def _follow(self) -> None:
        closing, reachable = False, True
        while not closing:
            closing = self._closing.wait(_SECONDS)
            try:
                found = self._new()
            except DomainUnavailable as error:
                # Told once, not every second.
                if reachable:
                    _log.error(error.message)
                reachable = False
                continue
            reachable = True
            for entry in found:
                self._tell(entry)

    def _new(self) -> list[LogEntry]:
        query = select(lines).where(lines.c.sequence > self._last).order_by(lines.c.sequence)
        with self._store.read() as connection:
            found = [LogEntry(**row) for row in connection.execute(query.limit(_MOST)).mappings()]
        if found:
            self._last = found[-1].sequence
        return found
