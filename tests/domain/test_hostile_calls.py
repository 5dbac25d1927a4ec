"""Check that bad calls are refused with a clear error, and that they change and cost nothing."""

from __future__ import annotations

import datetime
import json
import time

import jwt
import pytest
from sqlalchemy import insert, select

from tests.studies import dataset, diagnose, linear, submit
from tests.support import error_of
from workbench.budget import chain, ledger
from workbench.budget.accountant import run_curve
from workbench.budget.caps import Account, Caps
from workbench.documents import Decision, Envelope, PrivateKey, Request, now
from workbench.domain import callers
from workbench.domain.store.tables import tokens as used
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    GraphRefused,
    InvalidArgument,
    InvalidDocument,
    InvalidSignature,
    InvalidToken,
    NotAdmitted,
    NotFound,
    TermsRefused,
    TooLarge,
    UnknownColumn,
)
from workbench.identity import tokens


class Ahead(datetime.datetime):
    """A clock that is more than a day ahead."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=100_000)


@pytest.fixture
def unchanged(site):
    """Nothing may be written or charged while a test runs."""

    def state():
        with site.domain.store.read() as connection:
            return chain.count(connection), len(site.client(site.steward).requests())

    before = state()
    yield
    assert state() == before


def good_request(site, **changes) -> Request:
    """A request that would pass, with some fields changed; its graph is uploaded."""
    client = site.client()
    data = dataset(client)
    graph = diagnose.export(linear(), data)
    client.upload(graph.digest, graph.archive)
    fields = {
        "researcher": client.key.key_id,
        "domain": "hospital-a",
        "dataset": "breast-cancer",
        "dataset_version": data.card.dataset_version,
        "card": data.card.digest,
        "function": "diagnose",
        "graph": graph.digest,
        "inputs": list(graph.inputs),
        "metrics": ["accuracy"],
        "plan": diagnose.plan(data.card, 1.0, 1e-5, 1).model_dump(),
        "epsilon": 1.0,
        "delta": 1e-5,
        "purpose": "DUO:0000007",
        "repeat": 1000,
    }
    return Request.read(fields | changes)


@pytest.mark.usefixtures("unchanged")
class TestRequests:
    @pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf"), "2"])
    def test_epsilon_must_be_a_number_above_zero(self, site, epsilon):
        with pytest.raises(InvalidArgument, match="epsilon"):
            submit(site.client(), epsilon=epsilon)
        with pytest.raises(InvalidDocument):
            good_request(site, epsilon=epsilon)

    def test_epsilon_above_the_terms(self, site):
        with pytest.raises(TermsRefused, match="above the cap of 2 on one run"):
            submit(site.client(), epsilon=2.5)

    def test_a_plan_that_costs_more_than_it_says(self, site):
        plan = good_request(site).plan.model_copy(update={"noise_multiplier": 0.5})
        with pytest.raises(TermsRefused, match="the plan costs epsilon"):
            site.client().submit(good_request(site, plan=plan.model_dump()))

    def test_delta_above_the_terms(self, site):
        with pytest.raises(TermsRefused, match="delta"):
            submit(site.client(), delta=1e-3)

    def test_a_purpose_that_the_terms_do_not_allow(self, site):
        with pytest.raises(TermsRefused, match=r"purpose DUO:0000015 is not allowed"):
            submit(site.client(), purpose="DUO:0000015 advertising")

    def test_more_than_the_budget_has(self, site):
        card = site.client().dataset("breast-cancer")
        little = Caps(1e-6, card.terms.delta)
        account = Account(card.name, card.name, card.dataset_version, (), little, little)
        curve = run_curve(good_request(site).plan, 1)
        with pytest.raises(BudgetExhausted, match="is left"), site.domain.store.write() as c:
            ledger.reserve(
                c, account=account, request="sha256:" + "1" * 64, researcher="0" * 64, curve=curve
            )

    def test_a_graph_that_was_not_uploaded(self, site):
        with pytest.raises(NotFound, match="was not uploaded"):
            site.client().submit(good_request(site, graph="sha256:" + "0" * 64))

    def test_a_column_that_does_not_exist(self, site):
        request = good_request(site)
        inputs = ["nothing", *request.inputs[1:]]
        with pytest.raises(UnknownColumn, match="'nothing'"):
            site.client().submit(good_request(site, inputs=inputs))

    def test_another_number_of_metrics(self, site):
        with pytest.raises(GraphRefused, match="1 metrics"):
            site.client().submit(good_request(site, metrics=[]))

    def test_a_public_loss_that_records_reach(self, site):
        """A metric passed off as the public loss: it would be descended without any noise."""
        plan = good_request(site).plan.model_dump() | {"public_loss": {"learning_rate": 1.0}}
        with pytest.raises(GraphRefused, match="public loss depends on column"):
            site.client().submit(good_request(site, plan=plan, metrics=[]))
        with pytest.raises(GraphRefused, match="0 metrics, but the request names 1"):
            site.client().submit(good_request(site, plan=plan))

    def test_noise_in_the_place_of_a_column_or_too_much_of_it(self, site):
        inputs = good_request(site).inputs
        with pytest.raises(GraphRefused, match="'noise:0:7' has shape"):
            site.client().submit(good_request(site, inputs=[*inputs[:-1], "noise:0:7"]))
        with pytest.raises(InvalidDocument, match="random numbers for one record"):
            good_request(site, inputs=[*inputs[:-1], "noise:0:2000000"])

    def test_an_old_card_or_version(self, site):
        for field in ("card", "dataset_version"):
            with pytest.raises(Conflict, match="published anew"):
                site.client().submit(good_request(site, **{field: "sha256:" + "0" * 64}))

    def test_a_request_for_another_domain(self, site):
        with pytest.raises(InvalidDocument, match="is for domain 'hospital-b'"):
            site.client().submit(good_request(site, domain="hospital-b"))

    def test_an_unknown_dataset(self, site):
        with pytest.raises(NotFound, match="no dataset 'nothing'"):
            site.client().submit(good_request(site, dataset="nothing"))

    def test_a_request_signed_by_another_key(self, site):
        thief = PrivateKey.create()
        envelope = Envelope.sign(good_request(site), thief)
        with pytest.raises(InvalidSignature):
            site.client().road.call("POST", "/v1/requests", envelope.canonical())

    def test_a_request_in_the_name_of_another(self, site):
        other = PrivateKey.create()
        site.domain.operator.admit(other.public, "Otto Other", "researcher")
        with pytest.raises(NotAdmitted, match="another researcher"):
            site.client(other).submit(good_request(site))

    def test_a_changed_request_under_an_old_signature(self, site):
        envelope = Envelope.sign(good_request(site), site.researcher)
        other = Envelope.sign(good_request(site, epsilon=1.5), site.researcher)
        forged = envelope.model_copy(update={"payload": other.payload})
        with pytest.raises(InvalidSignature):
            site.client().road.call("POST", "/v1/requests", forged.canonical())

    def test_garbage_instead_of_an_envelope(self, site):
        for body in (b"", b"{}", b"[" * 100_000, b"\x00\xff", b'{"payload":1}'):
            with pytest.raises(InvalidDocument):
                site.client().road.call("POST", "/v1/requests", body)

    def test_an_unknown_operator_and_other_bytes_than_the_digest(self, site):
        from workbench.documents import digest_bytes

        with pytest.raises(GraphRefused):
            site.client().upload(digest_bytes(b"junk"), b"junk")
        with pytest.raises(InvalidDocument, match="digest"):
            site.client().upload("sha256:" + "0" * 64, b"junk")

    def test_a_body_over_the_limit_is_refused_by_its_announced_size(self, site):
        with pytest.raises(TooLarge):
            site.client().road.call("POST", "/v1/requests", bytes(3 << 20))


@pytest.mark.usefixtures("unchanged")
class TestTokens:
    def call(self, site, token, method="GET", path="/v1/datasets", body=b""):
        return site.http.request(
            method, path, content=body, headers={"authorization": f"Bearer {token}"}
        )

    def claims(self, site, **changes):
        base = jwt.decode(
            tokens.make(site.researcher, "hospital-a", "GET", "/v1/datasets"),
            options={"verify_signature": False},
        )
        return jwt.encode(base | changes, site.researcher.crypto, algorithm="EdDSA")

    def test_no_token(self, site):
        answer = site.http.get("/v1/datasets")
        assert (answer.status_code, error_of(answer)) == (401, "invalid-token")

    def test_expired(self, site):
        past = int(time.time()) - 1000
        answer = self.call(site, self.claims(site, iat=past, exp=past + 60))
        assert answer.status_code == 401
        assert "expired" in answer.json()["error"]["message"]

    def test_long_lived(self, site):
        assert self.call(site, self.claims(site, exp=int(time.time()) + 10_000)).status_code == 401

    @pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti", "htm", "htu", "bsh"])
    @pytest.mark.parametrize("value", [None, 7, "x", [], {"a": 1}])
    def test_claims_of_other_types(self, site, name, value):
        try:
            token = self.claims(site, **{name: value})
        except TypeError:
            return
        assert self.call(site, token).status_code == 401

    def test_forged(self, site):
        thief = PrivateKey.create()
        good = tokens.make(site.researcher, "hospital-a", "GET", "/v1/datasets")
        claims = jwt.decode(good, options={"verify_signature": False})
        forged = jwt.encode(claims, thief.crypto, algorithm="EdDSA")
        unsigned = jwt.encode(claims, None, algorithm="none")
        shared = jwt.encode(claims, str(site.researcher.public), algorithm="HS256")
        for token in (forged, unsigned, shared, good[:-4], "x.y.z", "", "a" * 10_000):
            assert self.call(site, token).status_code == 401

    def test_for_another_audience_method_path_or_body(self, site):
        key = site.researcher
        for token in (
            tokens.make(key, "hospital-b", "GET", "/v1/datasets"),
            tokens.make(key, "hospital-a", "POST", "/v1/datasets"),
            tokens.make(key, "hospital-a", "GET", "/v1/requests"),
            tokens.make(key, "hospital-a", "GET", "/v1/datasets?x=1"),
            tokens.make(key, "hospital-a", "GET", "/v1/datasets", b"other"),
        ):
            assert self.call(site, token).status_code == 401

    def test_a_replayed_call_that_would_change_something(self, site):
        path = "/v1/requests"
        body = b"{}"
        token = tokens.make(site.researcher, "hospital-a", "POST", path, body)
        first = self.call(site, token, "POST", path, body)
        again = self.call(site, token, "POST", path, body)
        assert error_of(first) == "invalid-document"
        assert error_of(again) == "invalid-token"
        assert "used before" in again.json()["error"]["message"]

    def test_a_replayed_call_after_the_clock_jumped_ahead_and_back(self, site, monkeypatch):
        body = b"{}"

        def post(token):
            return error_of(self.call(site, token, "POST", "/v1/requests", body))

        def fresh():
            return tokens.make(site.researcher, "hospital-a", "POST", "/v1/requests", body)

        monkeypatch.setattr(callers, "_FORGET_EVERY", 1)
        token = fresh()
        assert post(token) == "invalid-document"
        real = time.time
        with monkeypatch.context() as ahead:
            ahead.setattr(time, "time", lambda: real() + 100_000)
            ahead.setattr("jwt.api_jwt.datetime", Ahead)
            other = fresh()
            assert post(other) == "invalid-document"
        assert post(token) == post(other) == "invalid-token"
        assert post(fresh()) == "invalid-document"

    def test_used_tokens_are_forgotten_in_the_end(self, site, monkeypatch):
        for name, value in (("_FORGET_EVERY", 1), ("_REMEMBERED", 1)):
            monkeypatch.setattr(callers, name, value)
        with site.domain.store.write() as connection:
            for number in range(5):
                connection.execute(insert(used).values(jti=f"old-{number}", expires=number))
        self.test_a_replayed_call_that_would_change_something(site)
        with site.domain.store.read() as connection:
            old = connection.execute(select(used.c.jti).where(used.c.expires < 5)).scalars()
            assert list(old) == ["old-4"]

    def test_a_list_of_audiences(self, site):
        for audiences in (["hospital-a"], ["hospital-b", "hospital-a"]):
            assert self.call(site, self.claims(site, aud=audiences)).status_code == 401

    def test_a_stranger_and_somebody_revoked(self, site):
        stranger = PrivateKey.create()
        with pytest.raises(InvalidToken, match="not known here"):
            site.client(stranger).datasets()
        site.domain.operator.admit(stranger.public, "Eva Ex", "researcher")
        assert site.client(stranger).datasets()
        site.domain.operator.revoke(stranger.key_id)
        with pytest.raises(NotAdmitted):
            site.client(stranger).datasets()


@pytest.mark.usefixtures("unchanged")
class TestRoles:
    def test_a_researcher_cannot_do_what_stewards_do(self, site):
        mine = site.client()
        digest = "sha256:" + "0" * 64
        for call in (
            lambda: mine.people(),
            lambda: mine.review(digest),
            lambda: mine.decide(digest, "approve"),
            lambda: mine.admit(str(site.steward.public), "x", "steward"),
            lambda: mine.revoke(site.steward.key_id),
        ):
            with pytest.raises(NotAdmitted, match="is for steward; you are researcher"):
                call()

    def test_a_steward_cannot_ask_for_runs(self, site):
        with pytest.raises(NotAdmitted, match="is for researcher"):
            submit(site.client(site.steward))

    def test_one_key_has_one_role(self, site):
        with pytest.raises(Conflict, match="already admitted as researcher"):
            site.domain.operator.admit(site.researcher.public, "Rosa", "steward")

    def test_a_decision_by_another_key_or_on_another_request(self, site):
        digest = "sha256:" + "0" * 64
        decision = Decision(
            request=digest, verdict="approve", by="steward", key=site.steward.key_id, decided=now()
        )
        forged = Envelope.sign(decision, PrivateKey.create()).canonical()
        steward = site.client(site.steward)
        with pytest.raises(InvalidSignature):
            steward.road.call("POST", f"/v1/requests/{digest}/decision", forged)
        honest = Envelope.sign(decision, site.steward).canonical()
        with pytest.raises(Conflict, match="another request"):
            steward.road.call("POST", f"/v1/requests/sha256:{'1' * 64}/decision", honest)


def test_errors_have_one_form_and_unknown_paths_too(site):
    answer = site.http.get("/v1/nothing")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert json.loads(site.http.get("/openapi.json").text)["openapi"].startswith("3.")
