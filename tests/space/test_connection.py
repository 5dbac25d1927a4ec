"""Check what space.toml may say, and what a researcher is told of a domain that is away."""

from __future__ import annotations

import os

import pytest

from tests.processes import ServerSite, free_port
from tests.studies import linear, space_file
from workbench.documents import PrivateKey
from workbench.errors import (
    DomainUnavailable,
    InvalidArgument,
    InvalidConfiguration,
    InvalidSignature,
    NotFound,
)
from workbench.lab.service.sources import FileSource
from workbench.space.connection import Space, connect
from workbench.space.training.functions import training_function


@pytest.mark.slow
def test_a_domain_that_is_down_is_named_with_since_when_and_what_to_do(tmp_path):
    site = ServerSite(tmp_path / "hospital-a").start()
    nowhere = f"http://127.0.0.1:{free_port()}"
    file = space_file(
        tmp_path,
        site.researcher,
        ("hospital-a", site.url, site.public_key),
        ("hospital-b", nowhere, PrivateKey.create().public),
    )
    space = connect(file)
    catalog = space.catalog()
    assert [card.path for card in catalog] == ["hospital-a/breast-cancer"]
    assert "domain 'hospital-b' at http://127.0.0.1" in catalog._repr_html_().replace("&#x27;", "'")
    with pytest.raises(DomainUnavailable, match=r"hospital-b.* since \d{4}-\d\d-\d\d") as caught:
        space.dataset("hospital-b/diabetes")
    assert "submitting it again costs nothing" in caught.value.hint
    assert space.dataset("breast-cancer").card.path == "hospital-a/breast-cancer"
    site.stop()


def test_names_that_do_not_exist_get_the_ones_that_do(site):
    space = Space({"hospital-a": site.client()}, site.researcher)
    with pytest.raises(NotFound, match="no dataset 'brest-cancer'") as caught:
        space.dataset("brest-cancer")
    assert "hospital-a/breast-cancer" in caught.value.hint
    with pytest.raises(NotFound, match="no domain 'hospital-c'"):
        space.dataset("hospital-c/digits")


def test_a_server_with_another_key_is_not_believed(site):
    from workbench.space.client.client import DomainClient
    from workbench.space.client.http import Transport

    other = PrivateKey.create().public
    client = DomainClient(Transport("hospital-a", other, site.http, site.researcher))
    for call in (client.datasets, client.info, lambda: client.dataset("digits")):
        with pytest.raises(InvalidSignature):
            call()


def test_requests_are_found_again_after_a_kernel_restart(site):
    from tests.studies import submit

    first = submit(site.client(), repeat=41)
    result = first.wait(progress=False)
    again = Space({"hospital-a": site.client()}, site.researcher).request(first.digest[7:19])
    assert again.result().release == result.release
    with pytest.raises(NotFound, match="does not have the module"):
        again.result().model  # noqa: B018 - a property that raises
    assert again.result().load_into(linear()).weight.equal(result.model.weight)
    with pytest.raises(InvalidArgument, match="differ|shapes"):
        again.result().load_into(linear(3, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "key"),
        ("key = 3", "key"),
        ('key = "me.key"\ndomains = []', "domains"),
        ('key = "me.key"\n[[domains]]\nname = "a"\nurl = "ftp://x"\npublic_key = ""', "url"),
        ("not toml", "space.toml"),
    ],
)
def test_a_wrong_space_file_is_refused_by_field(tmp_path, text, message):
    (tmp_path / "space.toml").write_text(text)
    with pytest.raises(InvalidConfiguration, match=message):
        connect(tmp_path)


def test_plain_http_is_for_loopback_and_keys_must_be_private(tmp_path):
    key = PrivateKey.create()
    file = space_file(tmp_path, key, ("a", "http://10.0.0.1:80", key.public))
    with pytest.raises(InvalidConfiguration, match="loopback"):
        connect(file)
    (tmp_path / "me.key").chmod(0o644)
    with pytest.raises(InvalidConfiguration, match="chmod 600"):
        connect(file)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:x@10.0.0.5",
        "http://localhost@10.0.0.5:80",
        "http://127.0.0.1:80@evil",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://0.0.0.0:80",
        "http://[::ffff:10.0.0.5]:80",
        "http://127.1",
        "http://2130706433",
        "http://localhost:x",
        "http://10.0.0.5#localhost",
        "http://10.0.0.5?localhost",
        "http://[::1",
        "http://:80",
        "https://name:word@domain.example",
    ],
)
def test_only_this_machine_is_loopback(tmp_path, url):
    key = PrivateKey.create()
    with pytest.raises(InvalidConfiguration, match="loopback|scheme, host and port|no address"):
        connect(space_file(tmp_path, key, ("a", url, key.public)))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.9", "[::1]"])
def test_this_machine_is_called_without_tls(tmp_path, host):
    key = PrivateKey.create()
    assert connect(space_file(tmp_path, key, ("a", f"http://{host}:8700", key.public))).domains


@pytest.fixture
def below(tmp_path, monkeypatch):
    """Work in a folder that lies two below one with a space.toml."""
    folder = tmp_path / "above" / "study" / "now"
    folder.mkdir(parents=True)
    key = PrivateKey.create()
    space_file(tmp_path / "above", key, ("a", "http://localhost:1", key.public))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("WORKBENCH_SPACE", raising=False)
    return folder


def give_away(path, monkeypatch):
    """Make somebody else the owner of a file or folder."""
    if os.geteuid() == 0:
        os.chown(path, 65_534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65_534)


def test_a_space_file_above_is_found(below):
    assert list(connect().domains) == ["a"]


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("how", ["another's", "open to all"])
def test_a_space_file_that_others_can_have_written_is_not_used(below, monkeypatch, what, how):
    above = below.parent.parent
    path = above / "space.toml" if what == "file" else above
    if how == "another's":
        give_away(path, monkeypatch)
    else:
        path.chmod(0o777)
    for find in (connect, FileSource("", below).current):
        with pytest.raises(InvalidConfiguration, match=r"space.toml is not used") as caught:
            find()
        assert "WORKBENCH_SPACE" in caught.value.hint


def test_a_space_file_that_is_named_may_be_anothers_but_not_open_to_all(below, monkeypatch):
    file = below.parent.parent / "space.toml"
    give_away(file, monkeypatch)
    assert connect(file).domains
    file.chmod(0o666)
    with pytest.raises(InvalidConfiguration, match="chmod o-w"):
        connect(file)


def test_nothing_to_connect_to_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_SPACE", raising=False)
    with pytest.raises(InvalidConfiguration, match=r"no space.toml") as caught:
        connect()
    assert "workbench demo --lab" in caught.value.hint


def test_a_training_function_needs_one_way_to_count_steps_and_records():
    for options in (
        {},
        {"steps": 1},
        {"steps": 1, "epochs": 1, "batch_size": 1},
        {"steps": 1, "sample_rate": 0.1, "batch_size": 5},
    ):
        with pytest.raises(InvalidArgument, match="one of them"):
            training_function(learning_rate=0.1, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0, "sample_rate": 0.1},
        {"steps": -1, "sample_rate": 0.1},
        {"epochs": float("nan"), "sample_rate": 0.1},
        {"epochs": 0, "sample_rate": 0.1},
        {"steps": 1, "sample_rate": 0.0},
        {"steps": 1, "sample_rate": 1.5},
        {"steps": 1, "batch_size": 0},
    ],
)
def test_settings_that_would_train_something_else_are_refused(options):
    with pytest.raises(InvalidArgument, match="expected above 0"):
        training_function(learning_rate=0.1, **options)


def test_wrong_arguments_say_what_is_expected(site):
    from tests.studies import dataset, diagnose, submit

    with pytest.raises(InvalidArgument, match="expected a dataset, got str"):
        diagnose.submit(linear(), to="breast-cancer", epsilon=1.0, purpose="DUO:0000007 x")
    with pytest.raises(InvalidArgument, match="expected a dataset, got str"):
        diagnose.rehearse(linear(), "breast-cancer")
    with pytest.raises(InvalidArgument, match="does not begin with a code") as caught:
        submit(site.client(), purpose="cancer")
    assert "DUO:0000007" in caught.value.hint
    space = Space({"hospital-a": site.client()}, site.researcher)
    with pytest.raises(NotFound) as caught:
        space.dataset("hospital-a/brest-cancer")
    assert "Did you mean hospital-a/breast-cancer?" in caught.value.hint
    assert dataset(site.client()).card.name == "breast-cancer"


def test_something_else_at_a_domains_address_spoils_only_that_domain(site, tmp_path):
    """Put a web server that answers everything with a page in a domain's place."""
    import http.server
    import threading

    from workbench.space.client.client import DomainClient

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    stranger = DomainClient.at("hospital-b", url, PrivateKey.create().public, site.researcher)
    space = Space({"hospital-b": stranger, "hospital-a": site.client()}, site.researcher)
    assert {card.domain for card in space.catalog()} == {"hospital-a"}
    assert "is no domain" in repr(space.catalog())
    assert "is no domain" in repr(space.requests())
    with pytest.raises(DomainUnavailable, match="is no domain"):
        stranger.info()
    server.shutdown()


def test_a_second_server_on_one_folder_is_refused(site):
    from workbench.domain.service import Domain

    second = Domain(site.domain.folder.root)
    with pytest.raises(DomainUnavailable, match="another process already serves"):
        second.start()
    second.close()
