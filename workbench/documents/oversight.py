"""What stewards see of a domain: who did what and when, and who spent how much."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import Field

from workbench.documents.base import Document, Finite, Line, Timestamp, type_tuple
from workbench.documents.status import BudgetStatus
from workbench.errors import VerificationFailed

Event = Literal[
    "admit",
    "revoke",
    "publish",
    "policy",
    "submit",
    "decide",
    "launch",
    "release",
    "fail",
    "cancel",
    "population",
    "reconcile",
    "move",
]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

START = "0" * 64
"""What the first entry of a log follows."""


class LogEntry(Document):
    """One line of a domain's log, which names the hash of the line before it.

    `who` is a name and `key` its key id; both are empty for what the domain did by itself, and
    `who` is ``operator`` for what was done on the domain's machine. `subject` is a request's
    digest, a dataset's name or a key id.
    """

    sequence: Annotated[int, Field(ge=1)]
    time: Timestamp
    event: Event
    who: Line
    key: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    subject: Annotated[str, Field(max_length=100)]
    detail: Line
    previous: Hash
    hash: Hash

    @classmethod
    def following(cls, previous: str, values: dict[str, Any]) -> Self:
        """Return the entry with these values after the one whose hash is `previous`."""
        content = {**values, "previous": previous}
        return cls(**content, hash=_hash(content))

    @property
    def intact(self) -> bool:
        """Whether the hash is that of the entry."""
        return self.hash == _hash(self.model_dump(mode="json", exclude={"hash"}))


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def check_log(entries: Sequence[LogEntry]) -> None:
    """Check that the lines of a log, newest first, follow each other without a gap.

    Raises
    ------
    VerificationFailed
        If one was changed or left out; says which.
    """
    for position, entry in enumerate(entries):
        earlier = entries[position + 1] if position + 1 < len(entries) else None
        follows = earlier is None or (
            entry.previous == earlier.hash and entry.sequence == earlier.sequence + 1
        )
        first = entry.sequence == 1
        if not (entry.intact and follows and (not first or entry.previous == START)):
            raise VerificationFailed(f"the log does not hold together at line {entry.sequence}")


class SpendingPoint(Document):
    """What was spent or set aside after one event of the ledger, as the exact filter counts it."""

    time: Timestamp
    epsilon_spent: Finite
    researcher: Line
    request: Annotated[str, Field(max_length=80)]
    event: Literal["reserve", "charge", "void"]


class Share(Document):
    """What one researcher spent of a dataset's budget; `cap` is None if there is none."""

    name: Line
    key_id: Annotated[str, Field(max_length=64)]
    epsilon_spent: Finite
    runs: Annotated[int, Field(ge=0)]
    cap: Finite | None


class Spending(Document):
    """A dataset's budget over time and by person; researchers are shown their own part only."""

    budget: BudgetStatus
    points: Annotated[tuple[SpendingPoint, ...], type_tuple]
    researchers: Annotated[tuple[Share, ...], type_tuple]
