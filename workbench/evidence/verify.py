"""Verify the evidence of a release offline: signatures, bindings, and the privacy claimed.

1. Each envelope is signed by the key that has to sign it, and the domain's key is the one that the
   verifier trusts.
2. Each document names the digest of the one before: request, card, decision, release, attestation.
3. The decision approves this request, by as many stewards as the terms ask for, what was released
   is what the request asked for, and the history of metrics agrees with when training stopped and
   with the metrics released.
4. The attestation's subjects are this release and its files, and all it says agrees with them.
5. The request's plan, accounted anew, costs no more than was claimed and asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from workbench.documents import (
    DatasetCard,
    Decision,
    Document,
    Envelope,
    PublicKey,
    Release,
    Request,
    Statement,
    digest_bytes,
)
from workbench.errors import InvalidDocument, VerificationFailed, WorkbenchError
from workbench.evidence.bundle import Bundle
from workbench.evidence.checks import CHECKS, Documents, require_equal

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class Verified:
    """What holds: the documents, and the names of the checks that passed.

    `approvals` are those before `decision`, where the terms ask for two stewards. `trusted` says
    whether `domain_key`, which signed, was one that the verifier brought.
    """

    card: DatasetCard
    request: Request
    decision: Decision
    release: Release
    checks: tuple[str, ...]
    trusted: bool
    domain_key: str
    approvals: tuple[Decision, ...] = ()


def verify(
    bundle: Bundle | bytes, domain_key: PublicKey | None = None, model: bytes | None = None
) -> Verified:
    """Check the evidence of a release, and return its documents and the checks that passed.

    Parameters
    ----------
    bundle
        The evidence, or the bytes of its file.
    domain_key
        The domain's key as the verifier knows it. Without it signatures are checked against the
        key in the file, which shows that nothing was changed but not who signed.
    model
        The bytes of a released safetensors file, model or statistics, to be checked too.

    Raises
    ------
    VerificationFailed
        If a check fails; names it, with what was got and what was expected.
    """
    try:
        evidence = Bundle.parse(bundle) if isinstance(bundle, bytes) else bundle
        stated = PublicKey.from_text(evidence.domain_key)
        researcher = PublicKey.from_text(evidence.researcher_key)
        decider = PublicKey.from_text(evidence.decider_key)
        approvers = tuple(PublicKey.from_text(text) for text in evidence.approver_keys)
    except InvalidDocument as error:
        raise VerificationFailed(f"evidence: {error.message}") from None
    if domain_key is not None:
        require_equal("domain key", stated, domain_key)
    require_equal("approvers", len(approvers), len(evidence.approvals))
    documents = Documents(
        card=_open("card", evidence.card, DatasetCard, stated),
        request=_open("request", evidence.request, Request, researcher),
        decision=_open("decision", evidence.decision, Decision, decider),
        release=_open("release", evidence.release, Release, stated),
        statement=_open("attestation", evidence.attestation, Statement, stated),
        domain_key=stated,
        researcher_key=researcher,
        decider_key=decider,
        approvals=tuple(
            _open("approval", envelope, Decision, key)
            for envelope, key in zip(evidence.approvals, approvers, strict=True)
        ),
        approver_keys=approvers,
    )
    for check in CHECKS.values():
        check(documents)
    checks = ["signatures", *CHECKS]
    if model is not None:
        checks.append(_file_of(documents.release, digest_bytes(model)))
    return Verified(
        documents.card,
        documents.request,
        documents.decision,
        documents.release,
        tuple(checks),
        domain_key is not None,
        str(stated),
        documents.approvals,
    )


def _file_of(release: Release, digest: str) -> str:
    """Return which of the released files has this digest."""
    for output, released in release.files.items():
        if digest == released:
            return output
    what = " or ".join(release.files) or "model"
    expected = " or ".join(release.files.values()) or "none, as no file was released"
    raise VerificationFailed(f"{what}: got {digest}, expected {expected}")


def _open(what: str, envelope: Envelope, kind: type[D], key: PublicKey) -> D:
    try:
        return envelope.open(kind, key)
    except WorkbenchError as error:
        raise VerificationFailed(f"{what}: {error.message}") from None
