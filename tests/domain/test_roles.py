"""Check that stewards alone do what is for stewards, and that strangers do nothing."""

from __future__ import annotations

import inspect

import pytest

from tests.support import Site, error_of, make_domain
from workbench.documents import PrivateKey
from workbench.domain.access import people
from workbench.domain.api import create_app
from workbench.domain.holdings import Holdings
from workbench.domain.population_keeper import PopulationKeeper
from workbench.domain.research import Research
from workbench.domain.stewards import Steward
from workbench.errors import NotAdmitted
from workbench.graphs.upload import UploadOffer
from workbench.identity import tokens

DIGEST = "sha256:" + "0" * 64
ANYBODY = {"GET /v1/domain", "GET /v1/health"}
RESEARCHERS = {
    "GET /v1/me",
    "GET /v1/datasets",
    "GET /v1/datasets/{name}",
    "GET /v1/datasets/{name}/snippet",
    "GET /v1/datasets/{name}/tokenizers/{column}",
    "GET /v1/datasets/{name}/croissant",
    "GET /v1/datasets/{name}/budget",
    "GET /v1/datasets/{name}/spending",
    "GET /v1/budgets",
    "PUT /v1/graphs/{digest}",
    "POST /v1/uploads/{digest}",
    "PUT /v1/uploads/{digest}/{offset}",
    "POST /v1/uploads/{digest}/finish",
    "POST /v1/requests",
    "GET /v1/requests",
    "GET /v1/requests/{digest}",
    "GET /v1/requests/{digest}/events",
    "POST /v1/requests/{digest}/cancel",
    "GET /v1/requests/{digest}/evidence",
    "GET /v1/requests/{digest}/statistics",
    "GET /v1/requests/{digest}/model",
}
"""All that a researcher may call; a new route is for stewards unless it is named here."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = make_domain(tmp_path_factory.mktemp("roles") / "hospital-a")
    site = Site.open(root, start=False)
    yield site
    site.close()


@pytest.fixture(scope="module")
def routes(site):
    paths = create_app(site.domain).openapi()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert len(found) > len(ANYBODY | RESEARCHERS)
    return found


@pytest.fixture(scope="module")
def revoked(site):
    """The key of one who was a steward."""
    key = PrivateKey.create()
    site.domain.operator.admit(key.public, "Eva Ex", "steward")
    site.domain.operator.revoke(key.key_id)
    return key


def call(site, route, key=None):
    """Send a call of a route, with a signed token if there is a key."""
    method, path = route.split(" ")
    named = {"name": "breast-cancer", "column": "diagnosis", "key_id": "0" * 64}
    path = path.format(digest=DIGEST, offset=0, **named)
    headers = {}
    if key is not None:
        token = tokens.make(key, "hospital-a", method, path, b"{}")
        headers["authorization"] = f"Bearer {token}"
    return site.http.request(method, path, content=b"{}", headers=headers)


def person(site, key):
    with site.domain.store.read() as connection:
        return people.find(connection, key.key_id)


def test_strangers_call_nothing(site, routes, revoked):
    for route in routes - ANYBODY:
        assert error_of(call(site, route)) == "invalid-token", route
        assert error_of(call(site, route, PrivateKey.create())) == "invalid-token", route
        assert error_of(call(site, route, revoked)) == "not-admitted", route


def test_researchers_call_what_is_named_and_nothing_else(site, routes):
    assert routes >= ANYBODY | RESEARCHERS
    for route in routes - ANYBODY - RESEARCHERS:
        assert error_of(call(site, route, site.researcher)) == "not-admitted", route
        assert call(site, route, site.steward).status_code != 403, route
    for route in RESEARCHERS:
        assert call(site, route, site.researcher).status_code in (200, 404, 422), route


def test_nobody_acts_as_a_steward_but_stewards(site, revoked):
    domain = site.domain
    for key in (site.researcher, revoked, PrivateKey.create()):
        who = person(site, key)
        with pytest.raises(NotAdmitted):
            domain.steward(who)
        with pytest.raises(NotAdmitted):
            PopulationKeeper(domain.home, who)
    assert domain.steward(person(site, site.steward)).people()


@pytest.mark.parametrize("part", [Steward, PopulationKeeper])
def test_no_method_is_told_who_acts(part):
    """Who acts was checked when the object was made; a method that takes a person could differ."""
    for name, method in inspect.getmembers(part, inspect.isfunction):
        if not name.startswith("_"):
            assert "Person" not in {
                p.annotation for p in inspect.signature(method).parameters.values()
            }, name


@pytest.mark.parametrize(("part", "told"), [(Research, 11), (Holdings, 1)])
def test_a_part_that_is_told_who_acts_refuses_who_is_not_admitted(site, revoked, part, told):
    here = {Research: site.domain.research, Holdings: site.domain.holdings}[part]
    card = site.domain.holdings.dataset("breast-cancer")
    values = {
        "digest": DIGEST,
        "archive": b"",
        "envelope": card,
        "name": "breast-cancer",
        "offer": UploadOffer(size=1),
        "offset": 0,
        "chunk": b"x",
    }
    asked = 0
    for name, method in inspect.getmembers(here, inspect.ismethod):
        wanted = inspect.signature(method).parameters
        if name.startswith("_") or "person" not in wanted:
            continue
        asked += 1
        given = {one: values[one] for one in wanted if one in values}
        for who in (person(site, revoked), None):
            with pytest.raises(NotAdmitted):
                method(person=who, **given)
    assert asked == told


def test_a_steward_asks_for_nothing(site):
    """One key, one role: nobody approves their own requests."""
    who, research = person(site, site.steward), site.domain.research
    with pytest.raises(NotAdmitted):
        research.put_graph(who, DIGEST, b"")
    with pytest.raises(NotAdmitted):
        research.offer_graph(who, DIGEST, UploadOffer(size=1))
    with pytest.raises(NotAdmitted):
        research.receive_chunk(who, DIGEST, 0, b"x")
    with pytest.raises(NotAdmitted):
        research.finish_graph(who, DIGEST)
    with pytest.raises(NotAdmitted):
        research.submit(who, site.domain.holdings.dataset("breast-cancer"))
