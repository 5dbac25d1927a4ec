"""Connecting: what space.toml may say, and how a domain that is away is told."""

from __future__ import annotations

import pytest

from tests.processes import ServerSite, free_port
from tests.studies import linear
from workbench.documents import PrivateKey
from workbench.documents.errors import (
    DomainUnavailable,
    InvalidConfiguration,
    InvalidDocument,
    InvalidSignature,
    NotFound,
)
from workbench.space.connection import Space, connect
from workbench.space.functions import training_function


def space_file(folder, key, *entries):
    if not (folder / "me.key").exists():
        key.save(folder / "me.key")
    lines = ['key = "me.key"']
    for name, url, public in entries:
        lines += ["[[domains]]", f'name = "{name}"', f'url = "{url}"', f'public_key = "{public}"']
    (folder / "space.toml").write_text("\n".join(lines))
    return folder / "space.toml"


@pytest.mark.slow
def test_a_domain_that_is_down_is_named_with_since_when_and_what_to_do(tmp_path):
    site = ServerSite(tmp_path / "hospital-a").start()
    nowhere = f"http://127.0.0.1:{free_port()}"
    file = space_file(
        tmp_path, site.researcher, ("hospital-a", site.url, site.public_key),
        ("hospital-b", nowhere, PrivateKey.create().public),
    )  # fmt: skip
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
    from workbench.space.client import DomainClient

    other = PrivateKey.create().public
    client = DomainClient("hospital-a", other, site.http, site.researcher)
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
    with pytest.raises(NotFound, match="differ|shapes"):
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


def test_nothing_to_connect_to_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_SPACE", raising=False)
    with pytest.raises(InvalidConfiguration, match=r"no space.toml") as caught:
        connect()
    assert "workbench demo --lab" in caught.value.hint


def test_a_training_function_needs_one_way_to_count_rounds_and_records():
    for options in ({}, {"steps": 1}, {"steps": 1, "epochs": 1, "batch_size": 1},
                    {"steps": 1, "sample_rate": 0.1, "batch_size": 5}):  # fmt: skip
        with pytest.raises(InvalidDocument, match="one of them"):
            training_function(learning_rate=0.1, **options)
