"""Check the Python part of the panel: what it shows, what it signs, and when it asks."""

import json
import threading

import pytest

from tests.registers import make_register, spend
from tests.studies import submit_progression
from tests.support import Site, edit_terms, make_domain, wait_until
from workbench.documents import PrivateKey
from workbench.domain.populations.opting_out import stopped
from workbench.errors import DomainUnavailable, NotFound
from workbench.lab.service.steward import population_overview
from workbench.lab.widgets.live import ANSWERER, FOLLOWER
from workbench.lab.widgets.steward import StewardPanel
from workbench.space.connection import Space

DOMAIN = "hospital-b"
NEW = {
    "action": "create-population",
    "name": "staff",
    "title": "Who works here",
    "unit": "person",
    "epsilon_total": 6,
    "delta": 1e-6,
    "uses": None,
    "epsilon_per_researcher": None,
    "blocks": "",
}


@pytest.fixture
def panel(study):
    panel = StewardPanel(study.steward)
    yield panel
    while panel._views:
        tell(panel, action="closed")


def tell(panel, **message):
    """Send a message as the front end does, and wait until it is answered."""
    before = set(threading.enumerate())
    panel._handle_custom_msg(message, [])
    for thread in set(threading.enumerate()) - before:
        if thread.name == ANSWERER:
            thread.join(60)


def view(panel):
    return json.loads(panel.view)


def states(panel):
    return {row["digest"]: row["state"] for row in view(panel)["requests"]}


def pollers():
    return [thread for thread in threading.enumerate() if thread.name == FOLLOWER]


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


def test_two_clicks_are_answered_in_the_order_in_which_they_came(panel):
    done = []
    first = panel.in_turn(lambda: done.append("approve"))
    second = panel.in_turn(lambda: done.append("deny"))
    # Threads may reach the lock in any order.
    second()
    first()
    assert done == ["approve", "deny"]


def test_who_is_no_steward_any_more_sees_nothing_of_the_domain(tmp_path):
    site = Site.open(make_domain(tmp_path / "b", DOMAIN, ("diabetes",)))
    second = PrivateKey.create()
    site.domain.operator.admit(second.public, "Selma Second", "steward")
    digest = submit_progression(site.client(), epsilon=2.0, purpose="DUO:0000007 x").digest
    panel = StewardPanel(Space({DOMAIN: site.client(second)}, second))
    assert digest in view(panel)["reviews"]
    assert view(panel)["budgets"]
    site.domain.operator.revoke(second.key_id)
    panel.refresh()
    shown = view(panel)
    assert (shown["requests"], shown["reviews"], shown["budgets"]) == ([], {}, [])
    assert "admit" in shown["domains"][0]["error"]
    site.close()


def test_one_steward_cannot_approve_twice_and_reads_why(tmp_path):
    root = make_domain(tmp_path / "b", DOMAIN, ("diabetes",))
    edit_terms(root, "diabetes", approval={"mode": "steward", "approvals": 2})
    site = Site.open(root)
    second = PrivateKey.create()
    site.domain.operator.admit(second.public, "Selma Second", "steward")
    digest = submit_progression(site.client(), epsilon=2.0, purpose="DUO:0000007 x").digest
    first, other = (
        StewardPanel(Space({DOMAIN: site.client(key)}, key)) for key in (site.steward, second)
    )
    tell(first, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    assert "approved by Stella Steward, 1 more needed" in view(first)["message"]
    (row,) = view(first)["requests"]
    assert row["state"] == "pending"
    assert view(first)["key_id"] in row["approvals"]["keys"]
    tell(first, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    assert "you have approved this request" in view(first)["message"]
    other.refresh()
    (row,) = view(other)["requests"]
    assert (row["approvals"]["given"], row["approvals"]["needed"]) == (["Stella Steward"], 2)
    assert view(other)["key_id"] not in row["approvals"]["keys"]
    tell(other, action="decide", domain=DOMAIN, digest=digest, verdict="approve")
    wait_until(lambda: states(other)[digest] == "released" or other.refresh())
    site.close()


class TestPopulations:
    """One register that these tests share; something was spent in its first block."""

    NAME = "hospital-a"

    @pytest.fixture(scope="class")
    def site(self, tmp_path_factory):
        site = Site.open(make_register(tmp_path_factory.mktemp("people") / "a"), start=False)
        spend(site, "stays", 1.0, "first")
        yield site
        site.close()

    @pytest.fixture
    def panel(self, site):
        return self.opened(site, site.steward)

    def opened(self, site, key):
        panel = StewardPanel(Space({self.NAME: site.client(key)}, key))
        tell(panel, action="populations")
        return panel

    def say(self, panel, **message):
        tell(panel, **({"domain": self.NAME, "ticket": "t1"} | message))
        return view(panel)["message"]

    def section(self, panel):
        (section,) = view(panel)["populations"]
        return section

    def shown(self, panel):
        return {one["population"]["name"]: one for one in self.section(panel)["populations"]}

    def test_they_are_asked_for_when_the_section_was_opened_and_seldom_after(
        self, site, monkeypatch
    ):
        client = site.client(site.steward)
        asked, answer = [], client.populations
        monkeypatch.setattr(client, "populations", lambda: asked.append(1) or answer())
        panel = StewardPanel(Space({self.NAME: client}, site.steward))
        assert view(panel)["populations"] is None
        tell(panel, action="populations")
        for _ in range(3):
            panel.refresh()
        assert len(asked) == 1
        monkeypatch.setattr(population_overview, "SECONDS", 0.0)
        panel.refresh()
        assert len(asked) == 2

    def test_each_comes_with_its_datasets_and_what_is_left_by_block(self, panel):
        patients = self.shown(panel)["patients"]
        assert (patients["population"]["unit"], patients["datasets"]) == ("person", ["stays"])
        first, rest = patients["blocks"]
        assert (first["block"], rest["block"]) == ("jan", "")
        assert 0 < first["epsilon_spent"] < 1.1
        assert (rest["epsilon_spent"], rest["epsilon_left"]) == (0.0, 4.0)

    def test_what_was_spent_over_time_comes_for_one_that_is_opened(self, panel, monkeypatch):
        assert view(panel)["histories"] == {}
        monkeypatch.setattr(population_overview, "MOST_POINTS", 1)
        self.say(panel, action="history", name="patients", ticket="")
        found = view(panel)["histories"]["hospital-a/patients"]
        (line,) = [line for line in found["blocks"] if line["block"] == "jan"]
        (point,) = line["points"]
        assert point["epsilon_spent"] == self.shown(panel)["patients"]["blocks"][0]["epsilon_spent"]
        self.say(panel, action="history", name="nobody")
        assert "nobody" in view(panel)["histories"]["hospital-a/nobody"]["error"]

    def test_a_new_one_is_made_and_shown(self, panel):
        words = self.say(panel, **NEW)
        assert "'population: staff' in dataset.yaml" in words
        assert self.shown(panel)["staff"]["population"]["epsilon_total"] == 6.0
        answer = view(panel)["answer"]
        assert (answer["ticket"], answer["ok"], answer["words"]) == ("t1", True, words)
        assert "there is a population 'staff'" in self.say(panel, **NEW, ticket="t2")
        answer = view(panel)["answer"]
        assert (answer["ticket"], answer["ok"]) == ("t2", False)

    def test_a_person_opts_out_and_one_reads_what_has_to_be_published_again(self, site, panel):
        words = self.say(panel, action="opt-out", name="patients", person="p005", understood=True)
        assert "Publish 'stays' again with 'workbench domain publish'" in words
        assert "p005" not in panel.view
        with site.domain.store.read() as connection:
            version = site.client().dataset("stays").dataset_version
            assert stopped(connection, "patients", version)

    def test_what_takes_two_stewards_is_proposed_by_one_and_agreed_by_another(self, site, panel):
        key = PrivateKey.create()
        site.domain.operator.admit(key.public, "Selma Second", "steward")
        other = self.opened(site, key)
        self.say(panel, **NEW | {"name": "guests", "epsilon_total": 3})
        for wish in (
            {"action": "raise-total", "name": "guests", "epsilon_total": 5},
            {"action": "merge", "name": "patients", "merge": "guests"},
        ):
            assert "waits for a second steward" in self.say(panel, **wish)
            (change,) = self.section(panel)["changes"]
            assert (change["by"], change["mine"]) == (["Stella Steward"], True)
            tell(other, action="populations")
            (seen,) = self.section(other)["changes"]
            assert seen == change | {"mine": False}
            assert "Two stewards agreed" in self.say(other, action="agree", change=seen["digest"])
            assert self.section(other)["changes"] == []
            if "merge" not in wish:
                assert self.shown(other)["guests"]["population"]["epsilon_total"] == 5.0
        assert self.shown(other)["guests"]["population"]["merged_into"] == "patients"
        # The lower delta of the two makes what was spent look like more.
        (budget,) = view(other)["budgets"]
        assert budget["epsilon_left"] == site.client().budget("stays").epsilon_left
        assert "no such change waits" in self.say(other, action="agree", change=seen["digest"])

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            ({"action": "history", "name": "../people"}, "a name of lower case letters"),
            ({"action": "history", "name": ["patients"]}, "a name of lower case letters"),
            ({"action": "opt-out"}, "the label of a person"),
            ({"action": "opt-out", "name": "patients", "person": "p007"}, "“I understand” ticked"),
            (
                {"action": "opt-out", "name": "patients", "person": "p007", "understood": 1},
                "ticked",
            ),
            ({"action": "opt-out", "name": "patients", "person": " ", "understood": True}, "label"),
            (
                {"action": "raise-total", "name": "patients", "epsilon_total": float("inf")},
                "most 100",
            ),
            (
                {"action": "raise-total", "name": "patients", "epsilon_total": True},
                "epsilon in all",
            ),
            ({"action": "merge", "name": "patients", "merge": "a/b?c"}, "the other population"),
            ({"action": "agree", "change": "sha256:/../"}, "the digest of a change"),
            ({"action": "agree", "change": "sha256:" + "0" * 64}, "no such change waits"),
            (NEW | {"name": "x", "delta": 0}, "a delta above 0"),
            (NEW | {"name": "x", "uses": 1.5}, "a whole number of uses"),
            (NEW | {"name": "x", "title": "two\nlines"}, "a title of one line"),
            (NEW | {"name": "x", "more": 1}, "only the fields of this form"),
            (NEW | {"name": "x", "domain": "else"}, "no domain 'else' here"),
            (NEW | {"name": "x", "domain": {}}, "a domain of this panel"),
            (NEW | {"name": "x", "ticket": ["t"]}, "only the fields of this form"),
        ],
    )
    def test_messages_that_make_no_sense_change_nothing_and_say_so(self, panel, message, words):
        before = self.section(panel)
        assert words in self.say(panel, **message)
        assert not view(panel)["answer"]["ok"]
        tell(panel, action="populations")
        assert self.section(panel) == before

    def test_a_domain_that_does_not_know_them_breaks_only_the_section(self, site, monkeypatch):
        client = site.client(site.steward)
        panel = StewardPanel(Space({self.NAME: client}, site.steward))
        answer = client.populations

        def fail(error):
            def populations():
                raise error

            monkeypatch.setattr(client, "populations", populations)
            tell(panel, action="populations")
            return self.section(panel)

        assert "is older than this workbench" in fail(NotFound("Not Found"))["error"]
        assert view(panel)["domains"] == [{"name": self.NAME, "error": ""}]
        monkeypatch.setattr(client, "populations", answer)
        tell(panel, action="populations")
        assert self.section(panel)["error"] == ""
        away = fail(DomainUnavailable("does not answer", "Go on."))
        assert away["error"] == "does not answer Go on."
        assert "patients" in self.shown(panel)
