"""The ASGI application: the routes of all areas, and how errors are answered."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from workbench._version import __version__
from workbench.documents import Person
from workbench.domain.api import catalog, populations, requests, stewards, uploads
from workbench.domain.api.calls import (
    SMALL_BODY,
    Call,
    ErrorBody,
    answer,
    authenticated,
    by_steward,
    error_answer,
)
from workbench.domain.api.limits import CallLimiter
from workbench.domain.service import Domain, DomainInfo
from workbench.errors import WorkbenchError
from workbench.graphs.upload import CHUNK_BYTES, ONE_BODY_BYTES

_log = logging.getLogger("workbench.domain")


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
    app.add_middleware(CallLimiter, limits=domain.folder.config.calls)
    return app


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(WorkbenchError)
    async def on_known(request: Request, error: WorkbenchError) -> Response:
        return error_answer(error)

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
        status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
    }
    router = APIRouter(prefix="/v1", responses=errors)
    small = Depends(authenticated(domain, SMALL_BODY))
    heavy = Depends(authenticated(domain, SMALL_BODY, "heavy"))
    one_body = min(ONE_BODY_BYTES, domain.folder.config.graphs.limits.archive_bytes)
    large = Depends(authenticated(domain, one_body, "large"))
    chunk = Depends(authenticated(domain, CHUNK_BYTES, "chunk"))
    stream = Depends(authenticated(domain, SMALL_BODY, "stream"))
    _about(router, domain, small)
    catalog.add_routes(router, domain.holdings, small)
    uploads.add_routes(router, domain.research, large, chunk, small, heavy)
    requests.add_routes(router, domain, small, heavy, stream)
    steward_small = Depends(by_steward(domain, SMALL_BODY))
    steward_heavy = Depends(by_steward(domain, SMALL_BODY, "heavy"))
    stewards.add_routes(router, steward_small, steward_heavy)
    populations.add_routes(router, steward_small, steward_heavy)
    return router


def _about(router: APIRouter, domain: Domain, small: Any) -> None:
    @router.get("/domain", response_model=DomainInfo)
    def info() -> Response:
        """Return who this domain is."""
        return answer(domain.info())

    @router.get("/me", response_model=Person)
    def me(call: Call = small) -> Response:
        """Return who calls, and in which role."""
        return answer(call.person)

    @router.get("/health")
    def health() -> dict[str, str]:
        """Return ok if the domain can work."""
        domain.healthy()
        return {"status": "ok"}
