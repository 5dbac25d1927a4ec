"""One domain in this process for tests that ask little of it, with two small datasets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tests.studies import dataset
from tests.support import Site, add_dataset, make_domain
from workbench.space.datasets import Dataset

VISITS = [
    {"name": "age", "kind": "number", "lower": 0, "upper": 100},
    {"name": "ill", "kind": "category", "categories": ["no", "yes"], "role": "target"},
]


@pytest.fixture(scope="package")
def small_site(tmp_path_factory) -> Iterator[Site]:
    """Hospital A with digits and visits, whose policies approve all that fits, and two people."""
    root = make_domain(tmp_path_factory.mktemp("small") / "hospital-a", datasets=("digits",))
    frame = pd.DataFrame({"age": np.arange(60), "ill": ["no", "yes"] * 30})
    add_dataset(root, "visits", frame, VISITS)
    opened = Site.open(root)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def digits(small_site) -> Dataset:
    """An image of 64 numbers, and one of ten classes."""
    return dataset(small_site.client(), "digits")


@pytest.fixture(scope="package")
def visits(small_site) -> Dataset:
    """A number, and one of two classes."""
    return dataset(small_site.client(), "visits")
