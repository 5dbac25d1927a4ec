"""What all routes share: Jupyter's authentication, typed errors, bounded bodies, threads."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from http.client import responses
from typing import Any, TypeVar

from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.concurrent import Future as TornadoFuture

from workbench.errors import (
    DomainUnavailable,
    InvalidDocument,
    NotFound,
    TooLarge,
    WorkbenchError,
)
from workbench.lab.service.service import Service
from workbench.lab.service.watching.crew import Crew

T = TypeVar("T")

MOST_BODY = 256 << 10
MOST_THREADS = 32
MOST_CALLS_OF_A_DOMAIN = 6
CALL_SECONDS = 60.0
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{64}")
_STATUS_CODES = {
    400: "invalid-document",
    401: "invalid-token",
    403: "forbidden",
    404: "not-found",
    405: "error",
    413: "too-large",
}


class Callers:
    """Threads for the calls that people wait for.

    A domain that hangs takes `MOST_CALLS_OF_A_DOMAIN` of them and no more.
    """

    def __init__(self) -> None:
        self._crew = Crew(MOST_THREADS, "workbench-call")
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def call(self, domain: str, work: Callable[[], T]) -> T:
        """Return what `work` returns.

        Parameters
        ----------
        domain
            Whose turn is taken; empty for work that calls no domain.

        Raises
        ------
        DomainUnavailable
            If it takes too long.
        """
        turn = self._turns.setdefault(domain, asyncio.Semaphore(MOST_CALLS_OF_A_DOMAIN))
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await turn.acquire()
                future = asyncio.wrap_future(self._crew.submit(work))
                # The turn lasts as long as the thread, even if the caller has stopped waiting.
                future.add_done_callback(lambda _: turn.release())
                return await asyncio.shield(future)
        except TimeoutError:
            raise DomainUnavailable(
                f"domain '{domain}' has not answered for {CALL_SECONDS:.0f} seconds",
                "Try again in a minute, go on with the other domains, or ask its operator.",
            ) from None


@web.stream_request_body
class Route(APIHandler):
    """Base of all routes.

    Bodies are read while they come, so an over-long one is never held in memory. A refusal waits
    for the body's end: a connection that is closed before resets, and the answer may be lost on
    the way (RFC 9112, section 9.6).
    """

    auth_resource = "workbench"

    def initialize(self, service: Service, callers: Callers) -> None:
        """Take what the extension gives to every route."""
        self.service = service
        self.callers = callers
        self._body: list[bytes] = []
        self._size = 0
        self._refuses = False
        self._waits = False

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, unless it is over the limit."""
        self._size += len(chunk)
        if self._size <= MOST_BODY:
            self._body.append(chunk)
        if self._waits and not self._is_coming():
            # Only after this call has the connection read to the end and can be used again.
            asyncio.get_running_loop().call_soon(super().finish)

    def _is_coming(self) -> bool:
        """Return whether a part of a body of known length has not come yet."""
        length = self.request.headers.get("Content-Length", "")
        return length.isdecimal() and len(length) < 20 and self._size < int(length)

    def send_error(self, *given: Any, **options: Any) -> None:
        """Send an error; the route's method is not called if it has not begun yet."""
        self._refuses = True
        super().send_error(*given, **options)

    def finish(self, *parts: Any, **options: Any) -> TornadoFuture[None]:
        """Send the answer, or keep a refusal until the whole body has come."""
        if not self._refuses or not self._is_coming():
            return super().finish(*parts, **options)
        for part in parts:
            self.write(part)
        self._waits = True
        return TornadoFuture()

    def json_body(self, *fields: str) -> dict[str, Any]:
        """Return the body, a JSON object with `fields`.

        Raises
        ------
        TooLarge
            If it is over the limit.
        InvalidDocument
            If it is something else.
        """
        if self._size > MOST_BODY:
            raise TooLarge(f"the body is over {MOST_BODY} bytes")
        try:
            found = json.loads(b"".join(self._body))
        except (ValueError, RecursionError):
            raise InvalidDocument("the body is not JSON") from None
        if not isinstance(found, dict):
            raise InvalidDocument("the body is not a JSON object")
        missing = [field for field in fields if field not in found]
        if missing:
            raise InvalidDocument(f"the body has no field '{missing[0]}'")
        return found

    def text(self, body: dict[str, Any], field: str, most: int = 2000) -> str:
        """Return a field that must be text of at most `most` characters.

        Raises
        ------
        InvalidDocument
            If it is not text, or longer.
        """
        value = body.get(field, "")
        if not isinstance(value, str) or len(value) > most:
            raise InvalidDocument(f"{field}: expected text of at most {most} characters")
        return value

    def name(self, text: str) -> str:
        """Return the name of a domain or dataset from the address.

        Raises
        ------
        NotFound
            If it does not look like one.
        """
        if not _NAME.fullmatch(text):
            raise NotFound(
                f"'{text[:80]}' is not a name", "Use lower case letters, digits and inner hyphens."
            )
        return text

    def digest(self, text: str) -> str:
        """Return a request's digest from the address.

        Raises
        ------
        NotFound
            If it does not look like one.
        """
        if not _DIGEST.fullmatch(text):
            raise NotFound(
                f"'{text[:80]}' is not the digest of a request", "Give its 64 hexadecimal digits."
            )
        return "sha256:" + text.removeprefix("sha256:")

    def key(self, text: str) -> str:
        """Return a key's id from the address.

        Raises
        ------
        NotFound
            If it does not look like one.
        """
        if not _KEY.fullmatch(text):
            raise NotFound(f"'{text[:80]}' is not a key id: expected 64 hexadecimal digits")
        return text

    async def ask(self, domain: str, work: Callable[[], T]) -> T:
        """Call a domain in a thread, and return what `work` returned."""
        return await self.callers.call(domain, work)

    def answer(self, content: Any) -> TornadoFuture[None]:
        """Send `content` as JSON."""
        self.set_header("Cache-Control", "no-store")
        return self.finish(json.dumps(content, ensure_ascii=False, allow_nan=False))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Send an error in the form that the domains' API has."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, WorkbenchError):
            self.set_status(error.status)
            code, message, hint = error.code, error.message, error.hint
        elif isinstance(error, web.HTTPError):
            code = _STATUS_CODES.get(status_code, "error")
            message, hint = self._words(status_code, error), _HINTS.get(status_code, "")
        else:
            code, message = "error", "the Jupyter server made an error"
            hint = "Its log says more. Tell the person who runs the server."
        body = {"error": {"code": code, "message": message, "hint": hint}}
        self.finish(json.dumps(body, ensure_ascii=False))

    @staticmethod
    def _words(status_code: int, error: web.HTTPError) -> str:
        if error.log_message and status_code < 500:
            return str(error.log_message)[:500]
        return str(error.reason or responses.get(status_code, "error"))

    def log_exception(self, *error: Any) -> None:
        """Log an unexpected error; a `WorkbenchError` is an ordinary answer and is not logged."""
        if not isinstance(error[1], WorkbenchError):
            super().log_exception(*error)


_HINTS = {
    403: "Open JupyterLab with its token or password; a change needs the _xsrf cookie's header.",
    404: "Is the server's extension as new as the front end? Restart the Jupyter server.",
}
