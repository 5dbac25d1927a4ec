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

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from workbench.budget.accountant import run_epsilon
from workbench.documents import (
    DatasetCard,
    Decision,
    Document,
    Envelope,
    Predicate,
    PublicKey,
    Release,
    Request,
    Statement,
    StatisticPlan,
    digest_bytes,
    subjects,
)
from workbench.documents.release import kept, stops
from workbench.errors import InvalidDocument, VerificationFailed, WorkbenchError
from workbench.evidence.bundle import Bundle

D = TypeVar("D", bound=Document)
_ROUNDING = 1e-9


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


@dataclass(frozen=True)
class _Documents:
    card: DatasetCard
    request: Request
    decision: Decision
    release: Release
    statement: Statement
    domain_key: PublicKey
    researcher_key: PublicKey
    decider_key: PublicKey
    approvals: tuple[Decision, ...]
    approver_keys: tuple[PublicKey, ...]


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
        The bytes of the released safetensors file, model or statistics, to be checked too.

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
        _equal("domain key", stated, domain_key)
    _equal("approvers", len(approvers), len(evidence.approvals))
    documents = _Documents(
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
    for check in _CHECKS.values():
        check(documents)
    checks = ["signatures", *_CHECKS]
    if model is not None:
        what = "model" if documents.release.statistics is None else "statistics"
        _equal(what, digest_bytes(model), getattr(documents.release, what))
        checks.append(what)
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


def _open(what: str, envelope: Envelope, kind: type[D], key: PublicKey) -> D:
    try:
        return envelope.open(kind, key)
    except WorkbenchError as error:
        raise VerificationFailed(f"{what}: {error.message}") from None


def _equal(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise VerificationFailed(f"{what}: got {str(got)[:200]}, expected {str(expected)[:200]}")


def _check_bindings(documents: _Documents) -> None:
    card, request, release = documents.card, documents.request, documents.release
    _equal("researcher", request.researcher, documents.researcher_key.key_id)
    _equal("card", request.card, card.digest)
    _equal("domain", request.domain, card.domain)
    _equal("dataset", request.dataset, card.name)
    _equal("dataset version", request.dataset_version, card.dataset_version)
    _equal("release of request", release.request, request.digest)
    _equal("release by decision", release.decision, documents.decision.digest)
    digests = tuple(approval.digest for approval in documents.approvals)
    _equal("release by approvals", release.approvals, digests)
    _equal("releasing domain", release.domain, card.domain)
    _equal("released version", release.dataset_version, card.dataset_version)


def _check_decision(documents: _Documents) -> None:
    decision = documents.decision
    _equal("decision on request", decision.request, documents.request.digest)
    _equal("verdict", decision.verdict, "approve")
    _equal("decider", decision.key, documents.decider_key.key_id)
    if decision.by == "policy":
        _equal("policy signer", documents.decider_key, documents.domain_key)
        _equal("approvals before a policy's", len(documents.approvals), 0)
        return
    for approval, key in zip(documents.approvals, documents.approver_keys, strict=True):
        _equal("approval of request", approval.request, documents.request.digest)
        _equal("verdict of the approval", approval.verdict, "approve")
        _equal("approval by", approval.by, "steward")
        _equal("approver", approval.key, key.key_id)
    deciders = {decision.key, *(approval.key for approval in documents.approvals)}
    needed = documents.card.terms.approval.approvals
    _equal("stewards who approved", len(deciders), 1 + len(documents.approvals))
    if len(deciders) < needed:
        raise VerificationFailed(
            f"approvals: {len(deciders)} steward approved, the terms ask for {needed}"
        )


def _check_outputs(documents: _Documents) -> None:
    request, release = documents.request, documents.release
    measured = request.metrics if "metrics" in request.outputs else ()
    _equal("released metrics", tuple(metric.name for metric in release.metrics), measured)
    for output in ("model", "statistics"):
        released = getattr(release, output) is not None
        _equal(f"{output} released", released, output in request.outputs)
    if isinstance(request.plan, StatisticPlan):
        _equal("history", release.history, ())
        _equal("steps", release.steps, request.plan.steps)
    elif request.plan.evaluations == 1 or not measured:
        _equal("history", release.history, ())


def _check_course(documents: _Documents) -> None:
    """Apply the plan's rule for stopping and keeping to the history again."""
    plan, release = documents.request.plan, documents.release
    if isinstance(plan, StatisticPlan):
        return
    history = release.history
    if plan.patience is None:
        _equal("steps", release.steps, plan.steps)
    elif release.steps not in plan.evaluated_at:
        raise VerificationFailed(f"steps: {release.steps} is no round of an evaluation")
    if plan.evaluations == 1 or "metrics" not in documents.request.outputs:
        return
    ran = tuple(step for step in plan.evaluated_at if step <= release.steps)
    _equal("evaluated rounds", tuple(evaluation.step for evaluation in history), ran)
    for evaluation in history:
        names = tuple(metric.name for metric in evaluation.metrics)
        _equal("evaluated metrics", names, documents.request.metrics)
    _equal("kept metrics", release.metrics, history[kept(history, plan.patience)].metrics)
    for end in range(1, len(history)):
        if stops(history[:end], plan.patience):
            raise VerificationFailed(f"steps: the plan stops after {history[end - 1].step} rounds")
    if release.steps < plan.steps and not stops(history, plan.patience):
        raise VerificationFailed(f"steps: got {release.steps}, expected {plan.steps}")


def _check_attestation(documents: _Documents) -> None:
    card, request, release = documents.card, documents.request, documents.release
    _equal("attested subjects", documents.statement.subject, subjects(release))
    expected = Predicate(
        domain=card.domain,
        dataset=card.name,
        dataset_version=card.dataset_version,
        card=card.digest,
        request=request.digest,
        decision=documents.decision.digest,
        approvals=release.approvals,
        graph=request.graph,
        privacy=release.privacy,
        engine=release.engine,
        released=release.released,
    )
    for field in Predicate.model_fields:
        got = getattr(documents.statement.predicate, field)
        _equal(f"attested {field.replace('_', ' ')}", got, getattr(expected, field))


def _check_privacy(documents: _Documents) -> None:
    request, release = documents.request, documents.release
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


_CHECKS: dict[str, Callable[[_Documents], None]] = {
    "bindings": _check_bindings,
    "decision": _check_decision,
    "outputs": _check_outputs,
    "course": _check_course,
    "attestation": _check_attestation,
    "privacy": _check_privacy,
}
