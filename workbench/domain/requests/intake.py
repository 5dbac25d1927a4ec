"""From a stranger's bytes to a stored request: every check comes before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, insert, select

from workbench.budget import ledger
from workbench.budget.accountant import Curve, epsilon_of
from workbench.documents import (
    DatasetCard,
    Envelope,
    Person,
    Plan,
    PublicKey,
    Request,
    StatisticPlan,
    digest_bytes,
    now,
)
from workbench.documents.envelope import unverified
from workbench.domain.datasets import cards
from workbench.domain.kinds.job import Job, write_private
from workbench.domain.populations import registry
from workbench.domain.requests import stored
from workbench.domain.requests.terms import Facts, check_terms, today
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.tables import graphs
from workbench.errors import (
    Conflict,
    GraphRefused,
    InvalidDocument,
    LimitReached,
    NotAdmitted,
    NotFound,
)
from workbench.graphs.inputs import check_inputs
from workbench.graphs.public_loss import publicly_trained
from workbench.graphs.reading.load import load
from workbench.graphs.record_graph import GraphFacts, Limits, RecordGraph
from workbench.graphs.roles import check_update


@dataclass(frozen=True)
class Accepted:
    """A request that passed: what the policy needs to go on."""

    request: Request
    facts: Facts
    new: bool


@dataclass(frozen=True)
class Examined:
    """A request that fits card and terms."""

    card_envelope: Envelope
    card: DatasetCard
    facts: Facts


def check_graph(digest: str, archive: bytes) -> GraphFacts:
    """Return the facts of an uploaded graph if it may be kept; touches no database.

    Raises
    ------
    InvalidDocument
        If the bytes do not have this digest.
    GraphRefused, TooLarge
        If the graph is not allowed.
    """
    if digest_bytes(archive) != digest:
        raise InvalidDocument(f"graph: the bytes have digest {digest_bytes(archive)}, not {digest}")
    # Its role is known, and checked, when a request names it.
    return load(archive, Limits(), role=None).facts


def check_quota(connection: Connection, folder: DomainFolder, person: Person, size: int) -> None:
    """Return None if a person may keep another graph of so many bytes.

    Raises
    ------
    LimitReached
        If not; says which limit it is.
    """
    limits = folder.config.calls
    kept = connection.execute(select(graphs.c.digest).where(graphs.c.uploaded_by == person.key_id))
    digests = list(kept.scalars())
    hint = "Use a graph that is here already, or ask the domain's operator for a higher limit."
    if len(digests) >= limits.graphs_per_person:
        raise LimitReached(
            f"{limits.graphs_per_person} of your graphs are kept here (graphs_per_person)", hint
        )
    paths = [graph_path(folder, digest) for digest in digests]
    if size + sum(path.stat().st_size for path in paths if path.exists()) > (
        limits.graphs_mb_per_person << 20
    ):
        raise LimitReached(
            f"your graphs would take over {limits.graphs_mb_per_person} MB (graphs_mb_per_person)",
            hint,
        )


def store_graph(
    connection: Connection,
    folder: DomainFolder,
    digest: str,
    archive: bytes,
    facts: GraphFacts,
    person: Person,
) -> bool:
    """Keep a checked graph; returns whether it is new."""
    known = connection.execute(select(graphs.c.digest).where(graphs.c.digest == digest)).first()
    if known is not None:
        return False
    write_private(graph_path(folder, digest), archive)
    values = {
        "digest": digest,
        "facts": facts.canonical().decode(),
        "uploaded_by": person.key_id,
        "uploaded": now(),
    }
    connection.execute(insert(graphs).values(values))
    return True


def graph_path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a graph."""
    return folder.folder("graphs") / f"{digest.removeprefix('sha256:')}.pt2"


def known_graph(connection: Connection, digest: str) -> GraphFacts | None:
    """Return the facts of a stored graph, or None."""
    facts = connection.execute(select(graphs.c.facts).where(graphs.c.digest == digest)).scalar()
    return None if facts is None else GraphFacts.parse(facts)


def graph_facts(connection: Connection, digest: str) -> GraphFacts:
    """Return the facts of a stored graph.

    Raises
    ------
    NotFound
        If it was not uploaded.
    """
    facts = known_graph(connection, digest)
    if facts is None:
        raise NotFound(f"graph {digest[:19]} was not uploaded", "Upload it before the request.")
    return facts


def graphs_of(request: Request) -> tuple[str, ...]:
    """Return the digests of the graphs that a request names."""
    update = request.plan.update if isinstance(request.plan, StatisticPlan) else None
    return (request.graph,) if update is None else (request.graph, update)


def job_of(
    folder: DomainFolder,
    kind: Literal["training", "rehearsal"],
    request: Request,
    card: DatasetCard,
    training: str,
    holdout: str | None,
    seed: bytes,
) -> Job:
    """Return what a worker is handed for a request; paths name private or synthetic records."""
    graph, *updates = (str(graph_path(folder, name)) for name in graphs_of(request))
    return Job(
        kind=kind,
        graph=graph,
        update=updates[0] if updates else None,
        training=training,
        holdout=holdout,
        inputs=request.inputs,
        metrics=request.metrics,
        plan=request.plan,
        record_count=card.record_count,
        holdout_fraction=card.holdout_fraction,
        max_records_per_unit=card.data_schema.max_records_per_unit,
        seed=seed.hex(),
    )


def load_graph(folder: DomainFolder, request: Request) -> RecordGraph:
    """Return the record graph of a request, after all its graphs were checked for their role.

    Raises
    ------
    GraphRefused, TooLarge
        If one does not fit its role, or the update not the statistic.
    """
    first, *updates = (graph_path(folder, digest).read_bytes() for digest in graphs_of(request))
    if not isinstance(request.plan, StatisticPlan):
        return load(first, Limits())
    graph = load(first, Limits(), role="sum")
    for update in updates:
        check_update(load(update, Limits(), role="update"), graph)
    return graph


def read_request(envelope: Envelope, person: Person) -> Request:
    """Return the request if `person` signed it as their own.

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
    WorkbenchError
        One of its classes per check.
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
    if registry.stopped(connection, card.population_name, card.dataset_version):
        raise Conflict(
            f"somebody in '{card.path}' does not take part any more; it has to be published anew",
            "Nothing runs on this version. Ask the steward, then load the dataset again.",
        )
    noise = not isinstance(request.plan, StatisticPlan)
    check_inputs(graph, request.inputs, card.data_schema, noise=noise)
    if not isinstance(request.plan, StatisticPlan):
        _check_training(graph, request.plan, request)
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
) -> Accepted:
    """Check a new request against card, terms and budget, reserve its cost and store it.

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
        account=registry.account(connection, found.card),
        request=request.digest,
        researcher=request.researcher,
        curve=cost,
    )
    stored.add(connection, envelope, request, found.card_envelope)
    return Accepted(request, found.facts, True)


def _check_training(graph: RecordGraph, plan: Plan, request: Request) -> None:
    public = plan.public_loss is not None
    metrics = graph.outputs - 1 - public
    if len(request.metrics) != metrics:
        raise GraphRefused(
            f"graph: {metrics} metrics, but the request names {len(request.metrics)}"
        )
    if public:
        publicly_trained(graph, request.inputs)
    if not graph.trainable:
        raise GraphRefused("graph: the model has no parameter to train")
