"""The panel's Python half: what it shows, what it signs, and when it asks."""

import json
import threading

import pytest

from tests.domain.test_two_stewards import edit_terms
from tests.studies import submit_progression
from tests.support import Site, make_domain, wait_until
from workbench.documents import PrivateKey
from workbench.lab.steward import StewardPanel
from workbench.space.connection import Space

DOMAIN = "hospital-b"


@pytest.fixture
def panel(study):
    panel = StewardPanel(study.steward)
    yield panel
    while panel._open_views:
        tell(panel, action="closed")


def tell(panel, **message):
    panel._handle_custom_msg(message, [])


def view(panel):
    return json.loads(panel.view)


def states(panel):
    return {row["digest"]: row["state"] for row in view(panel)["requests"]}


def pollers():
    return [thread for thread in threading.enumerate() if "_poll" in thread.name]


def test_it_shows_requests_newest_first_and_who_decided_them(study, panel):
    newest, *_ = view(panel)["requests"]
    assert newest["digest"] == study.by_policy.digest
    assert newest["decided_by"] == "policy"
    assert "at most 2" in newest["reason"]


def test_what_waits_comes_with_every_fact_of_the_decision(study, panel):
    review = view(panel)["reviews"][study.waiting.digest]
    assert review["epsilon_asked"] == 1.0
    assert review["epsilon_run"] <= 1.0
    assert review["facts"]["trainable"] == 11
    assert review["leaves"]
    assert review["previous"] is None
    assert review["policy"][-1] == "the terms send every request to the steward"


def test_budgets_count_what_is_set_aside(panel):
    budgets = {budget["dataset"]: budget for budget in view(panel)["budgets"]}
    assert 0 < budgets[f"{DOMAIN}/diabetes"]["epsilon_spent"] < 2.0


def test_it_follows_the_domain_while_displayed(study, panel):
    tell(panel, action="opened")
    study.waiting.cancel()
    wait_until(lambda: states(panel)[study.waiting.digest] == "cancelled")


def test_it_stops_asking_when_the_last_view_goes(panel):
    before = len(pollers())
    tell(panel, action="opened")
    tell(panel, action="opened")
    assert len(pollers()) == before + 1
    tell(panel, action="closed")
    tell(panel, action="closed")
    wait_until(lambda: len(pollers()) == before)


def test_approve_is_signed_by_the_steward_and_runs(study, panel):
    digest = study.waiting.digest
    tell(panel, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    wait_until(lambda: study.waiting.state == "released")
    assert study.waiting.status.decider == "Stella Steward"


def test_a_denial_reaches_the_researcher_with_its_reason(study, panel):
    digest = study.hostile.digest
    tell(panel, action="decide", domain=DOMAIN, digest=digest, verdict="deny", reason="too vague")
    assert study.hostile.state == "denied"
    assert study.hostile.reason == "too vague"


def test_a_denial_without_a_reason_changes_nothing(study, panel):
    digest = study.waiting.digest
    tell(panel, action="decide", domain=DOMAIN, digest=digest, verdict="deny", reason=" ")
    assert "reason" in view(panel)["message"]
    assert study.waiting.state == "pending"


@pytest.mark.parametrize(
    "message", [{}, {"action": "decide"}, {"action": "review", "domain": "else"}, {"action": ["x"]}]
)
def test_messages_that_make_no_sense_change_nothing(study, panel, message):
    tell(panel, **message)
    assert study.waiting.state == "pending"


def test_the_domain_does_not_open_a_review_to_a_researcher(study):
    panel = StewardPanel(study.researcher)
    (domain,) = view(panel)["domains"]
    assert "you are researcher" in domain["error"]


def test_an_approval_renews_what_the_other_requests_are_compared_with(study, panel):
    assert view(panel)["reviews"][study.hostile.digest]["previous"] is None
    digest = study.waiting.digest
    tell(panel, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    wait_until(lambda: study.waiting.state == "released")
    panel.refresh()
    previous = view(panel)["reviews"][study.hostile.digest]["previous"]
    assert previous["request_digest"] == digest
    assert "purpose_text" in {change["field"] for change in previous["changes"]}


def test_closing_the_panel_ends_the_asking(study):
    panel, before = StewardPanel(study.steward), len(pollers())
    tell(panel, action="opened")
    assert len(pollers()) == before + 1
    panel.close()
    wait_until(lambda: len(pollers()) == before)


def test_one_steward_cannot_approve_twice_and_reads_why(tmp_path):
    root = make_domain(tmp_path / "b", DOMAIN, ("diabetes",))
    edit_terms(root, "diabetes", approval={"mode": "steward", "approvals": 2})
    site = Site.open(root)
    second = PrivateKey.create()
    site.domain.admit(second.public, "Selma Second", "steward")
    digest = submit_progression(site.client(), epsilon=2.0, purpose="DUO:0000007 x").digest
    first, other = (
        StewardPanel(Space({DOMAIN: site.client(key)}, key)) for key in (site.steward, second)
    )
    tell(first, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    assert "approved by Stella Steward, 1 more needed" in view(first)["message"]
    (row,) = view(first)["requests"]
    assert (row["state"], row["approved_by_me"]) == ("pending", True)
    tell(first, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    assert "you have approved this request" in view(first)["message"]
    other.refresh()
    (row,) = view(other)["requests"]
    assert (row["approvals"], row["approvals_needed"]) == (["Stella Steward"], 2)
    assert not row["approved_by_me"]
    tell(other, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    wait_until(lambda: states(other)[digest] == "released" or other.refresh())
    site.close()
