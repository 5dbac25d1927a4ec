"""Who keeps the receipts of a domain notices that its ledger went back."""

from __future__ import annotations

import json
import warnings
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.evidence.story import DOMAIN, STRANGER, Story
from workbench.cli.app import app
from workbench.documents import digest_bytes
from workbench.documents.ledger_head import LedgerPoint
from workbench.errors import LedgerWentBack, VerificationFailed
from workbench.evidence.receipts import Receipt, went_back
from workbench.space.client.receipts import Receipts


def hash_of(rows, branch=0):
    return digest_bytes(f"{branch}/{rows}".encode()).removeprefix("sha256:")


def kept(time, rows, branch=0, domain="hospital-a", key=DOMAIN):
    return Receipt(
        domain=domain,
        domain_key=str(key.public),
        request=digest_bytes(b"%d" % time),
        released=f"2026-01-01T00:00:{time:02d}.000000Z",
        ledger=LedgerPoint(rows=rows, hash=hash_of(rows, branch)),
    )


def story(time, rows, branch=0, domain_key=DOMAIN):
    point = LedgerPoint(rows=rows, hash=hash_of(rows, branch))
    released = f"2026-01-01T00:00:{time:02d}.000000Z"
    values = {"ledger": point, "released": released}
    return Story(release=values, domain_key=domain_key, request={"repeat": time}).told()


HONEST = [kept(1, 2), kept(2, 4), kept(3, 4), kept(4, 9)]


@pytest.mark.parametrize("order", list(permutations(HONEST))[::5])
def test_a_ledger_that_grew_went_nowhere_in_whatever_order_its_releases_came(order):
    assert went_back(order) == []
    receipts = Receipts()
    assert [receipts.take(one) for one in order] == [[], [], [], []]


def test_fewer_rows_at_a_later_release_are_told_with_the_domain():
    (problem,) = went_back([kept(1, 10), kept(2, 4), kept(1, 8, domain="hospital-b")])
    assert "ledger of domain 'hospital-a' went back: it had 10 rows" in problem
    assert "and 4 at that of 2026-01-01T00:00:02" in problem


def test_as_many_rows_with_another_hash_are_told():
    (problem,) = went_back([kept(1, 10), kept(2, 10, branch=1)])
    assert "'hospital-a' went back: row 10 was" in problem


def test_another_domain_or_another_key_is_another_ledger():
    assert went_back([kept(1, 10), kept(2, 4, domain="hospital-b")]) == []
    assert went_back([kept(1, 10), kept(2, 4, key=STRANGER)]) == []


@given(st.lists(st.integers(2, 20), min_size=2, max_size=8))
def test_it_is_told_exactly_if_the_number_of_rows_ever_fell(rows):
    found = went_back([kept(time, count) for time, count in enumerate(rows)])
    assert bool(found) == any(a > b for a, b in pairwise(rows))


def test_receipts_are_kept_between_kernels_and_told_once(tmp_path):
    file = tmp_path / "receipts.jsonl"
    assert Receipts(file).take(kept(1, 10)) == []
    other = Receipts(file)
    (problem,) = other.take(kept(2, 4))
    assert "'hospital-a' went back" in problem
    # Asked again it says the same; the releases after it are not to blame.
    assert other.take(kept(2, 4)) == [problem]
    assert Receipts(file).take(kept(3, 6)) == []
    assert len(file.read_text().splitlines()) == 3
    file.write_text(file.read_text() + '{"half": ')
    assert Receipts(file).take(kept(4, 8)) == []


def test_a_request_that_is_released_anew_by_an_older_database_is_told(tmp_path):
    first, again = kept(1, 4), kept(2, 4, branch=1)
    receipts = Receipts(tmp_path / "receipts.jsonl")
    receipts.take(first)
    assert receipts.take(again.model_copy(update={"request": first.request}))


def test_a_folder_that_cannot_be_written_keeps_them_in_memory(tmp_path):
    receipts = Receipts(tmp_path / "nowhere" / "receipts.jsonl")
    assert receipts.take(kept(1, 10)) == []
    assert receipts.take(kept(2, 4))


@pytest.fixture
def files(tmp_path):
    def write(*bundles):
        paths = []
        for number, bundle in enumerate(bundles):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_bytes(bundle.canonical())
        return paths

    return write


def run(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_the_command_checks_several_releases_together(files):
    good = files(story(1, 2), story(2, 4))
    result = run(*good, "--domain-key", DOMAIN.public)
    assert result.exit_code == 0, result.output
    assert "ok: privacy ledgers" in result.output
    told = json.loads(run(*good, "--domain-key", DOMAIN.public, "--json").output)
    assert [len(told["releases"]), told["ledgers"]] == [2, []]


def test_the_command_says_which_domains_ledger_went_back(files):
    bad = files(story(1, 10), story(2, 4))
    refused = run(*bad, "--domain-key", DOMAIN.public)
    assert isinstance(refused.exception, VerificationFailed)
    assert "ledger of domain 'hospital-a' went back" in refused.exception.message
    assert "an old database was restored" in refused.exception.hint
    for one in bad:
        assert run(one, "--domain-key", DOMAIN.public).exit_code == 0


def test_of_releases_by_two_keys_nothing_follows(files):
    two = files(story(1, 10), story(2, 4, domain_key=STRANGER))
    assert run(*two).exit_code == 2


class _Client:
    """A domain that gives evidence, and nothing else."""

    name, public_key = "hospital-a", DOMAIN.public

    def __init__(self, receipts):
        self.receipts = receipts

    def evidence(self, digest):
        return self.bundles[digest]


def test_a_researchers_result_warns_and_shows_it(tmp_path):
    from workbench.documents import Request
    from workbench.documents.envelope import unverified
    from workbench.space.results.training import TrainingResult

    client = _Client(Receipts(tmp_path / "receipts.jsonl"))
    results = []
    client.bundles = {}
    for bundle in (story(1, 10), story(2, 4), story(3, 6)):
        request = unverified(bundle.request, Request)
        client.bundles[request.digest] = bundle
        status = type("Status", (), {"request": request, "request_digest": request.digest})
        results.append(TrainingResult(client, status))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert results[0].release.steps == 20
    with pytest.warns(LedgerWentBack, match="domain 'hospital-a' went back"):
        assert results[1].release.steps == 20
    assert "went back" in repr(results[1])
    assert "went back" not in repr(results[2])
