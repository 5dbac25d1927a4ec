"""A widget that follows the domains while it is on the screen, and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from workbench.errors import WorkbenchError
from workbench.lab.service.requests.views import MOST_REQUESTS
from workbench.lab.service.service import Service
from workbench.lab.service.sources import FixedSource
from workbench.lab.service.watching.monitor import Watch
from workbench.space.connection import Space

_HERE = Path(__file__).parent
POLL_SECONDS = 2.0
FOLLOWER, ANSWERER = "workbench-view", "workbench-answer"
"""Names of threads: one follows the domains while a view is open, others answer its messages."""
_PAUSE_SECONDS = 0.2


def module(*names: str) -> str:
    """Return the ESM of a widget: what all share, then its own parts in this order."""
    return "".join((_HERE / name).read_text() for name in ("parts.js", *names))


def style(name: str) -> str:
    """Return the CSS of a widget: what all share, then its own."""
    return (_HERE / "parts.css").read_text() + (_HERE / name).read_text()


class LiveWidget(anywidget.AnyWidget):
    """Tells its views news of the domains.

    A view says ``opened`` and ``closed``; in between a thread calls `news` whenever a domain has
    said something else than before. Everything is sent as messages, so that nothing of it is saved
    in the notebook.

    Parameters
    ----------
    space
        What is watched.
    most_requests
        How many requests of each domain are known, the newest first.
    """

    def __init__(self, space: Space, most_requests: int = MOST_REQUESTS) -> None:
        super().__init__()
        self.space = space
        self.service = Service(FixedSource(space), most_requests=most_requests)
        self._views = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._watch: Watch | None = None
        self.on_msg(self._on_message)

    def news(self, anew: bool) -> None:
        """Send what changed; send everything if `anew`, because a new view knows nothing yet."""
        raise NotImplementedError

    def asked(self, action: str, content: dict[str, Any]) -> None:
        """Do what a view asks for; this is called in a thread of its own."""

    def in_turn(self, task: Callable[[], None]) -> Callable[[], None]:
        """Return what a thread runs to answer one message; here none waits for another."""
        return task

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        action = content.get("action") if isinstance(content, dict) else None
        if action == "opened":
            self._opened()
        elif action == "closed":
            self._closed()
        elif isinstance(action, str):
            # A domain that hangs must not hold up the kernel.
            self._thread(self.in_turn(lambda: self.asked(action, content)), ANSWERER)

    def _thread(self, task: Callable[[], None], name: str) -> None:
        threading.Thread(target=self._guarded, args=(task,), name=name, daemon=True).start()

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except WorkbenchError as error:
            self.say(f"{error.message} {error.hint}".strip())
        except Exception as error:
            # A view that silently shows old facts would be worse than any message.
            self.say(f"This view could not be renewed ({type(error).__name__}).")

    def say(self, message: str) -> None:
        """Show a message in every view."""
        self.send({"kind": "message", "message": message})

    def _opened(self) -> None:
        with self._lock:
            self._views += 1
            first = self._watch is None
            if first:
                self._watch = self.service.watch(POLL_SECONDS, self._wake.set)
        if first:
            self._thread(self._follow, FOLLOWER)
        else:
            self._thread(lambda: self.news(anew=True), ANSWERER)

    def _closed(self) -> None:
        with self._lock:
            self._views = max(0, self._views - 1)
        self._wake.set()

    def _follow(self) -> None:
        try:
            self._guarded(lambda: self.news(anew=True))
            while True:
                self._wake.wait()
                self._wake.clear()
                with self._lock:
                    if not self._views:
                        return
                self._guarded(lambda: self.news(anew=False))
                # Many changes at once are one piece of news.
                threading.Event().wait(_PAUSE_SECONDS)
        finally:
            self._stop()

    def _stop(self) -> None:
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            self.service.unwatch(watch)

    def close(self) -> None:
        """Remove the widget and stop asking the domains."""
        self._views = 0
        self._wake.set()
        super().close()
