"""The log of a domain: who did what when, append-only, each line bound to the one before it.

An entry is written in the transaction of what it tells, so there is never one without the other.
It holds names, key ids, digests and words from fixed lists: nothing from data, and no text that a
researcher wrote.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, insert, select

from workbench.documents import LogEntry, Person, now
from workbench.documents.oversight import START, Event, check_log
from workbench.domain.store.tables import log
from workbench.errors import VerificationFailed

OPERATOR: Final = "operator"
"""Who is named for what is done on the domain's own machine."""


def append(
    connection: Connection,
    event: Event,
    who: Person | str,
    subject: str,
    detail: str = "",
) -> None:
    """Add a line.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    event
        What was done.
    who
        A person, `OPERATOR`, or the empty text for the domain itself.
    subject, detail
        To what, and how.
    """
    query = select(log.c.sequence, log.c.hash).order_by(log.c.sequence.desc()).limit(1)
    last = connection.execute(query).first()
    name, key = (who, "") if isinstance(who, str) else (who.name, who.key_id)
    values = {
        "sequence": 1 if last is None else last.sequence + 1,
        "time": now(),
        "event": event,
        "who": name,
        "key": key,
        "subject": subject,
        "detail": detail,
    }
    entry = LogEntry.following(START if last is None else last.hash, values)
    connection.execute(insert(log).values(entry.model_dump()))


def page(
    connection: Connection, after: int | None = None, limit: int = 100
) -> tuple[list[LogEntry], int | None]:
    """Return at most `limit` entries, newest first, and the `after` of the following page."""
    query = select(log).order_by(log.c.sequence.desc()).limit(limit)
    if after is not None:
        query = query.where(log.c.sequence < after)
    found = [LogEntry(**row) for row in connection.execute(query).mappings()]
    more = len(found) == limit and found[-1].sequence > 1
    return found, found[-1].sequence if more else None


def head(connection: Connection) -> tuple[int, str]:
    """Return how many lines the log has, and the hash of the newest."""
    query = select(log.c.sequence, log.c.hash).order_by(log.c.sequence.desc()).limit(1)
    last = connection.execute(query).first()
    return (0, START) if last is None else (last.sequence, last.hash)


def holds(connection: Connection, lines: int, hash_: str) -> bool:
    """Return whether the line of this number has this hash; then all before it are there too."""
    if lines == 0:
        return hash_ == START
    found = connection.execute(select(log.c.hash).where(log.c.sequence == lines)).scalar()
    return bool(found == hash_)


def check(connection: Connection) -> int:
    """Check that each line follows the one before it; return how many there are.

    Raises
    ------
    VerificationFailed
        If one was changed or left out.
    """
    rows = connection.execute(select(log).order_by(log.c.sequence.desc()))
    entries = [LogEntry(**row) for row in rows.mappings()]
    check_log(entries)
    if entries and len(entries) != entries[0].sequence:
        raise VerificationFailed(f"the log starts at line {entries[-1].sequence}, not at the first")
    return len(entries)
