"""The decision on a request, bound to the request's digest."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from workbench.documents.base import Digest, Document, KeyId, Note, Timestamp


class Decision(Document):
    """Approval or denial, by a steward (signed by their key) or by policy (the domain's key)."""

    payload_type: ClassVar[str] = "application/vnd.workbench.decision+json"

    format: Literal["workbench/decision/v1"] = "workbench/decision/v1"
    request: Digest
    verdict: Literal["approve", "deny"]
    reason: Note = ""
    by: Literal["steward", "policy"]
    key: KeyId
    decided: Timestamp

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.verdict == "deny" and not self.reason.strip():
            raise ValueError("a denial needs a reason: the researcher will read it")
        return self
