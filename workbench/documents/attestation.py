"""The attestation: an in-toto Statement v1 over a release.

Format: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workbench.documents.base import Digest, Document, Line, Name, Timestamp, hex_of, type_tuple
from workbench.documents.plans import FILES
from workbench.documents.release import Approvals, PrivacySpent, Release


class Subject(Document):
    """An artefact that the statement is about."""

    name: Line
    hashes: dict[Literal["sha256"], Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(
        alias="digest"
    )


class Predicate(Document):
    """How the subjects came to be: who asked, who decided, on what, at which cost."""

    domain: Name
    dataset: Name
    dataset_version: Digest
    card: Digest
    request: Digest
    decision: Digest
    approvals: Approvals = ()
    graph: Digest
    privacy: PrivacySpent
    engine: Annotated[str, Field(max_length=100)]
    released: Timestamp


class Statement(Document):
    """in-toto Statement v1 whose subjects are the release and the file of tensors that left."""

    payload_type: ClassVar[str] = "application/vnd.in-toto+json"

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(
        default="https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: Annotated[tuple[Subject, ...], type_tuple, Field(min_length=1, max_length=10)]
    predicateType: Literal["urn:workbench:attestation:private-release:v1"] = (
        "urn:workbench:attestation:private-release:v1"
    )
    predicate: Predicate


def subjects(release: Release) -> tuple[Subject, ...]:
    """Return the subjects of the statement over `release`."""
    found = [Subject(name="release.json", hashes={"sha256": hex_of(release.digest)})]
    found.extend(
        Subject(name=FILES[output], hashes={"sha256": hex_of(digest)})
        for output, digest in release.files.items()
    )
    return tuple(found)
