"""Answer everything that a front end asks: one object for the routes and for the widgets.

Every function returns what JSON can hold or raises a `WorkbenchError`. Those that call a domain
may take long: a server calls them in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from workbench._version import __version__
from workbench.documents import RequestStatus, State
from workbench.errors import Conflict, NotFound, WorkbenchError
from workbench.lab.service.datasets.details import budget_view, card_view
from workbench.lab.service.datasets.entries import entry
from workbench.lab.service.datasets.snippets import SnippetView, snippet_view
from workbench.lab.service.kept import Kept
from workbench.lab.service.requests.loading import load_code
from workbench.lab.service.requests.results import ResultView, result_view
from workbench.lab.service.requests.views import MOST_REQUESTS, RequestView, request_view
from workbench.lab.service.shapes import (
    DatasetView,
    OneRequest,
    Problem,
    RequestAndResult,
    SessionView,
    Starter,
)
from workbench.lab.service.sources import Source
from workbench.lab.service.watching.catalog import Catalog, CatalogBytes, DomainProblem, problems_of
from workbench.lab.service.watching.domains import WatchedDomain
from workbench.lab.service.watching.monitor import Monitor, Watch
from workbench.space.client.client import DomainClient
from workbench.space.connection import Space
from workbench.space.datasets import Dataset
from workbench.space.results.kinds import result_of
from workbench.space.starter.cells import starter, study

API = 1
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 6.0
CALL_SECONDS = 25.0
_MOST_KEPT = 64


class Service:
    """A data space as a front end sees it.

    Parameters
    ----------
    source
        Gives the current space.
    space_path
        What notebooks give to ``connect``, if it does not find the space by itself.
    most_requests
        How many requests are shown: of each domain, and of all together.
    """

    def __init__(
        self, source: Source, space_path: str = "", most_requests: int = MOST_REQUESTS
    ) -> None:
        self._source = source
        self._space_path = space_path
        self._most_requests = most_requests
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._watched: dict[str, WatchedDomain] = {}
        self._catalog = Catalog()
        self._results: Kept[ResultView] = Kept(_MOST_KEPT)
        self._snippets: Kept[SnippetView] = Kept(_MOST_KEPT)
        self.monitor = Monitor(self._domains_or_none)

    def _domains(self) -> dict[str, WatchedDomain]:
        """Return the current domains; raise the error if something is wrong with the space."""
        space = self._source.current()
        with self._lock:
            if space is not self._space:
                self._space = space
                self._watched = {
                    name: WatchedDomain(client, self._most_requests)
                    for name, client in space.domains.items()
                }
                self._results.clear()
                self._snippets.clear()
            return self._watched

    def _domains_or_none(self) -> dict[str, WatchedDomain]:
        try:
            return self._domains()
        except WorkbenchError:
            return {}

    def domain(self, name: str) -> WatchedDomain:
        """Return one domain.

        Raises
        ------
        NotFound
            If the space has none of that name.
        """
        domains = self._domains()
        if name not in domains:
            raise NotFound(f"there is no domain '{name}' here", f"There are: {', '.join(domains)}")
        return domains[name]

    def client(self, name: str, api: int = 1) -> DomainClient:
        """Return a client of one domain for a call that a person waits for.

        Parameters
        ----------
        name
            Of the domain.
        api
            The first version of the domains' API that has the call.

        Raises
        ------
        NotFound
            If the space has no domain of that name.
        Conflict
            If the domain is known to be older.
        """
        domain = self.domain(name)
        if domain.state.api is not None and domain.state.api < api:
            raise too_old(name)
        return domain.client.hurried(CALL_SECONDS)

    def refresh(self, older_than: float = FRESH_SECONDS) -> None:
        """Ask the domains whose answers are older than some seconds, and wait for them a while."""
        self.monitor.refresh(older_than, PATIENCE_SECONDS)

    def watched(self) -> list[WatchedDomain]:
        """Return the domains of the space; none if something is wrong with it."""
        return list(self._domains_or_none().values())

    def problems(self) -> list[DomainProblem]:
        """Return which domains cannot be used and why; asks no domain."""
        return problems_of(self.watched())

    def session(self) -> SessionView:
        """Return who the user is and the state of each domain; asks no domain."""
        problem: Problem | None = None
        key_id = None
        try:
            domains = self._domains()
            key_id = next(iter(domains.values())).client.key.key_id if domains else None
        except WorkbenchError as error:
            domains = {}
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
        return {
            "api": API,
            "version": __version__,
            "key_id": key_id,
            "problem": problem,
            "domains": [domain.state.view() for domain in domains.values()],
        }

    def catalog_version(self) -> str:
        """Return the version of the catalog, another one after each change; asks no domain."""
        return self._catalog.version(self.watched())

    def catalog(self) -> CatalogBytes:
        """Return the last known catalog; asks no domain."""
        return self._catalog.of(list(self._domains().values()))

    def dataset(self, domain: str, name: str) -> DatasetView:
        """Return one dataset in full."""
        dataset = self._dataset(domain, name)
        card = dataset.card
        try:
            budget = self.domain(domain).budget(name)
        except WorkbenchError:
            budget = None
        return {
            "entry": entry(card, budget),
            **card_view(card, budget),
            "budget": budget_view(budget, card.terms),
            "snippet": self._snippet(dataset),
            "models": [
                view
                for view in self.domain(domain).requests()
                if view["dataset"] == name
                and view["mine"]
                and "model" in view["outputs"]
                and view["state"] == State.RELEASED
            ],
        }

    def _snippet(self, dataset: Dataset) -> SnippetView:
        card = dataset.card

        def make() -> SnippetView:
            return snippet_view(card, dataset.snippet_records.columns)

        # The content's digest is signed: what it was is what it is, also while the domain is away.
        return self._snippets.get(f"{card.path} {card.snippet.content}", make, lambda _: True)

    def _dataset(self, domain: str, name: str) -> Dataset:
        watched = self.domain(domain)
        return Dataset(watched.card(name), self.client(domain))

    def croissant(self, domain: str, name: str) -> dict[str, Any]:
        """Return a dataset's Croissant description."""
        return self.client(domain).croissant(name)

    def starter(self, domain: str, name: str) -> Starter:
        """Return a training function for the schema of a dataset, as cells."""
        found = starter(self.domain(domain).card(name), self._space_path)
        return {"code": found["code"], "cells": found["cells"]}

    def study_cells(self, domain: str, name: str) -> list[dict[str, str]]:
        """Return the cells of a new study: the starter, with parameters."""
        return study(self.domain(domain).card(name), self._space_path)

    def requests(self, state: str | None = None) -> list[RequestView]:
        """Return the last known requests of all domains, newest first; asks no domain."""
        found = [view for domain in self.watched() for view in domain.requests()]
        if state:
            found = [view for view in found if view["state"] == State(state)]
        found.sort(key=lambda view: str(view["submitted"]), reverse=True)
        return found[: self._most_requests]

    def request(self, domain: str, digest: str) -> RequestAndResult:
        """Return one request and, once it is released, its result."""
        client = self.client(domain)
        status = client.status(digest)
        self.domain(domain).put(status)
        return {"request": self._view(domain, status), "result": self._result(client, status)}

    def _view(self, domain: str, status: RequestStatus) -> RequestView:
        return request_view(domain, status, self.domain(domain).client.key.key_id)

    def _result(self, client: DomainClient, status: RequestStatus) -> ResultView | None:
        if status.state != State.RELEASED:
            return None

        def make() -> ResultView:
            result = result_of(client, status)
            try:
                shapes = result.parameter_shapes()
            except WorkbenchError:
                # The view says what does not hold.
                shapes = None
            return result_view(result, load_code(status, shapes, self._space_path))

        return self._results.get(
            status.request_digest, make, lambda found: found["evidence"]["verified"]
        )

    def cancel(self, domain: str, digest: str) -> OneRequest:
        """Cancel a request."""
        return self.changed(domain, self.client(domain).cancel(digest))

    def changed(self, domain: str, status: RequestStatus, ask: bool = True) -> OneRequest:
        """Note and return a changed request; with `ask` the domains are asked again at once."""
        self.domain(domain).put(status)
        if ask:
            self.monitor.ask_soon()
        return {"request": self._view(domain, status)}

    def evidence(self, domain: str, digest: str) -> bytes:
        """Return the evidence of a release as the file that ``workbench verify`` takes."""
        return self.client(domain).evidence(digest).canonical()

    def watch(self, interval: float, notify: Callable[[], None]) -> Watch:
        """Have the domains asked at least every `interval` seconds, until `unwatch`."""
        watch = Watch(interval, notify)
        self.monitor.open(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        """End a watch."""
        self.monitor.close(watch)


def too_old(domain: str) -> Conflict:
    """Return the error that says that a domain's API does not have what is asked for."""
    return Conflict(
        f"domain '{domain}' is older than this workbench and does not offer this",
        "Ask its operator to update it.",
    )
