"""Evidence that was signed by the right keys for the right documents verifies, and no other."""

from dataclasses import replace

import pytest

from tests.evidence.story import (
    DOMAIN,
    ELSE,
    HONEST,
    MODEL,
    RESEARCHER,
    STRANGER,
    TIME,
    Story,
    changed,
)
from workbench.budget.accountant import calibrate, run_epsilon
from workbench.documents import (
    Approval,
    Decision,
    Envelope,
    Evaluation,
    Metric,
    Plan,
    PrivacySpent,
    PrivateKey,
    Request,
    Subject,
    Terms,
)
from workbench.documents.envelope import unverified
from workbench.errors import InvalidDocument, VerificationFailed
from workbench.evidence.bundle import Bundle
from workbench.evidence.verify import verify


def test_honest_evidence_verifies_with_the_model():
    found = verify(HONEST.told().canonical(), DOMAIN.public, MODEL)
    assert found.trusted
    assert found.checks == (
        "signatures",
        "bindings",
        "decision",
        "outputs",
        "course",
        "attestation",
        "privacy",
        "model",
    )
    assert found.release.request == found.request.digest


def test_without_a_key_of_ones_own_the_signer_is_not_trusted():
    assert not verify(HONEST.told()).trusted


def test_another_domains_key_fails():
    with pytest.raises(VerificationFailed, match="domain key: got ed25519:.*expected ed25519:"):
        verify(HONEST.told(), STRANGER.public)


def test_all_signed_by_a_stranger_fails_against_the_trusted_key():
    story = replace(HONEST, domain_key=STRANGER)
    assert not verify(story.told()).trusted
    with pytest.raises(VerificationFailed, match="domain key"):
        verify(story.told(), DOMAIN.public)


def test_a_decision_by_policy_is_signed_by_the_domain():
    story = replace(HONEST, decision={"by": "policy"}, decider_key=DOMAIN)
    assert verify(story.told(), DOMAIN.public)


def test_metrics_alone_may_be_released():
    story = replace(HONEST, request={"outputs": ("metrics",)}, release={"model": None})
    assert verify(story.told(), DOMAIN.public)
    with pytest.raises(VerificationFailed, match="model"):
        verify(story.told(), DOMAIN.public, MODEL)


def test_another_model_fails():
    with pytest.raises(VerificationFailed, match="model: got sha256:.*expected sha256:"):
        verify(HONEST.told(), DOMAIN.public, MODEL + b"!")


CHEAP = Plan(
    learning_rate=0.1,
    steps=20,
    sample_rate=0.1,
    max_grad_norm=1.0,
    noise_multiplier=0.5,
    metrics_noise_multiplier=5.0,
)


def accuracy(value):
    return Metric(name="accuracy", value=value, total=90.0, complement=10.0, standard_error=0.1)


def course(values, plan_changes, **release):
    """A run evaluated after 5, 10, 15 and 20 rounds."""
    calibrated = calibrate(
        epsilon=2.0, delta=1e-5, sample_rate=0.1, steps=20, metrics=1, evaluations=4
    )
    plan = Plan(
        learning_rate=0.1,
        steps=20,
        sample_rate=0.1,
        max_grad_norm=1.0,
        evaluations=4,
        noise_multiplier=calibrated[0],
        metrics_noise_multiplier=calibrated[1],
        **plan_changes,
    )
    history = tuple(
        Evaluation(step=5 * (n + 1), metrics=(accuracy(value),)) for n, value in enumerate(values)
    )
    return replace(
        HONEST,
        request={"plan": plan},
        release={
            "history": history,
            "steps": 5 * len(values),
            "privacy": PrivacySpent(epsilon=run_epsilon(plan, 1, 1e-5), delta=1e-5),
            "metrics": (accuracy(values[-1]),),
        }
        | release,
    )


PATIENT = {"patience": 1}


@pytest.mark.parametrize(
    "story",
    [
        course((0.5, 0.7, 0.6, 0.65), {}),
        course((0.5, 0.7, 0.6), PATIENT, metrics=(accuracy(0.7),)),
        course((0.5, 0.6, 0.7, 0.8), PATIENT),
    ],
    ids=["in full", "stopped", "never stopped"],
)
def test_a_history_that_follows_the_plan_verifies(story):
    assert verify(story.told(), DOMAIN.public)


@pytest.mark.parametrize(
    ("message", "story"),
    [
        ("steps: got 15", course((0.5, 0.7, 0.6), {})),
        ("steps: no evaluation follows step 14", course((0.5, 0.7, 0.6), PATIENT, steps=14)),
        ("steps: got 15, expected 20", course((0.5, 0.6, 0.7), PATIENT)),
        (
            "steps: the plan stops after 10",
            course((0.6, 0.5, 0.4), PATIENT, metrics=(accuracy(0.6),)),
        ),
        ("kept metrics", course((0.5, 0.7, 0.6), PATIENT)),
        ("evaluated steps", course((0.5, 0.7, 0.6), {}, steps=20)),
        (
            "history",
            replace(HONEST, release={"history": (Evaluation(step=20, metrics=(accuracy(0.9),)),)}),
        ),
    ],
)
def test_a_history_that_does_not_follow_the_plan_fails(message, story):
    with pytest.raises(VerificationFailed, match=f"^{message}"):
        verify(story.told(), DOMAIN.public)


TWO = Terms(
    text="",
    purposes=("DUO:0000042",),
    epsilon_total=10.0,
    delta=1e-5,
    epsilon_per_run=2.0,
    approval=Approval(approvals=2),
)


def with_approval(signer: PrivateKey = STRANGER, **changes) -> Story:
    """The honest story with an approval by another steward before the decision."""
    request = unverified(HONEST.told().request, Request)
    fields = {
        "request": request.digest,
        "verdict": "approve",
        "by": "steward",
        "key": signer.key_id,
        "decided": TIME,
    } | changes
    approval = Decision(**fields)
    return replace(
        HONEST,
        release={"approvals": (approval.digest,)},
        predicate={"approvals": (approval.digest,)},
        bundle={
            "approvals": (Envelope.sign(approval, signer),),
            "approver_keys": (str(signer.public),),
        },
    )


def test_an_approval_before_the_decision_is_verified_and_shown():
    found = verify(with_approval().told().canonical(), DOMAIN.public, MODEL)
    assert [approval.key for approval in found.approvals] == [STRANGER.key_id]


FORGERIES = {
    "researcher": replace(HONEST, request={"researcher": STRANGER.key_id}),
    "card": replace(HONEST, request={"card": ELSE}),
    "domain": replace(HONEST, request={"domain": "hospital-b"}),
    "dataset": replace(HONEST, request={"dataset": "lung"}),
    "dataset version": replace(HONEST, request={"dataset_version": ELSE}),
    "release of request": replace(HONEST, release={"request": ELSE}),
    "release by decision": replace(HONEST, release={"decision": ELSE}),
    "releasing domain": replace(HONEST, release={"domain": "hospital-b"}),
    "released version": replace(HONEST, release={"dataset_version": ELSE}),
    "decision on request": replace(HONEST, decision={"request": ELSE}),
    "verdict": replace(HONEST, decision={"verdict": "deny", "reason": "no"}),
    "decider": replace(HONEST, decision={"key": STRANGER.key_id}),
    "policy signer": replace(HONEST, decision={"by": "policy"}),
    "approvals: 1 steward approved, the terms ask for 2": replace(HONEST, card={"terms": TWO}),
    "approval of request": with_approval(request=ELSE),
    "verdict of the approval": with_approval(verdict="deny", reason="no"),
    "approval by": with_approval(by="policy"),
    "approver": with_approval(key=RESEARCHER.key_id),
    "stewards who approved": with_approval(HONEST.decider_key),
    "release by approvals": replace(HONEST, release={"approvals": (ELSE,)}),
    "attested approvals": replace(HONEST, predicate={"approvals": (ELSE,)}),
    "approvers": replace(HONEST, bundle={"approver_keys": (str(STRANGER.public),)}),
    "released metrics": replace(HONEST, release={"metrics": ()}),
    "model released": replace(HONEST, release={"model": None}),
    "steps": replace(HONEST, release={"steps": 19}),
    "attested subjects": replace(
        HONEST, statement={"subject": (Subject(name="release.json", hashes={"sha256": "0" * 64}),)}
    ),
    "attested domain": replace(HONEST, predicate={"domain": "hospital-b"}),
    "attested dataset": replace(HONEST, predicate={"dataset": "lung"}),
    "attested dataset version": replace(HONEST, predicate={"dataset_version": ELSE}),
    "attested card": replace(HONEST, predicate={"card": ELSE}),
    "attested request": replace(HONEST, predicate={"request": ELSE}),
    "attested decision": replace(HONEST, predicate={"decision": ELSE}),
    "attested graph": replace(HONEST, predicate={"graph": ELSE}),
    "attested privacy": replace(
        HONEST, predicate={"privacy": PrivacySpent(epsilon=0.1, delta=1e-5)}
    ),
    "attested engine": replace(HONEST, predicate={"engine": "engine 2"}),
    "attested released": replace(HONEST, predicate={"released": "2026-01-02T00:00:00Z"}),
    "privacy: the plan costs": replace(HONEST, request={"plan": CHEAP}),
    "privacy: the release claims": replace(HONEST, request={"epsilon": 1.0}),
    "privacy: the plan costs.*claims.*at 1e-06": replace(
        HONEST, release={"privacy": PrivacySpent(epsilon=2.0, delta=1e-6)}
    ),
}


@pytest.mark.parametrize(("message", "story"), FORGERIES.items(), ids=FORGERIES)
def test_documents_that_do_not_fit_fail_although_each_is_signed(message, story):
    with pytest.raises(VerificationFailed, match=f"^{message}"):
        verify(story.told(), DOMAIN.public)


@pytest.mark.parametrize("part", ["card", "request", "decision", "release", "attestation"])
def test_a_document_signed_by_another_key_fails(part):
    bundle = HONEST.told()
    honest = getattr(bundle, part)
    claimed = honest.signatures[0].keyid
    strange = Envelope.sign(unverified(bundle.request, Request), STRANGER).signatures[0].sig
    forged = changed(honest, signatures=(changed(honest.signatures[0], sig=strange),))
    with pytest.raises(VerificationFailed, match=f"{part}: .*{claimed[:12]}"):
        verify(changed(bundle, **{part: forged}), DOMAIN.public)


@pytest.mark.parametrize("part", ["card", "request", "decision", "release"])
def test_a_document_in_the_place_of_another_fails(part):
    bundle = HONEST.told()
    with pytest.raises(VerificationFailed, match=f"{part}: envelope: holds"):
        verify(changed(bundle, **{part: bundle.attestation}), DOMAIN.public)


@pytest.mark.parametrize("key", ["domain_key", "researcher_key", "decider_key"])
@pytest.mark.parametrize("value", ["", "rsa:AAAA", "ed25519:AAAA", "ed25519:%"])
def test_a_key_that_is_none_fails(key, value):
    with pytest.raises(VerificationFailed, match="evidence: public key"):
        verify(replace(HONEST, bundle={key: value}).told(), DOMAIN.public)


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"{}", b"[" * 100_000, b"\xff", b" " * (2 << 20)],
    ids=["empty", "null", "no fields", "deep", "not UTF-8", "too large"],
)
def test_bytes_that_are_no_evidence_fail(content):
    with pytest.raises(VerificationFailed, match="evidence: Bundle"):
        verify(content, DOMAIN.public)


def test_an_unknown_field_is_refused():
    with pytest.raises(InvalidDocument, match="note"):
        Bundle.read({**HONEST.told().model_dump(mode="json"), "note": "trust me"})
