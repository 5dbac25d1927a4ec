"""The HTTP API, version 1: each route reads, authenticates, calls the service, answers.

A call carries ``Authorization: Bearer <token>`` (`workbench.documents.tokens`). Errors are JSON,
``{"error": {"code", "message", "hint"}}``, with the status of their class.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from workbench import __version__
from workbench.documents import (
    BudgetStatus,
    Document,
    Envelope,
    Person,
    PublicKey,
    RequestStatus,
    State,
)
from workbench.documents.errors import InvalidToken, TooLarge, WorkbenchError
from workbench.domain import people
from workbench.domain.review import Review
from workbench.domain.service import Domain, DomainInfo
from workbench.evidence.bundle import Bundle
from workbench.graphs.record_graph import GraphFacts, Limits

SMALL_BODY = 2 << 20
BODY_SECONDS = 60
HEARTBEAT_SECONDS = 5.0
_POLL_SECONDS = 0.02
_log = logging.getLogger("workbench.domain")

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


class CardList(Document):
    """The signed cards of all datasets."""

    datasets: tuple[Envelope, ...]


class RequestList(Document):
    """Requests, newest first; `next` is the cursor of the following page."""

    requests: tuple[RequestStatus, ...]
    next: int | None


class PeopleList(Document):
    """Everybody who is or was admitted."""

    people: tuple[Person, ...]


class Admission(Document):
    """A key to admit; `role` is ``researcher`` or ``steward``."""

    public_key: str
    name: str
    role: str


@dataclass(frozen=True)
class Call:
    """An authenticated call."""

    person: Person
    body: bytes


def _body_of(kind: str) -> dict[str, Any]:
    binary = kind == "binary"
    content = {"schema": {"type": "string", "format": "binary"} if binary else {"type": "object"}}
    media = "application/octet-stream" if binary else "application/json"
    return {"requestBody": {"required": True, "content": {media: content}}}


def _answer(document: Document, status: int = 200) -> Response:
    return Response(document.canonical(), status, media_type="application/json")


def _error(error: WorkbenchError) -> JSONResponse:
    body = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(body, error.status, headers)


async def _read_body(request: Request, most: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > most:
        raise TooLarge(f"the body is over {most} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLarge(f"the body is over {most} bytes")
                parts.append(part)
    except TimeoutError:
        raise TooLarge(f"the body took longer than {BODY_SECONDS} seconds") from None
    return b"".join(parts)


def _authenticated(domain: Domain, most: int) -> Callable[[Request], Awaitable[Call]]:
    async def call(request: Request) -> Call:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("the call has no token", "Use workbench, or make one per call.")
        body = await _read_body(request, most)
        raw = request.scope.get("raw_path") or request.url.path.encode()
        query = request.scope.get("query_string", b"")
        target = (raw.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")
        person = await run_in_threadpool(domain.authenticate, token, request.method, target, body)
        return Call(person, body)

    return call


def create_app(domain: Domain) -> FastAPI:
    """Return the ASGI application of `domain`."""
    app = FastAPI(
        title=f"Workbench domain {domain.folder.config.name}",
        version=__version__,
        description="What a data holder offers to researchers and stewards.",
        docs_url=None,
        redoc_url=None,
    )
    _handle_errors(app)
    app.include_router(_routes(domain))
    return app


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(WorkbenchError)
    async def on_known(request: Request, error: WorkbenchError) -> Response:
        return _error(error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        where = "; ".join(
            f"{'.'.join(str(p) for p in item['loc'])}: {item['msg']}" for item in error.errors()[:5]
        )
        body = {"error": {"code": "invalid-document", "message": where, "hint": ""}}
        return JSONResponse(body, 422)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        code = "not-found" if error.status_code == 404 else "error"
        body = {"error": {"code": code, "message": str(error.detail), "hint": ""}}
        return JSONResponse(body, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def on_unknown(request: Request, error: Exception) -> Response:
        # Only the class: a message could quote data.
        _log.error("%s %s: %s", request.method, request.url.path, type(error).__name__)
        hint = "Tell the domain's operator when it happened."
        body = {"error": {"code": "error", "message": "the domain made an error", "hint": hint}}
        return JSONResponse(body, 500)


def _routes(domain: Domain) -> APIRouter:
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 503)
    }
    router = APIRouter(prefix="/v1", responses=errors)
    small = Depends(_authenticated(domain, SMALL_BODY))
    large = Depends(_authenticated(domain, Limits().archive_bytes))
    _public(router, domain)
    _catalogue(router, domain, small)
    _requests(router, domain, small, large)
    _decisions(router, domain, small)
    return router


def _public(router: APIRouter, domain: Domain) -> None:
    @router.get("/domain", response_model=DomainInfo)
    def info() -> Response:
        """Return who this domain is."""
        return _answer(domain.info())

    @router.get("/health")
    def health() -> dict[str, str]:
        """Return ok if the domain can work."""
        domain.healthy()
        return {"status": "ok"}


def _catalogue(router: APIRouter, domain: Domain, small: Any) -> None:
    @router.get("/datasets", response_model=CardList)
    def datasets(call: Call = small) -> Response:
        """Return the signed cards of all datasets."""
        return _answer(CardList(datasets=tuple(domain.datasets())))

    @router.get("/datasets/{name}", response_model=Envelope)
    def dataset(name: NamePath, call: Call = small) -> Response:
        """Return one signed card."""
        return _answer(domain.dataset(name))

    @router.get("/datasets/{name}/snippet", response_class=Response)
    def snippet(name: NamePath, call: Call = small) -> Response:
        """Return the synthetic snippet, CSV or safetensors."""
        content, form = domain.snippet(name)
        return Response(
            content, media_type="text/csv" if form == "csv" else "application/octet-stream"
        )

    @router.get("/datasets/{name}/croissant")
    def croissant(name: NamePath, call: Call = small) -> JSONResponse:
        """Return the card as Croissant JSON-LD."""
        return JSONResponse(domain.croissant(name), media_type="application/ld+json")

    @router.get("/datasets/{name}/budget", response_model=BudgetStatus)
    def budget(name: NamePath, call: Call = small) -> Response:
        """Return the privacy budget; reading it changes nothing."""
        return _answer(domain.budget(name))


def _requests(router: APIRouter, domain: Domain, small: Any, large: Any) -> None:
    @router.put(
        "/graphs/{digest}",
        response_model=GraphFacts,
        status_code=201,
        responses={200: {"model": GraphFacts}},
        openapi_extra=_body_of("binary"),
    )
    def put_graph(digest: DigestPath, call: Call = large) -> Response:
        """Upload a record graph (.pt2) under its digest."""
        facts, new = domain.put_graph(call.person, digest, call.body)
        return _answer(facts, 201 if new else 200)

    @router.post(
        "/requests",
        response_model=RequestStatus,
        status_code=201,
        responses={200: {"model": RequestStatus}},
        openapi_extra=_body_of("json"),
    )
    def submit(call: Call = small) -> Response:
        """Submit a signed request; a known one is answered at no cost."""
        status, new = domain.submit(call.person, Envelope.parse(call.body))
        return _answer(status, 201 if new else 200)

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
        return _answer(RequestList(requests=tuple(found), next=cursor))

    @router.get("/requests/{digest}", response_model=RequestStatus)
    def status(digest: DigestPath, call: Call = small) -> Response:
        """Return where a request stands."""
        return _answer(domain.status(call.person, digest))

    @router.get("/requests/{digest}/events", response_class=StreamingResponse)
    async def events(digest: DigestPath, call: Call = small) -> StreamingResponse:
        """Stream the request's status as server-sent events until it is final."""
        first = await run_in_threadpool(domain.status, call.person, digest)
        stream = _events(domain, call.person, first)
        return StreamingResponse(stream, media_type="text/event-stream")

    @router.post("/requests/{digest}/cancel", response_model=RequestStatus)
    def cancel(digest: DigestPath, call: Call = small) -> Response:
        """Cancel a request; what ran stays charged."""
        return _answer(domain.cancel(call.person, digest))

    @router.get("/requests/{digest}/evidence", response_model=Bundle)
    def evidence(digest: DigestPath, call: Call = small) -> Response:
        """Return the evidence of a release."""
        return _answer(domain.evidence(call.person, digest))

    @router.get("/requests/{digest}/statistics", response_class=Response)
    def statistics(digest: DigestPath, call: Call = small) -> Response:
        """Return released noisy sums and the last state, safetensors."""
        content = domain.statistics(call.person, digest)
        return Response(content, media_type="application/octet-stream")

    @router.get("/requests/{digest}/model", response_class=Response)
    def model(digest: DigestPath, call: Call = small) -> Response:
        """Return a released model, safetensors."""
        return Response(domain.model(call.person, digest), media_type="application/octet-stream")


def _decisions(router: APIRouter, domain: Domain, small: Any) -> None:
    @router.get("/requests/{digest}/review", response_model=Review)
    def review(digest: DigestPath, call: Call = small) -> Response:
        """Return all facts for a decision; for stewards."""
        return _answer(domain.review(call.person, digest))

    @router.post(
        "/requests/{digest}/decision",
        response_model=RequestStatus,
        openapi_extra=_body_of("json"),
    )
    def decision(digest: DigestPath, call: Call = small) -> Response:
        """Record a steward's signed decision."""
        return _answer(domain.decide(call.person, digest, Envelope.parse(call.body)))

    @router.get("/people", response_model=PeopleList)
    def everyone(call: Call = small) -> Response:
        """Return who is admitted; for stewards."""
        return _answer(PeopleList(people=tuple(domain.people(call.person))))

    @router.post("/people", response_model=Person, openapi_extra=_body_of("json"))
    def admit(call: Call = small) -> Response:
        """Admit a key; for stewards."""
        people.require(call.person, "steward")
        wanted = Admission.parse(call.body)
        key = PublicKey.from_text(wanted.public_key)
        return _answer(domain.admit(key, wanted.name, wanted.role))

    @router.post("/people/{key_id}/revoke", response_model=Person)
    def revoke(key_id: KeyPath, call: Call = small) -> Response:
        """Take back an admission; for stewards."""
        people.require(call.person, "steward")
        return _answer(domain.revoke(key_id))


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
