"""Collect what a steward sees of a request: every fact that a decision needs."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from sqlalchemy import Connection

from workbench.budget.accountant import run_epsilon
from workbench.documents import (
    BudgetStatus,
    DatasetCard,
    Document,
    Metric,
    Request,
    RequestStatus,
)
from workbench.documents.base import Digest, type_tuple
from workbench.domain.datasets import files
from workbench.domain.kinds.table import kind_of
from workbench.domain.populations import accounts
from workbench.domain.requests import graphs, statuses, stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.requests.terms import Facts, approves, explain_terms, today
from workbench.domain.store.config import DomainFolder
from workbench.graphs.record_graph import GraphFacts

_IGNORED = frozenset({"format"})


class RehearsalStatus(Document):
    """The state of a rehearsal: a run on the synthetic snippet, with nothing private."""

    state: Literal["waiting", "done", "failed"]
    metrics: Annotated[tuple[Metric, ...], type_tuple] = ()
    note: str = ""


class Change(Document):
    """One difference from the last approved request; values are canonical JSON."""

    field: str
    before: str
    after: str


class Previous(Document):
    """The last approved request of the same function by the same researcher."""

    request_digest: Digest
    changes: Annotated[tuple[Change, ...], type_tuple]


class Review(Document):
    """All facts for one decision.

    `epsilon_run` is what the plan costs by the domain's own accounting; `leaves` says in words what
    would leave; `policy` has one line per term and one on why the policy did not decide.
    """

    status: RequestStatus
    card: DatasetCard
    facts: GraphFacts
    epsilon_asked: float
    epsilon_run: float
    delta: float
    budget: BudgetStatus
    leaves: Annotated[tuple[str, ...], type_tuple]
    policy: Annotated[tuple[str, ...], type_tuple]
    rehearsal: RehearsalStatus
    previous: Previous | None
    counts: files.Counts


def review(
    connection: Connection, folder: DomainFolder, waiting: StoredRequest, rehearsal: RehearsalStatus
) -> Review:
    """Collect the facts of one request."""
    request, card = waiting.request, waiting.card
    epsilon = run_epsilon(request.plan, len(request.metrics), request.delta)
    facts = Facts(request, card, epsilon, today())
    graph = graphs.get(connection, request.graph)
    counts_file = files.prepared(folder, card).counts
    return Review(
        status=statuses.status(connection, waiting),
        card=card,
        facts=graph,
        epsilon_asked=request.epsilon,
        epsilon_run=epsilon,
        delta=request.delta,
        budget=accounts.budget(connection, card),
        leaves=_leaves(request, graph, card),
        policy=(*explain_terms(facts), approves(facts)[1]),
        rehearsal=rehearsal,
        previous=_previous(connection, waiting),
        # Where somebody opted out, the files are gone, and nothing runs.
        counts=files.Counts.parse(counts_file.read_bytes())
        if counts_file.exists()
        else files.Counts(clamped={}, filled={}),
    )


def _leaves(request: Request, graph: GraphFacts, card: DatasetCard) -> tuple[str, ...]:
    words = kind_of(request.plan).leaves(request, request.plan, graph, card)
    return (*words, "the request's state, and nothing else")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        parts = [_flat(v, f"{prefix}.{k}" if prefix else k) for k, v in value.items()]
        return {key: text for part in parts for key, text in part.items()}
    return {prefix: json.dumps(value)}


def _fields(request: Request) -> dict[str, str]:
    # Canonical JSON leaves out options at their default; a steward compares them too.
    written = request.model_dump(mode="json")
    options = {name: written["plan"].get(name, value) for name, value in request.plan}
    return _flat(written | {"plan": options})


def _previous(connection: Connection, waiting: StoredRequest) -> Previous | None:
    earlier = stored.last_approved(connection, waiting)
    if earlier is None:
        return None
    before = _fields(earlier.request)
    after = _fields(waiting.request)
    return Previous(
        request_digest=earlier.digest,
        changes=tuple(
            Change(field=key, before=before.get(key, ""), after=after.get(key, ""))
            for key in sorted({*before, *after} - _IGNORED)
            if before.get(key) != after.get(key)
        ),
    )
