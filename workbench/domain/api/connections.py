"""Connections to the server: limited in number and time, before anybody knows who calls."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.domain.api.limits import KNOWN, REFUSED
from workbench.domain.store.config import CallLimits
from workbench.errors import InvalidDocument, LimitReached, WorkbenchError

_UNSAID = (h11.IDLE, h11.SEND_RESPONSE)
"""States of ours in which no answer has begun."""


_TOO_MANY_REFUSALS = LimitReached(
    "too many calls from your address were refused (refusals_per_address)",
    "Ask the domain's steward to admit your key; then try again in a minute.",
)
_FORGIVEN = 2.0
"""How many refusals of an address are forgotten in a second."""
_ADDRESSES = 10_000
"""Of how many addresses refusals are counted; the one that was heard of longest ago goes first."""


class Gate:
    """The connections that are open.

    When there are too many, in all or from one address, the oldest one by which nobody known has
    called yet gives way to the new one; if there is none, the oldest on which no call goes on.

    Parameters
    ----------
    limits
        How many there may be, and how long a header may take.
    """

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        # In the order in which they came.
        self._open: dict[Connection, str] = {}
        self._refusals: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def refused(self, address: str) -> None:
        """Count a call of a stranger that was refused."""
        self._refusals[address] = (self._lately(address) + 1, time.monotonic())
        if len(self._refusals) > _ADDRESSES:
            del self._refusals[next(iter(self._refusals))]

    def refuses(self, address: str) -> bool:
        """Return whether nothing is heard from an address now: too many calls were refused."""
        return self._lately(address) >= self.limits.refusals_per_address

    def _lately(self, address: str) -> float:
        level, at = self._refusals.pop(address, (0.0, 0.0))
        left = level - (time.monotonic() - at) * _FORGIVEN
        if left <= 0:
            return 0.0
        self._refusals[address] = (left, time.monotonic())
        return left

    def enter(self, connection: Connection, address: str) -> bool:
        """Let a connection in, if need be in the place of another; return whether it is in."""
        near = [one for one, where in self._open.items() if where == address]
        if len(near) >= self.limits.connections_per_address:
            if not _make_room(near, "connections_per_address"):
                return False
        elif len(self._open) >= self.limits.connections and not _make_room(
            list(self._open), "connections"
        ):
            return False
        self._open[connection] = address
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.pop(connection, None)


def _make_room(those: list[Connection], limit: str) -> bool:
    for may_go in (lambda one: not one.known, lambda one: one.idle):
        for one in those:
            if may_go(one):
                one.end(_too_many(limit))
                return True
    return False


def _too_many(limit: str) -> LimitReached:
    return LimitReached(
        f"too many connections are open ({limit})", "Try again in a moment, with fewer at once."
    )


class Connection(H11Protocol):
    """One connection, which ends if a header takes too long."""

    def __init__(self, gate: Gate, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **options)
        self._gate = gate
        self._late: asyncio.TimerHandle | None = None
        self._was_known = False

    @property
    def known(self) -> bool:
        """Return whether somebody who is admitted has called by it."""
        called = self.scope is not None and bool(self.scope["state"].get(KNOWN))
        self._was_known = self._was_known or called
        return self._was_known

    @property
    def idle(self) -> bool:
        """Return whether no call goes on."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the connection in, or answer that there are too many."""
        super().connection_made(transport)
        if self._gate.refuses(self._address):
            self.end(_TOO_MANY_REFUSALS)
        elif self._gate.enter(self, self._address):
            self._wait_for_header()
        else:
            self.end(_too_many("connections"))

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def data_received(self, data: bytes) -> None:
        """Take what came, and give the rest of a header its time."""
        if self.transport.is_closing():
            return
        # The next call has a state of its own.
        self._was_known = self.known
        super().data_received(data)
        if not self.idle:
            self._stop_waiting()
        elif self._late is None:
            self._wait_for_header()

    def on_response_complete(self) -> None:
        """Give what is left of a body that nobody wants no more time than a header."""
        refused = self.scope is not None and self.scope["state"].get(REFUSED)
        super().on_response_complete()
        if refused:
            self._gate.refused(self._address)
            if self._gate.refuses(self._address):
                self.end(_TOO_MANY_REFUSALS, tell=False)
                return
        if self.conn.their_state is h11.SEND_BODY:
            self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        self._gate.leave(self)
        super().connection_lost(exc)

    def _wait_for_header(self) -> None:
        self._late = self.loop.call_later(self._gate.limits.header_seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        seconds = self._gate.limits.header_seconds
        error = LimitReached(
            f"the call's header took longer than {seconds} seconds (header_seconds)",
            "Send it at once, on a faster connection.",
        )
        self.end(error)

    def send_400_response(self, msg: str) -> None:
        """End a connection on which no HTTP came; answer that first if no answer has begun."""
        self.end(InvalidDocument(msg), self.conn.our_state in _UNSAID, 400)

    def end(
        self, error: WorkbenchError, tell: bool | None = None, status: int | None = None
    ) -> None:
        """Say why, as far as that can be sent at once, and end the connection."""
        self._stop_waiting()
        self._gate.leave(self)
        tell = self.conn.their_state is h11.IDLE if tell is None else tell
        if tell and not self.transport.is_closing():
            detail = {"code": error.code, "message": error.message, "hint": error.hint}
            body = json.dumps({"error": detail}).encode()
            head = "\r\n".join(
                [
                    f"HTTP/1.1 {status or error.status} {error.code}",
                    "connection: close",
                    "content-type: application/json",
                    f"content-length: {len(body)}",
                    "",
                    "",
                ]
            )
            self.transport.write(head.encode() + body)
        # Not closed, which would wait for a peer that does not read.
        self.transport.abort()
