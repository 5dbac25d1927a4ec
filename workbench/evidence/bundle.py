"""The evidence of one release in one file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.documents import Document, Envelope

KeyText = Annotated[str, Field(max_length=100)]


class Bundle(Document):
    """Every signed document from the card to the attestation, and the keys they name.

    The keys make the file complete, not trusted: a verifier brings the domain's key.
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
