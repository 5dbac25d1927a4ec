"""A domain's older database comes up to date at its start, and nothing in it is lost."""

from __future__ import annotations

import alembic.command
import pytest
from sqlalchemy import text

from tests.support import Site, make_domain
from workbench.budget import ledger
from workbench.budget.accountant import pure_curve
from workbench.documents import DatasetCard, Envelope, PrivateKey
from workbench.documents.errors import DomainUnavailable
from workbench.domain import people
from workbench.domain.service import Domain
from workbench.domain.store import Store

OLD_CARD = text("INSERT INTO cards (digest, dataset, envelope) VALUES (:digest, :name, :envelope)")
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
    envelope = Envelope.sign(card, key).canonical().decode()
    old = old_store(database_url, monkeypatch)
    with old.write() as connection:
        values = {"digest": card.digest, "name": card.name, "envelope": envelope}
        connection.execute(OLD_CARD, values)
        connection.execute(
            OLD_PERSON, {"key_id": steward.key_id, "public_key": str(steward.public)}
        )
        ledger.reserve(
            connection, dataset_version=card.dataset_version, request="r",
            researcher=steward.key_id, curve=pure_curve(0.5), terms=card.terms,
        )  # fmt: skip
    with pytest.raises(DomainUnavailable), old.read() as connection:
        connection.execute(text("SELECT * FROM log"))
    old.close()

    domain = Domain(root)
    assert domain.dataset(card.name).open(DatasetCard, key.public) == card
    assert domain.budget(card.name).runs == 1
    with domain.store.read() as connection:
        person = people.require(people.find(connection, steward.key_id), "steward")
    assert domain.stewards.policy(person, card.name).file is None
    domain.admit(PrivateKey.create().public, "Rosa Research", "researcher")
    assert [entry.event for entry in domain.stewards.log(person)[0]] == ["admit"]
    assert domain.publish(card.name).terms == card.terms
    domain.close()
