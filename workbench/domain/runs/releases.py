"""Turn a finished run into a release: files first, then the row that makes them exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from workbench.budget.accountant import run_epsilon
from workbench.documents import (
    DatasetCard,
    Decision,
    Envelope,
    Plan,
    Predicate,
    PrivacySpent,
    PrivateKey,
    PublicKey,
    Release,
    Request,
    State,
    Statement,
    StatisticPlan,
    now,
    subjects,
)
from workbench.documents.envelope import unverified
from workbench.domain.access import people
from workbench.domain.heads import head
from workbench.domain.kinds.job import MODEL, STATISTICS, Outcome, write_private
from workbench.domain.requests import decisions, stored
from workbench.domain.store.config import DomainFolder
from workbench.engine import ENGINE
from workbench.errors import InvalidDocument
from workbench.evidence.bundle import Bundle


def release_folder(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a release's files."""
    return folder.folder("releases") / digest.removeprefix("sha256:")


def release(
    connection: Connection,
    folder: DomainFolder,
    key: PrivateKey,
    row: Any,
    outcome: Outcome,
    produced: Path,
) -> None:
    """Keep the files, sign release and attestation, and move the request to ``released``.

    Raises
    ------
    InvalidDocument
        If the outcome is not what the request asked for.
    """
    request = unverified(Envelope.parse(row.envelope), Request)
    card = unverified(Envelope.parse(row.card), DatasetCard)
    decision = unverified(Envelope.parse(row.decision), Decision)
    if tuple(metric.name for metric in outcome.metrics) != request.metrics:
        raise InvalidDocument("the outcome has other metrics than the request")
    if isinstance(request.plan, StatisticPlan) != (outcome.statistics is not None):
        raise InvalidDocument("the outcome is of another kind than the request")
    keeps_metrics = "metrics" in request.outputs
    several = isinstance(request.plan, Plan) and request.plan.evaluations > 1
    kept = {
        name: digest if name in request.outputs else None
        for name, digest in (("model", outcome.model), ("statistics", outcome.statistics))
    }
    place = release_folder(folder, row.digest)
    for output, name in (("model", MODEL), ("statistics", STATISTICS)):
        if output in request.outputs:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(place / name, (produced / name).read_bytes())
    approvals = tuple(
        unverified(envelope, Decision).digest
        for envelope in decisions.earlier(connection, row.digest)
    )
    document = Release(
        request=row.digest,
        decision=decision.digest,
        approvals=approvals,
        domain=request.domain,
        dataset_version=request.dataset_version,
        model=kept["model"],
        statistics=kept["statistics"],
        metrics=outcome.metrics if keeps_metrics else (),
        history=outcome.history if keeps_metrics and several else (),
        privacy=PrivacySpent(
            epsilon=run_epsilon(request.plan, len(request.metrics), request.delta),
            delta=request.delta,
        ),
        steps=outcome.steps,
        engine=ENGINE,
        ledger=head.point(connection),
        released=now(),
    )
    statement = Statement(
        subject=subjects(document),
        predicate=Predicate(
            domain=request.domain,
            dataset=request.dataset,
            dataset_version=request.dataset_version,
            card=card.digest,
            request=row.digest,
            decision=decision.digest,
            approvals=approvals,
            graph=request.graph,
            privacy=document.privacy,
            engine=ENGINE,
            released=document.released,
        ),
    )
    stored.move(
        connection,
        row.digest,
        State.RELEASED,
        release=Envelope.sign(document, key).canonical().decode(),
        attestation=Envelope.sign(statement, key).canonical().decode(),
    )


def bundle(connection: Connection, row: Any, domain_key: PublicKey) -> Bundle:
    """Return all that verifies a release offline."""

    def key_of(key_id: str) -> str:
        known = people.find(connection, key_id)
        return str(domain_key) if known is None else known.public_key

    approvals = decisions.earlier(connection, row.digest)
    deciders = [
        key_of(unverified(envelope, Decision).key)
        for envelope in (Envelope.parse(row.decision), *approvals)
    ]
    researcher = people.find(connection, row.researcher)
    return Bundle(
        card=Envelope.parse(row.card),
        request=Envelope.parse(row.envelope),
        decision=Envelope.parse(row.decision),
        release=Envelope.parse(row.release),
        attestation=Envelope.parse(row.attestation),
        domain_key=str(domain_key),
        researcher_key="" if researcher is None else researcher.public_key,
        decider_key=deciders[0],
        approvals=tuple(approvals),
        approver_keys=tuple(deciders[1:]),
    )
