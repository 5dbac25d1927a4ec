"""What the service answers with that is put together of several parts."""

from __future__ import annotations

from typing import Literal, TypedDict

from workbench.lab.service.datasets.details import BudgetView, CardView
from workbench.lab.service.datasets.entries import Entry
from workbench.lab.service.datasets.snippets import SnippetView
from workbench.lab.service.requests.results import ResultView
from workbench.lab.service.requests.views import RequestView
from workbench.lab.service.watching.states import DomainView


class Problem(TypedDict):
    """What is wrong with the space, and what to do."""

    code: str
    message: str
    hint: str


class SessionView(TypedDict):
    """Who the person is here, and how the domains are."""

    api: int
    version: str
    key_id: str | None
    problem: Problem | None
    domains: list[DomainView]


class DatasetView(CardView):
    """One dataset in full, and the person's own released models of it."""

    entry: Entry
    budget: BudgetView
    snippet: SnippetView
    models: list[RequestView]


class Cell(TypedDict):
    """A cell of a notebook."""

    kind: Literal["markdown", "code"]
    source: str


class Starter(TypedDict):
    """A training function for a dataset as cells, and their code in one piece."""

    code: str
    cells: list[Cell]


class OneRequest(TypedDict):
    """A request after a change."""

    request: RequestView


class RequestAndResult(OneRequest):
    """A request and, once it is released, its result."""

    result: ResultView | None
