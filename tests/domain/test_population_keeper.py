"""Check what stewards do with populations over HTTP: look, make, change, opt a person out."""

from __future__ import annotations

import pytest

from tests.registers import change, make_register, spend
from tests.support import Site
from workbench.budget import balance, ledger
from workbench.budget.accountant import epsilon_of, pure_curve
from workbench.documents import (
    Envelope,
    NewPopulation,
    PopulationChange,
    PrivateKey,
    ProposedChange,
)
from workbench.domain.datasets import files
from workbench.domain.populations import agreement
from workbench.errors import (
    Conflict,
    InvalidDocument,
    InvalidSignature,
    NotAdmitted,
    NotFound,
)

STAFF = NewPopulation(
    name="staff", title="All who work here", unit="person", epsilon_total=3.0, delta=1e-5, uses=9
)
RAISED = ProposedChange(epsilon_total=9.0)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A register in blocks with two stewards."""
    root = make_register(tmp_path_factory.mktemp("populations") / "hospital-a")
    change(root, "stays", blocks=["jan", "feb"], record_count=200)
    site = Site.open(root, start=False)
    site.other = PrivateKey.create()
    site.domain.operator.admit(site.other.public, "Selma Second", "steward")
    yield site
    site.domain.close()


@pytest.fixture
def site(opened):
    """The same, and no change waits."""
    yield opened
    with opened.domain.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM population_changes")


@pytest.fixture
def stella(site):
    return site.client(site.steward)


@pytest.fixture
def selma(site):
    return site.client(site.other)


def log_of(site):
    entries, _ = site.domain.steward(site.client(site.steward).me()).log()
    return [(one.event, one.who, one.subject, one.detail) for one in entries]


def points(client, block):
    """The points of a block of the patients over time."""
    shown = client.population_history("patients").blocks
    return {one.block: one.points for one in shown}.get(block, ())


def counted(site):
    """The sum of what counts in the block of January."""
    with site.domain.store.read() as connection:
        return balance.totals(connection).get(("patients", "jan"), 0.0)


class TestLooking:
    def test_a_steward_sees_each_block_and_what_was_spent_in_it_over_time(self, site, stella):
        before, earlier = points(stella, "jan"), counted(site)
        for number in range(3):
            spend(site, "stays", 0.5, f"run {number}")
        (found,) = [p for p in stella.populations() if p.population.name == "patients"]
        assert found.datasets == ("stays",)
        spent = epsilon_of(earlier + 3 * pure_curve(0.5), 1e-5)
        assert {b.block: b.epsilon_spent for b in found.blocks} == pytest.approx(
            {"jan": spent, "feb": spent, "": 0.0}
        )
        shown = {one.block: one.points for one in stella.population_history("patients").blocks}
        assert set(shown) == {"jan", "feb", ""}
        assert shown[""] == ()
        new = shown["jan"][len(before) :]
        assert [point.epsilon_spent for point in new] == pytest.approx(
            [epsilon_of(earlier + runs * pure_curve(0.5), 1e-5) for runs in (1, 2, 3)]
        )

    def test_what_was_given_back_is_seen_too(self, site, stella):
        spend(site, "stays", 0.1, "stays charged")
        before = points(stella, "jan")
        spend(site, "stays", 0.25, "given back")
        with site.domain.store.write() as connection:
            ledger.release_reservation(connection, request="given back")
        after = points(stella, "jan")
        assert len(after) == len(before) + 2
        assert after[-1].epsilon_spent == pytest.approx(before[-1].epsilon_spent)

    def test_many_populations_come_in_pages(self, site, stella):
        for number in range(5):
            site.domain.operator.populations.create(
                STAFF.model_copy(update={"name": f"paged-{number}"})
            )
        names = [one.population.name for one in stella.populations()]
        assert names == sorted(names)
        person, found, after = stella.me(), [], None
        while True:
            page, after = site.domain.steward(person).populations.page(after, 2)
            found += [one.population.name for one in page]
            if after is None:
                break
        assert found == names

    @pytest.mark.parametrize(
        "call",
        [
            lambda client: client.populations(),
            lambda client: client.population_history("patients"),
            lambda client: client.waiting_changes(),
            lambda client: client.create_population(STAFF),
            lambda client: client.opt_out("patients", "p001"),
            lambda client: client.propose_change("patients", RAISED),
        ],
    )
    def test_a_researcher_may_do_none_of_it(self, site, call):
        before = site.domain.operator.populations.names()
        with pytest.raises(NotAdmitted):
            call(site.client())
        assert site.domain.operator.populations.names() == before

    def test_a_researchers_word_on_a_change_is_refused(self, site):
        raised = ProposedChange(epsilon_total=100.0)
        proposed = site.domain.operator.populations.propose("patients", raised)
        with pytest.raises(NotAdmitted):
            site.client()._agree(proposed)


class TestMaking:
    def test_a_steward_makes_one_and_the_log_says_who(self, site, stella):
        made = stella.create_population(STAFF.model_copy(update={"name": "nurses"}))
        assert (made.population.epsilon_total, made.population.uses) == (3.0, 9)
        assert made.population.domain == "hospital-a"
        assert ("population", "Stella Steward", "nurses", "made") in log_of(site)
        with pytest.raises(Conflict, match="there is a population 'nurses'"):
            stella.create_population(STAFF.model_copy(update={"name": "nurses"}))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"name": "x"}',
            b'{"name": "X Y", "epsilon_total": 1, "delta": 1e-6}',
            b'{"name": "x", "epsilon_total": -1, "delta": 1e-6}',
            b'{"name": "x", "epsilon_total": 1, "delta": 1}',
            b'{"name": "x", "epsilon_total": 1, "delta": 1e-6, "uses": 9007199254740992}',
            b'{"name": "x", "epsilon_total": 1, "delta": 1e-6, "uses": ' + b"9" * 4000 + b"}",
            b'{"name": "x", "epsilon_total": 1e999, "delta": 1e-6}',
            b'{"name": "x", "epsilon_total": 1, "delta": 1e-6, "merged_into": "patients"}',
            b'{"name": "x", "epsilon_total": 1, "delta": 1e-6, "domain": "other", "order": 2}',
        ],
    )
    def test_what_makes_no_sense_changes_nothing(self, site, stella, body):
        before = site.domain.operator.populations.names()
        with pytest.raises(InvalidDocument):
            stella.road.call("POST", "/v1/populations", body)
        assert site.domain.operator.populations.names() == before


class TestOptingOut:
    def test_a_person_opts_out_and_the_log_does_not_say_who(self, site, stella):
        place = files.prepared(site.domain.folder, stella.dataset("stays"))
        assert place.training.exists()
        assert stella.opt_out("patients", "p007") == ["stays"]
        assert not place.training.exists()
        assert ("population", "Stella Steward", "patients", "a person opted out") in log_of(site)
        assert not any("p007" in str(line) for line in log_of(site))
        site.domain.operator.publish("stays")
        # Known, and in no present version any more.
        assert stella.opt_out("patients", "p007") == []

    def test_a_label_of_nobody_is_told(self, stella):
        with pytest.raises(NotFound, match="nobody in population 'patients' has this label"):
            stella.opt_out("patients", "p-nobody")
        with pytest.raises(NotFound, match="no population 'ghosts'"):
            stella.opt_out("ghosts", "p001")
        with pytest.raises(InvalidDocument):
            stella.road.call("POST", "/v1/populations/patients/opt-out", b'{"person": ""}')


class TestTwoStewards:
    def test_the_first_word_waits_and_the_second_makes_the_change(self, site, stella, selma):
        before = site.domain.operator.populations.status("patients").population.epsilon_total
        wanted = ProposedChange(epsilon_total=before + 1)
        assert stella.propose_change("patients", wanted) is None
        (waiting,) = selma.waiting_changes()
        assert (waiting.by, waiting.keys) == (("Stella Steward",), (site.steward.key_id,))
        assert f"raised to epsilon {before + 1:g}" in waiting.change.words
        assert (
            site.domain.operator.populations.status("patients").population.epsilon_total == before
        )
        with pytest.raises(Conflict, match="you have signed this already"):
            stella.agree(waiting.change.digest)
        made = selma.agree(waiting.change.digest)
        assert made.population.epsilon_total == before + 1
        assert selma.waiting_changes() == []
        for who in ("Stella Steward", "Selma Second"):
            assert ("population", who, "patients", "raised") in log_of(site)
        with pytest.raises(NotFound, match="no such change waits"):
            selma.agree(waiting.change.digest)

    def test_two_who_propose_the_same_agree(self, site, stella, selma):
        before = site.domain.operator.populations.status("patients").population.epsilon_total
        wanted = ProposedChange(epsilon_total=before + 1)
        assert stella.propose_change("patients", wanted) is None
        made = selma.propose_change("patients", wanted)
        assert made.population.epsilon_total == before + 1

    def test_a_merge_takes_two_as_well(self, site, stella, selma):
        for name in ("ward-a", "ward-b"):
            stella.create_population(STAFF.model_copy(update={"name": name}))
        assert stella.propose_change("ward-a", ProposedChange(merge="ward-b")) is None
        (waiting,) = selma.waiting_changes()
        assert selma.agree(waiting.change.digest).population.name == "ward-a"
        assert site.domain.operator.populations.status("ward-b").population.merged_into == "ward-a"

    def test_the_word_of_a_steward_who_was_revoked_does_not_count(self, site, stella, selma):
        third = PrivateKey.create()
        site.domain.operator.admit(third.public, "Thea Third", "steward")
        wanted = ProposedChange(epsilon_total=50.0)
        site.client(third).propose_change("patients", wanted)
        (waiting,) = stella.waiting_changes()
        site.domain.operator.revoke(third.key_id)
        assert stella.waiting_changes() == []
        with pytest.raises(NotFound):
            stella.agree(waiting.change.digest)
        # Sent past the list, it is the first word again.
        assert stella._agree(waiting.change) is None
        assert site.domain.operator.populations.status("patients").population.epsilon_total < 50.0
        assert selma.agree(waiting.change.digest).population.epsilon_total == 50.0

    def test_a_word_counts_only_from_who_signed_it(self, site, selma):
        proposed = site.domain.operator.populations.propose(
            "patients", ProposedChange(epsilon_total=90.0)
        )
        of_stella = Envelope.sign(proposed, site.steward)
        with pytest.raises(InvalidSignature, match="another steward has signed this"):
            selma.road.call("POST", "/v1/population-changes", of_stella.canonical())
        forged = of_stella.model_copy(
            update={"signatures": Envelope.sign(proposed, PrivateKey.create()).signatures}
        )
        with pytest.raises((InvalidSignature, NotAdmitted)):
            selma.road.call("POST", "/v1/population-changes", forged.canonical())
        assert selma.waiting_changes() == []

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"proposed": "2020-01-01T00:00:00.000000Z"}, "propose it again"),
            ({"proposed": "2999-01-01T00:00:00.000000Z"}, "propose it again"),
            ({"domain": "hospital-b"}, "is for domain 'hospital-b'"),
            ({"population": "sha256:" + "0" * 64}, "has changed since this was proposed"),
            ({"epsilon_total": 0.5}, "already"),
        ],
    )
    def test_a_change_that_is_not_what_the_domain_proposed_is_refused(
        self, site, selma, values, why
    ):
        proposed = site.domain.operator.populations.propose(
            "patients", ProposedChange(epsilon_total=99.0)
        )
        word = Envelope.sign(proposed.model_copy(update=values), site.other)
        with pytest.raises(Conflict, match=why):
            selma.road.call("POST", "/v1/population-changes", word.canonical())
        assert selma.waiting_changes() == []

    @pytest.mark.parametrize("wanted", [{}, {"epsilon_total": 99.0, "merge": "nurses"}])
    def test_a_change_is_one_thing(self, stella, wanted):
        with pytest.raises((InvalidDocument, NotFound)):
            stella.propose_change("patients", ProposedChange(**wanted))

    def test_only_so_many_of_one_steward_wait(self, stella, selma, monkeypatch):
        monkeypatch.setattr(agreement, "MOST_WAITING", 2)
        for total in (91.0, 92.0):
            stella.propose_change("patients", ProposedChange(epsilon_total=total))
        with pytest.raises(Conflict, match="2 of your changes wait for a second steward"):
            stella.propose_change("patients", ProposedChange(epsilon_total=93.0))
        # Nobody takes another steward's places.
        assert selma.propose_change("patients", ProposedChange(epsilon_total=93.0)) is None

    def test_a_client_signs_only_what_was_asked_for(self, site, stella, monkeypatch):
        proposed = site.domain.operator.populations.propose(
            "patients", ProposedChange(epsilon_total=99.0)
        )
        sent = []
        real = stella.road.read

        def read(kind, method, target, body=b""):
            sent.append(target)
            if target.endswith("/proposal"):
                return proposed
            return real(kind, method, target, body)

        monkeypatch.setattr(stella.road, "read", read)
        for name, wanted in (
            ("patients", ProposedChange(epsilon_total=98.0)),
            ("nurses", ProposedChange(epsilon_total=99.0)),
            ("patients", ProposedChange(merge="nurses")),
        ):
            with pytest.raises(InvalidDocument, match="another change signed"):
                stella.propose_change(name, wanted)
        foreign = PopulationChange(**(proposed.model_dump() | {"domain": "hospital-b"}))
        with pytest.raises(InvalidDocument, match="is for domain 'hospital-b'"):
            stella._agree(foreign)
        assert "/v1/population-changes" not in sent
