"""Routes on requests: upload, submit, follow, fetch what was released."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from workbench.documents import Document, Envelope, Person, RequestStatus, State
from workbench.documents.errors import WorkbenchError
from workbench.domain.api.calls import Call, DigestPath, answer, body_of
from workbench.domain.service import Domain
from workbench.evidence.bundle import Bundle
from workbench.graphs.record_graph import GraphFacts

HEARTBEAT_SECONDS = 5.0
_POLL_SECONDS = 0.02


class RequestList(Document):
    """Requests, newest first; `next` is the cursor of the following page."""

    requests: tuple[RequestStatus, ...]
    next: int | None


def add_routes(router: APIRouter, domain: Domain, small: Any, large: Any) -> None:
    """Add the routes of this area; `large` authenticates a call with a graph as its body."""

    @router.put(
        "/graphs/{digest}",
        response_model=GraphFacts,
        status_code=201,
        responses={200: {"model": GraphFacts}},
        openapi_extra=body_of("binary"),
    )
    def put_graph(digest: DigestPath, call: Call = large) -> Response:
        """Upload a record graph (.pt2) under its digest."""
        facts, new = domain.put_graph(call.person, digest, call.body)
        return answer(facts, 201 if new else 200)

    @router.post(
        "/requests",
        response_model=RequestStatus,
        status_code=201,
        responses={200: {"model": RequestStatus}},
        openapi_extra=body_of("json"),
    )
    def submit(call: Call = small) -> Response:
        """Submit a signed request; a known one is answered at no cost."""
        status, new = domain.submit(call.person, Envelope.parse(call.body))
        return answer(status, 201 if new else 200)

    @router.get("/requests", response_model=RequestList)
    def listing(
        state: State | None = None,
        dataset: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        after: Annotated[int | None, Query(ge=0, le=1 << 62)] = None,
        call: Call = small,
    ) -> Response:
        """Return requests, newest first; a researcher sees their own."""
        found, cursor = domain.listing(call.person, state, dataset, limit, after)
        return answer(RequestList(requests=tuple(found), next=cursor))

    @router.get("/requests/{digest}", response_model=RequestStatus)
    def status(digest: DigestPath, call: Call = small) -> Response:
        """Return where a request stands."""
        return answer(domain.status(call.person, digest))

    @router.get("/requests/{digest}/events", response_class=StreamingResponse)
    async def events(digest: DigestPath, call: Call = small) -> StreamingResponse:
        """Stream the request's status as server-sent events until it is final."""
        first = await run_in_threadpool(domain.status, call.person, digest)
        stream = _events(domain, call.person, first)
        return StreamingResponse(stream, media_type="text/event-stream")

    @router.post("/requests/{digest}/cancel", response_model=RequestStatus)
    def cancel(digest: DigestPath, call: Call = small) -> Response:
        """Cancel a request; what ran stays charged."""
        return answer(domain.cancel(call.person, digest))

    @router.get("/requests/{digest}/evidence", response_model=Bundle)
    def evidence(digest: DigestPath, call: Call = small) -> Response:
        """Return the evidence of a release."""
        return answer(domain.evidence(call.person, digest))

    @router.get("/requests/{digest}/statistics", response_class=Response)
    def statistics(digest: DigestPath, call: Call = small) -> Response:
        """Return released noisy sums and the last state, safetensors."""
        content = domain.statistics(call.person, digest)
        return Response(content, media_type="application/octet-stream")

    @router.get("/requests/{digest}/model", response_class=Response)
    def model(digest: DigestPath, call: Call = small) -> Response:
        """Return a released model, safetensors."""
        return Response(domain.model(call.person, digest), media_type="application/octet-stream")


async def _events(domain: Domain, person: Person, status: RequestStatus) -> AsyncIterator[bytes]:
    digest = status.request_digest
    seen = -1
    silent = 0.0
    while True:
        version = domain.version(digest)
        if version != seen or silent >= HEARTBEAT_SECONDS:
            try:
                status = await run_in_threadpool(domain.status, person, digest)
            except WorkbenchError:
                return
            yield b": alive\n\n" if version == seen else b""
            yield b"event: status\ndata: " + status.canonical() + b"\n\n"
            seen, silent = version, 0.0
            if status.state.final:
                return
        await asyncio.sleep(_POLL_SECONDS)
        silent += _POLL_SECONDS
