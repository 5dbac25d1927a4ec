"""Check that an older database is brought up to date at the start, and loses nothing."""

from __future__ import annotations

import json

import alembic.command
import pytest
from sqlalchemy import select, text

from tests.support import Site, make_domain
from workbench.budget import chain
from workbench.budget.accountant import epsilon_of, pure_curve
from workbench.documents import DatasetCard, Envelope, PrivateKey
from workbench.domain.access import people
from workbench.domain.populations import registry
from workbench.domain.service import Domain
from workbench.domain.store import tables
from workbench.domain.store.database import Store
from workbench.errors import DomainUnavailable

OLD_CARD = text("INSERT INTO cards (digest, dataset, envelope) VALUES (:digest, :name, :envelope)")
OLD_CHARGE = text(
    "INSERT INTO ledger (dataset_version, request, researcher, event, curve, time) "
    "VALUES (:version, :request, :researcher, 'reserve', :curve, '2026-01-01T00:00:00Z')"
)
OLD_GRAPH = text(
    "INSERT INTO graphs (digest, facts, uploaded_by, uploaded) "
    "VALUES (:digest, '{}', :key, '2026-01-01T00:00:00Z')"
)
EARLIER = ("sha256:" + "1" * 64, "sha256:" + "2" * 64)
"""Versions before: one whose card is there, one that nobody knows any more."""
OLD_PERSON = text(
    "INSERT INTO people (key_id, public_key, name, role, admitted) "
    "VALUES (:key_id, :public_key, 'Stella Steward', 'steward', '2026-01-01T00:00:00Z')"
)


@pytest.fixture
def card(tmp_path):
    """A card as it was before terms could ask for two stewards: without a word on it."""
    site = Site.open(make_domain(tmp_path / "elsewhere"), start=False)
    found = site.client().dataset("breast-cancer")
    site.close()
    assert b"approvals" not in found.canonical()
    return found


def old_store(url, monkeypatch) -> Store:
    """Open a database as the first version left it."""
    original = alembic.command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(alembic.command, "upgrade", lambda config, to: original(config, "0001"))
        return Store(url)


def test_an_old_domain_opens_with_its_card_its_people_and_what_was_spent(
    database_url, tmp_path, card, monkeypatch
):
    root = make_domain(tmp_path / "hospital-a", database=database_url)
    key = PrivateKey.load(root / "keys" / "domain.key")
    steward = PrivateKey.create()
    earlier = card.model_copy(update={"dataset_version": EARLIER[0]})
    old = old_store(database_url, monkeypatch)
    with old.write() as connection:
        for one in (earlier, card):
            envelope = Envelope.sign(one, key).canonical().decode()
            values = {"digest": one.digest, "name": one.name, "envelope": envelope}
            connection.execute(OLD_CARD, values)
        connection.execute(
            OLD_PERSON, {"key_id": steward.key_id, "public_key": str(steward.public)}
        )
        connection.execute(OLD_GRAPH, {"digest": EARLIER[1], "key": steward.key_id})
        for number, version in enumerate([card.dataset_version, *EARLIER]):
            connection.execute(
                OLD_CHARGE,
                {
                    "version": version,
                    "request": str(number),
                    "researcher": steward.key_id,
                    "curve": json.dumps(list(pure_curve(0.5))),
                },
            )
    with pytest.raises(DomainUnavailable), old.read() as connection:
        connection.execute(text("SELECT * FROM log"))
    old.close()

    domain = Domain(root)
    assert domain.holdings.dataset(card.name).open(DatasetCard, key.public) == card
    # What was spent on an earlier version counts, and so does what nobody can place any more.
    budget = domain.holdings.budget(card.name)
    assert budget.runs == 3
    assert budget.population == card.name
    assert budget.epsilon_spent == pytest.approx(epsilon_of(3 * pure_curve(0.5), card.terms.delta))
    with domain.store.read() as connection:
        assert chain.check(connection) == 3
    with domain.store.read() as connection:
        person = people.require(people.find(connection, steward.key_id), "steward")
    with domain.store.read() as connection:
        (sent,) = connection.execute(select(tables.graph_uploads)).all()
    assert (sent.key, sent.graph) == (steward.key_id, EARLIER[1])
    assert domain.steward(person).policy(card.name).file is None
    domain.operator.admit(PrivateKey.create().public, "Rosa Research", "researcher")
    assert [entry.event for entry in domain.steward(person).log()[0]] == ["admit"]
    assert domain.operator.publish(card.name).terms == card.terms
    with domain.store.read() as connection:
        made = registry.get(connection, card.name)
    assert (made.epsilon_total, made.delta) == (card.terms.epsilon_total, card.terms.delta)
    domain.close()
