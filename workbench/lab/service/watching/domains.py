"""Watch one domain: ask it again and again, and keep its last answers."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from typing import Any

from workbench.documents import BudgetStatus, DatasetCard, RequestStatus
from workbench.errors import NotAdmitted, NotFound, WorkbenchError
from workbench.lab.service.datasets.entries import Entry, entry
from workbench.lab.service.requests.views import MOST_REQUESTS, RequestView, request_view
from workbench.lab.service.watching.states import DomainState
from workbench.space.client.client import DomainClient

POLL_SECONDS = 8.0
_SHARE = 10.0
_OLD_API_BUDGETS = 100


@dataclass(frozen=True)
class _KnownEntry:
    card: DatasetCard
    left: float | None
    entry: Entry


class WatchedDomain:
    """What one domain said last, and how to ask it again.

    A round is made by one thread at a time. Reading never waits for a round.

    Parameters
    ----------
    client
        The domain, as the person of the space.
    most_requests
        How many requests are asked for, the newest first.
    """

    def __init__(self, client: DomainClient, most_requests: int = MOST_REQUESTS) -> None:
        self.client = client
        self._most_requests = most_requests
        self.state = DomainState(client.name)
        self.asked_at = 0.0
        self._quick = client.hurried(POLL_SECONDS)
        self._lock = threading.Lock()
        self._asking = False
        self._cards: dict[str, DatasetCard] = {}
        self._budgets: dict[str, BudgetStatus] = {}
        self._requests: dict[str, RequestStatus] = {}
        self._views: dict[str, tuple[RequestStatus, RequestView]] = {}
        self._entries: dict[str, _KnownEntry] = {}
        self._version = ""
        self._not_before: dict[str, float] = {}

    def ask_anew(self) -> None:
        """Make the next round due now, and ask in it also for what is asked sparingly."""
        self.asked_at = 0.0
        self._not_before = {}

    def begin(self) -> bool:
        """Return whether this thread may make the next round; not while another one makes it."""
        with self._lock:
            if self._asking:
                return False
            self._asking = True
            return True

    def round(self) -> None:
        """Ask for everything once; only the thread that called `begin` calls this."""
        try:
            self._round()
        except Exception as error:
            # A surprise in one answer must not end the watch of all the others.
            self.state.failed(error)
        finally:
            self.state.done()
            with self._lock:
                self._asking = False
                self.asked_at = time.monotonic()

    def _round(self) -> None:
        self.state.asked()
        began = time.monotonic()
        info = self._quick.info()
        seconds = time.monotonic() - began
        api = info.get("api")
        self.state.title = str(info.get("title", ""))[:500]
        self.state.version = str(info.get("version", ""))[:100]
        self.state.api = api if isinstance(api, int) else None
        requests = self._quick.requests(most=self._most_requests)
        with self._lock:
            self._requests = {status.request_digest: status for status in requests}
        self.state.met(seconds)
        self._sparingly("role", 5.0, self._ask_role)
        self._sparingly("cards", 0.0, self._ask_cards)
        self._sparingly("budgets", 0.0, self._ask_budgets)
        self._renew_entries()
        self.state.answered(seconds)

    def _sparingly(self, what: str, least: float, ask: Any) -> None:
        """Ask; after a slow answer, wait ten times as long before asking this again."""
        began = time.monotonic()
        if began < self._not_before.get(what, 0.0):
            return
        ask()
        took = time.monotonic() - began
        self._not_before[what] = time.monotonic() + max(least, _SHARE * took if took > 0.2 else 0)

    @property
    def _new_api(self) -> bool:
        return (self.state.api or 1) >= 2

    def _ask_role(self) -> None:
        if self._new_api:
            self.state.role = self._quick.me().role
            return
        try:
            self._quick.people()
            self.state.role = "steward"
        except NotAdmitted:
            self.state.role = "researcher"

    def _ask_cards(self) -> None:
        cards = {card.name: card for card in self._quick.datasets()}
        with self._lock:
            self._cards = cards

    def _ask_budgets(self) -> None:
        found: dict[str, BudgetStatus]
        if self._new_api:
            found = {budget.dataset: budget for budget in self._quick.budgets()}
        else:
            names = list(self._cards)[:_OLD_API_BUDGETS]
            found = {name: self._quick.budget(name) for name in names}
        with self._lock:
            self._budgets = found

    def _renew_entries(self) -> None:
        hashed = hashlib.sha256()
        found: dict[str, _KnownEntry] = {}
        for name, card in self._cards.items():
            budget = self._budgets.get(name)
            left = None if budget is None else budget.epsilon_left
            known = self._entries.get(name)
            # The client gives the same object for a card that did not change.
            if known is None or known.card is not card or known.left != left:
                known = _KnownEntry(card, left, entry(card, budget))
            found[name] = known
            hashed.update(f"{name} {card.dataset_version} {card.published} {left}\n".encode())
        with self._lock:
            self._entries, self._version = found, hashed.hexdigest()

    @property
    def version(self) -> str:
        """The version of `entries`: another one after each change."""
        with self._lock:
            return self._version

    def entries(self) -> list[Entry]:
        """Return the last known entries of the catalog, also while the domain is down."""
        with self._lock:
            return [known.entry for known in self._entries.values()]

    def put(self, status: RequestStatus) -> None:
        """Note a newer status of one request."""
        with self._lock:
            self._requests = {status.request_digest: status} | {
                digest: old
                for digest, old in self._requests.items()
                if digest != status.request_digest
            }

    def statuses(self) -> list[RequestStatus]:
        """Return the last known requests."""
        with self._lock:
            return list(self._requests.values())

    def requests(self) -> list[RequestView]:
        """Return the last known requests as JSON."""
        with self._lock:
            statuses, views = self._requests, self._views
        key_id = self.client.key.key_id
        found = {}
        for digest, status in statuses.items():
            known = views.get(digest)
            # Most requests are final: made into JSON once.
            if known is None or known[0] != status:
                known = (status, request_view(self.client.name, status, key_id))
            found[digest] = known
        with self._lock:
            self._views = found
        return [view for _, view in found.values()]

    def budgets(self) -> dict[str, BudgetStatus]:
        """Return the last known budgets by dataset."""
        with self._lock:
            return self._budgets

    def budget(self, name: str) -> BudgetStatus:
        """Ask for the budget of one dataset."""
        found = self.client.budget(name)
        with self._lock:
            self._budgets = {**self._budgets, name: found}
        return found

    def card(self, name: str) -> DatasetCard:
        """Return the newest card of a dataset, or the last known one if the domain does not answer.

        Raises
        ------
        NotFound
            If the domain has no such dataset.
        """
        try:
            return self.client.dataset(name)
        except NotFound:
            raise
        except WorkbenchError:
            if name not in self._cards:
                raise
            return self._cards[name]
