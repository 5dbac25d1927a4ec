"""Turn a finished run into a release: write its files first, then its row."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from workbench.budget.accountant import run_epsilon
from workbench.documents import (
    Envelope,
    Predicate,
    PrivacySpent,
    PrivateKey,
    PublicKey,
    Release,
    State,
    Statement,
    now,
    subjects,
)
from workbench.documents.base import hex_of
from workbench.documents.plans import FILES
from workbench.domain.access import people
from workbench.domain.heads import head
from workbench.domain.kinds.job import Outcome
from workbench.domain.kinds.table import kind_of
from workbench.domain.requests import decisions, stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import copy_private
from workbench.engine import ENGINE
from workbench.errors import InvalidDocument
from workbench.evidence.bundle import Bundle


def release_folder(folder: DomainFolder, digest: str) -> Path:
    """Return the folder of a release's files."""
    return folder.folder("releases") / hex_of(digest)


def release(
    connection: Connection,
    folder: DomainFolder,
    key: PrivateKey,
    run: StoredRequest,
    outcome: Outcome,
    produced: Path,
) -> None:
    """Keep the files, sign release and attestation, and move the request to ``released``.

    Raises
    ------
    InvalidDocument
        If the outcome is not what the request asked for.
    """
    request, card, decision = run.request, run.card, run.decision
    if tuple(metric.name for metric in outcome.metrics) != request.metrics:
        raise InvalidDocument("the outcome has other metrics than the request")
    if set(outcome.files) != {kind_of(request.plan).output}:
        raise InvalidDocument("the outcome is of another kind than the request")
    keeps_metrics = "metrics" in request.outputs
    kept = {name: digest for name, digest in outcome.files.items() if name in request.outputs}
    place = release_folder(folder, run.digest)
    for output in kept:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy_private(produced / FILES[output], place / FILES[output])
    approvals = tuple(
        approval.document.digest for approval in decisions.earlier(connection, run.digest)
    )
    document = Release(
        request=run.digest,
        decision=decision.digest,
        approvals=approvals,
        domain=request.domain,
        dataset_version=request.dataset_version,
        model=kept.get("model"),
        statistics=kept.get("statistics"),
        metrics=outcome.metrics if keeps_metrics else (),
        history=outcome.history if request.has_course else (),
        privacy=PrivacySpent(
            epsilon=run_epsilon(request.plan, len(request.metrics), request.delta),
            delta=request.delta,
        ),
        steps=outcome.steps,
        engine=ENGINE,
        ledger=head.point(connection),
        released=now(),
    )
    if document.files != kept:
        raise InvalidDocument("the release does not name every file that was kept")
    statement = Statement(
        subject=subjects(document),
        predicate=Predicate(
            domain=request.domain,
            dataset=request.dataset,
            dataset_version=request.dataset_version,
            card=card.digest,
            request=run.digest,
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
        run.digest,
        State.RELEASED,
        release=Envelope.sign(document, key).canonical().decode(),
        attestation=Envelope.sign(statement, key).canonical().decode(),
    )


def bundle(connection: Connection, released: StoredRequest, domain_key: PublicKey) -> Bundle:
    """Return all documents and keys that a release is verified with, offline."""

    def key_of(key_id: str) -> str:
        known = people.find(connection, key_id)
        return str(domain_key) if known is None else known.public_key

    approvals = decisions.earlier(connection, released.digest)
    researcher = people.find(connection, released.researcher)
    return Bundle(
        card=released.signed_card.envelope,
        request=released.signed_request.envelope,
        decision=released.signed_decision.envelope,
        release=released.signed_release.envelope,
        attestation=released.signed_attestation.envelope,
        domain_key=str(domain_key),
        researcher_key="" if researcher is None else researcher.public_key,
        decider_key=key_of(released.decision.key),
        approvals=tuple(approval.envelope for approval in approvals),
        approver_keys=tuple(key_of(approval.document.key) for approval in approvals),
    )
