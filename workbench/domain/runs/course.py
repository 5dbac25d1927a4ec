"""Keep what is shown of a run before it ends: its noised evaluations.

An evaluation is part of the release and its cost was charged before the run began, so it may be
shown as soon as it is there. One thing must not happen: that it is shown twice with the same noise
but another value beneath, as a run that is taken up again could compute after a change of the
machine or its settings. The difference would be free of noise. So what is shown is written down
first, and a run that comes to something else ends without a release.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, insert, select

from workbench.documents import Evaluation
from workbench.domain.kinds.job import EVALUATIONS, Evaluated
from workbench.domain.store.tables import evaluations
from workbench.errors import Conflict, InvalidDocument


def read(folder: Path) -> tuple[Evaluation, ...]:
    """Return the evaluations that the worker has written into a job's folder."""
    try:
        return Evaluated.parse((folder / EVALUATIONS).read_bytes()).evaluations
    except (OSError, InvalidDocument):
        return ()


def shown(connection: Connection, digest: str) -> tuple[Evaluation, ...]:
    """Return the evaluations of a request's run that were shown."""
    query = select(evaluations.c.evaluation).where(evaluations.c.request == digest)
    rows = connection.execute(query.order_by(evaluations.c.step))
    return tuple(Evaluation.parse(text) for text in rows.scalars())


def note(connection: Connection, digest: str, found: Sequence[Evaluation]) -> None:
    """Store evaluations before they are shown; those stored before must be the same.

    Raises
    ------
    Conflict
        If the run comes to something else than what was shown.
    """
    known = shown(connection, digest)
    if tuple(found[: len(known)]) != known[: len(found)]:
        raise Conflict("the run comes to other evaluations than were shown")
    for evaluation in found[len(known) :]:
        values = {
            "request": digest,
            "step": evaluation.step,
            "evaluation": evaluation.canonical().decode(),
        }
        connection.execute(insert(evaluations).values(values))
