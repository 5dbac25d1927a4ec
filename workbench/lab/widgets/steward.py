"""The steward's panel: what waits for a decision, what it would cost, what would leave.

The front end (``steward.js`` and ``populations.js``) draws what this class puts into `view` and
sends back what the steward does. The key stays in the kernel: decisions are signed here. While a
panel is on the screen a thread asks the domains for news; it ends when the last view is closed.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.documents import RequestStatus
from workbench.errors import WorkbenchError
from workbench.lab.widgets.populations import PopulationSection
from workbench.space.client.client import DomainClient
from workbench.space.connection import Space, connect
from workbench.views.page import Page

_HERE = Path(__file__).parent
POLL_SECONDS = 1.0
BUDGET_SECONDS = 60.0
MOST_BUDGETS = 200
_LARGEST_REASON = 2000

Moves = tuple[tuple[str, str], ...]


class StewardPanel(anywidget.AnyWidget):
    """A panel on the requests of one or all domains of a space.

    Parameters
    ----------
    space
        Connected with the steward's key; by default what `connect` finds.
    domain
        Show only this domain.
    """

    # One module: what populations.js needs is in steward.js.
    _esm = (_HERE / "populations.js").read_text() + (_HERE / "steward.js").read_text()
    _css = _HERE / "steward.css"
    view = traitlets.Unicode("{}").tag(sync=True)

    def __init__(self, space: Space | None = None, domain: str | None = None) -> None:
        super().__init__()
        space = space or connect()
        self._clients = {
            name: client for name, client in space.domains.items() if domain in (None, name)
        }
        self._reviews: dict[str, dict[str, Any]] = {}
        self._moves: dict[str, Moves] = {}
        self._known_budgets: dict[str, tuple[object, float, list[dict[str, Any]]]] = {}
        self._populations = PopulationSection(self._clients)
        self._message = ""
        self._open_views = 0
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.on_msg(self._on_message)
        self.refresh()

    def _repr_html_(self) -> str:
        waiting = [r for r in json.loads(self.view)["requests"] if r["state"] == "pending"]
        return Page("Steward", f"{len(waiting)} requests wait for a decision.").html()

    def refresh(self) -> None:
        """Ask the domains once and show what they say."""
        # A slower, older answer must not replace a newer one.
        with self._refreshing:
            self._refresh()

    def _refresh(self) -> None:
        domains, requests, budgets = [], [], []
        reviews = dict(self._reviews)
        for name, client in self._clients.items():
            try:
                found = client.requests()
                requests += [self._row(client, status) for status in found]
                budgets += self._budgets(client, found)
                self._populations.renew(client, _moves(found))
                reviews |= self._review_pending(client, found)
                domains.append({"name": name, "error": ""})
            except WorkbenchError as error:
                domains.append({"name": name, "error": f"{error.message} {error.hint}".strip()})
        requests.sort(key=lambda row: str(row["submitted"]), reverse=True)
        known = {row["digest"] for row in requests}
        # Replaced and never changed in place: two threads may refresh at the same time.
        self._reviews = {d: r for d, r in reviews.items() if d in known}
        # Used ones first where there are more than anybody looks through.
        shown = sorted(budgets, key=lambda row: -row["runs"])[:MOST_BUDGETS]
        content = {
            "domains": domains,
            "requests": requests,
            "budgets": sorted(shown, key=lambda row: str(row["dataset"])),
            "budgets_in_all": len(budgets),
            "reviews": self._reviews,
            "message": self._message,
            **self._populations.content(),
        }
        # An unchanged text sends nothing to the browser.
        self.view = json.dumps(content, sort_keys=True)

    @staticmethod
    def _row(client: DomainClient, status: RequestStatus) -> dict[str, Any]:
        request = status.request
        return {
            "digest": status.request_digest,
            "domain": client.name,
            "dataset": request.dataset,
            "version": request.dataset_version[7:19],
            "function": request.function,
            "researcher": status.researcher,
            "purpose": f"{request.purpose} {request.purpose_text}".strip(),
            "epsilon": request.epsilon,
            "delta": request.delta,
            "repeat": request.repeat,
            "plan": request.plan.model_dump(mode="json"),
            "outputs": list(request.outputs),
            "state": str(status.state),
            "submitted": status.submitted,
            "updated": status.updated,
            "decided_by": status.decided_by or "",
            "decider": status.decider,
            "reason": status.reason,
            "failure": status.failure or "",
            "charged": status.charged,
            "approvals": list(status.approvals),
            "approvals_needed": status.approvals_needed,
            "approved_by_me": client.key.key_id in status.approval_keys,
            "progress": status.progress.model_dump(mode="json") if status.progress else None,
        }

    def _budgets(self, client: DomainClient, found: list[RequestStatus]) -> list[dict[str, Any]]:
        """Return budgets, asked for when they may have moved, for thousands take seconds."""
        moves = (_moves(found), self._populations.sent)
        known = self._known_budgets.get(client.name)
        if known is None or known[0] != moves or time.monotonic() - known[1] > BUDGET_SECONDS:
            rows = [
                budget.model_dump(mode="json") | {"dataset": f"{client.name}/{budget.dataset}"}
                for budget in client.budgets()
            ]
            known = self._known_budgets[client.name] = (moves, time.monotonic(), rows)
        return known[2]

    def _review_pending(
        self, client: DomainClient, found: list[RequestStatus]
    ) -> dict[str, dict[str, Any]]:
        # Another request's decision moves the budget and what this one is compared with.
        moves = _moves(found)
        moved = self._moves.get(client.name) != moves
        reviews = {}
        for status in found:
            digest = status.request_digest
            known = self._reviews.get(digest)
            done = known is not None and known["rehearsal"]["state"] != "waiting"
            if status.state == "pending" and (moved or not done):
                reviews[digest] = client.review(digest)
        self._moves[client.name] = moves
        return reviews

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        action = content.get("action") if isinstance(content, dict) else None
        if action == "opened":
            self._opened()
        elif action == "closed":
            with self._lock:
                self._open_views = max(0, self._open_views - 1)
            self._wake.set()
        elif action == "decide":
            self.decide(
                str(content.get("domain")),
                str(content.get("digest")),
                str(content.get("verdict")),
                str(content.get("reason", ""))[:_LARGEST_REASON],
            )
        elif action == "review":
            self._review(str(content.get("domain")), str(content.get("digest")))
        elif isinstance(action, str) and action in PopulationSection.ACTIONS:
            self._message = self._populations.act(content) or self._message
            self.refresh()

    def decide(self, domain: str, digest: str, verdict: str, reason: str = "") -> None:
        """Sign a decision with the steward's key and send it; the panel shows what came of it.

        Parameters
        ----------
        domain, digest
            Which request.
        verdict
            ``"approve"`` or ``"deny"``.
        reason
            What the researcher will read; needed for a denial.
        """
        try:
            status = self._clients[domain].decide(digest, verdict, reason)
            self._message = f"{status.request.function} by {status.researcher}: {_words(status)}"
        except KeyError:
            self._message = f"There is no domain '{domain}' here."
        except WorkbenchError as error:
            self._message = f"{error.message} {error.hint}".strip()
        self.refresh()

    def _review(self, domain: str, digest: str) -> None:
        try:
            self._reviews = {**self._reviews, digest: self._clients[domain].review(digest)}
        except (KeyError, WorkbenchError) as error:
            self._message = f"The facts cannot be shown: {error}"
        self.refresh()

    def close(self) -> None:
        """Remove the panel and stop asking the domains."""
        self._open_views = 0
        self._wake.set()
        super().close()

    def _opened(self) -> None:
        with self._lock:
            self._open_views += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._poll, daemon=True)
                self._thread.start()

    def _poll(self) -> None:
        while True:
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            with self._lock:
                if not self._open_views:
                    self._thread = None
                    return
            try:
                self.refresh()
            except Exception as error:
                # A panel that silently shows old facts would be worse than any message.
                self._message = f"The panel could not be renewed ({type(error).__name__})."
                content = {**json.loads(self.view), "message": self._message}
                self.view = json.dumps(content, sort_keys=True)


def _moves(found: list[RequestStatus]) -> Moves:
    return tuple((status.request_digest, status.state) for status in found)


def _words(status: RequestStatus) -> str:
    missing = status.approvals_needed - len(status.approvals)
    if status.state != "pending" or not status.approvals:
        return str(status.state)
    return f"approved by {', '.join(status.approvals)}, {missing} more needed"
