"""Check and keep the graphs that researchers upload; a graph is theirs once they sent all of it."""

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
from workbench.graphs.content import Content, InFile
from workbench.graphs.record_graph import GraphFacts, Limits, RecordGraph


def check(content: Content, limits: Limits) -> GraphFacts:
    """Check that a graph may be kept, and return its facts; touches no database.

    Its values are checked piece by piece, and not kept in memory.

    Raises
    ------
    GraphRefused, TooLarge
        If the graph is not allowed.
    """
    from workbench.graphs.reading.load import load

    # Its role is known, and checked, when a request names it.
    return load(content, limits, role=None, values=False).facts


def check_digest(digest: str, archive: bytes) -> None:
    """Check that bytes have the digest under which they were sent.

    Raises
    ------
    InvalidDocument
        If not.
    """
    if digest_bytes(archive) != digest:
        raise InvalidDocument(f"graph: the bytes have digest {digest_bytes(archive)}, not {digest}")


def check_quota(
    connection: Connection, folder: DomainFolder, person: Person, size: int, count: int = 1
) -> None:
    """Check that a person may keep `count` more graphs of `size` bytes together.

    Raises
    ------
    LimitReached
        If not; says which limit it is.
    """
    limits, table = folder.config.calls, tables.graph_uploads
    kept = connection.execute(select(table.c.graph).where(table.c.key == person.key_id))
    digests = list(kept.scalars())
    hint = "Use a graph that you sent before, or ask the domain's operator for a higher limit."
    if len(digests) + count > limits.graphs_per_person:
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
    archive: bytes | Path,
    facts: GraphFacts,
    person: Person,
) -> bool:
    """Keep a checked graph as this person's, and return whether it is a new one of theirs.

    Parameters
    ----------
    connection, folder
        The domain's; a writing connection.
    digest
        Of the archive.
    archive
        The bytes, or a private file that holds them, which is moved.
    facts
        What `check` found.
    person
        Who sent all of it.
    """
    if owned(connection, digest, person) is not None:
        return False
    if isinstance(archive, Path):
        archive.replace(path(folder, digest))
    else:
        write_private(path(folder, digest), archive)
    if find(connection, digest) is None:
        values = {
            "digest": digest,
            "facts": facts.canonical().decode(),
            "uploaded_by": person.key_id,
            "uploaded": now(),
        }
        connection.execute(insert(tables.graphs).values(values))
    mine = {"key": person.key_id, "graph": digest, "uploaded": now()}
    connection.execute(insert(tables.graph_uploads).values(mine))
    return True


def path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a graph's file."""
    return folder.folder("graphs") / f"{hex_of(digest)}.pt2"


def find(connection: Connection, digest: str) -> GraphFacts | None:
    """Return the facts of a stored graph, or None."""
    table = tables.graphs
    facts = connection.execute(select(table.c.facts).where(table.c.digest == digest)).scalar()
    return None if facts is None else GraphFacts.parse(facts)


def owned(connection: Connection, digest: str, person: Person) -> GraphFacts | None:
    """Return the facts of a graph that this person has sent, or None.

    What only others have sent is not there: nobody learns what they sent.
    """
    return find(connection, digest) if _sent_by(connection, digest, person.key_id) else None


def _sent_by(connection: Connection, digest: str, key: str) -> bool:
    table = tables.graph_uploads
    query = select(table).where(table.c.graph == digest, table.c.key == key)
    return connection.execute(query).first() is not None


def get(connection: Connection, digest: str) -> GraphFacts:
    """Return the facts of a stored graph.

    Raises
    ------
    NotFound
        If it was not uploaded.
    """
    facts = find(connection, digest)
    if facts is None:
        raise _missing(digest)
    return facts


def _missing(digest: str) -> NotFound:
    return NotFound(f"graph {short(digest)} was not uploaded", "Upload it before the request.")


def require_uploaded(connection: Connection, request: Request) -> None:
    """Check that the researcher has sent all graphs that a request names.

    Raises
    ------
    NotFound
        If one was not uploaded, or by others only.
    """
    for digest in request.graphs:
        if not _sent_by(connection, digest, request.researcher):
            raise _missing(digest)


def load_of(folder: DomainFolder, request: Request) -> RecordGraph:
    """Return the record graph of a request, after all its graphs were checked for their role.

    It has no values, see `workbench.graphs.reading.load.load`.

    Raises
    ------
    GraphRefused, TooLarge
        If one does not fit its role, or the update not the statistic.
    """
    archives = [InFile(path(folder, digest)) for digest in request.graphs]
    return kind_of(request.plan).load_graphs(archives, folder.config.graphs.limits)
