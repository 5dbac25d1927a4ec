"""What a domain says about a request, unsigned: its state, its progress, its budget."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    KeyId,
    Line,
    Name,
    Note,
    Timestamp,
    type_tuple,
)
from workbench.documents.plans import MAX_EVALUATIONS
from workbench.documents.release import Evaluation
from workbench.documents.request import Request
from workbench.errors import Failure


class State(StrEnum):
    """The states of a request; the last four are final."""

    PENDING = "pending"
    APPROVED = "approved"
    RUNNING = "running"
    RELEASED = "released"
    DENIED = "denied"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether the request will never change again."""
        return self in (State.RELEASED, State.DENIED, State.CANCELLED, State.FAILED)


class RunProgress(Document):
    """How far a run is; both numbers follow from the plan and from noised metrics: public.

    `evaluations` are those of the release's `history` that are done: noised, and charged.
    """

    step: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=1)]
    evaluations: Annotated[
        tuple[Evaluation, ...], type_tuple, Field(max_length=MAX_EVALUATIONS)
    ] = ()


class RequestStatus(Document):
    """A request, its state, and the decision in words.

    `approvals` and `approval_keys` name the stewards whose approvals count, in the order given;
    `approvals_needed` says how many it takes, 0 for what the policy decided.
    """

    request_digest: Digest
    request: Request
    state: State
    researcher: Line
    submitted: Timestamp
    updated: Timestamp
    decided_by: Literal["steward", "policy"] | None = None
    decider: Line = ""
    reason: Note = ""
    failure: Failure | None = None
    progress: RunProgress | None = None
    charged: bool = False
    approvals: Annotated[tuple[Line, ...], type_tuple] = ()
    approval_keys: Annotated[tuple[KeyId, ...], type_tuple] = ()
    approvals_needed: Annotated[int, Field(ge=0, le=2)] = 1


class BudgetStatus(Document):
    """The privacy budget that a dataset has: that of its population; reading it changes nothing.

    `epsilon_spent` is the exact filter's figure (Renyi, all orders) for everything charged or
    reserved so far at `delta`, over all datasets of the population in all their versions; it is not
    the sum of the single runs' epsilons. Of several blocks it is that of `block`, the one among
    those that the dataset reads which spent most. `epsilon_left` is what the dataset's own terms
    leave of it, too; `cap` is their total where that is less than the population's. `runs` are the
    dataset's, in all its versions. `shared` names the other datasets of the population.
    """

    dataset_version: Digest
    population: str = ""
    block: Line = ""
    cap: Finite | None = None
    shared: Annotated[tuple[Name, ...], type_tuple] = ()
    epsilon_total: Finite
    epsilon_spent: Finite
    epsilon_left: Finite
    delta: Finite
    runs: Annotated[int, Field(ge=0)]
    uses_left: int | None = None


class DatasetBudget(BudgetStatus):
    """The budget of the dataset of this name, in its present version."""

    dataset: Name


class Person(Document):
    """Somebody admitted at a domain."""

    key_id: KeyId
    public_key: Annotated[str, Field(max_length=100)]
    name: Line
    role: Literal["researcher", "steward"]
    admitted: Timestamp
    revoked: Timestamp | None = None
