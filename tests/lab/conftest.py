"""A real domain in this process with three requests: two for the steward, one for the policy."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support import Site, make_domain
from workbench.space.connection import Space
from workbench.space.requests.request import RequestHandle

HOSTILE = "<img src=x onerror=alert(1)> & ‮friends"


@dataclass
class Study:
    """A site, its two spaces, and the requests that wait there."""

    site: Site
    researcher: Space
    steward: Space
    waiting: RequestHandle
    hostile: RequestHandle
    by_policy: RequestHandle


@pytest.fixture
def study(tmp_path):
    """A domain whose policy takes breast-cancer and whose steward decides diabetes."""
    import torch
    from torch import nn

    import workbench as wb

    root = make_domain(tmp_path / "b", "hospital-b", ("breast-cancer", "diabetes"))
    site = Site.open(root)
    name = site.domain.folder.config.name
    researcher = Space({name: site.client()}, site.researcher)
    steward = Space({name: site.client(site.steward)}, site.steward)

    @wb.training_function(steps=5, sample_rate=1.0, learning_rate=0.1)
    def progress(model, record):
        wanted = (record["progression"] - 185.5) / 160.5
        return ((model(wb.features(record)) - wanted) ** 2).mean()

    @wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)
    def diagnose(model, record):
        logits = model(wb.features(record))
        right = logits.argmax() == record["diagnosis"]
        return torch.nn.functional.cross_entropy(logits, record["diagnosis"]), {"accuracy": right}

    diabetes = researcher.dataset("diabetes")
    asks = [
        progress.submit(nn.Linear(10, 1), to=diabetes, epsilon=1.0, purpose=f"DUO:0000007 {words}")
        for words in ("diabetes outcomes", HOSTILE)
    ]
    cancer = researcher.dataset("breast-cancer")
    taken = diagnose.submit(nn.Linear(30, 2), to=cancer, epsilon=1.0, purpose="DUO:0000007 cancer")
    yield Study(site, researcher, steward, *asks, taken)
    site.close()
