"""Which approval holds where a steward and ``terms.yaml`` have both changed it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from workbench.documents.card import Approval
from workbench.domain.datasets import cards
from workbench.errors import Conflict

Wins = Literal["file", "kept"] | None
"""Which approval holds where two differ: that of ``terms.yaml`` or that of the present card."""


def that_holds(connection: Connection, name: str, file: Approval, wins: Wins) -> Approval:
    """Return the approval that a dataset's new card has.

    Parameters
    ----------
    connection, name
        The domain's database, and the dataset.
    file
        What ``terms.yaml`` says now.
    wins
        Which one holds if both were changed.

    Raises
    ------
    Conflict
        If both were changed and `wins` is None.
    """
    stored = cards.find(connection, name)
    if stored is None:
        return file
    known, present = stored.file, stored.card.terms.approval
    if wins == "file" or present in (known, file):
        return file
    if wins == "kept" or file == known:
        return present
    raise Conflict(
        f"the approval of '{name}' was changed in terms.yaml and by a steward: the file says "
        f"{_said(file)}, the card says {_said(present)}",
        "Publish again with '--approval file' or '--approval kept'; then make the file agree.",
    )


def _said(approval: Approval) -> str:
    return approval.canonical().decode()[:300]
