"""Check that no later publication changes the files that a run reads."""

from __future__ import annotations

import shutil

import pytest

from tests.studies import submit_progression
from tests.support import Site, make_domain
from workbench.domain.datasets.files import prepared
from workbench.domain.service import Domain
from workbench.errors import DomainUnavailable, RequestDenied

NAME = "diabetes"


@pytest.fixture
def waiting(tmp_path):
    """A domain where a request waits for its steward."""
    site = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b", (NAME,)))
    site.card = site.client().dataset(NAME)
    site.handle = submit_progression(site.client(), epsilon=3.0, purpose="DUO:0000007 x")
    yield site
    site.close()


def files(site, card):
    """The files of a card, by name."""
    place = prepared(site.domain.folder, card).root
    return {path.name: path.read_bytes() for path in place.iterdir()}


def publish(site, fraction):
    """Publish the same data with another share of the hold-out part."""
    path = site.domain.folder.datasets / NAME / "dataset.yaml"
    lines = [x for x in path.read_text().splitlines() if not x.startswith("holdout_fraction")]
    path.write_text("\n".join([*lines, f"holdout_fraction: {fraction}", ""]))
    return site.domain.operator.publish(NAME)


def approve(site):
    site.client(site.steward).decide(site.handle.digest, "approve", "")
    return site.handle.wait(progress=False)


@pytest.mark.parametrize("fraction", [0.4, 0.0])
def test_a_request_runs_on_the_division_of_its_own_card(waiting, fraction):
    before = files(waiting, waiting.card)
    assert set(before) == {"training.npz", "holdout.npz", "counts.json"}
    other = publish(waiting, fraction)
    assert other.dataset_version == waiting.card.dataset_version
    assert files(waiting, waiting.card) == before
    assert files(waiting, other)["training.npz"] != before["training.npz"]
    assert approve(waiting).verified.card == waiting.card


def test_publishing_again_leaves_files_that_are_there_and_makes_those_that_are_not(waiting):
    place = prepared(waiting.domain.folder, waiting.card)
    before, written = files(waiting, waiting.card), place.training.stat().st_mtime_ns
    publish(waiting, 0.25)
    assert place.training.stat().st_mtime_ns == written
    shutil.rmtree(place.root)
    publish(waiting, 0.25)
    assert files(waiting, waiting.card) == before


def test_a_request_whose_files_are_gone_is_denied_and_costs_nothing(waiting):
    shutil.rmtree(prepared(waiting.domain.folder, waiting.card).root)
    facts = waiting.client(waiting.steward).review(waiting.handle.digest)
    assert facts["counts"] == {"clamped": {}, "filled": {}}
    with pytest.raises(RequestDenied, match="publish"):
        approve(waiting)
    assert not waiting.handle.status.charged


def test_records_of_an_earlier_version_are_here_until_no_request_needs_them(waiting):
    before = files(waiting, waiting.card)
    second = publish(waiting, 0.3)
    third = publish(waiting, 0.4)
    place = prepared(waiting.domain.folder, second)
    assert not place.here
    # A steward may look at an old request.
    assert [path.name for path in place.root.iterdir()] == ["counts.json"]
    assert files(waiting, waiting.card) == before
    assert approve(waiting).verified.card == waiting.card
    publish(waiting, 0.4)
    assert not prepared(waiting.domain.folder, waiting.card).here
    assert prepared(waiting.domain.folder, third).here
    waiting.client(waiting.steward).review(waiting.handle.digest)
    again = publish(waiting, 0.25)
    assert again.dataset_version == waiting.card.dataset_version
    assert files(waiting, waiting.card) == before


def test_a_publication_that_is_undone_leaves_the_records_of_the_present_version(
    tmp_path, monkeypatch
):
    site = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b", (NAME,)), start=False)
    card = site.client().dataset(NAME)
    before = files(site, card)

    def full(*rest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workbench.domain.operator.log.append", full)
    with pytest.raises(DomainUnavailable):
        publish(site, 0.4)
    assert files(site, card) == before
    site.close()


def test_files_of_an_older_domain_are_those_of_its_newest_card(waiting):
    newest = publish(waiting, 0.4)
    expected = files(waiting, newest)
    place = prepared(waiting.domain.folder, newest).root
    for path in place.iterdir():
        path.rename(place.parent / path.name)
    for card in (newest, waiting.card):
        shutil.rmtree(prepared(waiting.domain.folder, card).root)
    Domain(waiting.domain.folder.root).close()
    assert files(waiting, newest) == expected
    assert not prepared(waiting.domain.folder, waiting.card).root.exists()
