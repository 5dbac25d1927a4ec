"""Ask all domains again and again, but only while somebody watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from workbench.documents import State
from workbench.errors import WorkbenchError
from workbench.lab.service.watching.crew import Crew
from workbench.lab.service.watching.domains import WatchedDomain

MOST_THREADS = 64
MOST_FOLLOWED = 16
_TICK_SECONDS = 0.25


@dataclass(eq=False)
class Watch:
    """Somebody who watches.

    Attributes
    ----------
    interval
        Seconds from the end of one round to the next.
    notify
        Called from any thread when something may have changed; must be quick.
    """

    interval: float
    notify: Callable[[], None]


class Monitor:
    """Asks the domains again and again while there is a watch, and not otherwise.

    A domain that hangs keeps one thread; the others are asked in time.

    Parameters
    ----------
    domains
        Gives the domains of now; called before each round.
    """

    def __init__(self, domains: Callable[[], dict[str, WatchedDomain]]) -> None:
        self._domains = domains
        self._crew = Crew(MOST_THREADS, "workbench-round")
        self._followers = Crew(MOST_FOLLOWED, "workbench-follow")
        self._followed: set[str] = set()
        self._watches: list[Watch] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, watch: Watch) -> None:
        """Begin to watch; the first round comes at once."""
        for domain in self._domains().values():
            domain.asked_at = 0.0
        with self._lock:
            self._watches = [*self._watches, watch]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workbench", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self, watch: Watch) -> None:
        """End a watch; after the last one no domain is asked."""
        with self._lock:
            self._watches = [other for other in self._watches if other is not watch]
        self._wake.set()

    def ask_soon(self) -> None:
        """Have the next round now and ask for everything, as after a change that a person made."""
        for domain in self._domains().values():
            domain.ask_anew()
        self._wake.set()

    def refresh(self, older_than: float, patience: float) -> None:
        """Ask those domains whose answers are older, and wait for them for a while.

        Parameters
        ----------
        older_than, patience
            Seconds.
        """
        now = time.monotonic()
        stale = [d for d in self._domains().values() if now - d.asked_at > older_than]
        started = [self._start(domain) for domain in stale]
        wait([future for future in started if future is not None], patience)
        for domain in stale:
            domain.state.settle()

    def _start(self, domain: WatchedDomain) -> Future[None] | None:
        if not domain.begin():
            return None
        return self._crew.submit(lambda: self._round(domain))

    def _round(self, domain: WatchedDomain) -> None:
        domain.round()
        self._follow_running(domain)
        self.notify()

    def notify(self) -> None:
        """Tell everybody who watches that something may have changed."""
        for watch in self._watches:
            watch.notify()

    def _run(self) -> None:
        shown: object = None
        while True:
            with self._lock:
                if not self._watches:
                    self._thread = None
                    return
                interval = min(watch.interval for watch in self._watches)
            now = time.monotonic()
            domains = self._domains()
            for domain in domains.values():
                if now - domain.asked_at >= interval:
                    self._start(domain)
                domain.state.settle()
            states = [(name, domain.state.view()["state"]) for name, domain in domains.items()]
            if states != shown:
                shown = states
                self.notify()
            self._wake.wait(_TICK_SECONDS)
            self._wake.clear()

    def _follow_running(self, domain: WatchedDomain) -> None:
        """Follow the events of running requests, so that progress shows between two rounds."""
        for status in domain.statuses():
            digest = status.request_digest
            if status.state not in (State.RUNNING, State.APPROVED):
                continue
            with self._lock:
                if (
                    not self._watches
                    or digest in self._followed
                    or len(self._followed) >= MOST_FOLLOWED
                ):
                    continue
                self._followed.add(digest)
            self._followers.submit(lambda d=digest: self._follow(domain, d))  # type: ignore[misc]

    def _follow(self, domain: WatchedDomain, digest: str) -> None:
        try:
            for status in domain.client.events(digest):
                domain.put(status)
                self.notify()
                if not self._watches:
                    return
        except WorkbenchError:
            # The next round says what is wrong with the domain.
            return
        finally:
            with self._lock:
                self._followed.discard(digest)
