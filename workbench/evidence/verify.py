"""Verify the evidence of a release offline: signatures, bindings, and the privacy claimed.

1. Each envelope is signed by the key that has to sign it, and the domain's key is the one that the
   verifier trusts.
2. Each document names the digest of the one before: request, card, decision, release, attestation.
3. The decision approves this request; the attestation's subjects are this release and this model.
4. The request's plan, accounted anew, costs no more than was claimed and asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from workbench.budget.accountant import run_epsilon
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
    subjects,
)
from workbench.documents.errors import VerificationFailed, WorkbenchError
from workbench.evidence.bundle import Bundle

D = TypeVar("D", bound=Document)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verified:
    """What holds: the documents, and the names of the checks that passed.

    `trusted` says whether the domain's key was one that the verifier brought.
    """

    card: DatasetCard
    request: Request
    decision: Decision
    release: Release
    checks: tuple[str, ...]
    trusted: bool


def verify(
    bundle: Bundle | bytes, domain_key: PublicKey | None = None, model: bytes | None = None
) -> Verified:
    """Return what the evidence proves.

    Parameters
    ----------
    bundle
        The evidence, or the bytes of its file.
    domain_key
        The domain's key as the verifier knows it. Without it signatures are checked against the
        key in the file, which shows that nothing was changed but not who signed.
    model
        The model's safetensors bytes, to be checked too.

    Raises
    ------
    VerificationFailed
        If a check fails; names it, with what was got and what was expected.
    """
    evidence = Bundle.parse(bundle) if isinstance(bundle, bytes) else bundle
    stated = PublicKey.from_text(evidence.domain_key)
    if domain_key is not None:
        _equal("domain key", str(stated), str(domain_key))
    card = _open("card", evidence.card, DatasetCard, stated)
    researcher = PublicKey.from_text(evidence.researcher_key)
    request = _open("request", evidence.request, Request, researcher)
    decider = PublicKey.from_text(evidence.decider_key)
    decision = _open("decision", evidence.decision, Decision, decider)
    release = _open("release", evidence.release, Release, stated)
    statement = _open("attestation", evidence.attestation, Statement, stated)

    _equal("researcher", request.researcher, researcher.key_id)
    _equal("card", request.card, card.digest)
    _equal("dataset version", request.dataset_version, card.dataset_version)
    _equal("decision on request", decision.request, request.digest)
    _equal("verdict", decision.verdict, "approve")
    _equal("decider", decision.key, decider.key_id)
    if decision.by == "policy":
        _equal("policy signer", str(decider), str(stated))
    _equal("release of request", release.request, request.digest)
    _equal("release by decision", release.decision, decision.digest)
    _equal("released version", release.dataset_version, card.dataset_version)
    _equal("attested subjects", str(statement.subject), str(subjects(release)))
    predicate = statement.predicate
    _equal("attested request", predicate.request, request.digest)
    _equal("attested decision", predicate.decision, decision.digest)
    _equal("attested graph", predicate.graph, request.graph)
    _equal("attested privacy", str(predicate.privacy), str(release.privacy))
    _check_privacy(request, release)
    checks = ["signatures", "bindings", "decision", "attestation", "privacy"]
    if model is not None:
        _equal("model", digest_bytes(model), str(release.model))
        checks.append("model")
    return Verified(card, request, decision, release, tuple(checks), domain_key is not None)


def _open(what: str, envelope: Envelope, kind: type[D], key: PublicKey) -> D:
    try:
        return envelope.open(kind, key)
    except WorkbenchError as error:
        raise VerificationFailed(f"{what}: {error.message}") from None


def _equal(what: str, got: str, expected: str) -> None:
    if got != expected:
        raise VerificationFailed(f"{what}: got {got[:200]}, expected {expected[:200]}")


def _check_privacy(request: Request, release: Release) -> None:
    epsilon = run_epsilon(request.plan, len(request.metrics), request.delta)
    claimed = release.privacy.epsilon
    if not epsilon <= claimed * (1 + _ROUNDING) or release.privacy.delta != request.delta:
        raise VerificationFailed(
            f"privacy: the plan costs epsilon {epsilon:.6g} at delta {request.delta:g}, the "
            f"release claims {claimed:.6g} at {release.privacy.delta:g}"
        )
    if not claimed <= request.epsilon * (1 + _ROUNDING):
        raise VerificationFailed(
            f"privacy: the release claims epsilon {claimed:.6g}, but {request.epsilon:g} was asked"
        )
