"""A steward's policy: tried on the past, changed by a signed word, and never beyond the terms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.studies import PURPOSE, submit
from tests.support import Site, edit_terms, error_of, make_domain
from workbench.documents import Approval, Envelope, PolicyChange, PrivateKey, now
from workbench.domain.store.tables import requests
from workbench.errors import (
    Conflict,
    InvalidDocument,
    InvalidSignature,
    NotFound,
    TermsRefused,
)
from workbench.identity import tokens

NAME = "breast-cancer"
WIDE = Approval(mode="policy", epsilon=2.0, purposes=("DUO:0000007",))
NARROW = Approval(mode="policy", epsilon=0.5, purposes=("DUO:0000007",))
ALWAYS_ASK = Approval()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A domain with two past requests, of epsilon 0.5 and 1.5, that were cancelled."""
    root = make_domain(tmp_path_factory.mktemp("policy") / "hospital-a")
    edit_terms(root, NAME, approval={"mode": "steward"})
    site = Site.open(root)
    for epsilon in (0.5, 1.5):
        submit(site.client(), epsilon=epsilon).cancel()
    yield site
    site.close()


@pytest.fixture
def site(place):
    """That domain, with its files as they were and the steward asked for everything."""
    yield place
    edit_terms(place.domain.folder.root, NAME, approval={"mode": "steward"})
    place.domain.operator.publish(NAME, "file")


def wish(site, approval=NARROW, **changes):
    card = site.client().dataset(NAME)
    fields = {
        "domain": "hospital-a",
        "dataset": NAME,
        "card": card.digest,
        "approval": approval,
        "key": site.steward.key_id,
        "changed": now(),
    }
    return PolicyChange(**(fields | changes))


def put(site, change, signer=None, path=f"/v1/datasets/{NAME}/policy"):
    body = Envelope.sign(change, signer or site.steward).canonical()
    return site.client(site.steward).road.call("PUT", path, body)


def test_a_change_publishes_a_card_with_the_same_data(site):
    before = site.client().dataset(NAME)
    status = site.client(site.steward).set_policy(NAME, NARROW)
    after = site.client().dataset(NAME)
    assert after.terms.approval == NARROW
    assert after.dataset_version == before.dataset_version
    assert after.digest != before.digest
    assert after.model_copy(update={"terms": before.terms, "published": before.published}) == before
    assert (status.card, status.approval.epsilon, status.approval.approvals) == (
        after.digest,
        0.5,
        1,
    )
    handle = submit(site.client(), epsilon=0.5, repeat=7)
    assert handle.status.decided_by == "policy"


def test_the_same_approval_again_publishes_nothing(site):
    steward = site.client(site.steward)
    steward.set_policy(NAME, NARROW)
    before = site.domain.holdings.cards_version()
    steward.set_policy(NAME, NARROW)
    assert site.domain.holdings.cards_version() == before


@pytest.mark.parametrize(
    "approval",
    [
        Approval(mode="policy", epsilon=2.5, purposes=("DUO:0000007",)),
        Approval(mode="policy", epsilon=0.5, purposes=("DUO:0000007", "DUO:0000015")),
    ],
)
def test_a_policy_beyond_the_terms_is_refused_and_not_even_tried(site, approval):
    before = site.domain.holdings.cards_version()
    for call in ("set_policy", "policy_dry_run"):
        with pytest.raises(TermsRefused, match="the terms allow"):
            getattr(site.client(site.steward), call)(NAME, approval)
    assert site.domain.holdings.cards_version() == before


def test_a_replayed_document_changes_nothing(site):
    old = wish(site, WIDE)
    put(site, old)
    site.client(site.steward).set_policy(NAME, ALWAYS_ASK)
    with pytest.raises(Conflict, match="published anew"):
        put(site, old)
    assert site.client().dataset(NAME).terms.approval == ALWAYS_ASK


@pytest.mark.parametrize("minutes", [-6, 6, -100_000])
def test_a_document_of_another_time_changes_nothing(site, minutes):
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    with pytest.raises(Conflict, match="not now"):
        put(site, wish(site, changed=then.strftime("%Y-%m-%dT%H:%M:%SZ")))


def test_a_time_that_is_none_is_refused(site):
    with pytest.raises(InvalidDocument, match="is not a time"):
        put(site, wish(site, changed="2026-99-99T99:99:99Z"))


def test_a_document_for_another_domain_dataset_or_steward_changes_nothing(site):
    for changes in ({"domain": "hospital-b"}, {"dataset": "digits"}, {"key": "0" * 64}):
        with pytest.raises(Conflict, match="another"):
            put(site, wish(site, **changes))
    with pytest.raises(NotFound):
        put(site, wish(site), path="/v1/datasets/nothing/policy")


def test_a_forged_or_malformed_document_changes_nothing(site):
    with pytest.raises(InvalidSignature):
        put(site, wish(site), PrivateKey.create())
    honest = Envelope.sign(wish(site), site.steward)
    other = Envelope.sign(wish(site, WIDE), site.steward)
    for forged in (
        honest.model_copy(update={"payload": other.payload}),
        Envelope.sign(site.client().dataset(NAME), site.steward),
    ):
        with pytest.raises((InvalidSignature, InvalidDocument)):
            site.client(site.steward).road.call(
                "PUT", f"/v1/datasets/{NAME}/policy", forged.canonical()
            )
    for body in (b"", b"{}", b"[" * 10_000, b'{"approval":{}}'):
        target = f"/v1/datasets/{NAME}/policy"
        token = tokens.make(site.steward, "hospital-a", "PUT", target, body)
        answer = site.http.put(target, content=body, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, error_of(answer)) == (422, "invalid-document")
    assert site.client().dataset(NAME).terms.approval == ALWAYS_ASK


def test_a_dry_run_says_what_would_have_been_and_why(site):
    steward = site.client(site.steward)
    before = site.domain.holdings.cards_version()
    found = steward.policy_dry_run(NAME, NARROW)
    asked = {(one.epsilon, one.would) for one in found.requests if one.state == "cancelled"}
    assert asked == {(0.5, "approve"), (1.5, "ask")}
    (large,) = (one for one in found.requests if one.epsilon == 1.5)
    assert "above the policy's 0.5" in large.why
    assert large.researcher == "Rosa Research"
    assert found.considered == len(found.requests)
    assert found.would_approve == sum(one.would == "approve" for one in found.requests)
    assert steward.policy_dry_run(NAME, ALWAYS_ASK).would_approve == 0
    assert site.domain.holdings.cards_version() == before


def test_a_dry_run_takes_the_date_of_each_request(site):
    """Terms that have expired since had not when the request was made."""
    edit_terms(site.domain.folder.root, NAME, expires="2020-01-01")
    site.domain.operator.publish(NAME)
    found = site.client(site.steward).policy_dry_run(NAME, WIDE)
    assert found.would_approve == found.considered > 0
    edit_terms(site.domain.folder.root, NAME, expires=None)
    assert PURPOSE.startswith(found.requests[0].purpose)


class TestTheFileAndTheCard:
    """terms.yaml stays the source; what a steward changed meanwhile is never lost in silence."""

    def publish(self, site, wins=None):
        return site.domain.operator.publish(NAME, wins).terms.approval

    def test_an_untouched_file_keeps_the_stewards_approval(self, site):
        site.client(site.steward).set_policy(NAME, NARROW)
        assert self.publish(site) == NARROW
        edit_terms(site.domain.folder.root, NAME, text="Other words.")
        assert self.publish(site) == NARROW
        assert site.client().dataset(NAME).terms.text == "Other words."
        status = site.client(site.steward).policy(NAME)
        assert status.file is not None
        assert status.file.mode == "steward"

    def test_a_file_that_was_changed_too_is_a_conflict_until_somebody_says_which_holds(self, site):
        site.client(site.steward).set_policy(NAME, NARROW)
        as_file = {"mode": "policy", "epsilon": 1.0, "purposes": ["DUO:0000007"]}
        edit_terms(site.domain.folder.root, NAME, approval=as_file)
        with pytest.raises(Conflict, match=r"changed in terms\.yaml and by a steward"):
            self.publish(site)
        assert self.publish(site, "kept") == NARROW
        assert self.publish(site) == NARROW
        assert self.publish(site, "file").epsilon == 1.0
        assert site.client(site.steward).policy(NAME).file is None

    def test_a_file_that_was_made_to_agree_is_the_source_again(self, site):
        site.client(site.steward).set_policy(NAME, NARROW)
        edit_terms(
            site.domain.folder.root,
            NAME,
            approval={"mode": "policy", "epsilon": 0.5, "purposes": ["DUO:0000007"]},
        )
        assert self.publish(site) == NARROW
        edit_terms(site.domain.folder.root, NAME, approval={"mode": "steward"})
        assert self.publish(site) == ALWAYS_ASK


def test_two_stewards_are_asked_for_only_where_there_are_two_and_one_cannot_undo_it(site):
    steward = site.client(site.steward)
    with pytest.raises(Conflict, match="fewer are admitted"):
        steward.set_policy(NAME, Approval(approvals=2))
    second = PrivateKey.create()
    site.domain.operator.admit(second.public, "Selma Second", "steward")
    both = WIDE.model_copy(update={"approvals": 2})
    steward.set_policy(NAME, both)
    for wider in (WIDE, ALWAYS_ASK, both.model_copy(update={"epsilon": 2.0, "approvals": 1})):
        with pytest.raises(Conflict, match="only make its policy narrower"):
            steward.set_policy(NAME, wider)
    narrower = NARROW.model_copy(update={"approvals": 2})
    steward.set_policy(NAME, narrower)
    with pytest.raises(Conflict, match="narrower"):
        steward.set_policy(NAME, both)
    steward.set_policy(NAME, Approval(approvals=2))
    with pytest.raises(Conflict, match="narrower"):
        steward.set_policy(NAME, narrower)
    site.domain.operator.revoke(second.key_id)


def test_a_waiting_request_keeps_the_terms_it_was_made_under(site):
    handle = submit(site.client(), epsilon=1.0, repeat=20)
    site.client(site.steward).set_policy(NAME, WIDE)
    assert handle.state == "pending"
    with site.domain.store.read() as connection:
        row = connection.execute(requests.select().where(requests.c.digest == handle.digest)).one()
    assert Envelope.parse(row.card) != site.domain.holdings.dataset(NAME)
    handle.cancel()
