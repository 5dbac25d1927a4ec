"""Check and keep the graphs that researchers upload."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, insert, select

from workbench.documents import Person, Request, digest_bytes, now
from workbench.documents.base import hex_of, short
from workbench.domain.kinds.table import kind_of
from workbench.domain.store import tables
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import write_private
from workbench.errors import InvalidDocument, LimitReached, NotFound
from workbench.graphs.record_graph import GraphFacts, Limits, RecordGraph


def check(digest: str, archive: bytes) -> GraphFacts:
    """Check that an uploaded graph may be kept, and return its facts; touches no database.

    Raises
    ------
    InvalidDocument
        If the bytes do not have this digest.
    GraphRefused, TooLarge
        If the graph is not allowed.
    """
    from workbench.graphs.reading.load import load

    if digest_bytes(archive) != digest:
        raise InvalidDocument(f"graph: the bytes have digest {digest_bytes(archive)}, not {digest}")
    # Its role is known, and checked, when a request names it.
    return load(archive, Limits(), role=None).facts


def check_quota(connection: Connection, folder: DomainFolder, person: Person, size: int) -> None:
    """Check that a person may keep another graph of `size` bytes.

    Raises
    ------
    LimitReached
        If not; says which limit it is.
    """
    limits, table = folder.config.calls, tables.graphs
    kept = connection.execute(select(table.c.digest).where(table.c.uploaded_by == person.key_id))
    digests = list(kept.scalars())
    hint = "Use a graph that is here already, or ask the domain's operator for a higher limit."
    if len(digests) >= limits.graphs_per_person:
        raise LimitReached(
            f"{limits.graphs_per_person} of your graphs are kept here (graphs_per_person)", hint
        )
    places = [path(folder, digest) for digest in digests]
    if size + sum(place.stat().st_size for place in places if place.exists()) > (
        limits.graphs_mb_per_person << 20
    ):
        raise LimitReached(
            f"your graphs would take over {limits.graphs_mb_per_person} MB (graphs_mb_per_person)",
            hint,
        )


def store(
    connection: Connection,
    folder: DomainFolder,
    digest: str,
    archive: bytes,
    facts: GraphFacts,
    person: Person,
) -> bool:
    """Keep a checked graph, and return whether it is new."""
    if find(connection, digest) is not None:
        return False
    write_private(path(folder, digest), archive)
    values = {
        "digest": digest,
        "facts": facts.canonical().decode(),
        "uploaded_by": person.key_id,
        "uploaded": now(),
    }
    connection.execute(insert(tables.graphs).values(values))
    return True


def path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a graph's file."""
    return folder.folder("graphs") / f"{hex_of(digest)}.pt2"


def find(connection: Connection, digest: str) -> GraphFacts | None:
    """Return the facts of a stored graph, or None."""
    table = tables.graphs
    facts = connection.execute(select(table.c.facts).where(table.c.digest == digest)).scalar()
    return None if facts is None else GraphFacts.parse(facts)


def get(connection: Connection, digest: str) -> GraphFacts:
    """Return the facts of a stored graph.

    Raises
    ------
    NotFound
        If it was not uploaded.
    """
    facts = find(connection, digest)
    if facts is None:
        raise NotFound(f"graph {short(digest)} was not uploaded", "Upload it before the request.")
    return facts


def require_uploaded(connection: Connection, request: Request) -> None:
    """Check that all graphs that a request names are here.

    Raises
    ------
    NotFound
        If one was not uploaded.
    """
    for digest in request.graphs:
        get(connection, digest)


def load_of(folder: DomainFolder, request: Request) -> RecordGraph:
    """Return the record graph of a request, after all its graphs were checked for their role.

    Raises
    ------
    GraphRefused, TooLarge
        If one does not fit its role, or the update not the statistic.
    """
    archives = [path(folder, digest).read_bytes() for digest in request.graphs]
    return kind_of(request.plan).load_graphs(archives)
