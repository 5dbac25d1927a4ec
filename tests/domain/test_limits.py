"""Check what strangers and greedy people may take of a domain, and that others go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from types import SimpleNamespace

import httpx
import psutil
import pytest
import torch
from torch import nn

from tests.processes import ServerSite
from tests.studies import dataset, diagnose, endless, submit
from tests.support import Site, make_domain, wait_until
from workbench.documents import Approval, PrivateKey
from workbench.domain.api.limits import WORKED_ON, PeopleLimits
from workbench.domain.store.config import CallLimits
from workbench.errors import LimitReached
from workbench.identity import tokens

pytestmark = pytest.mark.slow

CALLS = """
[calls]
header_seconds = 2
body_seconds = 2
connections = 20
connections_per_address = 10
calls_per_person = 3
streams = 3
streams_per_person = 2
graphs_per_person = 3
graphs_mb_per_person = 1
waiting_per_person = 2
requests_per_day = 4
"""
STRANGER = "127.0.0.2"


def limited(root):
    """A domain's folder with small limits."""
    with (root / "domain.toml").open("a") as file:
        file.write(CALLS)
    return root


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    site = ServerSite(tmp_path_factory.mktemp("limits") / "hospital-a")
    limited(site.root)
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The same in this process, where every request waits for the steward."""
    site = Site.open(limited(make_domain(tmp_path_factory.mktemp("limits") / "hospital-a")))
    site.client(site.steward).set_policy("breast-cancer", Approval())
    yield site
    site.close()


@pytest.fixture
def opened():
    """What opens a connection, from an address of this machine."""
    with contextlib.ExitStack() as stack:

        def connect(site, content=b"", address=STRANGER):
            found = stack.enter_context(
                socket.create_connection(("127.0.0.1", site.port), 10, (address, 0))
            )
            found.sendall(content)
            return found

        yield connect


def head(target, *, method="GET", key=None, body=b"", length=None):
    """The bytes of a call's header, with a token if somebody has a key."""
    lines = [f"{method} {target} HTTP/1.1", "host: x", f"content-length: {length or len(body)}"]
    if key is not None:
        token = tokens.make(key, "hospital-a", method, target, body)
        lines.append(f"authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def answer(connection):
    """The status of an answer and what it says, or None if the connection just ended."""
    content = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65_536):
            content += part
            if b"\r\n\r\n" in content and content.endswith(b"}"):
                break
    if not content:
        return None
    head, _, body = content.partition(b"\r\n\r\n")
    found = json.loads(body)
    return int(head.split()[1]), found.get("error", found)


def open_now(site, address=STRANGER):
    """How many connections of an address the server has open."""
    found = psutil.Process(site.process.pid).net_connections(kind="tcp")
    return sum(c.status == "ESTABLISHED" and c.raddr and c.raddr.ip == address for c in found)


def memory(site):
    return psutil.Process(site.process.pid).memory_info().rss


def test_a_header_that_does_not_end_is_ended(server, opened):
    slow = opened(server, b"GET /v1/domain HTTP/1.1\r\nx: ")
    began = time.monotonic()
    status, error = answer(slow)
    assert (status, error["code"]) == (429, "limit-reached")
    assert "header_seconds" in error["message"]
    assert 1 < time.monotonic() - began < 8


def test_a_header_that_comes_drop_by_drop_is_ended_too(server, opened):
    slow = opened(server)
    began = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - began < 20:
            slow.sendall(b"x")
            time.sleep(0.1)
    assert time.monotonic() - began < 8


def test_a_second_call_on_a_connection_has_no_more_time_than_the_first(server, opened):
    connection = opened(server, head("/v1/nothing"))
    assert answer(connection)[0] == 404
    connection.sendall(b"GET /v1/dom")
    assert "header_seconds" in answer(connection)[1]["message"]


@pytest.mark.parametrize("addresses", [1, 4])
def test_strangers_connections_are_few_and_keep_nobody_out(server, opened, addresses):
    where = [f"127.0.0.{2 + number}" for number in range(addresses)]
    held = [opened(server, b"GET / HTTP/1.1\r\n", a) for _ in range(15) for a in where]
    most = 10 if addresses == 1 else 20
    wait_until(lambda: sum(open_now(server, address) for address in where) <= most, 1)
    assert server.client().datasets()
    status, error = answer(held[0])
    assert status == 429
    assert ("connections_per_address" if addresses == 1 else "(connections)") in error["message"]


def test_connections_of_those_who_are_known_go_last(server, opened):
    known = opened(server, head("/v1/me", key=server.researcher), "127.0.0.9")
    assert (me := answer(known))[0] == 200
    for _ in range(30):
        opened(server, b"GET", "127.0.0.9")
    known.sendall(head("/v1/me", key=server.researcher))
    assert answer(known) == me


@pytest.mark.parametrize("who", ["nobody", "a stranger", "a forger"])
def test_a_strangers_body_is_not_kept(server, opened, who):
    key = None if who == "nobody" else PrivateKey.create()
    call = head("/v1/graphs/sha256:" + "0" * 64, method="PUT", key=key, length=60 << 20)
    if who == "a forger":
        call = call[:-20] + b"A" * 16 + call[-4:]
    before = memory(server)
    connections = [opened(server, call) for _ in range(8)]
    for connection in connections:
        connection.settimeout(1)
        with contextlib.suppress(OSError):
            connection.sendall(bytes(60 << 20))
    assert memory(server) - before < 60 << 20
    wait_until(lambda: open_now(server) == 0, 15)


def test_a_body_that_comes_too_slowly_is_refused(server, opened):
    body = b"{" + bytes(1000)
    slow = opened(server, head("/v1/requests", method="POST", key=server.researcher, body=body))
    slow.sendall(body[:10])
    status, error = answer(slow)
    assert (status, error["code"]) == (429, "limit-reached")
    assert "body_seconds" in error["message"]


def test_one_person_has_few_calls_at_once_and_others_their_own(server, opened):
    body = bytes(1000)
    call = head("/v1/requests", method="POST", key=server.researcher, body=body)
    for _ in range(3):
        opened(server, call)
    wait_until(lambda: open_now(server) >= 3)
    time.sleep(0.5)
    with pytest.raises(LimitReached, match="calls_per_person") as caught:
        server.client().datasets()
    assert "Wait until" in caught.value.hint
    assert server.client(server.steward).datasets()
    wait_until(lambda: open_now(server) == 0, 15)
    assert server.client().datasets()


def test_who_makes_the_server_work_long_waits_and_others_do_not():
    limits = PeopleLimits(CallLimits(work_seconds=1, work_percent=50))

    async def waited(person, seconds):
        began = time.monotonic()
        async with limits._call(person, "light"):
            waiting = time.monotonic() - began
            await asyncio.sleep(seconds)
        return waiting

    async def calls():
        first = [await waited("greta", 0.5) for _ in range(4)]
        return first, await waited("greta", 0), await waited("otto", 0)

    first, greedy, other = asyncio.run(calls())
    assert max(first[:3]) < 0.2
    assert 0.2 < greedy < 2
    assert other < 0.2


def test_the_time_in_which_a_body_comes_is_no_work_of_the_server():
    """Large graphs come in chunks; a slow network would make them slower still."""
    limits = PeopleLimits(CallLimits(work_seconds=1, work_percent=50))

    async def chunk():
        request = SimpleNamespace(scope={WORKED_ON: None})
        async with limits._call("greta", "chunk") as request.scope[WORKED_ON]:
            await asyncio.sleep(0.5)
            limits.body_came(request)

    async def calls():
        for _ in range(4):
            await chunk()
        began = time.monotonic()
        async with limits._call("greta", "light"):
            return time.monotonic() - began

    assert asyncio.run(calls()) < 0.2


def test_streams_are_few_and_end_with_their_connection(server, opened):
    handle = submit(server.client(), endless, epsilon=0.5)
    target = f"/v1/requests/{handle.digest}/events"
    streams = [opened(server, head(target, key=server.researcher)) for _ in range(2)]
    for stream in streams:
        assert b"200 OK" in stream.recv(65_536)
    with pytest.raises(LimitReached, match="streams_per_person"):
        next(iter(server.client().events(handle.digest)))
    (follows,) = [next(iter(server.client(server.steward).events(handle.digest)))]
    assert follows.request_digest == handle.digest
    for stream in streams:
        stream.close()

    def followed():
        with contextlib.suppress(LimitReached):
            return next(iter(server.client().events(handle.digest)))

    wait_until(followed)
    handle.cancel()


def wide(width):
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(30, width), nn.Tanh(), nn.Linear(width, 2))


def exported(site, width):
    return diagnose.export(wide(width), dataset(site.client()))


def test_graphs_of_one_person_are_limited_in_number_and_in_bytes(here):
    other, third = PrivateKey.create(), PrivateKey.create()
    here.domain.operator.admit(other.public, "Otto Other", "researcher")
    here.domain.operator.admit(third.public, "Theo Third", "researcher")
    mine, theirs = here.client(third), here.client(other)
    large = exported(here, 9000)
    assert len(large.archive) > 1 << 20
    with pytest.raises(LimitReached, match="graphs_mb_per_person"):
        theirs.upload(large.digest, large.archive)
    graphs = [exported(here, width) for width in (2, 3, 4, 5)]
    for graph in graphs[:3]:
        mine.upload(graph.digest, graph.archive)
    with pytest.raises(LimitReached, match="graphs_per_person") as caught:
        mine.upload(graphs[3].digest, graphs[3].archive)
    assert "operator" in caught.value.hint
    mine.upload(graphs[0].digest, graphs[0].archive)
    theirs.upload(graphs[3].digest, graphs[3].archive)
    # That somebody else has sent it makes no difference, or it would be told.
    with pytest.raises(LimitReached, match="graphs_per_person"):
        mine.upload(graphs[3].digest, graphs[3].archive)


def test_requests_of_one_person_are_limited_in_waiting_and_by_day(here, monkeypatch):
    monkeypatch.setitem(here.domain.folder.config.calls.__dict__, "graphs_per_person", 1000)
    ask = [submit(here.client(), repeat=n, epsilon=0.5) for n in range(2)]
    with pytest.raises(LimitReached, match="waiting_per_person"):
        submit(here.client(), repeat=2, epsilon=0.5)
    ask[0].cancel()
    for number in (2, 3):
        submit(here.client(), repeat=number, epsilon=0.5).cancel()
    with pytest.raises(LimitReached, match="requests_per_day") as caught:
        submit(here.client(), repeat=4, epsilon=0.5)
    assert "later" in caught.value.hint


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01 this is not HTTP\r\n\r\n",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"GET /v1/domain HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01 garbage\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_short_answer_and_no_traceback(server, sent):
    """Strangers could fill the log with them."""
    log = server.root / "server.log"
    before = log.stat().st_size
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), 5) as one:
            one.sendall(sent)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while part := one.recv(4096):
                    answer += part
        if not sent.startswith(b"GET") and answer:
            assert answer.startswith((b"HTTP/1.1 400 invalid-document", b"HTTP/1.1 401"))
            assert b'{"error": {"code"' in answer or b'{"error":{"code"' in answer
    told = log.read_text()[before:]
    assert "Traceback" not in told
    assert len(told) < 5 * 300


def test_an_address_whose_calls_were_refused_often_is_not_listened_to_for_a_while(server):
    """Each call of a stranger takes the server milliseconds; a connection that is ended, hardly."""
    address = "127.0.0.99"

    def call(key):
        transport = httpx.HTTPTransport(local_address=address)
        token = tokens.make(key, "hospital-a", "GET", "/v1/me", b"")
        with httpx.Client(base_url=server.url, transport=transport, trust_env=False) as http:
            try:
                answer = http.get("/v1/me", headers={"authorization": f"Bearer {token}"})
            except httpx.TransportError:
                # Ended before the answer was read: its connection is not waited for.
                return 0, False
        return answer.status_code, "refusals_per_address" in answer.text

    most = CallLimits().refusals_per_address
    stranger = PrivateKey.create()
    found = []
    while len(found) < 4 * most and (429, True) not in found:
        found.append(call(stranger))
    assert found.count((401, False)) + found.count((403, False)) >= most
    assert (429, True) in found
    # Nobody else notices, and it passes.
    assert server.client().me().name == "Rosa Research"
    wait_until(lambda: call(server.researcher) == (200, False), 30)
