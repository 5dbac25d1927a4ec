"""The steward's desk: what it shows of a request, and which decisions it refuses to send."""

import pytest

from tests.support import wait_until
from workbench.documents.errors import Conflict, InvalidDocument, InvalidSignature, NotAdmitted
from workbench.lab.desk import Desk


@pytest.fixture
def desk(study):
    return Desk(next(iter(study.steward.domains.values())))


def test_rows_are_newest_first_and_name_who_decided_and_why(study, desk):
    newest, *_ = desk.requests()
    assert newest["digest"] == study.by_policy.digest
    assert newest["decidedBy"] == "policy"
    assert "at most 2" in newest["reason"]


def test_budgets_show_what_is_set_aside(study, desk):
    budgets = {budget["dataset"]: budget for budget in desk.budgets()}
    assert budgets["diabetes"]["total"] == 6.0
    assert 0 < budgets["diabetes"]["spent"] < 2.0
    assert budgets["diabetes"]["spent"] + budgets["diabetes"]["left"] == pytest.approx(6.0)


def test_a_review_has_every_fact_of_the_decision(study, desk):
    found = desk.review(study.waiting.digest)
    request, graph = dict(found["request"]), dict(found["graph"])
    assert request["Who"].startswith("Rosa Research")
    assert request["Purpose"] == "DUO:0000007 diabetes outcomes"
    assert request["Dataset"].startswith("hospital-b/diabetes")
    assert "aten" in graph["Operators"]
    assert graph["Parameters"] == "11, of which 11 train"
    assert dict(found["plan"])["steps"] == "5"
    assert found["privacy"]["asked"] == 1.0
    assert found["privacy"]["run"] <= 1.0
    assert found["privacy"]["setAside"]
    assert found["leaves"]
    assert found["previous"] is None
    assert found["policy"][-1] == "the terms send every request to the steward"


def test_the_rehearsal_arrives(study, desk):
    wait_until(lambda: desk.review(study.waiting.digest)["rehearsal"]["state"] == "done")


def test_a_review_tells_what_changed_since_the_last_approval(study, desk):
    desk.review(study.waiting.digest)
    desk.decide(study.waiting.digest, "approve", "")
    changed = {c["field"] for c in desk.review(study.hostile.digest)["previous"]["changes"]}
    assert "purpose_text" in changed


def test_a_denial_reaches_the_researcher_with_its_reason(study, desk):
    desk.review(study.hostile.digest)
    row = desk.decide(study.hostile.digest, "deny", "say what the model is for")
    assert row["state"] == "denied"
    assert study.hostile.reason == "say what the model is for"


def test_a_denial_needs_a_reason(study, desk):
    desk.review(study.waiting.digest)
    with pytest.raises(InvalidDocument, match="reason"):
        desk.decide(study.waiting.digest, "deny", " ")
    assert study.waiting.state == "pending"


def test_what_was_not_opened_cannot_be_decided(study, desk):
    with pytest.raises(Conflict, match="not opened"):
        desk.decide(study.waiting.digest, "approve", "")
    assert study.waiting.state == "pending"


def test_a_domain_that_shows_another_request_is_caught(study, desk):
    """The other request's honest review comes back under this one's address."""
    honest = desk.client.review

    crossed = Desk(desk.client)
    crossed.client = type(
        "Client", (), {"review": lambda _, digest: honest(study.hostile.digest)}
    )()
    with pytest.raises(InvalidSignature, match="shows a request"):
        crossed.review(study.waiting.digest)
    with pytest.raises(Conflict):
        crossed.decide(study.waiting.digest, "approve", "")


def test_a_researcher_is_told_that_the_key_is_no_stewards(study):
    desk = Desk(next(iter(study.researcher.domains.values())))
    with pytest.raises(NotAdmitted, match="not a steward"):
        desk.check()
