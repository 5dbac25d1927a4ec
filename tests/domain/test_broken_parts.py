"""Check that a locked database or a full disk is told, and that nothing is left half done."""

from __future__ import annotations

import os
import sqlite3
import subprocess

import pytest

from tests.studies import submit, submit_progression
from tests.support import Site, make_domain
from workbench.budget import chain
from workbench.documents import Decision, Envelope, now
from workbench.domain.store import database as store_module
from workbench.domain.store.tables import requests
from workbench.errors import DomainUnavailable, RequestDenied, WorkbenchError


@pytest.fixture
def small_site(tmp_path):
    site = Site.open(make_domain(tmp_path / "hospital-a"))
    yield site
    site.close()


def counts(site):
    with site.domain.store.read() as connection:
        return chain.count(connection)


def test_a_locked_database(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_WAIT_SECONDS", 0.2)
    site = Site.open(make_domain(tmp_path / "hospital-a"))
    lock = sqlite3.connect(tmp_path / "hospital-a" / "domain.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(DomainUnavailable, match="database cannot be used now"):
        submit(site.client())
    lock.execute("ROLLBACK")
    lock.close()
    assert counts(site) == 0
    assert submit(site.client()).wait(progress=False).verified
    site.close()


def test_a_database_that_is_gone(small_site, tmp_path):
    small_site.domain.store.engine.dispose()
    for path in tmp_path.glob("hospital-a/domain.sqlite*"):
        path.rename(path.with_name(path.name + ".away"))
        path.mkdir()
    with pytest.raises(DomainUnavailable):
        submit(small_site.client())
    assert small_site.http.get("/v1/health").status_code == 503
    small_site.domain.store.engine.dispose()
    for path in tmp_path.glob("hospital-a/domain.sqlite*.away"):
        place = path.with_name(path.name.removesuffix(".away"))
        place.rmdir()
        path.rename(place)
    assert submit(small_site.client()).wait(progress=False).verified


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(tmp_path):
    """The domain's folder lies on a disk of two megabytes that is then filled."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        site = Site.open(make_domain(disk / "hospital-a"))
        with (disk / "ballast").open("wb", buffering=0) as ballast:
            with pytest.raises(OSError, match="No space left"):
                while True:
                    ballast.write(bytes(4096))
        before = counts(site)
        with pytest.raises(WorkbenchError) as caught:
            submit(site.client())
        assert caught.value.code in ("domain-unavailable",)
        assert counts(site) == before
        (disk / "ballast").unlink()
        assert submit(site.client()).wait(progress=False).verified
        site.close()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("tampering", ["decision", "request", "verdict"])
def test_a_decision_that_was_tampered_with_in_the_database_launches_nothing(
    steward_site, tampering
):
    """Checked again at launch: the stored approval must be the steward's, on this request."""
    site = steward_site
    handle = submit_progression(site.client(), epsilon=3.0, purpose="DUO:0000007 x")
    decision = Decision(
        request=handle.digest,
        verdict="approve",
        by="steward",
        key=site.steward.key_id,
        decided=now(),
    )
    if tampering == "decision":
        # Signed by the researcher, who would like to approve the request alone.
        envelope = Envelope.sign(decision, site.researcher)
    elif tampering == "verdict":
        denial = decision.model_copy(update={"verdict": "deny", "reason": "no"})
        envelope = Envelope.sign(denial, site.steward)
    else:
        other = decision.model_copy(update={"request": "sha256:" + "0" * 64})
        envelope = Envelope.sign(other, site.steward)
    with site.domain.store.write() as connection:
        values = {"state": "approved", "decision": envelope.canonical().decode()}
        connection.execute(requests.update().values(values))
    site.launch(handle.digest)
    with pytest.raises(RequestDenied):
        handle.wait(progress=False)
    assert not handle.status.charged
    assert site.client().budget("diabetes").epsilon_spent == 0
