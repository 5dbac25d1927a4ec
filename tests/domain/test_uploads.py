"""Graphs that come in chunks: resumed, joined, refused; nobody learns what others sent."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch
from sqlalchemy import func, select
from starlette.testclient import TestClient
from torch import nn

from tests.engine.models import classify, schema_of
from tests.processes import ServerSite
from tests.support import Site, error_of, make_domain, wait_until
from workbench.documents import PrivateKey
from workbench.domain.api import create_app
from workbench.domain.requests import graphs
from workbench.domain.service import Domain
from workbench.domain.store import tables
from workbench.errors import (
    Conflict,
    DomainUnavailable,
    GraphRefused,
    InvalidConfiguration,
    InvalidDocument,
    InvalidToken,
    LimitReached,
    NotAdmitted,
    NotFound,
    TooLarge,
)
from workbench.graphs.content import InMemory
from workbench.graphs.export.training import export
from workbench.graphs.reading import archive as pt2
from workbench.graphs.reading.tensors import memory_of
from workbench.graphs.record_graph import Limits
from workbench.graphs.upload import CHUNK_BYTES, LARGE_BYTES, Part, UploadOffer, UploadStatus
from workbench.identity import tokens

BASE = "archive/data/weights/weight_0"
LIMITS = """
[calls]
graphs_per_person = 20
[graphs]
max_parameters = 2000000
uploads_per_person = 2
"""


@pytest.fixture(scope="module")
def archive():
    """A model with a frozen base of 6 MB, as the parts of an archive."""
    torch.manual_seed(0)
    layers = [nn.Linear(8, 200_000, bias=False), nn.Linear(200_000, 1, bias=False)]
    model = nn.Sequential(*layers, nn.Linear(1, 3))
    layers[0].requires_grad_(False)
    return pt2.read(export(classify, model, schema_of((8,))).content, Limits())


@pytest.fixture
def made(archive, request):
    """Make a graph on the same base, with another head for each test and name."""

    def make(name="", base=None):
        name = f"{request.node.name} {name}"
        head = torch.full((1, 3), float(int(hashlib.sha256(name.encode()).hexdigest()[:5], 16)))
        tensors = dict(archive.tensors)
        tensors[next(p for p, member in tensors.items() if member.size == 12)] = memory_of(head)
        if base is not None:
            tensors[BASE] = memory_of(torch.full((200_000, 8), base))
        return pt2.written(replace(archive, tensors=tensors))

    return make


def limited(root):
    with (root / "domain.toml").open("a") as file:
        file.write(LIMITS)
    return root


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    root = limited(make_domain(tmp_path_factory.mktemp("uploads") / "hospital-a"))
    site = Site.open(root, start=False)
    yield site
    site.close()


def newcomer(site):
    key = PrivateKey.create()
    site.domain.operator.admit(key.public, "Nora New", "researcher")
    return site.client(key)


@pytest.fixture
def client(here):
    """The client of somebody who has sent nothing yet."""
    return newcomer(here)


@pytest.fixture
def other(here):
    """The client of somebody else."""
    return newcomer(here)


def stored(site, content):
    return graphs.path(site.domain.folder, content.digest)


def left(site, client):
    """The files of a person's uploads that are under way."""
    place = site.domain.folder.folder("uploads") / client.key.key_id
    return sorted(p.name for p in place.rglob("*") if p.is_file())


class Counted:
    """Counts the bytes that a client sends."""

    def __init__(self, client, monkeypatch):
        self.sent, self.calls, call = 0, [], client.road.call

        def counted(method, target, body=b"", *rest, **named):
            self.sent += len(body)
            self.calls.append(f"{method} {target}")
            return call(method, target, body, *rest, **named)

        monkeypatch.setattr(client.road, "call", counted)


def begun(client, content, parts=()):
    """Begin an upload; return what the domain says."""
    offer = UploadOffer(size=content.size, parts=tuple(parts))
    target = f"/v1/uploads/{content.digest}"
    return client.road.read(UploadStatus, "POST", target, offer.canonical())


def put(client, content, offset, chunk):
    target = f"/v1/uploads/{content.digest}/{offset}"
    return client.road.read(UploadStatus, "PUT", target, chunk)


def finish(client, content):
    return client.road.call("POST", f"/v1/uploads/{content.digest}/finish")


def send(client, content, size=None):
    """Send the first bytes of an upload that has begun, or all."""
    size = content.size if size is None else size
    for start in range(0, size, CHUNK_BYTES):
        status = put(client, content, start, content.part(start, min(CHUNK_BYTES, size - start)))
    return status


def part_of(content, start, size=LARGE_BYTES):
    return Part(start=start, size=size, content=content.digest_of(start, size))


class WithoutWorker(ServerSite):
    """A server process that runs nothing: it starts in a second."""

    def start(self, ready=True):
        code = (
            "import sys, uvicorn; from pathlib import Path; "
            "from workbench.domain.api import create_app; "
            "from workbench.domain.service import Domain; "
            f"uvicorn.run(create_app(Domain(Path({str(self.root)!r}))), port={self.port})"
        )
        with (self.root / "server.log").open("ab") as log:
            command = [sys.executable, "-c", code]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        if ready:
            wait_until(self.answers, 60)
        return self


class TestTheWay:
    def test_a_large_graph_comes_in_chunks_and_its_base_only_once(
        self, tmp_path, database_url, made, monkeypatch
    ):
        root = make_domain(tmp_path / "hospital-a", database=database_url)
        site = Site.open(limited(root), start=False)
        client = site.client()
        counted, told = Counted(client, monkeypatch), []
        first, second = made("first"), made("second")
        client.upload(first.digest, first, lambda *far: told.append(far))
        assert stored(site, first).read_bytes() == bytes(first)
        assert stored(site, first).stat().st_mode & 0o777 == 0o600
        assert told[0] == (0, first.size)
        assert told[-1] == (first.size, first.size)
        assert counted.sent > first.size
        # What is there is not sent again, and what is new is small.
        counted.sent = 0
        client.upload(first.digest, first)
        client.upload(second.digest, second)
        assert counted.sent < second.size - 6_400_000 + 5000
        assert stored(site, second).read_bytes() == bytes(second)
        assert left(site, client) == []
        with site.domain.store.read() as connection:
            assert graphs.get(connection, second.digest).archive_bytes == second.size
            count = select(func.count()).select_from(tables.graph_parts)
            assert connection.execute(count).scalar() == 1
        site.close()

    def test_a_small_graph_comes_in_one_call(self, client, monkeypatch):
        counted = Counted(client, monkeypatch)
        graph = export(classify, nn.Linear(6, 3), schema_of((6,)))
        client.upload(graph.digest, graph.content)
        assert counted.calls == [f"PUT /v1/graphs/{graph.digest}"]

    def test_a_client_of_the_old_version_sends_a_large_graph_in_one_body(self, client, here, made):
        content = made()
        assert CHUNK_BYTES < content.size < 64 << 20
        client.road.call("PUT", f"/v1/graphs/{content.digest}", bytes(content))
        assert stored(here, content).read_bytes() == bytes(content)

    def test_a_domain_of_the_old_version_gets_one_body_or_nothing(self, here, made, monkeypatch):
        app = create_app(here.domain)

        async def older(scope, receive, send):
            if scope.get("path", "").startswith("/v1/uploads"):
                scope = scope | {"path": "/v1/none", "raw_path": b"/v1/none"}
            await app(scope, receive, send)

        client, content = replace(here, http=TestClient(older)).client(), made()
        counted = Counted(client, monkeypatch)
        client.upload(content.digest, content)
        assert stored(here, content).read_bytes() == bytes(content)
        assert counted.calls[-1] == f"PUT /v1/graphs/{content.digest}"
        larger = InMemory(*[bytes(1 << 20)] * 65)
        with pytest.raises(TooLarge, match="at most 64 MB; this one has 65 MB") as caught:
            client.upload(larger.digest, larger)
        assert "older version" in caught.value.hint
        assert f"PUT /v1/graphs/{larger.digest}" not in counted.calls

    def test_a_client_that_was_stopped_goes_on_where_it_was(self, client, here, made, monkeypatch):
        content = made()

        def stop(arrived, total):
            if arrived > total / 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            client.upload(content.digest, content, stop)
        again, told = here.client(client.key), []
        counted = Counted(again, monkeypatch)
        again.upload(content.digest, content, lambda *far: told.append(far))
        assert told[0][0] > content.size / 2
        assert counted.sent < content.size / 2
        assert stored(here, content).read_bytes() == bytes(content)

    def test_a_client_waits_for_a_domain_that_is_away(self, client, here, made, monkeypatch):
        content = made()
        monkeypatch.setattr("workbench.space.client.uploads._AGAIN_SECONDS", 0.0)
        call, broken = client.road.call, iter(range(100))

        def breaks(method, target, *rest, **named):
            found = call(method, target, *rest, **named)
            # The answer to every second call is lost, although the call was carried out.
            if next(broken) % 2:
                raise DomainUnavailable("the connection broke")
            return found

        monkeypatch.setattr(client.road, "call", breaks)
        client.upload(content.digest, content)
        assert stored(here, content).read_bytes() == bytes(content)

    @pytest.mark.parametrize("received", [0, 1 << 30])
    def test_a_domain_that_counts_wrongly_is_not_sent_to_for_ever(
        self, client, made, monkeypatch, received
    ):
        content, read = made(), client.road.read

        def false(kind, method, *rest):
            found = read(kind, method, *rest)
            return found.model_copy(update={"received": received}) if method == "PUT" else found

        monkeypatch.setattr(client.road, "read", false)
        with pytest.raises(InvalidDocument, match="after it had 0 and got"):
            client.upload(content.digest, content)

    def test_an_upload_survives_the_kill_of_the_domain(self, tmp_path, made):
        site = WithoutWorker(tmp_path / "hospital-a", edit=limited).start()
        content, told = made(), []

        def kill(arrived, total):
            told.append(arrived)
            if len(told) == 3:
                site.kill()
                site.start(ready=False)

        site.client().upload(content.digest, content, kill)
        assert told[2] <= told[3] < content.size
        assert told == sorted(told)
        file = site.root / "state" / "graphs" / f"{content.digest[7:]}.pt2"
        assert file.read_bytes() == bytes(content)
        site.stop()


class TestHostile:
    def test_a_chunk_is_taken_where_it_belongs_and_twice_if_it_comes_twice(
        self, client, here, made
    ):
        content = made()
        begun(client, content)
        with pytest.raises(Conflict, match="0 bytes are here; the chunk begins at 1"):
            put(client, content, 1, content.part(1, 10))
        for _ in range(2):
            assert put(client, content, 0, content.part(0, 100)).received == 100
        assert put(client, content, 50, content.part(50, 100)).received == 150
        with pytest.raises(Conflict, match="150 bytes are here; the chunk begins at 151"):
            put(client, content, 151, b"x")
        assert begun(client, content).received == 150
        with pytest.raises(Conflict, match="bytes are missing"):
            finish(client, content)
        assert begun(client, content).received == 150

    def test_more_bytes_than_were_announced_are_refused(self, client, made):
        content = made()
        begun(client, content)
        send(client, content)
        for offset, chunk in ((content.size, b"x"), (content.size - 1, b"xy")):
            with pytest.raises(TooLarge, match="were announced"):
                put(client, content, offset, chunk)
        finish(client, content)

    def test_a_chunk_that_is_too_large_is_refused(self, client, made):
        content = made()
        begun(client, content)
        with pytest.raises(TooLarge, match="the body is over"):
            put(client, content, 0, content.part(0, CHUNK_BYTES + 1))
        assert begun(client, content).received == 0

    def test_other_bytes_than_the_digest_says_are_refused_and_removed(self, client, here, made):
        content = made()
        begun(client, content)
        put(client, content, 0, b"another beginning")
        # What came first stays.
        send(client, content)
        with pytest.raises(InvalidDocument, match="the bytes have digest"):
            finish(client, content)
        assert left(here, client) == []
        assert not stored(here, content).exists()
        with pytest.raises(NotFound, match="no upload"):
            finish(client, content)
        client.upload(content.digest, content)

    def test_a_part_with_another_digest_than_it_was_offered_with_is_never_noted(
        self, client, here, made
    ):
        content = made()
        wrong = Part(start=0, size=LARGE_BYTES, content="sha256:" + "0" * 64)
        begun(client, content, [wrong])
        send(client, content)
        with pytest.raises(InvalidDocument, match="part 0 does not have its digest"):
            finish(client, content)
        assert left(here, client) == []
        assert begun(client, content, [wrong]).known == ()

    @pytest.mark.parametrize("bad", ["not a zip", "not finite"])
    def test_a_graph_that_is_not_allowed_leaves_nothing(self, client, here, made, bad):
        content = InMemory(bytes(5 << 20)) if bad == "not a zip" else made(base=float("nan"))
        with pytest.raises(GraphRefused):
            client.upload(content.digest, content)
        assert left(here, client) == []
        assert not stored(here, content).exists()

    @pytest.mark.parametrize(
        "parts",
        [
            [{"start": -1, "size": LARGE_BYTES}],
            [{"start": 0, "size": 10}],
            [{"start": 0, "size": 1 << 50}],
            [{"start": 5 << 20, "size": LARGE_BYTES}],
            [{"start": 0, "size": 2 << 20}, {"start": 1 << 20, "size": 2 << 20}],
            [{"start": 2 << 20, "size": LARGE_BYTES}, {"start": 0, "size": LARGE_BYTES}],
            [{"start": 0, "size": LARGE_BYTES}] * 2001,
        ],
    )
    def test_offers_without_sense_are_refused(self, client, here, parts):
        digest = "sha256:" + "0" * 64
        parts = [part | {"content": digest} for part in parts]
        with pytest.raises(InvalidDocument):
            UploadOffer.read({"size": 5 << 20, "parts": parts})
        whole = repr({"size": 5 << 20, "parts": parts}).replace("'", '"').encode()
        with pytest.raises(InvalidDocument):
            client.road.call("POST", f"/v1/uploads/{digest}", whole)
        assert left(here, client) == []

    @pytest.mark.parametrize(
        "target",
        [
            "/v1/uploads/..%2F..%2Fkeys",
            "/v1/uploads/sha256:" + "0" * 63 + "/",
            "/v1/uploads/sha256:" + "0" * 62 + "..",
            "/v1/uploads/sha256:" + "0" * 64 + "/-1",
            "/v1/uploads/sha256:" + "0" * 64 + "/99999999999999999999",
            "/v1/uploads/sha256:" + "0" * 64 + "/..%2Foffer.json",
        ],
    )
    def test_no_address_leads_out_of_the_uploads(self, client, here, target):
        for method in ("POST", "PUT"):
            token = tokens.make(client.key, "hospital-a", method, target, b"{}")
            headers = {"authorization": f"Bearer {token}"}
            answer = here.http.request(method, target, content=b"{}", headers=headers)
            assert answer.status_code in (401, 404, 405, 422)
        assert left(here, client) == []

    def test_a_token_is_for_one_chunk_at_one_place(self, client, here, made):
        content = made()
        begun(client, content)
        target, chunk = f"/v1/uploads/{content.digest}/0", content.part(0, 1000)
        token = tokens.make(client.key, "hospital-a", "PUT", target, chunk)
        headers = {"authorization": f"Bearer {token}"}
        elsewhere = f"/v1/uploads/{content.digest}/1"
        for place, body in ((target, chunk[::-1]), (elsewhere, chunk)):
            answer = here.http.put(place, content=body, headers=headers)
            assert error_of(answer) == InvalidToken.code
        assert here.http.put(target, content=chunk, headers=headers).is_success
        again = here.http.put(target, content=chunk, headers=headers)
        assert error_of(again) == InvalidToken.code

    def test_a_steward_uploads_nothing(self, here, made):
        content, client = made(), here.client(here.steward)
        for act in (
            lambda: begun(client, content),
            lambda: put(client, content, 0, b"x"),
            lambda: finish(client, content),
        ):
            with pytest.raises(NotAdmitted):
                act()


class TestOthers:
    def test_nobody_goes_on_with_an_upload_of_another_one(self, client, other, made):
        content = made()
        begun(client, content)
        send(client, content)
        for act in (lambda: put(other, content, 0, b"x"), lambda: finish(other, content)):
            with pytest.raises(NotFound):
                act()
        assert begun(other, content).received == 0
        finish(client, content)

    def test_nobody_learns_what_another_one_sent(self, client, here, other, made):
        """Neither the whole nor a part: all is as if it were not here."""
        content = made()
        client.upload(content.digest, content)
        base = pt2.large_members(content, LARGE_BYTES)[0]
        part = part_of(content, base.start, base.size)
        status = begun(other, content, [part])
        assert (status.stored, status.known, status.received) == (False, (), 0)
        with pytest.raises(Conflict, match="missing"):
            finish(other, content)
        with pytest.raises(InvalidDocument, match="the bytes have digest"):
            other.road.call("PUT", f"/v1/graphs/{content.digest}", b"guessed")
        assert finish_of_all(other, content).status_code == 201
        assert begun(other, content).stored

    def test_a_request_names_only_what_its_researcher_sent(self, client, here, other, made):
        from workbench.documents import Request

        content = made()
        client.upload(content.digest, content)
        request = Request.model_construct(
            graph=content.digest,
            researcher=other.key.key_id,
            plan=type("Plan", (), {"further_graph": None}),
        )
        with here.domain.store.read() as connection:
            with pytest.raises(NotFound, match="was not uploaded"):
                graphs.require_uploaded(connection, request)
            mine = request.model_copy(update={"researcher": client.key.key_id})
            graphs.require_uploaded(connection, mine)

    def test_the_same_graph_of_two_persons_at_once(self, client, here, other, made):
        content = made()
        clients = [client, other]
        failed = []

        def upload(client):
            try:
                client.upload(content.digest, content)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=upload, args=(one,)) for one in clients * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert stored(here, content).read_bytes() == bytes(content)
        assert all(begun(one, content).stored for one in clients)
        assert left(here, client) == []


def finish_of_all(client, content):
    send(client, content)
    return finish(client, content)


class TestRoom:
    def test_uploads_of_one_person_are_few_and_an_idle_one_gives_way(
        self, client, here, other, made
    ):
        contents = [made(str(number)) for number in range(3)]
        for content in contents[:2]:
            begun(client, content)
        with pytest.raises(LimitReached, match="uploads_per_person") as caught:
            begun(client, contents[2])
        assert "ten minutes" in caught.value.hint
        begun(other, contents[2])
        age(here, contents[0], minutes=11)
        begun(client, contents[2])
        with pytest.raises(NotFound):
            put(client, contents[0], 0, b"x")
        put(client, contents[1], 0, b"x")

    def test_all_uploads_together_have_a_limit(self, here, client, other, made, monkeypatch):
        content = made()
        begun(client, content)
        taken = sum(
            UploadOffer.read(json.loads(path.read_text())["offer"]).size
            for path in here.domain.folder.folder("uploads").rglob("offer.json")
        )
        limits = here.domain.folder.config.graphs.__dict__
        monkeypatch.setitem(limits, "uploads_mb", (taken >> 20) + 1)
        with pytest.raises(LimitReached, match="uploads_mb"):
            begun(other, content)
        monkeypatch.setitem(limits, "uploads_mb", (taken + content.size >> 20) + 1)
        begun(other, content)

    def test_uploads_count_as_graphs_of_a_person(self, here, client, made, monkeypatch):
        calls = here.domain.folder.config.calls.__dict__
        monkeypatch.setitem(calls, "graphs_mb_per_person", 10)
        begun(client, made("a"))
        with pytest.raises(LimitReached, match="graphs_mb_per_person"):
            begun(client, made("b"))
        monkeypatch.setitem(calls, "graphs_mb_per_person", 100)
        monkeypatch.setitem(calls, "graphs_per_person", 1)
        with pytest.raises(LimitReached, match="graphs_per_person"):
            begun(client, made("b"))

    def test_what_nobody_goes_on_with_is_removed(self, client, here, other, made):
        content = made()
        begun(client, content)
        age(here, content, minutes=60 * 49)
        begun(other, made("another"))
        with pytest.raises(NotFound):
            put(client, content, 0, b"x")
        client.upload(content.digest, content)

    def test_what_is_being_finished_stays_and_does_not_hold_up_another_upload(
        self, client, here, other, made, monkeypatch
    ):
        slow, next_one = made("slow"), made("next")
        begun(client, slow)
        send(client, slow)
        age(here, slow, minutes=60 * 49)
        check, reached, go_on = graphs.check, threading.Event(), threading.Event()

        def checked(*given):
            reached.set()
            assert go_on.wait(60)
            return check(*given)

        monkeypatch.setattr(graphs, "check", checked)
        finishing = threading.Thread(target=finish, args=(client, slow))
        finishing.start()
        try:
            assert reached.wait(60)
            begun(client, next_one)
            assert put(client, next_one, 0, next_one.part(0, 5)).received == 5
            begun(other, made("of another person"))
            assert "whole" in left(here, client)
        finally:
            go_on.set()
            finishing.join()
        assert begun(client, slow).stored

    def test_another_offer_for_the_same_graph_begins_anew(self, client, made):
        content = made()
        begun(client, content)
        put(client, content, 0, content.part(0, 100))
        assert begun(client, content, [part_of(content, 0)]).received == 0

    def test_a_part_that_was_lost_is_sent_again(self, client, here, made):
        first, second = made("first"), made("second")
        client.upload(first.digest, first)
        file = stored(here, first)
        file.write_bytes(file.read_bytes()[: 4 << 20])
        client.upload(second.digest, second)
        assert stored(here, second).read_bytes() == bytes(second)

    def test_a_full_disk_is_told_and_the_upload_goes_on_afterwards(self, client, made):
        content = made()
        begun(client, content)
        put(client, content, 0, content.part(0, CHUNK_BYTES))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, hard))
        try:
            with pytest.raises(DomainUnavailable, match="disk"):
                put(client, content, CHUNK_BYTES, content.part(CHUNK_BYTES, 2 << 20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert begun(client, content).received == CHUNK_BYTES
        client.upload(content.digest, content)


def age(site, content, minutes):
    """Let an upload look as if it had brought nothing for so long."""
    (place,) = site.domain.folder.folder("uploads").glob(f"*/{content.digest[7:]}/bytes")
    past = time.time() - 60 * minutes
    os.utime(place, (past, past))


class TestSettings:
    def test_the_domain_tells_its_limit_and_refuses_beyond_it_in_parameters(self, client, here):
        assert here.client().info()["max_parameters"] == 2_000_000
        content = InMemory(*[bytes(1 << 20)] * 45)
        with pytest.raises(TooLarge, match="enough for 2,000,000 parameters") as caught:
            begun(client, content)
        assert "max_parameters" in caught.value.hint
        assert left(here, client) == []

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("max_parameters = 0", "max_parameters"),
            ("max_parameters = 250000001", "max_parameters"),
            ("max_parameters = '16M'", "max_parameters"),
            ("uploads_mb = 10", "one graph of 16,000,000 parameters can take"),
            ("parameters = 1", "parameters"),
        ],
    )
    def test_settings_without_sense_stop_the_domain(self, tmp_path, line, words):
        root = make_domain(tmp_path / "hospital-a")
        with (root / "domain.toml").open("a") as file:
            file.write(f"[graphs]\n{line}\n")
        with pytest.raises(InvalidConfiguration, match=words):
            Domain(root)

    def test_a_domain_can_take_120_million_parameters(self, tmp_path):
        root = make_domain(tmp_path / "hospital-a")
        with (root / "domain.toml").open("a") as file:
            file.write("[graphs]\nmax_parameters = 120000000\n")
        site = Site.open(root, start=False)
        assert site.client().info()["max_parameters"] == 120_000_000
        offer = UploadOffer(size=480_000_000)
        target = "/v1/uploads/sha256:" + "0" * 64
        assert not site.client().road.read(UploadStatus, "POST", target, offer.canonical()).stored
        site.close()
