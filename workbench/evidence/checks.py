"""Check that the documents of one release fit each other; `CHECKS` names each check.

What each has to show is numbered in `workbench.evidence.verify`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workbench.budget.accountant import run_epsilon
from workbench.documents import (
    DatasetCard,
    Decision,
    Predicate,
    PublicKey,
    Release,
    Request,
    Statement,
    subjects,
)
from workbench.documents.plans import FILES
from workbench.documents.release import kept, stops
from workbench.errors import VerificationFailed

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Documents:
    """The documents of one release, each opened with the key that has to have signed it."""

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


def require_equal(what: str, got: object, expected: object) -> None:
    """Check that two values are equal.

    Raises
    ------
    VerificationFailed
        If not; names `what` is wrong, with what was got and what was expected.
    """
    if got != expected:
        raise VerificationFailed(f"{what}: got {str(got)[:200]}, expected {str(expected)[:200]}")


def _check_bindings(documents: Documents) -> None:
    card, request, release = documents.card, documents.request, documents.release
    require_equal("researcher", request.researcher, documents.researcher_key.key_id)
    require_equal("card", request.card, card.digest)
    require_equal("domain", request.domain, card.domain)
    require_equal("dataset", request.dataset, card.name)
    require_equal("dataset version", request.dataset_version, card.dataset_version)
    require_equal("release of request", release.request, request.digest)
    require_equal("release by decision", release.decision, documents.decision.digest)
    digests = tuple(approval.digest for approval in documents.approvals)
    require_equal("release by approvals", release.approvals, digests)
    require_equal("releasing domain", release.domain, card.domain)
    require_equal("released version", release.dataset_version, card.dataset_version)


def _check_decision(documents: Documents) -> None:
    decision = documents.decision
    require_equal("decision on request", decision.request, documents.request.digest)
    require_equal("verdict", decision.verdict, "approve")
    require_equal("decider", decision.key, documents.decider_key.key_id)
    if decision.by == "policy":
        require_equal("policy signer", documents.decider_key, documents.domain_key)
        require_equal("approvals before a policy's", len(documents.approvals), 0)
        return
    for approval, key in zip(documents.approvals, documents.approver_keys, strict=True):
        require_equal("approval of request", approval.request, documents.request.digest)
        require_equal("verdict of the approval", approval.verdict, "approve")
        require_equal("approval by", approval.by, "steward")
        require_equal("approver", approval.key, key.key_id)
    deciders = {decision.key, *(approval.key for approval in documents.approvals)}
    needed = documents.card.terms.approval.approvals
    require_equal("stewards who approved", len(deciders), 1 + len(documents.approvals))
    if len(deciders) < needed:
        raise VerificationFailed(
            f"approvals: {len(deciders)} steward approved, the terms ask for {needed}"
        )


def _check_outputs(documents: Documents) -> None:
    request, release = documents.request, documents.release
    measured = request.metrics if "metrics" in request.outputs else ()
    require_equal("released metrics", tuple(metric.name for metric in release.metrics), measured)
    for output in FILES:
        require_equal(f"{output} released", output in release.files, output in request.outputs)
    if not request.has_course:
        require_equal("history", release.history, ())


def _check_course(documents: Documents) -> None:
    """Check that the history fits when the run stopped and which metrics were released."""
    plan, release = documents.request.plan, documents.release
    history = release.history
    if plan.patience is None:
        require_equal("steps", release.steps, plan.steps)
    elif release.steps not in plan.evaluated_at:
        raise VerificationFailed(f"steps: no evaluation follows step {release.steps}")
    if not documents.request.has_course:
        return
    ran = tuple(step for step in plan.evaluated_at if step <= release.steps)
    require_equal("evaluated steps", tuple(evaluation.step for evaluation in history), ran)
    for evaluation in history:
        names = tuple(metric.name for metric in evaluation.metrics)
        require_equal("evaluated metrics", names, documents.request.metrics)
    require_equal("kept metrics", release.metrics, history[kept(history, plan.patience)].metrics)
    for end in range(1, len(history)):
        if stops(history[:end], plan.patience):
            raise VerificationFailed(f"steps: the plan stops after {history[end - 1].step} steps")
    if release.steps < plan.steps and not stops(history, plan.patience):
        raise VerificationFailed(f"steps: got {release.steps}, expected {plan.steps}")


def _check_attestation(documents: Documents) -> None:
    card, request, release = documents.card, documents.request, documents.release
    require_equal("attested subjects", documents.statement.subject, subjects(release))
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
        require_equal(f"attested {field.replace('_', ' ')}", got, getattr(expected, field))


def _check_privacy(documents: Documents) -> None:
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


CHECKS: dict[str, Callable[[Documents], None]] = {
    "bindings": _check_bindings,
    "decision": _check_decision,
    "outputs": _check_outputs,
    "course": _check_course,
    "attestation": _check_attestation,
    "privacy": _check_privacy,
}
