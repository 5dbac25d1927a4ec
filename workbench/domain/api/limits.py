"""What callers may take: connections before they are known, calls and streams of each person.

The numbers are `workbench.domain.store.config.CallLimits`, by the same names.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Literal

import anyio
from starlette.requests import Request

from workbench.documents import Person
from workbench.domain.store.config import CallLimits
from workbench.errors import LimitReached

Kind = Literal["light", "heavy", "large", "chunk", "stream"]
"""``heavy`` calls take processor time, ``large`` ones also bring a graph, ``chunk`` ones a part of
one; ``stream`` ones stay."""

_AT_ONCE = 2
"""How many light calls of one person are worked on at once, and how many heavy ones."""
_LARGE_AT_ONCE = 4
"""How many large bodies are in memory at once, one of each person."""
_CHUNKS_AT_ONCE = 16
"""How many chunks of graphs are in memory at once, one of each person."""
_STRANGERS_AT_ONCE = 4
_LONGEST_COUNTED = 0.5
"""How many seconds of one call count: longer ones wait for a worker, and not for this process."""

Scope = MutableMapping[str, Any]
KNOWN, REFUSED = "known", "refused"
"""The keys in a call's state that are set once its caller is known, or refused as a stranger."""
_STACK, _PEOPLE = "workbench.held", "workbench.people"
WORKED_ON = "workbench.worked-on"
"""The key in a call's scope of the `WorkedOn` that it is."""


class CallLimiter:
    """ASGI middleware: what a call holds is given back when it is answered, whatever happened."""

    def __init__(self, app: Callable[..., Awaitable[None]], limits: CallLimits) -> None:
        self._app, self._limits = app, limits
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one call."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # What waits belongs to one loop; a test's client starts several.
            self._loop, self._people = loop, PeopleLimits(self._limits)
        async with AsyncExitStack() as stack:
            scope[_STACK], scope[_PEOPLE] = stack, self._people
            await self._app(scope, receive, send)


def limits_of(request: Request) -> PeopleLimits:
    """Return the limits that hold for a call."""
    found: PeopleLimits = request.scope[_PEOPLE]
    return found


class _Work:
    """How long the server worked for one person lately: a leaky bucket.

    Beyond `burst` seconds a person's calls wait until it is down again; it runs out by `share`
    seconds in a second.
    """

    def __init__(self, burst: float, share: float) -> None:
        self._burst, self._share = burst, share
        self._level, self._at = 0.0, time.monotonic()

    def _settle(self) -> None:
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self._share)
        self._at = now

    def add(self, seconds: float) -> None:
        self._settle()
        self._level += min(seconds, _LONGEST_COUNTED)

    async def wait(self) -> None:
        self._settle()
        if self._level > self._burst:
            await asyncio.sleep((self._level - self._burst) / self._share)


class _Lanes:
    """The calls of one person."""

    def __init__(self, work: _Work) -> None:
        self.calls = 0
        self.work = work
        self.light = asyncio.Semaphore(_AT_ONCE)
        self.heavy = asyncio.Semaphore(_AT_ONCE)
        self.large = asyncio.Semaphore(1)
        self.chunk = asyncio.Semaphore(1)


class WorkedOn:
    """A call that is worked on, since when."""

    def __init__(self) -> None:
        self.began = time.monotonic()


class PeopleLimits:
    """The calls and streams that people have open; used by one event loop.

    Attributes
    ----------
    limits
        The numbers.
    strangers
        For asking who calls: apart from the threads in which calls are worked on.
    """

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        self.strangers = anyio.CapacityLimiter(_STRANGERS_AT_ONCE)
        self._lanes: dict[str, _Lanes] = {}
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._chunks = asyncio.Semaphore(_CHUNKS_AT_ONCE)
        self._streams: Counter[str] = Counter()

    async def hold(self, request: Request, person: Person, kind: Kind) -> None:
        """Wait for this person's turn, and keep it until the call is answered.

        Raises
        ------
        LimitReached
            If too many of this person's calls are there already; says what to do.
        """
        stack: AsyncExitStack = request.scope[_STACK]
        if kind == "stream":
            stack.enter_context(self._stream(person.key_id))
        else:
            request.scope[WORKED_ON] = await stack.enter_async_context(
                self._call(person.key_id, kind)
            )

    def body_came(self, request: Request) -> None:
        """Count the work for a call from now on: until its body was here, the network was slow."""
        if WORKED_ON in request.scope:
            request.scope[WORKED_ON].began = time.monotonic()

    def streams_of(self, person: Person) -> int:
        """Return how many streams of one person are open."""
        return self._streams[person.key_id]

    @contextmanager
    def _stream(self, key: str) -> Iterator[None]:
        if self._streams[key] >= self.limits.streams_per_person:
            raise LimitReached(
                f"{self.limits.streams_per_person} of your streams are open (streams_per_person)",
                "Close notebooks that wait for requests, or ask for the status instead.",
            )
        if self._streams.total() >= self.limits.streams:
            raise LimitReached(
                f"{self.limits.streams} streams are open at this domain (streams)",
                "Ask for the status instead, or try again later.",
            )
        self._streams[key] += 1
        try:
            yield
        finally:
            self._streams[key] -= 1
            self._streams += Counter()

    @asynccontextmanager
    async def _call(self, key: str, kind: Kind) -> AsyncIterator[WorkedOn]:
        lanes = self._lanes.get(key)
        if lanes is None:
            work = _Work(self.limits.work_seconds, self.limits.work_percent / 100)
            lanes = self._lanes[key] = _Lanes(work)
        if lanes.calls >= self.limits.calls_per_person:
            raise LimitReached(
                f"{self.limits.calls_per_person} of your calls wait (calls_per_person)",
                "Wait until some of them are answered.",
            )
        lanes.calls += 1
        try:
            async with AsyncExitStack() as turn:
                for lane in self._lanes_of(lanes, kind):
                    await turn.enter_async_context(lane)
                await lanes.work.wait()
                call = WorkedOn()
                try:
                    yield call
                finally:
                    lanes.work.add(time.monotonic() - call.began)
        finally:
            lanes.calls -= 1

    def _lanes_of(self, lanes: _Lanes, kind: Kind) -> tuple[asyncio.Semaphore, ...]:
        """Return what a call of one kind waits for, in this order."""
        if kind == "light":
            return (lanes.light,)
        if kind == "chunk":
            return (lanes.chunk, self._chunks)
        return (lanes.heavy, lanes.large, self._large) if kind == "large" else (lanes.heavy,)
