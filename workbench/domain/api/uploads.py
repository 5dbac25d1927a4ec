"""Routes on graphs: upload one in a single call, or in chunks that can be resumed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from workbench.domain.api.calls import Call, DigestPath, answer, body_of
from workbench.domain.research import Research
from workbench.graphs.record_graph import GraphFacts
from workbench.graphs.upload import MOST_BYTES, UploadOffer, UploadStatus

OffsetPath = Annotated[int, Path(ge=0, le=MOST_BYTES)]


def add_routes(
    router: APIRouter, research: Research, large: Any, chunk: Any, small: Any, heavy: Any
) -> None:
    """Add the routes of this area; each of the last four authenticates calls of one kind."""

    @router.put(
        "/graphs/{digest}",
        response_model=GraphFacts,
        status_code=201,
        responses={200: {"model": GraphFacts}},
        openapi_extra=body_of("binary"),
    )
    def put_graph(digest: DigestPath, call: Call = large) -> Response:
        """Upload a record graph (.pt2) under its digest."""
        facts, new = research.put_graph(call.person, digest, call.body)
        return answer(facts, 201 if new else 200)

    @router.post("/uploads/{digest}", response_model=UploadStatus, openapi_extra=body_of("json"))
    def offer_graph(digest: DigestPath, call: Call = small) -> Response:
        """Begin to upload a graph in chunks; or, with the same offer, ask how far it is."""
        offer = UploadOffer.parse(call.body)
        return answer(research.offer_graph(call.person, digest, offer))

    @router.put(
        "/uploads/{digest}/{offset}",
        response_model=UploadStatus,
        openapi_extra=body_of("binary"),
    )
    def receive_chunk(digest: DigestPath, offset: OffsetPath, call: Call = chunk) -> Response:
        """Upload a chunk, before which `offset` of the bytes that are sent come."""
        return answer(research.receive_chunk(call.person, digest, offset, call.body))

    @router.post(
        "/uploads/{digest}/finish",
        response_model=GraphFacts,
        status_code=201,
        responses={200: {"model": GraphFacts}},
    )
    def finish_graph(digest: DigestPath, call: Call = heavy) -> Response:
        """Have a graph of which all bytes have come checked and kept."""
        facts, new = research.finish_graph(call.person, digest)
        return answer(facts, 201 if new else 200)
