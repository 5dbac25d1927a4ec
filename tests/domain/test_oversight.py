"""Check what stewards, and nobody else, can look back on: the log, and who spent what."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from tests.studies import submit
from tests.support import Site, error_of, make_domain, wait_until
from workbench.documents import Approval, LogEntry, PrivateKey
from workbench.domain.access import log
from workbench.domain.store.database import Store
from workbench.domain.store.tables import log as table
from workbench.errors import NotAdmitted, VerificationFailed
from workbench.identity import tokens

NAME = "breast-cancer"


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A domain where two researchers had runs, and one request was cancelled."""
    root = make_domain(tmp_path_factory.mktemp("busy") / "hospital-a")
    site = Site.open(root)
    site.other = PrivateKey.create()
    site.domain.operator.admit(site.other.public, "Otto Other", "researcher")
    submit(site.client()).wait(progress=False)
    submit(site.client(), repeat=1).wait(progress=False)
    submit(site.client(site.other), epsilon=1.0).wait(progress=False)
    site.client(site.steward).set_policy(NAME, Approval())
    submit(site.client(), epsilon=0.5, repeat=2).cancel()
    site.lines = len(everything(site))
    yield site
    site.close()


def everything(site):
    steward, found, after = site.client(site.steward), [], None
    while True:
        entries, after = steward.log(after, 7)
        found += entries
        if after is None:
            return found


def get(site, target, key=None):
    token = tokens.make(key or site.steward, "hospital-a", "GET", target)
    return site.http.get(target, headers={"authorization": f"Bearer {token}"})


class TestLog:
    def test_it_tells_who_did_what_newest_first(self, busy):
        events = [(entry.event, entry.who) for entry in reversed(everything(busy))]
        # What other tests of this module did comes after it.
        events = events[: busy.lines]
        assert events[:4] == [
            ("publish", "operator"),
            ("admit", "operator"),
            ("admit", "operator"),
            ("admit", "operator"),
        ]
        assert events[4:8] == [
            ("submit", "Rosa Research"),
            ("decide", ""),
            ("launch", ""),
            ("release", ""),
        ]
        assert events[-3:] == [
            ("policy", "Stella Steward"),
            ("submit", "Rosa Research"),
            ("cancel", "Rosa Research"),
        ]

    def test_pages_hold_each_line_once_and_fit_together(self, busy):
        sequences = [entry.sequence for entry in everything(busy)]
        assert sequences == list(range(len(sequences), 0, -1))

    def test_people_are_named_by_key_too(self, busy):
        change = next(entry for entry in everything(busy) if entry.event == "policy")
        assert (change.key, change.subject) == (busy.steward.key_id, NAME)
        assert change.detail == "1 steward decides everything"

    def test_a_steward_admits_and_revokes_by_name(self, busy):
        guest = PrivateKey.create()
        steward = busy.client(busy.steward)
        steward.admit(str(guest.public), "Gita Guest", "researcher")
        steward.revoke(guest.key_id)
        (revoked, admitted), _ = steward.log(limit=2)
        assert (admitted.event, admitted.who) == ("admit", "Stella Steward")
        assert (revoked.event, revoked.subject) == ("revoke", guest.key_id)

    def test_nothing_that_a_researcher_wrote_is_in_it(self, busy):
        words = " ".join(entry.canonical().decode() for entry in everything(busy))
        for written in ("diagnose", "DUO:0000007 cancer", 'cancer"'):
            assert written not in words.replace(NAME, "")

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=501",
            "limit=x",
            "after=-1",
            "after=x",
            f"after={1 << 31}",
            f"after={1 << 70}",
        ],
    )
    def test_a_page_that_makes_no_sense_is_refused(self, busy, query):
        answer = get(busy, f"/v1/log?{query}")
        assert (answer.status_code, error_of(answer)) == (422, "invalid-document")

    def test_a_page_after_the_last_is_empty(self, busy):
        for after in (0, 1):
            assert get(busy, f"/v1/log?after={after}").json() == {"entries": [], "next": None}

    def test_a_line_that_was_changed_or_left_out_is_noticed(self, busy):
        entries, _ = busy.client(busy.steward).log(limit=5)
        from workbench.documents.oversight import check_log

        check_log(entries)
        forged = entries[2].model_copy(update={"who": "Somebody Else"})
        again = LogEntry.following(forged.previous, forged.model_dump(exclude={"previous", "hash"}))
        for changed in (
            [*entries[:2], forged, *entries[3:]],
            [*entries[:2], again, *entries[3:]],
            [*entries[:2], *entries[3:]],
            entries[::-1],
        ):
            with pytest.raises(VerificationFailed, match="does not hold together"):
                check_log(changed)


def test_the_database_lets_nobody_change_the_log(database_url):
    store = Store(database_url)
    for number in range(3):
        with store.write() as connection:
            log.append(connection, "admit", "operator", str(number))
    statements = ["UPDATE log SET who = 'x'", "DELETE FROM log"]
    if not store.sqlite:
        statements.append("TRUNCATE log")
    for statement in statements:
        with pytest.raises(DBAPIError), store.engine.begin() as connection:
            connection.execute(text(statement))
    row = {
        "sequence": 2,
        "time": "x",
        "event": "x",
        "who": "x",
        "key": "",
        "subject": "",
        "detail": "",
        "previous": "x",
        "hash": "x",
    }
    with pytest.raises(DBAPIError), store.engine.begin() as connection:
        replaced = insert(table).prefix_with("OR REPLACE") if store.sqlite else insert(table)
        connection.execute(replaced.values(row))
    with store.read() as connection:
        assert log.check(connection) == 3
    store.close()


class TestSpending:
    def test_a_steward_sees_time_and_people(self, busy):
        found = busy.client(busy.steward).spending(NAME)
        assert [point.event for point in found.points] == [
            "reserve",
            "charge",
            "reserve",
            "charge",
            "reserve",
            "charge",
            "reserve",
            "void",
        ]
        spent = [point.epsilon_spent for point in found.points]
        assert spent[0] == spent[1] < spent[2] == spent[3] < spent[4] == spent[5] < spent[6]
        assert spent[7] == spent[5] == found.budget.epsilon_spent
        shares = {share.name: share for share in found.researchers}
        assert [share.runs for share in found.researchers] == [2, 1]
        assert shares["Otto Other"].epsilon_spent <= 1.0
        # Composed, not added up.
        assert found.budget.epsilon_spent < sum(s.epsilon_spent for s in found.researchers)

    def test_a_researcher_sees_the_own_share_only(self, busy):
        found = busy.client(busy.other).spending(NAME)
        assert [share.name for share in found.researchers] == ["Otto Other"]
        assert {point.researcher for point in found.points} == {"Otto Other"}
        assert found.points[-1].epsilon_spent == found.researchers[0].epsilon_spent
        assert found.budget == busy.client(busy.other).budget(NAME)


def test_a_researcher_gets_nothing_that_is_for_stewards(busy):
    mine = busy.client()
    before = busy.domain.holdings.cards_version()
    digest = "sha256:" + "0" * 64
    for call in (
        lambda: mine.log(),
        lambda: mine.policy(NAME),
        lambda: mine.policy_dry_run(NAME, Approval()),
        lambda: mine.set_policy(NAME, Approval()),
        lambda: mine.people(),
        lambda: mine.review(digest),
        lambda: mine.decide(digest, "approve"),
        lambda: mine.admit(str(busy.steward.public), "x", "steward"),
        lambda: mine.revoke(busy.steward.key_id),
    ):
        with pytest.raises(NotAdmitted, match="is for steward; you are researcher"):
            call()
    assert busy.domain.holdings.cards_version() == before


def test_a_killed_run_is_in_the_log_with_one_word(tmp_path):
    from tests.studies import endless

    root = make_domain(tmp_path / "hospital-a", limits="seconds = 1\n")
    site = Site.open(root)
    handle = submit(site.client(), endless)
    wait_until(lambda: handle.state == "failed", 60)
    (last,), _ = site.client(site.steward).log(limit=1)
    assert (last.event, last.detail, last.subject) == ("fail", "timeout", handle.digest)
    site.close()


def test_who_is_admitted_already_is_not_noted_again(tmp_path):
    site = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b", ()), start=False)
    operator, key = site.domain.operator, site.researcher.public
    before = site.domain.steward(site.client(site.steward).me()).log()[0]
    first = operator.admit(key, "Rosa Research", "researcher")
    assert operator.admit(key, "Rosa Research", "researcher") == first
    assert site.domain.steward(site.client(site.steward).me()).log()[0] == before
    assert operator.admit(key, "Rosa R.", "researcher").name == "Rosa R."
    assert len(site.domain.steward(site.client(site.steward).me()).log()[0]) == len(before) + 1
    site.close()
