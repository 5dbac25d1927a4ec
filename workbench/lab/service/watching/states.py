"""Say whether a domain is up, by what its last calls showed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TypedDict

from workbench._version import __version__
from workbench.errors import (
    DomainUnavailable,
    InvalidSignature,
    InvalidToken,
    NotAdmitted,
    WorkbenchError,
)
from workbench.views.words import timestamp

SLOW_SECONDS = 1.5
DOWN_SECONDS = 15.0
API = 3
"""The domains' API that this version knows."""


class DomainView(TypedDict):
    """The state of a domain as people see it."""

    name: str
    title: str
    state: str
    since: str | None
    latency_ms: float | None
    message: str
    hint: str
    version: str | None
    api: int | None
    warning: str
    role: str | None


@dataclass
class DomainState:
    """What is known of one domain; safe to use from several threads.

    Attributes
    ----------
    name
        The name that the space has for it.
    """

    name: str
    title: str = ""
    version: str | None = None
    api: int | None = None
    role: str | None = None
    _state: str = "unknown"
    _since: float | None = None
    _latency: float | None = None
    _message: str = ""
    _hint: str = ""
    _asked: float | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def asked(self) -> None:
        """Note that a call begins."""
        with self._lock:
            self._asked = time.monotonic()

    def answered(self, seconds: float) -> None:
        """Note that the domain answered after `seconds`."""
        with self._lock:
            self._latency = seconds
            slow = seconds > SLOW_SECONDS
            self._become(
                "slow" if slow else "up",
                f"It took {seconds:.1f} seconds to answer." if slow else "",
                "What you see may be some seconds old." if slow else "",
            )

    def met(self, seconds: float) -> None:
        """Note that the domain said who it is; its lists, which may be long, come later."""
        with self._lock:
            self._asked = None
            if self._state == "unknown":
                self.answered(seconds)

    def done(self) -> None:
        """Note that no call is waiting for an answer."""
        with self._lock:
            self._asked = None

    def failed(self, error: Exception) -> None:
        """Note why a call failed."""
        with self._lock:
            if isinstance(error, NotAdmitted | InvalidToken | InvalidSignature):
                self._become("denied", error.message, error.hint or _DENIED_HINT)
                self.role = None
            elif isinstance(error, DomainUnavailable):
                self._become("down", error.message, error.hint)
            elif isinstance(error, WorkbenchError):
                self._become("down", error.message, error.hint or _OTHER_HINT)
            else:
                self._become(
                    "down", f"It could not be asked ({type(error).__name__}).", _OTHER_HINT
                )

    def _become(self, state: str, message: str, hint: str) -> None:
        if state != self._state:
            self._state, self._since = state, time.time()
        self._message, self._hint = message, hint

    def settle(self) -> None:
        """Change the state if a call that has not ended yet takes long."""
        with self._lock:
            waiting = 0.0 if self._asked is None else time.monotonic() - self._asked
            if waiting > DOWN_SECONDS:
                self._become("down", f"It has not answered for {waiting:.0f} seconds.", _DOWN_HINT)
            elif waiting > SLOW_SECONDS and self._state in ("up", "unknown"):
                self._become("slow", "It takes long to answer.", "It is still being asked.")

    @property
    def up(self) -> bool:
        """Whether it answered last."""
        with self._lock:
            return self._state in ("up", "slow")

    def view(self) -> DomainView:
        """Return the state as JSON."""
        with self._lock:
            return {
                "name": self.name,
                "title": self.title,
                "state": self._state,
                "since": None if self._since is None else timestamp(self._since),
                "latency_ms": None if self._latency is None else round(self._latency * 1000, 1),
                "message": self._message,
                "hint": self._hint,
                "version": self.version,
                "api": self.api,
                "warning": self._warning(),
                "role": self.role,
            }

    def _warning(self) -> str:
        if self.api is None or self.api == API:
            return ""
        if self.api < API:
            return (
                f"This domain is older (API {self.api}, here {API}): some of what is shown here, "
                "such as changing a policy, populations, spending over time and the log, is not "
                "available there. "
                "Browsing, submitting and deciding work. Ask its operator to update."
            )
        return (
            f"This domain is newer (API {self.api}, here {API}, version {__version__}): some of "
            "what it says may not be shown. Update with: "
            "pip install --upgrade dataspace-workbench"
        )


_DENIED_HINT = (
    "Send your public key (the .pub file) to the domain's steward and ask to be admitted."
)
_DOWN_HINT = "It is asked again all the time. Go on with the other domains, or ask its operator."
_OTHER_HINT = "Ask the domain's operator; it is asked again all the time."
