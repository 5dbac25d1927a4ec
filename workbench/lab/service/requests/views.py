"""A request as JSON for people: all facts of its status, and what may be done with it."""

from __future__ import annotations

from typing import Any, TypedDict

from workbench.documents import RequestStatus, State
from workbench.views.words import FAILURE_WORDS, STATE_WORDS

MOST_REQUESTS = 500


class ApprovalsView(TypedDict):
    """The stewards who approved a request, by name and by key id, and how many are needed."""

    given: list[str]
    keys: list[str]
    needed: int


class RequestView(TypedDict):
    """A request as people see it."""

    digest: str
    domain: str
    dataset: str
    path: str
    version: str
    function: str
    kind: str
    researcher: str
    purpose: str
    purpose_text: str
    epsilon: float
    delta: float
    repeat: int
    outputs: list[str]
    plan: dict[str, Any]
    state: str
    state_words: str
    submitted: str
    updated: str
    decided_by: str
    decider: str
    reason: str
    failure: str
    failure_words: str
    charged: bool
    progress: dict[str, Any] | None
    approvals: ApprovalsView
    mine: bool
    can_cancel: bool
    why_not_cancel: str


def request_view(domain: str, status: RequestStatus, key_id: str) -> RequestView:
    """Return a request as JSON.

    Parameters
    ----------
    domain
        The name that the space has for the domain.
    status
        What the domain said last.
    key_id
        The person who looks.
    """
    request = status.request
    # A domain shows a request to its researcher and to stewards, and both may cancel it.
    refusal = f"It is {STATE_WORDS[status.state]} already." if status.state.final else ""
    return {
        "digest": status.request_digest,
        "domain": domain,
        "dataset": request.dataset,
        "path": f"{domain}/{request.dataset}",
        "version": request.dataset_version[7:19],
        "function": request.function,
        "kind": request.plan.kind,
        "researcher": status.researcher,
        "purpose": request.purpose,
        "purpose_text": request.purpose_text,
        "epsilon": request.epsilon,
        "delta": request.delta,
        "repeat": request.repeat,
        "outputs": list(request.outputs),
        "plan": request.plan.model_dump(mode="json"),
        "state": str(status.state),
        "state_words": STATE_WORDS[status.state],
        "submitted": status.submitted,
        "updated": status.updated,
        "decided_by": status.decided_by or "",
        "decider": status.decider,
        "reason": status.reason,
        "failure": status.failure or "",
        "failure_words": FAILURE_WORDS.get(status.failure or "", ""),
        "charged": status.charged,
        "progress": status.progress.model_dump(mode="json") if status.progress else None,
        "approvals": _approvals(status),
        "mine": request.researcher == key_id,
        "can_cancel": not refusal,
        "why_not_cancel": refusal,
    }


def _approvals(status: RequestStatus) -> ApprovalsView:
    given = list(status.approvals)
    # Domains before API 2 say only who decided.
    denied = status.state in (State.PENDING, State.DENIED, State.CANCELLED)
    if not given and status.decided_by == "steward" and not denied:
        given = [status.decider]
    return {
        "given": given,
        # A name is not enough for a page to know whether its own person is among them.
        "keys": list(status.approval_keys),
        "needed": status.approvals_needed,
    }
