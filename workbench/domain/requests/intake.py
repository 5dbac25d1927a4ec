"""Check a new request and store it; nothing is written before all checks have passed."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from sqlalchemy import Connection

from workbench.budget import ledger
from workbench.budget.accountant import Curve, epsilon_of
from workbench.documents import (
    DatasetCard,
    Envelope,
    Person,
    PublicKey,
    Request,
)
from workbench.documents.envelope import unverified
from workbench.domain.datasets import cards
from workbench.domain.kinds.table import kind_of
from workbench.domain.populations import accounts, opting_out
from workbench.domain.requests import stored
from workbench.domain.requests.terms import Facts, check_terms, today
from workbench.domain.store.config import DomainFolder
from workbench.errors import (
    Conflict,
    InvalidDocument,
    NotAdmitted,
)
from workbench.graphs.record_graph import RecordGraph

_NEEDS_TORCH = ("workbench.graphs.public_loss", "workbench.graphs.reading.load")


@dataclass(frozen=True)
class Examined:
    """A request that fits the card and the terms, with what was found."""

    card_envelope: Envelope
    card: DatasetCard
    facts: Facts


def preload() -> None:
    """Import torch and the reader of graphs now: the first request would otherwise wait for it."""
    for name in _NEEDS_TORCH:
        importlib.import_module(name)


def read_request(envelope: Envelope, person: Person) -> Request:
    """Check that `person` signed a request as their own, and return it.

    Raises
    ------
    InvalidSignature, InvalidDocument, NotAdmitted
        If not.
    """
    request = envelope.open(Request, PublicKey.from_text(person.public_key))
    if request.researcher != person.key_id:
        raise NotAdmitted("the request names another researcher than its signer")
    return request


def examine(
    connection: Connection,
    folder: DomainFolder,
    request: Request,
    graph: RecordGraph,
    curve: Curve,
) -> Examined:
    """Check a new request against card and terms; writes nothing.

    `curve` is what the plan costs by `accountant.run_curve`.

    Raises
    ------
    InvalidDocument
        If the request is for another domain.
    NotFound
        If there is no such dataset.
    Conflict
        If the dataset was published anew since, or has to be.
    UnknownColumn, GraphRefused, InvalidArgument
        If inputs, metrics or plan do not fit.
    TermsRefused
        If a term of the dataset does not hold.
    """
    if request.domain != folder.config.name:
        raise InvalidDocument(
            f"the request is for domain '{request.domain}'; this is '{folder.config.name}'"
        )
    card_envelope = cards.latest(connection, request.dataset)
    card = unverified(card_envelope, DatasetCard)
    if (request.dataset_version, request.card) != (card.dataset_version, card.digest):
        raise Conflict(
            f"dataset '{card.path}' was published anew since the request was written",
            "Load the dataset again, read its terms, and submit once more.",
        )
    if opting_out.stopped(connection, card.population_name, card.dataset_version):
        raise Conflict(
            f"somebody in '{card.path}' does not take part any more; it has to be published anew",
            "Nothing runs on this version. Ask the steward, then load the dataset again.",
        )
    kind_of(request.plan).check_request(request, request.plan, graph, card.data_schema)
    facts = Facts(request, card, epsilon_of(curve, request.delta), today())
    check_terms(facts)
    return Examined(card_envelope, card, facts)


def accept(
    connection: Connection,
    folder: DomainFolder,
    envelope: Envelope,
    request: Request,
    graph: RecordGraph,
    curve: Curve,
    cost: Curve,
) -> Facts:
    """Check a new request against card, terms and budget, reserve its cost and store it.

    Returns the facts that a policy decides by.

    Its programs passed `workbench.domain.runs.checks` before. `curve` is what the plan costs the
    dataset's unit, `cost` what it costs a member of the population; both are computed before the
    transaction, which keeps all other writers waiting.

    Raises
    ------
    WorkbenchError
        One of its classes per check; nothing is written then.
    """
    found = examine(connection, folder, request, graph, curve)
    ledger.reserve(
        connection,
        account=accounts.account(connection, found.card),
        request=request.digest,
        researcher=request.researcher,
        curve=cost,
    )
    stored.add(connection, envelope, request, found.card_envelope)
    return found.facts
