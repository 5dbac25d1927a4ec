"""Limits of a run: time, processor time and memory each end it with one word."""

from __future__ import annotations

import pytest

from tests.studies import endless, submit
from tests.support import Site, make_domain
from workbench.budget import ledger
from workbench.documents.errors import RequestFailed

pytestmark = pytest.mark.slow


def limited(tmp_path, limits):
    return Site.open(make_domain(tmp_path / "hospital-a", limits=limits))


@pytest.mark.parametrize(
    ("limits", "failure", "words"),
    [
        ("seconds = 1\n", "timeout", "took longer"),
        ("cpu_seconds = 1\n", "timeout", "took longer"),
    ],
)
def test_a_run_that_takes_too_long_is_ended_and_stays_charged(tmp_path, limits, failure, words):
    site = limited(tmp_path, limits)
    handle = submit(site.client(), endless)
    with pytest.raises(RequestFailed, match=words):
        handle.wait(progress=False)
    assert handle.status.failure == failure
    assert handle.status.charged
    assert submit(site.client(), repeat=1).wait(progress=False).verified
    site.close()


def test_a_run_that_takes_too_much_memory_is_ended(tmp_path):
    import torch.nn.functional as F
    from torch import nn

    import workbench as wb

    @wb.training_function(steps=5, sample_rate=1.0, learning_rate=0.1)
    def wide(model, record):
        hidden = model[0](wb.features(record)).repeat(12_000)
        return F.cross_entropy(model[1](hidden.reshape(12_000, -1).sum(0)), record["diagnosis"])

    site = limited(tmp_path, "memory_mb = 64\n")
    model = nn.Sequential(nn.Linear(30, 2000), nn.Linear(2000, 2))
    handle = submit(site.client(), wide, model)
    with pytest.raises(RequestFailed, match="more memory"):
        handle.wait(progress=False)
    site.close()


def test_the_worker_sees_no_environment_and_no_secret(tmp_path, monkeypatch):
    import psutil

    monkeypatch.setenv("A_SECRET", "hush")
    site = limited(tmp_path, "")
    worker = psutil.Process(site.domain.runs.executor._worker.pid)
    assert "A_SECRET" not in worker.environ()
    assert set(worker.environ()) <= {
        "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_DYNAMIC", "MKL_NUM_THREADS",
        "MKL_DYNAMIC", "MKL_CBWR", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "LC_CTYPE",
    }  # fmt: skip
    submit(site.client()).wait(progress=False)
    assert not list(site.domain.folder.state.rglob("job.json"))
    with site.domain.store.read() as connection:
        assert ledger.count(connection) == 2
    site.close()
