"""Check that all datasets are listed, over several pages, with few queries."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import event, insert

from tests.studies import submit
from tests.support import Site, error_of, make_domain
from workbench.documents import DatasetCard, Envelope, PrivateKey, digest_bytes
from workbench.domain.store.tables import cards
from workbench.errors import InvalidSignature, NotAdmitted
from workbench.identity import tokens

MANY = 1203


def add_cards(site: Site, count: int, key: PrivateKey | None = None, prefix: str = "extra") -> None:
    """Publish signed copies of the first card under other names."""
    card = DatasetCard.read(site.client().dataset("breast-cancer").model_dump(mode="json"))
    values = []
    for number in range(count):
        name = f"{prefix}-{number:05d}"
        copy = card.model_copy(
            update={"name": name, "dataset_version": digest_bytes(name.encode())}
        )
        envelope = Envelope.sign(copy, key or site.domain.key).canonical().decode()
        values.append({"digest": copy.digest, "dataset": name, "envelope": envelope})
    with site.domain.store.write() as connection:
        connection.execute(insert(cards), values)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    opened = Site.open(make_domain(tmp_path_factory.mktemp("many") / "hospital-a"))
    submit(opened.client()).wait(progress=False)
    add_cards(opened, MANY)
    yield opened
    opened.close()


@pytest.fixture
def opened_cards(monkeypatch):
    """The cards whose signature was checked."""
    seen = []
    original = Envelope.open

    def counted(self, kind, key):
        seen.append(kind)
        return original(self, kind, key)

    monkeypatch.setattr(Envelope, "open", counted)
    return seen


def asked(site, action):
    """Return how many SELECTs `action` made."""
    statements = []

    def note(connection, cursor, statement, *rest):
        statements.append(statement)

    event.listen(site.domain.store.engine, "before_cursor_execute", note)
    try:
        action()
    finally:
        event.remove(site.domain.store.engine, "before_cursor_execute", note)
    return sum(statement.startswith("SELECT") for statement in statements)


def get(site, target, **headers) -> httpx.Response:
    token = tokens.make(site.researcher, "hospital-a", "GET", target)
    return site.http.get(target, headers={"authorization": f"Bearer {token}", **headers})


def test_all_are_listed_by_name_once(many):
    names = [card.name for card in many.client().datasets()]
    # Another test adds one more.
    assert [name for name in names if not name.startswith("new")] == [
        "breast-cancer",
        *(f"extra-{number:05d}" for number in range(MANY)),
    ]
    assert names == sorted(set(names))


def test_a_page_holds_as_many_as_asked_and_says_where_to_go_on(many):
    page = get(many, "/v1/datasets?limit=2").json()
    assert len(page["datasets"]) == 2
    assert page["next"] == "extra-00000"
    rest = get(many, f"/v1/datasets?limit=1000&after=extra-{MANY - 2:05d}").json()
    names = [card.name for card in many.client().datasets()]
    assert len(rest["datasets"]) == len(names) - 1 - names.index(f"extra-{MANY - 2:05d}") > 0
    assert rest["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=../x", "after="])
def test_a_page_that_makes_no_sense_is_refused(many, query):
    for path in ("/v1/datasets", "/v1/budgets"):
        answer = get(many, f"{path}?{query}")
        assert (answer.status_code, error_of(answer)) == (422, "invalid-document")


def test_a_page_takes_as_many_questions_however_many_cards_it_has(many):
    for path in ("/v1/datasets", "/v1/budgets"):
        few, full = (
            asked(many, lambda: get(many, f"{path}?limit={limit}"))  # noqa: B023
            for limit in (1, 1000)
        )
        assert few == full <= 6


def test_a_list_of_requests_takes_as_many_questions_however_long_it_is(many):
    for repeat in (1, 2, 3):
        submit(many.client(), repeat=repeat, epsilon=0.5).wait(progress=False)
    one, all_of_them = (
        asked(many, lambda: get(many, f"/v1/requests?limit={limit}"))  # noqa: B023
        for limit in (1, 500)
    )
    assert one == all_of_them <= 6


def test_what_has_not_changed_is_not_sent_again(many):
    first = get(many, "/v1/datasets?limit=1")
    tag = first.headers["etag"]
    for wanted in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = get(many, "/v1/datasets?limit=1", **{"if-none-match": wanted})
        assert (again.status_code, again.content) == (304, b"")
    other = get(many, "/v1/datasets?limit=1", **{"if-none-match": '"other"'})
    assert other.status_code == 200


def test_a_known_card_is_not_verified_again(many, opened_cards):
    client = many.client()
    first = client.datasets()
    assert opened_cards.count(DatasetCard) == len(first) > MANY
    assert client.datasets() == first
    assert opened_cards.count(DatasetCard) == len(first)
    before = client.cards_version
    add_cards(many, 1, prefix="new")
    assert len(client.datasets()) == len(first) + 1
    assert opened_cards.count(DatasetCard) == len(first) + 2
    assert client.cards_version != before


def test_a_card_by_another_key_is_refused_and_nothing_is_kept(tmp_path):
    site = Site.open(make_domain(tmp_path / "hospital-a"), start=False)
    client = site.client()
    known = client.datasets()
    version = client.cards_version
    add_cards(site, 1, PrivateKey.create())
    for _ in range(2):
        with pytest.raises(InvalidSignature):
            client.datasets()
    assert client.cards_version == version
    assert len(known) == 1
    site.close()


def test_all_budgets_are_those_of_the_single_datasets(many):
    client = many.client()
    budgets = {budget.dataset: budget for budget in client.budgets()}
    assert set(budgets) == {card.name for card in client.datasets()}
    for name in ("breast-cancer", "extra-00007"):
        expected = client.budget(name).model_dump()
        assert budgets[name].model_dump(exclude={"dataset"}) == expected
    assert budgets["breast-cancer"].epsilon_spent > 0
    assert budgets["extra-00007"].epsilon_spent == 0


def test_everybody_may_ask_who_they_are(many):
    assert many.client().me().role == "researcher"
    me = many.client(many.steward).me()
    assert (me.name, me.role, me.key_id) == ("Stella Steward", "steward", many.steward.key_id)
    stranger = PrivateKey.create()
    many.domain.operator.admit(stranger.public, "Eva Ex", "researcher")
    many.domain.operator.revoke(stranger.key_id)
    with pytest.raises(NotAdmitted):
        many.client(stranger).me()
    assert many.client().info()["api"] == 3
