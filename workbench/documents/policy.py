"""How stewards read, try and change a dataset's policy."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Identifier,
    KeyId,
    Line,
    Name,
    Timestamp,
    type_tuple,
)
from workbench.documents.card import Approval, Purpose
from workbench.documents.status import State


class PolicyChange(Document):
    """A steward's signed order to change how requests on a dataset are approved.

    It names the card that it replaces and the time, so it holds once and not for long.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.policychange+json"

    format: Literal["workbench/policy-change/v1"] = "workbench/policy-change/v1"
    domain: Name
    dataset: Name
    card: Digest
    approval: Approval
    key: KeyId
    changed: Timestamp


class ApprovalSettings(Approval):
    """An `Approval` that is shown, with every field written."""

    approvals: Literal[1, 2] = 1


class PolicyStatus(Document):
    """A dataset's policy now, and what it may be at most.

    `file` is what ``terms.yaml`` said when the dataset was last published from it, if that is
    something else.
    """

    approval: ApprovalSettings
    purposes_allowed: Annotated[tuple[Purpose, ...], type_tuple]
    epsilon_per_run: Finite
    card: Digest
    file: ApprovalSettings | None = None


class PolicyQuestion(Document):
    """A policy to try on past requests."""

    approval: Approval


class WouldBe(Document):
    """What a policy would have done with one past request, and why."""

    request_digest: Digest = Field(alias="digest")
    function: Identifier
    researcher: Line
    purpose: Purpose
    epsilon: Finite
    submitted: Timestamp
    state: State
    decided_by: Literal["steward", "policy"] | None
    would: Literal["approve", "ask"]
    why: Line


class DryRun(Document):
    """What a policy would have done with past requests, newest first."""

    requests: Annotated[tuple[WouldBe, ...], type_tuple]
    would_approve: Annotated[int, Field(ge=0)]
    considered: Annotated[int, Field(ge=0)]
