"""The evidence of one release in one file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.documents import Document, Envelope
from workbench.documents.base import type_tuple

KeyText = Annotated[str, Field(max_length=100)]


_Earlier = Field(max_length=1, exclude_if=lambda value: not value)


class Bundle(Document):
    """Every signed document from the card to the attestation, and the keys they name.

    The keys make the file complete, not trusted: a verifier brings the domain's key. Where the
    terms ask for two stewards, `approvals` and `approver_keys` hold the approval before `decision`.
    """

    format: Literal["workbench/evidence/v1"] = "workbench/evidence/v1"
    card: Envelope
    request: Envelope
    decision: Envelope
    release: Envelope
    attestation: Envelope
    domain_key: KeyText
    researcher_key: KeyText
    decider_key: KeyText
    approvals: Annotated[tuple[Envelope, ...], type_tuple, _Earlier] = ()
    approver_keys: Annotated[tuple[KeyText, ...], type_tuple, _Earlier] = ()
