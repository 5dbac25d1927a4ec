"""Routes on what the domain offers: cards, snippets, budgets."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import JSONResponse, Response

from workbench.documents import BudgetStatus, DatasetBudget, Document, Envelope, Spending
from workbench.documents.base import IDENTIFIER
from workbench.domain.api.calls import Call, NamePath, answer
from workbench.domain.datasets.cards import CardPage
from workbench.domain.holdings import Holdings

MAX_PAGE = 1000

ColumnPath = Annotated[str, Path(pattern=IDENTIFIER)]
After = Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]


class CardList(Document):
    """Signed cards, by name; `next` is the name after which the following page goes on."""

    datasets: tuple[Envelope, ...]
    next: str | None


class BudgetList(Document):
    """Budgets, by name of the dataset; `next` as in `CardList`."""

    budgets: tuple[DatasetBudget, ...]
    next: str | None


def add_routes(router: APIRouter, holdings: Holdings, small: Any) -> None:
    """Add the routes of this area; `small` authenticates a call."""

    @router.get(
        "/datasets",
        response_model=CardList,
        responses={304: {"description": "No card has changed.", "content": {}}},
    )
    def datasets(
        after: After = None,
        limit: Limit = 500,
        if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
        call: Call = small,
    ) -> Response:
        """Return signed cards, by name; the ETag is one of all cards together."""
        version = holdings.cards_version()
        headers = {"ETag": f'"{version}"', "Cache-Control": "private, no-cache"}
        if if_none_match is not None and _names(if_none_match, version):
            return Response(status_code=304, headers=headers)
        page = holdings.datasets(after, limit)
        return Response(_joined(page), media_type="application/json", headers=headers)

    @router.get("/datasets/{name}", response_model=Envelope)
    def dataset(name: NamePath, call: Call = small) -> Response:
        """Return one signed card."""
        return answer(holdings.dataset(name))

    @router.get("/datasets/{name}/snippet", response_class=Response)
    def snippet(name: NamePath, call: Call = small) -> Response:
        """Return the synthetic snippet, CSV or safetensors."""
        content, form = holdings.snippet(name)
        return Response(
            content, media_type="text/csv" if form == "csv" else "application/octet-stream"
        )

    @router.get("/datasets/{name}/tokenizers/{column}", response_class=Response)
    def tokenizer(name: NamePath, column: ColumnPath, call: Call = small) -> Response:
        """Return the file of a text column's tokenizer."""
        return Response(holdings.tokenizer(name, column), media_type="application/json")

    @router.get("/datasets/{name}/croissant")
    def croissant(name: NamePath, call: Call = small) -> JSONResponse:
        """Return the card as Croissant JSON-LD."""
        return JSONResponse(holdings.croissant(name), media_type="application/ld+json")

    @router.get("/budgets", response_model=BudgetList)
    def budgets(after: After = None, limit: Limit = 500, call: Call = small) -> Response:
        """Return the privacy budgets of datasets, by name; reading them changes nothing."""
        found, cursor = holdings.budgets(after, limit)
        return answer(BudgetList(budgets=tuple(found), next=cursor))

    @router.get("/datasets/{name}/budget", response_model=BudgetStatus)
    def budget(name: NamePath, call: Call = small) -> Response:
        """Return the privacy budget; reading it changes nothing."""
        return answer(holdings.budget(name))

    @router.get("/datasets/{name}/spending", response_model=Spending)
    def spending(name: NamePath, call: Call = small) -> Response:
        """Return a budget over time and by person; a researcher sees their own part."""
        return answer(holdings.spending(call.person, name))


def _names(if_none_match: str, version: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")]
    return version in tags or "*" in tags


def _joined(page: CardPage) -> bytes:
    # Stored envelopes are canonical JSON already: reading them only to write them again would be
    # most of the time that a page of 500 takes.
    cards = ",".join(page.envelopes)
    return f'{{"datasets":[{cards}],"next":{json.dumps(page.next)}}}'.encode()
