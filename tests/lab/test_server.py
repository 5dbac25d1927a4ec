"""The Jupyter server extension: a real Jupyter server, real domains behind real ports."""

from __future__ import annotations

import email
import io
import json
import re
import socket
import time
from contextlib import redirect_stdout

import httpx
import psutil
import pytest

import workbench as wb
from tests.lab.servers import PREFIX, News, OpenDomain, jupyter_server, write_space
from tests.studies import endless, linear, submit, submit_progression
from tests.support import error_of, wait_until
from workbench.documents import PrivateKey
from workbench.evidence.verify import verify
from workbench.lab.server.base import MOST_BODY

pytestmark = pytest.mark.slow

SECONDS = 20


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital")
    found = OpenDomain(root / "hospital-a", datasets=("breast-cancer", "digits"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def clinic(tmp_path_factory, hospital):
    """Another domain, with the same people; its steward decides each request."""
    root = tmp_path_factory.mktemp("clinic")
    found = OpenDomain(root / "hospital-b", "hospital-b", ("diabetes",), like=hospital)
    yield found
    found.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, hospital, clinic):
    """A Jupyter server of the researcher."""
    root = tmp_path_factory.mktemp("lab") / "root"
    write_space(root, hospital.site.researcher, hospital, clinic)
    with jupyter_server(root) as found:
        yield found


@pytest.fixture(scope="module")
def steward_lab(tmp_path_factory, clinic):
    """A Jupyter server of the steward, told by configuration where the space is."""
    root = tmp_path_factory.mktemp("steward") / "root"
    root.mkdir()
    file = write_space(root.parent / "elsewhere", clinic.site.steward, clinic)
    with jupyter_server(root, f"--WorkbenchLab.space={file}") as found:
        yield found


@pytest.fixture
def news(lab):
    found = News(lab)
    yield found
    found.close()


def run_cell(code: str, names: dict | None = None) -> dict:
    names = {} if names is None else names
    with redirect_stdout(io.StringIO()):
        exec(compile(code, "cell", "exec"), names)
    return names


def pem(path) -> list[str]:
    """The lines of a private key that nobody else may see."""
    lines = path.read_text().split("\n")
    return [line for line in lines if line and not line.startswith("-----")]


# Who one is, what there is


def test_a_session_says_who_one_is_and_how_the_domains_are(lab, hospital):
    wait_until(lambda: lab.json("session")["domains"][0]["state"] == "up", SECONDS)
    found = lab.json("session")
    assert (found["api"], found["problem"]) == (1, None)
    assert found["key_id"] == hospital.site.researcher.key_id
    domain, other = found["domains"]
    assert other["name"] == "hospital-b"
    assert (domain["name"], domain["state"], domain["role"]) == ("hospital-a", "up", "researcher")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", domain["since"])
    assert domain["latency_ms"] > 0
    assert (domain["api"], domain["warning"]) == (3, "")


def test_the_catalog_is_sent_once_for_each_version(lab):
    first = lab.get("catalog")
    assert [e["name"] for e in first.json()["datasets"]] == ["breast-cancer", "digits", "diabetes"]
    assert first.json()["version"] in first.headers["etag"]
    again = lab.get("catalog", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_dataset_is_shown_in_full(lab):
    found = lab.json("datasets/hospital-a/digits")
    assert found["entry"]["kind"] == "image"
    assert found["budget"]["epsilon_left"] == 40.0
    assert found["snippet"]["arrays"][0]["shape"] == [8, 8]
    assert ["purposes", "DUO:0000042 (general research use)"] in found["terms"]["rows"]
    assert lab.json("datasets/hospital-a/digits/croissant")["@context"]


def test_a_starter_from_the_server_runs_in_a_notebook(lab, monkeypatch):
    monkeypatch.chdir(lab.folder)
    names = run_cell(lab.json("datasets/hospital-b/diabetes/starter")["code"])
    assert names["data"].card.name == "diabetes"


def test_the_server_has_not_loaded_torch_before_it_was_needed(tmp_path, hospital):
    write_space(tmp_path / "root", hospital.site.researcher, hospital)
    with jupyter_server(tmp_path / "root") as lab:
        for path in (
            "session",
            "catalog",
            "datasets/hospital-a/digits",
            "requests",
            "datasets/hospital-a/digits/starter",
        ):
            lab.json(path)
        maps = {m.path for m in psutil.Process(lab.process.pid).memory_maps()}
        assert not [path for path in maps if "libtorch" in path]


# Requests and results


def test_a_run_is_seen_from_submission_to_a_model(lab, news, hospital, monkeypatch):
    handle = submit(hospital.site.client())
    digest = handle.digest

    def state():
        known = {r["digest"]: r for r in news.last["requests"]["requests"]}
        return known.get(digest, {}).get("state")

    wait_until(lambda: state() == "released", 60)
    seen = [
        r
        for event, content in news.seen
        if event == "requests"
        for r in content["requests"]
        if r["digest"] == digest
    ]
    assert seen[-1]["mine"]
    assert seen[-1]["path"] == "hospital-a/breast-cancer"
    assert not seen[-1]["can_cancel"]
    assert "released" in seen[-1]["why_not_cancel"]

    found = lab.json(f"requests/hospital-a/{digest}")
    result = found["result"]
    assert result["evidence"]["verified"]
    assert "signatures" in result["evidence"]["checks"]
    assert [m["name"] for m in result["metrics"]] == ["accuracy"]
    assert result["metrics"][0]["value"] == handle.result().metrics["accuracy"].value
    assert result["privacy"]["epsilon"] <= 2.0

    monkeypatch.chdir(lab.folder)
    names = run_cell(result["load_code"])
    assert names["model"].weight.shape == (2, 30)
    assert names["model"].weight.equal(handle.result().parameters["weight"])

    evidence = lab.get(f"requests/hospital-a/{digest}/evidence")
    assert "attachment" in evidence.headers["content-disposition"]
    assert verify(evidence.content, hospital.site.domain.key.public).request.digest == digest

    models = lab.json("datasets/hospital-a/breast-cancer")["models"]
    assert digest in [m["digest"] for m in models]


def test_another_model_is_loaded_into_a_module_of_the_notebook(lab, hospital, monkeypatch):
    from torch import nn

    model = nn.Sequential(nn.Linear(30, 4), nn.Tanh(), nn.Linear(4, 2))
    handle = submit(hospital.site.client(), model=model)
    handle.wait(progress=False)
    code = lab.json(f"requests/hospital-a/{handle.digest}")["result"]["load_code"]
    monkeypatch.chdir(lab.folder)
    assert run_cell(code)["model"] is None
    loaded = run_cell(code, {"mine": model, "another": nn.Linear(30, 2)})["model"]
    assert loaded[0].weight.equal(handle.result().parameters["0.weight"])


def test_a_statistic_shows_its_noisy_sums(lab, hospital, monkeypatch):
    from workbench.space.datasets import Dataset

    @wb.statistic(bound=1.0)
    def mean_radius(record):
        return record["mean_radius"] / 30

    client = hospital.site.client()
    data = Dataset(client.dataset("breast-cancer"), client)
    handle = mean_radius.submit(data, epsilon=0.5, purpose="DUO:0000042 tests")
    handle.wait(progress=False)
    found = lab.json(f"requests/hospital-a/{handle.digest}")
    assert found["request"]["kind"] == "statistic"
    [sums] = found["result"]["statistics"]
    assert sums["values"] == pytest.approx(list(handle.result().sums[0]))
    monkeypatch.chdir(lab.folder)
    assert run_cell(found["result"]["load_code"])["result"].sums.shape == (1, 2)


def test_progress_comes_between_two_rounds(lab, hospital):
    """Check that progress comes by the domain's events, while the interval is a minute."""
    handle = submit(hospital.site.client(), endless)
    wait_until(lambda: handle.state == "running", 60)
    news = News(lab, interval=60)

    def step():
        known = {r["digest"]: r for r in news.last.get("requests", {}).get("requests", [])}
        progress = known.get(handle.digest, {}).get("progress")
        return progress["step"] if progress else 0

    try:
        wait_until(lambda: step() > 0, SECONDS)
        first = step()
        wait_until(lambda: step() > first, SECONDS)
        answer = lab.post(f"requests/hospital-a/{handle.digest}/cancel")
        assert answer.json()["request"]["state"] == "cancelled"
        assert answer.json()["request"]["can_cancel"] is False
        assert error_of(lab.post(f"requests/hospital-a/{handle.digest}/cancel")) == "conflict"
    finally:
        news.close()


def test_evidence_that_does_not_hold_shows_nothing(tmp_path, hospital):
    """Check a domain that signs with another key: nothing of its releases is shown."""
    from workbench.lab.service.requests.results import result_view
    from workbench.space.client.client import DomainClient
    from workbench.space.client.http import Transport
    from workbench.space.requests.request import RequestHandle
    from workbench.space.results.kinds import result_of

    handle = submit(hospital.site.client(), model=linear())
    handle.wait(progress=False)
    site = hospital.site
    stranger = DomainClient(
        Transport("hospital-a", PrivateKey.create().public, site.http, site.researcher)
    )
    found = result_view(RequestHandle(stranger, handle.last_status, result_of).result(), "code")
    assert found["evidence"]["verified"] is False
    assert "key" in found["evidence"]["message"]
    assert (found["metrics"], found["model"], found["load_code"]) == ([], False, "")


# Nobody else


def every_get(lab, hospital) -> list[str]:
    digest = submit(hospital.site.client()).digest
    return [
        "session",
        "catalog",
        "datasets/hospital-a/digits",
        "datasets/hospital-a/digits/starter",
        "datasets/hospital-a/digits/croissant",
        "requests",
        f"requests/hospital-a/{digest}",
        f"requests/hospital-a/{digest}/evidence",
        "studies",
        "studies/parameters?path=x.ipynb",
        f"steward/hospital-a/requests/{digest}/review",
        "steward/hospital-a/people",
        "steward/hospital-a/log",
        "steward/hospital-a/datasets/digits/policy",
        "steward/hospital-a/datasets/digits/spending",
        "steward/hospital-a/populations",
        "steward/hospital-a/populations/digits/history",
        "nothing",
    ]


def test_no_answer_holds_the_private_key(lab, hospital, news):
    secret = pem(lab.folder / "me.key")
    wait_until(lambda: {"session", "catalog", "requests", "studies"} <= set(news.last))
    answers = [lab.get(path).text for path in every_get(lab, hospital)] + [str(news.seen)]
    assert all(len(line) > 20 for line in secret)
    for text in [*answers, lab.log()]:
        assert not any(line in text for line in secret)
        assert "PRIVATE KEY" not in text


def test_every_route_needs_jupyters_token(lab, hospital):
    for path in [*every_get(lab, hospital), "watch?interval=1"]:
        answer = httpx.get(f"{lab.url}{PREFIX}/{path}", trust_env=False)
        assert answer.status_code == 403, path
        assert error_of(answer) == "forbidden"
    changes = (
        "studies",
        "studies/run",
        f"requests/hospital-a/sha256:{'0' * 64}/cancel",
        "steward/hospital-a/people",
        "steward/hospital-a/populations",
        "steward/hospital-a/populations/digits/opt-out",
        "steward/hospital-a/populations/digits/changes",
        f"steward/hospital-a/changes/sha256:{'0' * 64}/agree",
    )
    for path in changes:
        answer = httpx.post(f"{lab.url}{PREFIX}/{path}", json={}, trust_env=False)
        assert answer.status_code == 403, path


def test_a_page_of_somebody_else_cannot_use_the_cookie(lab):
    with httpx.Client(base_url=lab.url, trust_env=False) as browser:
        assert browser.get(f"/tree?token={lab.token}", follow_redirects=True) is not None
        assert browser.get(f"{PREFIX}/session").is_success
        body = {"dataset": "hospital-a/digits", "folder": ""}
        refused = browser.post(f"{PREFIX}/studies", json=body)
        assert (refused.status_code, error_of(refused)) == (403, "forbidden")
        foreign = {"X-XSRFToken": browser.cookies["_xsrf"], "Origin": "http://evil.example"}
        assert browser.post(f"{PREFIX}/studies", json=body, headers=foreign).status_code in (
            403,
            404,
        )
        own = {"X-XSRFToken": browser.cookies["_xsrf"]}
        assert browser.post(f"{PREFIX}/studies", json=body, headers=own).is_success


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_refusal_waits_for_the_body_so_that_it_is_not_lost(lab, method):
    """Check that a refused body is read to its end, and that the connection can be used again."""
    address = (lab.http.base_url.host, lab.http.base_url.port)
    head = (
        f"{method} {PREFIX}/studies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection(address, SECONDS) as line:
        answers = line.makefile("rb")
        for _ in range(2):
            line.sendall(head.encode() + b" " * 50_000)
            # Another connection is served meanwhile, so the server has read these headers.
            lab.json("session")
            line.sendall(b" " * 50_000)
            assert b" 403 " in answers.readline()
            headers = email.message_from_bytes(b"".join(iter(answers.readline, b"\r\n")))
            found = json.loads(answers.read(int(headers["Content-Length"])))
            assert found["error"]["code"] == "forbidden"


def test_a_stranger_with_a_body_reaches_nothing(lab):
    """Check it also where the answer is a redirection to the login page."""
    for length in ("4", "9" * 5000):
        with socket.create_connection((lab.http.base_url.host, lab.http.base_url.port), 20) as line:
            head = f"GET {PREFIX}/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}"
            line.sendall(head.encode() + b"\r\n\r\nbody")
            answer = line.recv(65_536)
        assert answer.split()[1] in (b"302", b"400", b"403"), answer
        assert b"domains" not in answer
    assert lab.log().find("Traceback") < 0


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("studies", b"{", "invalid-document"),
        ("studies", b"\xff\xfe", "invalid-document"),
        ("studies", b"[]", "invalid-document"),
        ("studies", b"[" * 100_000, "invalid-document"),
        ("studies", b"{}", "invalid-document"),
        ("studies", b'{"dataset": 7}', "invalid-document"),
        ("studies", b'{"dataset": "hospital-a/digits", "folder": []}', "invalid-document"),
        ("studies", b'{"dataset": "hospital-a/../x"}', "not-found"),
        ("studies", b'{"dataset": "hospital-a/digits", "folder": "../.."}', "not-found"),
        ("studies/run", b'{"path": "../../etc/passwd"}', "not-found"),
        ("studies/run", b'{"path": "/etc/x.ipynb"}', "not-found"),
        ("studies/run", b'{"path": "x\\u0000.ipynb"}', "invalid-document"),
        ("studies/run", b'{"path": "x.ipynb", "parameters": 3}', "invalid-document"),
        ("requests/hospital-a/..%2f..%2fsession/cancel", b"", "not-found"),
        ("requests/nowhere/sha256:" + "0" * 64 + "/cancel", b"", "not-found"),
        ("requests/hospital-a/sha256:" + "0" * 64 + "/cancel", b"", "not-found"),
        (
            "steward/hospital-a/people",
            b'{"public_key": 1, "name": "x", "role": "y"}',
            "invalid-document",
        ),
        ("steward/hospital-a/people/zz/revoke", b"", "not-found"),
        (
            "steward/hospital-a/populations",
            b'{"name": "x", "epsilon_total": "all", "delta": 1}',
            "invalid-document",
        ),
        ("steward/hospital-a/populations", b'{"name": "x"}', "invalid-document"),
        ("steward/hospital-a/populations/digits/opt-out", b'{"person": 7}', "invalid-document"),
        ("steward/hospital-a/populations/..%2fx/opt-out", b'{"person": "x"}', "not-found"),
        ("steward/hospital-a/populations/digits/changes", b'{"merge": ["x"]}', "invalid-document"),
        ("steward/hospital-a/changes/zz/agree", b"", "not-found"),
        ("nothing/at/all", b"{}", "not-found"),
    ],
)
def test_what_cannot_be_meant_is_a_typed_error(lab, path, body, code):
    answer = lab.http.post(f"{PREFIX}/{path}", content=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert error_of(answer) == code, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "datasets/..%2f..%2fetc/passwd",
        "datasets/hospital-a/%2e%2e",
        "datasets/A/b",
        "datasets/nowhere/x",
        "datasets/hospital-a/nothing",
        "requests/hospital-a/abc",
        "studies/parameters?path=../../x.ipynb",
        "studies/parameters",
        "requests?state=lost",
        "watch?interval=0",
        "watch?interval=nan",
        "watch?interval=1e9",
        "watch?interval=x",
        "steward/hospital-a/log?limit=-1",
    ],
)
def test_an_address_that_cannot_be_meant_is_a_typed_error(lab, path):
    answer = lab.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert set(answer.json()["error"]) == {"code", "message", "hint"}


def test_an_over_long_body_is_refused_and_not_kept(lab):
    before = psutil.Process(lab.process.pid).memory_info().rss
    for size in (MOST_BODY + 1, 100 << 20):
        answer = lab.http.post(f"{PREFIX}/studies", content=b" " * size)
        assert (answer.status_code, error_of(answer)) == (413, "too-large")
    assert psutil.Process(lab.process.pid).memory_info().rss - before < 50 << 20


def test_the_server_goes_on_after_all_that(lab):
    assert lab.json("session")["problem"] is None
    at = lab.log().find("Traceback")
    assert at < 0, lab.log()[max(0, at - 300) : at + 3000]


# The steward


def test_a_steward_decides(steward_lab, clinic):
    assert steward_lab.json("session")["domains"][0]["role"] == "steward"
    asks = [submit_progression(clinic.site.client(), repeat=number) for number in range(2)]
    good, bad = (f"steward/hospital-b/requests/{ask.digest}" for ask in asks)

    review = steward_lab.json(f"{good}/review")
    assert review["request"]["state"] == "pending"
    assert review["request"]["researcher"] == "Rosa Research"
    assert review["request"]["mine"] is False
    assert "noised steps" in review["leaves"][0]

    assert error_of(steward_lab.post(f"{bad}/decision", {"verdict": "deny"})) == "invalid-document"
    assert error_of(steward_lab.post(f"{bad}/decision", {"verdict": "maybe"})) == "invalid-document"
    denied = steward_lab.post(f"{bad}/decision", {"verdict": "deny", "reason": "too vague"}).json()
    assert denied["request"]["state"] == "denied"
    assert asks[1].reason == "too vague"

    approved = steward_lab.post(f"{good}/decision", {"verdict": "approve"}).json()["request"]
    assert approved["state"] in ("approved", "running", "released")
    assert approved["approvals"]["given"] == ["Stella Steward"]
    assert approved["approvals"]["keys"] == [clinic.site.steward.key_id]
    assert approved["approvals"]["needed"] == 1
    asks[0].wait(progress=False)


def test_a_steward_admits_and_revokes(steward_lab):
    key = PrivateKey.create()
    body = {"public_key": str(key.public), "name": "Nils New", "role": "researcher"}
    admitted = steward_lab.post("steward/hospital-b/people", body).json()
    assert (admitted["key_id"], admitted["revoked"]) == (key.key_id, None)
    listed = steward_lab.json("steward/hospital-b/people")["people"]
    assert key.key_id in [person["key_id"] for person in listed]
    revoked = steward_lab.post(f"steward/hospital-b/people/{key.key_id}/revoke").json()
    assert revoked["revoked"]


def test_a_steward_changes_a_policy_after_trying_it(steward_lab, clinic):
    submit_progression(clinic.site.client(), repeat=3)
    place = "steward/hospital-b/datasets/diabetes"
    before = steward_lab.json(f"{place}/policy")
    assert before["approval"]["mode"] == "steward"
    assert before["purposes_allowed"] == ["DUO:0000007"]
    wanted = {"approval": {"mode": "policy", "epsilon": 0.5, "purposes": ["DUO:0000007"]}}

    tried = steward_lab.post(f"{place}/policy/dry-run", wanted).json()
    assert tried["considered"] >= len(tried["requests"]) >= 1
    assert {"digest", "would", "why"} <= set(tried["requests"][0])
    assert tried["would_approve"] == 0

    after = steward_lab.put(f"{place}/policy", wanted)
    assert after.json()["approval"]["epsilon"] == 0.5
    assert steward_lab.json(f"{place}/policy")["approval"]["mode"] == "policy"
    rows = dict(steward_lab.json("datasets/hospital-b/diabetes")["terms"]["rows"])
    assert rows["approval"].startswith("a policy approves up to epsilon 0.5")
    bad = steward_lab.put(f"{place}/policy", {"approval": {"mode": "anything goes"}})
    assert error_of(bad) == "invalid-document"
    back = {"approval": {"mode": "steward"}}
    assert steward_lab.put(f"{place}/policy", back).json()["approval"]["mode"] == "steward"


@pytest.fixture(scope="module")
def spent(clinic):
    """Spend some of the budget of the clinic's dataset."""
    handle = submit_progression(clinic.site.client(), repeat=100)
    clinic.site.client(clinic.site.steward).decide(handle.digest, "approve")
    handle.wait(progress=False)


def test_a_steward_reads_what_was_spent_and_who_did_what(steward_lab, spent):
    wanted = {"approval": {"mode": "policy", "epsilon": 0.1, "purposes": ["DUO:0000007"]}}
    for approval in (wanted, {"approval": {"mode": "steward"}}):
        place = "steward/hospital-b/datasets/diabetes/policy"
        assert steward_lab.put(place, approval).is_success
    spending = steward_lab.json("steward/hospital-b/datasets/diabetes/spending")
    assert spending["budget"]["epsilon_total"] == 6.0
    assert spending["researchers"][0]["name"] == "Rosa Research"
    assert spending["points"][-1]["epsilon_spent"] > 0
    page = steward_lab.json("steward/hospital-b/log?limit=3")
    assert page["entries"][0]["event"] == "policy"
    numbers = [e["sequence"] for e in page["entries"]]
    assert numbers == sorted(numbers, reverse=True)
    more = steward_lab.json(f"steward/hospital-b/log?limit=3&after={page['next']}")
    assert max(e["sequence"] for e in more["entries"]) < min(numbers)


def test_a_steward_looks_after_populations(steward_lab, spent):
    place = "steward/hospital-b/populations"
    wanted = {"name": "visitors", "unit": "person", "epsilon_total": 2.0, "delta": 1e-6}
    made = steward_lab.post(place, wanted).json()
    assert made["population"]["epsilon_total"] == 2.0
    found = steward_lab.json(place)
    shown = {one["population"]["name"]: one for one in found["populations"]}
    assert shown["diabetes"]["datasets"] == ["diabetes"]
    assert shown["diabetes"]["blocks"][0]["epsilon_spent"] > 0
    assert found["changes"] == []
    (block,) = steward_lab.json(f"{place}/diabetes/history")["blocks"]
    assert (block["block"], block["points"][-1]["epsilon_spent"] > 0) == ("", True)

    raised = {"epsilon_total": 3.0}
    assert steward_lab.post(f"{place}/visitors/changes", raised).json() == {"population": None}
    (waiting,) = steward_lab.json(place)["changes"]
    assert (waiting["by"], waiting["mine"]) == (["Stella Steward"], True)
    assert "raised to epsilon 3" in waiting["words"]
    again = steward_lab.post(f"steward/hospital-b/changes/{waiting['digest']}/agree")
    assert error_of(again) == "conflict"
    nobody = steward_lab.post(f"{place}/visitors/opt-out", {"person": "nobody"})
    assert error_of(nobody) == "not-found"


def test_nobody_locks_themselves_out(steward_lab, clinic):
    me = clinic.site.steward.key_id
    answer = steward_lab.post(f"steward/hospital-b/people/{me}/revoke")
    assert error_of(answer) == "conflict"


def test_a_researcher_is_no_steward(lab, clinic):
    digest = submit_progression(clinic.site.client(), repeat=7).digest
    for answer in (
        lab.get("steward/hospital-b/people"),
        lab.get("steward/hospital-b/populations"),
        lab.post("steward/hospital-b/populations/diabetes/changes", {"epsilon_total": 50.0}),
        lab.get(f"steward/hospital-b/requests/{digest}/review"),
        lab.post(f"steward/hospital-b/requests/{digest}/decision", {"verdict": "approve"}),
    ):
        assert (answer.status_code, error_of(answer)) == (403, "not-admitted")


def test_the_server_takes_no_time_to_end(tmp_path, hospital):
    """Check that a domain that hangs does not hold up the end of the server."""
    write_space(tmp_path / "root", hospital.site.researcher, hospital)
    with jupyter_server(tmp_path / "root") as lab:
        news = News(lab)
        hospital.hang()
        try:
            wait_until(lambda: news.state("hospital-a") in ("slow", "down"), SECONDS)
            began = time.monotonic()
            lab.process.terminate()
            lab.process.wait(20)
            assert time.monotonic() - began < 5
        finally:
            hospital.go_on()
            news.close()
