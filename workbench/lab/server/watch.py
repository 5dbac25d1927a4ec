"""Send a page news of the domains, as server-sent events, while the page is open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.iostream import StreamClosedError

from workbench.errors import Conflict, InvalidDocument
from workbench.lab.server.base import Callers, Route
from workbench.lab.service.service import Service
from workbench.lab.service.studies import Studies

SHORTEST, LONGEST = 1.0, 300.0
ALIVE_SECONDS = 5.0
MOST_WATCHES = 50
_GAP_SECONDS = 0.1
_open: set[WatchRoute] = set()


class WatchRoute(Route):
    """News of the session, the catalog, requests and studies."""

    # A page that only looks must not keep an idle server from being culled.
    _track_activity = False
    _closed: asyncio.Event

    def initialize(  # type: ignore[override]
        self, service: Service, callers: Callers, studies: Studies
    ) -> None:
        """Take what the extension gives to every route, and the studies."""
        super().initialize(service, callers)
        self.studies = studies

    def _interval(self) -> float:
        text = self.get_query_argument("interval", "5")
        try:
            interval = float(text)
        except ValueError:
            interval = math.nan
        if not SHORTEST <= interval <= LONGEST:
            raise InvalidDocument(f"interval: expected {SHORTEST:g} to {LONGEST:g} seconds")
        return interval

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Stream events until the page goes away.

        Raises
        ------
        Conflict
            If `MOST_WATCHES` pages watch already.
        """
        interval = self._interval()
        if len(_open) >= MOST_WATCHES:
            raise Conflict(f"{len(_open)} pages watch already", "Close some of them.")
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        self._closed = asyncio.Event()

        def notify() -> None:
            # The loop may end before the last thread does.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(news.set)

        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        _open.add(self)
        watch = await self.ask("", lambda: self.service.watch(interval, notify))
        try:
            await self._stream(news)
        except StreamClosedError:
            return
        finally:
            _open.discard(self)
            self.service.unwatch(watch)

    async def _stream(self, news: asyncio.Event) -> None:
        sent: dict[str, str] = {}
        loop = asyncio.get_running_loop()
        spoke = loop.time()
        while not self._closed.is_set():
            news.clear()
            for event, content in (await self.ask("", self._news)).items():
                mark = _mark(event, content)
                if sent.get(event) != mark:
                    sent[event] = mark
                    self.write(f"event: {event}\ndata: {_dumped(content)}\n\n")
            if loop.time() - spoke >= ALIVE_SECONDS:
                self.write(": alive\n\n")
                spoke = loop.time()
            # A page that went away is noticed by writing to it.
            await self.flush()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, spoke + ALIVE_SECONDS - loop.time())):
                    await news.wait()
            # Many changes at once are one piece of news.
            await asyncio.sleep(_GAP_SECONDS)

    def _news(self) -> dict[str, Any]:
        return {
            "session": self.service.session(),
            "catalog": {"version": self.service.catalog_version()},
            "requests": {"requests": self.service.requests()},
            "studies": {"studies": self.studies.all()},
        }

    def on_connection_close(self) -> None:
        """Note that the page went away."""
        super().on_connection_close()
        if hasattr(self, "_closed"):
            self._closed.set()

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """End the stream, or send an error before it began."""
        kind = "text/event-stream" if hasattr(self, "_closed") else "application/json"
        return super().finish(*args, set_content_type=kind, **kwargs)


def _dumped(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def _mark(event: str, content: Any) -> str:
    """Return a text that is another one when there is something new to send."""
    if event != "session":
        return _dumped(content)
    # The latency changes with every call.
    domains = [{k: v for k, v in d.items() if k != "latency_ms"} for d in content["domains"]]
    return _dumped(content | {"domains": domains})
