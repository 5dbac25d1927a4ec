"""Check that a second server on one database does not start: it would run requests twice."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import text

from tests.studies import submit
from tests.support import Site, make_domain, wait_until
from workbench.domain.service import Domain
from workbench.domain.store.database import Store
from workbench.errors import DomainUnavailable

pytestmark = pytest.mark.slow


def test_the_second_of_two_folders_with_one_database_does_not_start(tmp_path, database_url):
    first = Site.open(make_domain(tmp_path / "hospital-a", database=database_url))
    shutil.copytree(first.domain.folder.root, tmp_path / "copy")
    copy = Domain(tmp_path / "copy")
    with pytest.raises(DomainUnavailable, match="another server already serves this database"):
        copy.start()
    assert submit(first.client(), epsilon=0.5).wait(progress=False).verified
    first.close()
    copy.start()
    copy.close()


def test_a_claim_is_taken_again_after_the_database_has_lost_it(postgresql, tmp_path):
    url = f"{postgresql}/postgres"
    first, second = Store(url), Store(url)
    first.claim()
    for _ in range(2):
        with pytest.raises(DomainUnavailable, match="already serves"):
            second.claim()
    locks = "FROM pg_locks WHERE locktype = 'advisory'"
    with second.engine.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {locks}"))
        wait_until(lambda: not connection.execute(text(f"SELECT count(*) {locks}")).scalar())
    first.claim()
    with pytest.raises(DomainUnavailable, match="already serves"):
        second.claim()
    first.close()
    second.claim()
    second.close()


def test_whoever_comes_right_after_the_first_has_closed_gets_the_database(postgresql):
    url = f"{postgresql}/postgres"
    for _ in range(20):
        first, second = Store(url), Store(url)
        first.claim()
        first.close()
        second.claim()
        second.close()
