"""Two-person approval: two different stewards, both kept, both checked again, both in evidence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.studies import submit_progression
from tests.support import Site, edit_terms, make_domain
from workbench.documents import Approval, Decision, Envelope, PrivateKey, now
from workbench.domain.store.tables import approvals, requests
from workbench.errors import (
    Conflict,
    InvalidSignature,
    NotAdmitted,
    RequestDenied,
    VerificationFailed,
)
from workbench.evidence.verify import verify


@dataclass
class Pair:
    """A site whose diabetes data need two stewards, and clients of these."""

    site: Site
    other: PrivateKey

    @property
    def first(self):
        return self.site.client(self.site.steward)

    @property
    def second(self):
        return self.site.client(self.other)

    def ask(self, **changes):
        return submit_progression(
            self.site.client(), epsilon=2.0, purpose="DUO:0000007 x", **changes
        )


@pytest.fixture
def pair(tmp_path):
    root = make_domain(tmp_path / "hospital-b", "hospital-b", ("diabetes",))
    edit_terms(root, "diabetes", approval={"mode": "steward", "approvals": 2})
    site = Site.open(root)
    found = Pair(site, PrivateKey.create())
    site.domain.operator.admit(found.other.public, "Selma Second", "steward")
    yield found
    site.close()


def test_the_first_approval_leaves_it_pending_and_names_who_gave_it(pair):
    handle = pair.ask()
    assert handle.status.approvals_needed == 2
    status = pair.first.decide(handle.digest, "approve")
    assert (status.state, status.approvals) == ("pending", ("Stella Steward",))
    assert status.approval_keys == (pair.site.steward.key_id,)
    assert handle.status.approvals == ("Stella Steward",)
    (listed,) = pair.second.requests(state="pending")
    assert listed.approvals == ("Stella Steward",)


def test_the_second_approval_by_another_starts_it_and_evidence_shows_both(pair):
    handle = pair.ask()
    pair.first.decide(handle.digest, "approve", "fine")
    pair.second.decide(handle.digest, "approve")
    result = handle.wait(progress=False)
    assert handle.status.approvals == ("Stella Steward", "Selma Second")
    found = verify(result.evidence, pair.site.domain.key.public, result.model_bytes)
    assert found.decision.key == pair.other.key_id
    assert [approval.key for approval in found.approvals] == [pair.site.steward.key_id]
    assert found.approvals[0].reason == "fine"
    assert found.release.approvals == (found.approvals[0].digest,)


def test_nobody_approves_twice(pair):
    handle = pair.ask()
    pair.first.decide(handle.digest, "approve")
    with pytest.raises(Conflict, match="you have approved this request"):
        pair.first.decide(handle.digest, "approve", "once more")
    assert handle.state == "pending"


def test_one_denial_denies_before_and_after_an_approval(pair):
    before, after, changed = pair.ask(), pair.ask(repeat=1), pair.ask(repeat=2)
    pair.first.decide(before.digest, "deny", "no")
    for handle in (after, changed):
        pair.first.decide(handle.digest, "approve")
    pair.second.decide(after.digest, "deny", "not for me")
    pair.first.decide(changed.digest, "deny", "on second thoughts")
    assert {handle.state for handle in (before, after, changed)} == {"denied"}
    assert after.reason == "not for me"
    with pytest.raises(Conflict, match="only a pending one"):
        pair.second.decide(before.digest, "approve")
    assert pair.site.client().budget("diabetes").epsilon_spent == 0


def test_an_approval_of_somebody_revoked_since_does_not_count(pair):
    handle = pair.ask()
    pair.first.decide(handle.digest, "approve")
    pair.second.revoke(pair.site.steward.key_id)
    status = pair.second.decide(handle.digest, "approve")
    assert (status.state, status.approvals) == ("pending", ("Selma Second",))
    third = PrivateKey.create()
    pair.site.domain.operator.admit(third.public, "Tara Third", "steward")
    pair.site.client(third).decide(handle.digest, "approve")
    evidence = handle.wait(progress=False).verified
    assert {evidence.decision.key, *(a.key for a in evidence.approvals)} == {
        pair.other.key_id,
        third.key_id,
    }


def approve_in_the_database(pair, handle, *envelopes):
    """Write approvals past the service, the last one as the decision, and launch."""
    *earlier, last = (envelope.canonical().decode() for envelope in envelopes)
    with pair.site.domain.store.write() as connection:
        for position, text in enumerate(earlier):
            key = Envelope.parse(text).signatures[0].keyid
            key = key if position == 0 else key[::-1]
            connection.execute(
                approvals.insert().values(request=handle.digest, key=key, envelope=text)
            )
        values = {"state": "approved", "decision": last, "decided_by": "steward"}
        mine = requests.c.digest == handle.digest
        connection.execute(requests.update().where(mine).values(**values))
    pair.site.launch(handle.digest)


def approval(handle, key, signer=None, **changes):
    fields = {
        "request": handle.digest,
        "verdict": "approve",
        "by": "steward",
        "key": key.key_id,
        "decided": now(),
    } | changes
    return Envelope.sign(Decision(**fields), signer or key)


@pytest.mark.parametrize("trick", ["alone", "twice", "forged", "elsewhere", "revoked", "by policy"])
def test_what_was_slipped_into_the_database_launches_nothing(pair, trick):
    handle = pair.ask()
    one, two = pair.site.steward, pair.other
    honest = approval(handle, one)
    if trick == "alone":
        slipped = (honest,)
    elif trick == "twice":
        slipped = (honest, approval(handle, one, reason="another"))
    elif trick == "forged":
        slipped = (honest, approval(handle, two, signer=one))
    elif trick == "elsewhere":
        slipped = (approval(handle, two, request="sha256:" + "0" * 64), honest)
    elif trick == "revoked":
        pair.first.revoke(two.key_id)
        slipped = (approval(handle, two), honest)
    else:
        slipped = (approval(handle, one, by="policy"),)
    approve_in_the_database(pair, handle, *slipped)
    with pytest.raises(RequestDenied):
        handle.wait(progress=False)
    assert not handle.status.charged


def test_a_card_with_laxer_terms_in_the_place_of_the_requests_own_launches_nothing(pair):
    handle = pair.ask()
    edit_terms(pair.site.domain.folder.root, "diabetes", approval={"mode": "steward"})
    pair.site.domain.operator.publish("diabetes")
    lax = pair.site.domain.holdings.dataset("diabetes").canonical().decode()
    with pair.site.domain.store.write() as connection:
        connection.execute(requests.update().values(card=lax))
    approve_in_the_database(pair, handle, approval(handle, pair.site.steward))
    with pytest.raises(RequestDenied, match="not the one that the request names"):
        handle.wait(progress=False)


def test_a_researcher_cannot_be_the_second(pair):
    handle = pair.ask()
    pair.first.decide(handle.digest, "approve")
    with pytest.raises(NotAdmitted):
        pair.site.client().decide(handle.digest, "approve")
    body = approval(handle, pair.other).canonical()
    with pytest.raises(InvalidSignature):
        pair.first.road.call("POST", f"/v1/requests/{handle.digest}/decision", body)


def test_evidence_without_the_first_approval_or_with_a_copied_one_is_refused(pair):
    handle = pair.ask()
    pair.first.decide(handle.digest, "approve")
    pair.second.decide(handle.digest, "approve")
    evidence = handle.wait(progress=False).evidence
    without = evidence.model_copy(update={"approvals": (), "approver_keys": ()})
    copied = evidence.model_copy(
        update={"approvals": (evidence.decision,), "approver_keys": (evidence.decider_key,)}
    )
    unnamed = evidence.model_copy(update={"approver_keys": ()})
    for changed in (without, copied, unnamed):
        with pytest.raises(VerificationFailed, match="approv"):
            verify(changed, pair.site.domain.key.public)


def test_terms_that_need_one_are_written_as_before():
    assert b"approvals" not in Approval().canonical()
    assert b'"approvals":2' in Approval(approvals=2).canonical()
