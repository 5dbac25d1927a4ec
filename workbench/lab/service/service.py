"""All that a front end may ask: one object for the server's routes and for the widgets.

Every function returns what JSON can hold or raises a `WorkbenchError`. Those that call a domain
may take long: a server calls them in a thread.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from workbench._version import __version__
from workbench.documents import RequestStatus, State
from workbench.errors import NotFound, WorkbenchError
from workbench.lab.service.catalog import Catalog, CatalogBytes
from workbench.lab.service.details import budget_view, card_view
from workbench.lab.service.domains import WatchedDomain
from workbench.lab.service.entries import entry
from workbench.lab.service.loading import load_code
from workbench.lab.service.monitor import Monitor, Watch
from workbench.lab.service.requests import MOST_REQUESTS, request_view
from workbench.lab.service.results import result_view
from workbench.lab.service.snippets import snippet_view
from workbench.lab.service.sources import Source
from workbench.space.client.client import DomainClient
from workbench.space.connection import Space
from workbench.space.datasets import Dataset
from workbench.space.results.kinds import result_of
from workbench.space.results.training import TrainingResult
from workbench.space.starter.cells import starter, study

API = 1
FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 6.0
CALL_SECONDS = 25.0
_MOST_KEPT = 64


class Service:
    """A data space for a front end.

    Parameters
    ----------
    source
        Gives the space of now.
    space_path
        What notebooks give to ``connect``, if it does not find the space by itself.
    """

    def __init__(self, source: Source, space_path: str = "") -> None:
        self._source = source
        self._space_path = space_path
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._watched: dict[str, WatchedDomain] = {}
        self._catalog = Catalog()
        self._results: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._snippets: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.monitor = Monitor(self._domains_or_none)

    def _domains(self) -> dict[str, WatchedDomain]:
        """Return the domains of now; raises what is wrong with the space."""
        space = self._source.current()
        with self._lock:
            if space is not self._space:
                self._space = space
                self._watched = {name: WatchedDomain(c) for name, c in space.domains.items()}
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
            raise NotFound(f"there is no domain '{name}'", f"There are: {', '.join(domains)}")
        return domains[name]

    def client(self, name: str) -> DomainClient:
        """Return a client of one domain for a call that a person waits for."""
        return self.domain(name).client.hurried(CALL_SECONDS)

    def refresh(self) -> None:
        """Ask the domains if nobody watches them and what they said is older than some seconds."""
        self.monitor.refresh(FRESH_SECONDS, PATIENCE_SECONDS)

    def session(self) -> dict[str, Any]:
        """Return who one is here and how the domains are; asks nobody."""
        problem, key_id = None, None
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
        """Return what changes whenever the catalog does; asks nobody."""
        return self._catalog.version(list(self._domains_or_none().values()))

    def catalog(self) -> CatalogBytes:
        """Return the last known catalog; asks nobody."""
        return self._catalog.of(list(self._domains().values()))

    def dataset(self, domain: str, name: str) -> dict[str, Any]:
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

    def _snippet(self, dataset: Dataset) -> dict[str, Any]:
        card = dataset.card

        def make() -> dict[str, Any]:
            return snippet_view(card, dataset.snippet_records.columns)

        # The content's digest is signed: what it was is what it is, also while the domain is away.
        return self._kept(self._snippets, f"{card.path} {card.snippet.content}", make)

    def _kept(
        self,
        kept: OrderedDict[str, dict[str, Any]],
        key: str,
        make: Callable[[], dict[str, Any]],
        worth: Callable[[dict[str, Any]], bool] = lambda found: True,
    ) -> dict[str, Any]:
        """Return what is kept under `key`, else make it and keep it if it is worth it."""
        with self._lock:
            if key in kept:
                return kept[key]
        found = make()
        if worth(found):
            with self._lock:
                kept[key] = found
                if len(kept) > _MOST_KEPT:
                    kept.popitem(last=False)
        return found

    def _dataset(self, domain: str, name: str) -> Dataset:
        watched = self.domain(domain)
        return Dataset(watched.card(name), self.client(domain))

    def croissant(self, domain: str, name: str) -> dict[str, Any]:
        """Return a dataset's Croissant description."""
        return self.client(domain).croissant(name)

    def starter(self, domain: str, name: str) -> dict[str, Any]:
        """Return a training function for the schema of a dataset, as cells."""
        return starter(self.domain(domain).card(name), self._space_path)

    def study_cells(self, domain: str, name: str) -> list[dict[str, str]]:
        """Return the cells of a new study: the starter, with parameters."""
        return study(self.domain(domain).card(name), self._space_path)

    def requests(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return the last known requests of all domains, newest first; asks nobody."""
        found = [view for d in self._domains_or_none().values() for view in d.requests()]
        if state:
            found = [view for view in found if view["state"] == State(state)]
        found.sort(key=lambda view: str(view["submitted"]), reverse=True)
        return found[:MOST_REQUESTS]

    def request(self, domain: str, digest: str) -> dict[str, Any]:
        """Return one request and, once it is released, its result."""
        client = self.client(domain)
        status = client.status(digest)
        self.domain(domain).put(status)
        return {"request": self._view(domain, status), "result": self._result(client, status)}

    def _view(self, domain: str, status: RequestStatus) -> dict[str, Any]:
        return request_view(domain, status, self.domain(domain).client.key.key_id)

    def _result(self, client: DomainClient, status: RequestStatus) -> dict[str, Any] | None:
        if status.state != State.RELEASED:
            return None

        def make() -> dict[str, Any]:
            result = result_of(client, status)
            shapes = None
            try:
                if isinstance(result, TrainingResult) and result.release.model is not None:
                    shapes = {name: tuple(v.shape) for name, v in result.parameters.items()}
            except WorkbenchError:
                # The view says what does not hold.
                shapes = None
            return result_view(result, load_code(status, shapes, self._space_path))

        return self._kept(
            self._results, status.request_digest, make, lambda found: found["evidence"]["verified"]
        )

    def cancel(self, domain: str, digest: str) -> dict[str, Any]:
        """Cancel a request."""
        return self.changed(domain, self.client(domain).cancel(digest))

    def changed(self, domain: str, status: RequestStatus, ask: bool = True) -> dict[str, Any]:
        """Return a request, and let all who watch know; with `ask` the next round comes now."""
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
