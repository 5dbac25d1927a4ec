"""One call of the API: authenticated, read within limits, answered in canonical JSON.

A call carries ``Authorization: Bearer <token>`` (`workbench.identity.tokens`). Errors are JSON,
``{"error": {"code", "message", "hint"}}``, with the status of their class.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from workbench.documents import Document, Person
from workbench.domain.api.limits import KNOWN, REFUSED, Kind, limits_of
from workbench.domain.service import Domain
from workbench.domain.stewards import Steward
from workbench.errors import InvalidToken, LimitReached, TooLarge, WorkbenchError

SMALL_BODY = 2 << 20
MOST_SEQUENCE = (1 << 31) - 1
"""The largest number of a row, on every database."""

DigestPath = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$")]
NamePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]
KeyPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str
    message: str
    hint: str


class ErrorBody(BaseModel):
    """Every error's body."""

    error: ErrorDetail


@dataclass(frozen=True)
class Call:
    """An authenticated call."""

    person: Person
    body: bytes


@dataclass(frozen=True)
class StewardCall:
    """An authenticated call by a steward: `steward` has what only stewards may do."""

    steward: Steward
    body: bytes


def body_of(kind: str) -> dict[str, Any]:
    """Return what OpenAPI says of a body that `Call` carries: ``json`` or ``binary``."""
    binary = kind == "binary"
    content = {"schema": {"type": "string", "format": "binary"} if binary else {"type": "object"}}
    media = "application/octet-stream" if binary else "application/json"
    return {"requestBody": {"required": True, "content": {media: content}}}


def answer(document: Document, status: int = 200) -> Response:
    """Return a document in canonical JSON."""
    return Response(document.canonical(), status, media_type="application/json")


def error_answer(error: WorkbenchError) -> JSONResponse:
    """Return an error's body with the status of its class."""
    body = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(body, error.status, headers)


async def _read_body(request: Request, most: int, seconds: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > most:
        raise TooLarge(f"the body is over {most} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLarge(f"the body is over {most} bytes")
                parts.append(part)
    except TimeoutError:
        raise LimitReached(
            f"the body took longer than {seconds} seconds (body_seconds)",
            "Send it on a faster connection, or ask the domain's operator for a higher limit.",
        ) from None
    return b"".join(parts)


def authenticated(
    domain: Domain, most: int, kind: Kind = "light"
) -> Callable[[Request], Awaitable[Call]]:
    """Return what authenticates a call and then reads its body of at most `most` bytes."""

    async def call(request: Request) -> Call:
        # Until it is known who calls; a call that is cut off before that is no better.
        setattr(request.state, REFUSED, True)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("the call has no token", "Use workbench, or make one per call.")
        raw = request.scope.get("raw_path") or request.url.path.encode()
        query = request.scope.get("query_string", b"")
        target = (raw.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
        limits = limits_of(request)
        person, caller = await anyio.to_thread.run_sync(
            domain.callers.authenticate, token, request.method, target, limiter=limits.strangers
        )
        setattr(request.state, REFUSED, False)
        setattr(request.state, KNOWN, True)
        await limits.hold(request, person, kind)
        body = await _read_body(request, most, limits.limits.body_seconds)
        limits.body_came(request)
        caller.check_body(body)
        if request.method != "GET":
            await run_in_threadpool(domain.callers.use_once, caller)
        return Call(person, body)

    return call


def by_steward(
    domain: Domain, most: int, kind: Kind = "light"
) -> Callable[[Request], Awaitable[StewardCall]]:
    """Return what authenticates a call as `authenticated` does, and refuses all but stewards."""
    known = authenticated(domain, most, kind)

    async def call(request: Request) -> StewardCall:
        found = await known(request)
        return StewardCall(domain.steward(found.person), found.body)

    return call
