"""A dataset of two columns, at a domain in this process in which nothing runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.studies import dataset
from tests.support import Site, make_domain
from workbench.space.datasets import Dataset


@pytest.fixture(scope="package")
def quiet_site(tmp_path_factory) -> Iterator[Site]:
    """A domain with digits that checks and runs nothing: whatever reaches it waits."""
    root = tmp_path_factory.mktemp("quiet") / "hospital-a"
    opened = Site.open(make_domain(root, datasets=("digits",)), start=False)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def ds(quiet_site) -> Dataset:
    """Digits: an image of 64 numbers, and one of ten classes."""
    return dataset(quiet_site.client(), "digits")
