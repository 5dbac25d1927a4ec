"""Routes on requests: submit, follow, fetch what was released."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from workbench.documents import Document, Envelope, Person, RequestStatus, State
from workbench.domain.api.calls import MOST_SEQUENCE, Call, DigestPath, answer, body_of
from workbench.domain.api.limits import PeopleLimits, limits_of
from workbench.domain.service import Domain
from workbench.errors import WorkbenchError
from workbench.evidence.bundle import Bundle

HEARTBEAT_SECONDS = 5.0
_LEAST_SECONDS = 0.02
_PIECE_BYTES = 1 << 18


class RequestList(Document):
    """Requests, newest first; `next` is the cursor of the following page."""

    requests: tuple[RequestStatus, ...]
    next: int | None


def add_routes(router: APIRouter, domain: Domain, small: Any, heavy: Any, stream: Any) -> None:
    """Add the routes of this area; each of the last three authenticates calls of one kind."""

    @router.post(
        "/requests",
        response_model=RequestStatus,
        status_code=201,
        responses={200: {"model": RequestStatus}},
        openapi_extra=body_of("json"),
    )
    def submit(call: Call = heavy) -> Response:
        """Submit a signed request; a known one is answered at no cost."""
        status, new = domain.research.submit(call.person, Envelope.parse(call.body))
        return answer(status, 201 if new else 200)

    @router.get("/requests", response_model=RequestList)
    def listing(
        state: State | None = None,
        dataset: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        after: Annotated[int | None, Query(ge=0, le=MOST_SEQUENCE)] = None,
        call: Call = small,
    ) -> Response:
        """Return requests, newest first; a researcher sees their own."""
        found, cursor = domain.research.listing(call.person, state, dataset, limit, after)
        return answer(RequestList(requests=tuple(found), next=cursor))

    @router.get("/requests/{digest}", response_model=RequestStatus)
    def status(digest: DigestPath, call: Call = small) -> Response:
        """Return where a request stands."""
        return answer(domain.research.status(call.person, digest))

    @router.get("/requests/{digest}/events", response_class=StreamingResponse)
    async def events(
        request: HttpRequest, digest: DigestPath, call: Call = stream
    ) -> StreamingResponse:
        """Stream the request's status as server-sent events until it is final."""
        await run_in_threadpool(domain.research.status, call.person, digest)
        told = _events(domain, call.person, digest, limits_of(request))
        return StreamingResponse(told, media_type="text/event-stream")

    @router.post("/requests/{digest}/cancel", response_model=RequestStatus)
    def cancel(digest: DigestPath, call: Call = small) -> Response:
        """Cancel a request; what ran stays charged."""
        return answer(domain.research.cancel(call.person, digest))

    @router.get("/requests/{digest}/evidence", response_model=Bundle)
    def evidence(digest: DigestPath, call: Call = small) -> Response:
        """Return the evidence of a release."""
        return answer(domain.research.evidence(call.person, digest))

    @router.get("/requests/{digest}/statistics", response_class=Response)
    def statistics(digest: DigestPath, call: Call = small) -> Response:
        """Return released noisy sums and the last state, safetensors."""
        return _file(domain.research.statistics(call.person, digest))

    @router.get("/requests/{digest}/model", response_class=Response)
    def model(digest: DigestPath, call: Call = small) -> Response:
        """Return a released model, safetensors."""
        return _file(domain.research.model(call.person, digest))


def _file(path: Path) -> Response:
    """Return a file piece by piece: a caller who reads slowly keeps none of it in memory."""

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    headers = {"content-length": str(path.stat().st_size)}
    return StreamingResponse(pieces(), media_type="application/octet-stream", headers=headers)


async def _events(
    domain: Domain, person: Person, digest: str, limits: PeopleLimits
) -> AsyncIterator[bytes]:
    loop, changed, silent = asyncio.get_running_loop(), asyncio.Event(), False
    with domain.watchers.watched(digest, lambda: loop.call_soon_threadsafe(changed.set)):
        while True:
            changed.clear()
            try:
                status = await run_in_threadpool(domain.research.status, person, digest)
            except WorkbenchError:
                return
            yield b": alive\n\n" if silent else b""
            yield b"event: status\ndata: " + status.canonical() + b"\n\n"
            if status.state.final:
                return
            # One stream is told at once, many of one person each more seldom.
            await asyncio.sleep(_LEAST_SECONDS * limits.streams_of(person))
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await changed.wait()
                silent = False
            except TimeoutError:
                silent = True
