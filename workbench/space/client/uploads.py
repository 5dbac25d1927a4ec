"""Send a graph to a domain: in one call if it is small, else in chunks that can be resumed.

1. Offer the graph. The domain answers what it has: parts of earlier graphs of the same person, and
   what came before the connection broke.
2. Send the rest in chunks. Each is a call with a token of its own, and safe to repeat.
3. Let the domain check the whole.

Whatever breaks in between, the same upload goes on where the domain says.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from workbench.errors import (
    Conflict,
    DomainUnavailable,
    GraphRefused,
    InvalidDocument,
    NotFound,
    TooLarge,
)
from workbench.graphs.content import Content, InMemory
from workbench.graphs.reading.archive import large_members
from workbench.graphs.upload import (
    CHUNK_BYTES,
    LARGE_BYTES,
    ONE_BODY_BYTES,
    Part,
    UploadOffer,
    UploadStatus,
    sent,
)
from workbench.space.client.http import Transport

Archive = bytes | Content
"""A ``.pt2`` file."""
Told = Callable[[int, int], None] | None
"""Told how many bytes have arrived, of how many that are sent."""

_LEAST_BYTES = 256 << 10
_CHUNK_SECONDS = 5.0
"""How long a chunk may take. Chunks are smaller on a slow network: a domain waits only so long."""
_AGAIN_SECONDS = 1.0
_GIVE_UP_SECONDS = 60.0
_FINISH_SECONDS = 600.0
"""For how long a client goes on without an answer; the check of the whole takes longer."""


def upload(road: Transport, digest: str, archive: Archive, tell: Told = None) -> None:
    """Send a graph, or what the domain does not have of it yet.

    Parameters
    ----------
    road
        The domain.
    digest
        Of the archive.
    archive
        The ``.pt2`` file.
    tell
        Told how far it is.

    Raises
    ------
    TooLarge
        If the domain is too old for a graph of this size; nothing was sent.
    InvalidDocument
        If the domain takes no bytes, or says that it has more than there are.
    DomainUnavailable
        If the domain is away for a minute. What it has stays there for some hours.
    WorkbenchError
        What the domain answers.
    """
    content = archive if isinstance(archive, Content) else InMemory(archive)
    if content.size <= CHUNK_BYTES:
        road.call("PUT", f"/v1/graphs/{digest}", bytes(content))
        return
    sender = _Sender(road, digest, content, tell)
    while True:
        try:
            sender.go_on()
            return
        except (DomainUnavailable, Conflict):
            # Away, restarted, or without what was sent before: it says itself what it has.
            if time.monotonic() > sender.gives_up:
                raise
            time.sleep(_AGAIN_SECONDS)


class _Sender:
    """One graph on its way to one domain; `gives_up` is when it has waited long enough."""

    def __init__(self, road: Transport, digest: str, content: Content, tell: Told) -> None:
        self._road, self._digest, self._content, self._tell = road, digest, content, tell
        self._offer = _offer(content)
        self._most = LARGE_BYTES
        self._waits(_GIVE_UP_SECONDS)

    def _waits(self, seconds: float) -> None:
        self.gives_up = time.monotonic() + seconds

    def go_on(self) -> None:
        """Send what the domain does not have, and let it check the whole."""
        try:
            status = self._asked()
        except NotFound:
            self._in_one_body()
            return
        if status.stored:
            return
        try:
            self._send_rest(status)
            self._road.call("POST", f"/v1/uploads/{self._digest}/finish")
        except NotFound as error:
            raise Conflict(error.message, error.hint) from None

    def _asked(self) -> UploadStatus:
        target = f"/v1/uploads/{self._digest}"
        return self._road.read(UploadStatus, "POST", target, self._offer.canonical())

    def _send_rest(self, status: UploadStatus) -> None:
        ranges = sent(self._offer, status.known)
        total = sum(size for _, size in ranges)
        self._say(status, total)
        while status.received < total:
            chunk = _cut(self._content, ranges, status.received, self._most)
            target = f"/v1/uploads/{self._digest}/{status.received}"
            began = time.monotonic()
            before, status = status, self._road.read(UploadStatus, "PUT", target, chunk)
            if not before.received < status.received <= total:
                raise InvalidDocument(
                    f"domain '{self._road.name}' says that it has {status.received} of {total} "
                    f"bytes, after it had {before.received} and got {len(chunk)} more"
                )
            speed = len(chunk) / max(time.monotonic() - began, 1e-6)
            self._most = max(_LEAST_BYTES, min(CHUNK_BYTES, int(speed * _CHUNK_SECONDS)))
            self._waits(_GIVE_UP_SECONDS if status.received < total else _FINISH_SECONDS)
            self._say(status, total)

    def _say(self, status: UploadStatus, total: int) -> None:
        if self._tell is not None:
            self._tell(status.received, total)

    def _in_one_body(self) -> None:
        """Send the graph to a domain of an older version."""
        size = self._content.size
        if size > ONE_BODY_BYTES:
            raise TooLarge(
                f"domain '{self._road.name}' takes graphs of at most {ONE_BODY_BYTES >> 20} MB; "
                f"this one has {size >> 20} MB",
                "It is of an older version: ask its operator to bring it up to date.",
            )
        self._road.call("PUT", f"/v1/graphs/{self._digest}", bytes(self._content))


def _offer(content: Content) -> UploadOffer:
    try:
        large = large_members(content, LARGE_BYTES)
    except GraphRefused:
        # The domain will say what is wrong with it.
        large = []
    parts = [
        Part(start=one.start, size=one.size, content=content.digest_of(one.start, one.size))
        for one in large
    ]
    return UploadOffer(size=content.size, parts=tuple(parts))


def _cut(content: Content, ranges: list[tuple[int, int]], offset: int, most: int) -> bytes:
    """Return at most `most` bytes that follow the first `offset` of all ranges."""
    cut: list[bytes] = []
    for start, size in ranges:
        if most > 0 and offset < size:
            length = min(size - offset, most)
            cut.append(content.part(start + offset, length))
            most -= length
        offset = max(0, offset - size)
    return b"".join(cut)
