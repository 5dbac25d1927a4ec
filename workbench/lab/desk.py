"""What the steward's panel shows of one domain, and the decisions it sends; no widget in here.

Everything is turned into plain JSON of texts and numbers in one place, so that the front end only
has to lay it out.
"""

from __future__ import annotations

from typing import Any

from workbench.documents import BudgetStatus, DatasetCard, RequestStatus
from workbench.documents.errors import Conflict, InvalidSignature, NotAdmitted
from workbench.space.client import DomainClient

NEWEST = 500
"""How many requests the panel lists per domain; `RequestTable` and the CLI list more."""

Json = dict[str, Any]


class Desk:
    """A steward's desk at one domain.

    A request can be decided only after its review was opened here, and only if what the domain
    showed has the digest that the decision will name.

    Parameters
    ----------
    client
        The domain, called with the steward's key.
    """

    def __init__(self, client: DomainClient) -> None:
        self.client = client
        self.name = client.name
        self._cards: dict[str, DatasetCard] = {}
        self._reviewed: set[str] = set()

    def check(self) -> None:
        """Return None if the key is admitted here as a steward.

        Raises
        ------
        NotAdmitted
            If it is not; says what to do.
        DomainUnavailable, InvalidSignature
            If the domain is away, or another one answers.
        """
        self.client.info()
        try:
            self.client.people()
        except NotAdmitted:
            raise NotAdmitted(
                f"your key {self.client.key.key_id[:12]} is not a steward's at '{self.name}'",
                "Ask its operator for 'workbench domain admit … --role steward'.",
            ) from None

    def requests(self) -> list[Json]:
        """Return the newest requests, newest first, one flat row each."""
        return [_row(self.name, status) for status in self.client.requests()[:NEWEST]]

    def budgets(self) -> list[Json]:
        """Return the privacy budget of every dataset; reading it costs nothing."""
        self._cards = {card.name: card for card in self.client.datasets()}
        return [
            _budget(card, self.client.budget(name)) for name, card in sorted(self._cards.items())
        ]

    def review(self, digest: str) -> Json:
        """Return all facts for a decision on one request, laid out in sections.

        Raises
        ------
        InvalidSignature
            If the domain shows another request than the one asked for.
        """
        found = self.client.review(digest)
        status = RequestStatus.read(found["status"])
        card = DatasetCard.read(found["card"])
        shown = status.request
        if (status.request_digest, shown.digest) != (digest, digest):
            raise InvalidSignature(
                f"'{self.name}' shows a request with digest {shown.digest[7:19]} as {digest[7:19]}",
                "Do not decide it; ask the domain's operator.",
            )
        if shown.card != card.digest:
            raise InvalidSignature(
                f"'{self.name}' shows another card than the one that {digest[7:19]} names",
                "Do not decide it; ask the domain's operator.",
            )
        self._reviewed.add(digest)
        return _review(self.name, status, card, found)

    def decide(self, digest: str, verdict: str, reason: str) -> Json:
        """Sign a decision with the steward's key, send it, and return the request's new row.

        Raises
        ------
        Conflict
            If the request was not reviewed here, or no longer waits.
        InvalidDocument
            If a denial has no reason.
        """
        if digest not in self._reviewed:
            raise Conflict("this request was not opened here", "Open it and read it first.")
        return _row(self.name, self.client.decide(digest, verdict, reason))


def _row(domain: str, status: RequestStatus) -> Json:
    request = status.request
    return {
        "domain": domain,
        "digest": status.request_digest,
        "state": str(status.state),
        "researcher": status.researcher,
        "dataset": request.dataset,
        "function": request.function,
        "epsilon": request.epsilon,
        "delta": request.delta,
        "purpose": f"{request.purpose} {request.purpose_text}".strip(),
        "submitted": status.submitted,
        "decidedBy": status.decided_by or "",
        "decider": status.decider,
        "reason": status.reason,
        "failure": status.failure or "",
        "step": status.progress.step if status.progress else 0,
        "steps": request.plan.steps,
    }


def _budget(card: DatasetCard, budget: BudgetStatus) -> Json:
    return {
        "dataset": card.name,
        "title": card.title,
        "total": budget.epsilon_total,
        "spent": budget.epsilon_spent,
        "left": budget.epsilon_left,
        "delta": budget.delta,
        "runs": budget.runs,
        "approval": card.terms.approval.mode,
    }


def _review(domain: str, status: RequestStatus, card: DatasetCard, found: Json) -> Json:
    request, facts = status.request, found["facts"]
    budget = BudgetStatus.read(found["budget"])
    operators = sorted(facts["operators"].items(), key=lambda item: (-item[1], item[0]))
    counts = found["counts"]
    return {
        "row": _row(domain, status),
        "request": [
            ["Who", f"{status.researcher} (key {request.researcher[:12]})"],
            ["Purpose", f"{request.purpose} {request.purpose_text}".strip()],
            ["Dataset", f"{card.path}: {card.title}"],
            ["Dataset version", request.dataset_version[7:19]],
            ["Function", request.function],
            ["Columns read", ", ".join(request.inputs)],
            ["Request", status.request_digest],
        ],
        "privacy": {
            "asked": found["epsilon_asked"],
            "run": found["epsilon_run"],
            "delta": found["delta"],
            "perRun": card.terms.epsilon_per_run,
            "total": budget.epsilon_total,
            "spent": budget.epsilon_spent,
            "left": budget.epsilon_left,
            "setAside": not status.state.final,
        },
        "leaves": list(found["leaves"]),
        "graph": [
            ["Operators", ", ".join(f"{name} × {n}" for name, n in operators)],
            ["Parameters", f"{facts['parameters']:,}, of which {facts['trainable']:,} train"],
            ["Constants", f"{facts['constants']:,}"],
            ["Size of the file", f"{facts['archive_bytes'] / 1024:,.1f} KiB"],
            ["Memory per record", f"{facts['activation_bytes'] / 1024:,.1f} KiB"],
            ["Graph", request.graph[7:19]],
        ],
        "plan": [
            [name.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value)]
            for name, value in request.plan.model_dump().items()
        ],
        "policy": list(found["policy"]),
        "rehearsal": found["rehearsal"],
        "previous": found["previous"],
        "data": [
            [f"{column}: {what}", str(number)]
            for what in ("clamped", "filled")
            for column, number in sorted(counts[what].items())
            if number
        ],
    }
