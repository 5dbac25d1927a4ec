"""Limits of a run: time, processor time and memory each end it with one word.

And what a worker computes in: its memory, its numbers, its environment.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.studies import endless, submit
from tests.support import Site, make_domain
from workbench.budget import chain
from workbench.domain.runs import executor, worker_process
from workbench.domain.store.config import DomainFolder, JobLimits
from workbench.domain.worker.surroundings import worker_environment
from workbench.errors import (
    DomainUnavailable,
    GraphRefused,
    InvalidConfiguration,
    RequestFailed,
)

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


def test_what_takes_too_much_memory_is_refused_before_it_costs_and_ended_in_any_case(
    tmp_path, monkeypatch
):
    import torch.nn.functional as F
    from torch import nn

    import workbench as wb

    @wb.training_function(steps=5, sample_rate=1.0, learning_rate=0.1)
    def wide(model, record):
        hidden = model[0](wb.features(record)).repeat(12_000)
        return F.cross_entropy(model[1](hidden.reshape(12_000, -1).sum(0)), record["diagnosis"])

    site = limited(tmp_path, "memory_mb = 64\n")
    model = nn.Sequential(nn.Linear(30, 2000), nn.Linear(2000, 2))
    with pytest.raises(GraphRefused, match="more memory"):
        submit(site.client(), wide, model)
    assert site.client().requests() == []
    monkeypatch.setattr(site.domain.checks, "require", lambda request, card: None)
    handle = submit(site.client(), wide, model)
    with pytest.raises(RequestFailed, match="more memory"):
        handle.wait(progress=False)
    assert handle.status.charged
    site.close()


def test_what_the_data_take_is_not_what_a_run_may_take(tmp_path):
    """Were it counted, the word would tell how many records there are."""
    import numpy as np
    import yaml

    import workbench as wb

    megabytes, count, width = 96, 600, 1 << 16
    root = make_domain(tmp_path / "clinic", "clinic", (), limits=f"memory_mb = {megabytes}\n")
    pictures = np.random.default_rng(0).random((count, 8, width // 8), dtype=np.float32)
    assert pictures.nbytes > (megabytes << 20)
    np.savez(root / "data" / "pictures.npz", x=pictures, y=np.zeros(count, np.float32))
    folder = root / "datasets" / "pictures"
    folder.mkdir(parents=True)
    columns = [
        {"name": "x", "kind": "tensor", "shape": [8, width // 8], "lower": 0.0, "upper": 1.0},
        {"name": "y", "kind": "number", "role": "target", "lower": 0.0, "upper": 1.0},
    ]
    (folder / "dataset.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "pictures",
                "title": "Pictures",
                "data": "pictures.npz",
                "record_count": count,
                "snippet": {"level": 0, "rows": 10},
                "schema": {"columns": columns},
            }
        )
    )
    (folder / "terms.yaml").write_text(
        yaml.safe_dump(
            {
                "text": "For tests.",
                "purposes": ["DUO:0000042"],
                "epsilon_total": 10.0,
                "delta": 1e-5,
                "epsilon_per_run": 1.0,
                "minimum_records": 10,
                "approval": {"mode": "policy", "epsilon": 10.0, "purposes": ["DUO:0000042"]},
            }
        )
    )

    @wb.training_function(steps=3, sample_rate=0.05, learning_rate=0.1)
    def narrow(model, record):
        return (model(record["x"][0, :8]) - record["y"]).pow(2).sum()

    site = Site.open(root)
    client = site.client()
    handle = submit(
        client, narrow, torch.nn.Linear(8, 1), "pictures", epsilon=0.5, purpose="DUO:0000042"
    )
    assert handle.wait(progress=False).verified
    site.close()


def test_the_worker_sees_no_environment_and_no_secret(tmp_path, monkeypatch):
    import psutil

    monkeypatch.setenv("A_SECRET", "hush")
    site = limited(tmp_path, "")
    worker = psutil.Process(site.domain.runs.executor._worker.process.pid)
    assert "A_SECRET" not in worker.environ()
    assert set(worker.environ()) <= {
        "OMP_NUM_THREADS",
        "OMP_WAIT_POLICY",
        "OMP_DYNAMIC",
        "MKL_NUM_THREADS",
        "MKL_DYNAMIC",
        "MKL_CBWR",
        "ATEN_CPU_CAPABILITY",
        "GLIBC_TUNABLES",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "LC_CTYPE",
        # glibc cuts GLIBC_TUNABLES at its colon.
        "glibc.malloc.tcache_count",
    }
    submit(site.client()).wait(progress=False)
    assert not list(site.domain.folder.state.rglob("job.json"))
    with site.domain.store.read() as connection:
        assert chain.count(connection) == 2
    site.close()


def in_a_worker(lines, **changes):
    """Return what code prints in the surroundings of a worker, or in changed ones."""
    environment = worker_environment() | changes
    command = [sys.executable, "-c", "import torch\n" + lines]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


WRITTEN = """
for size in (3, 35, 1000, 70_000, 9_000_000):
    secret = [torch.full((size,), 12.5) for _ in range(9)]
    del secret
    print({hex(n) for n in torch.empty(size).view(torch.uint8).unique().tolist()})
"""


def test_a_worker_finds_one_byte_and_no_data_in_memory_that_was_not_written():
    assert in_a_worker(WRITTEN) == ["{'0x3f'}"] * 5
    assert in_a_worker(WRITTEN, GLIBC_TUNABLES="") != ["{'0x3f'}"] * 5


def test_the_processes_of_a_run_know_no_subnormal_numbers():
    found = in_a_worker("""
import os, threading
from workbench.domain.worker.surroundings import flushes_subnormal, settle
print(flushes_subnormal())
settle()
print(flushes_subnormal(), flush=True)
if os.fork() == 0:
    print(flushes_subnormal(), flush=True)
    thread = threading.Thread(target=lambda: print(flushes_subnormal(), flush=True))
    thread.start(), thread.join()
    os._exit(0)
os.wait()
""")
    assert found == ["False", "True", "True", "True"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"GLIBC_TUNABLES": "glibc.malloc.perturb=192"}, "not filled.*glibc"),
        ({"GLIBC_TUNABLES": ""}, "not filled.*glibc"),
        pytest.param(
            {"ATEN_CPU_CAPABILITY": "avx512"},
            "vectors of 16",
            marks=pytest.mark.skipif(
                torch.backends.cpu.get_cpu_capability() != "AVX512", reason="needs AVX-512"
            ),
        ),
    ],
)
def test_a_worker_whose_surroundings_are_not_right_does_not_serve(monkeypatch, missing, message):
    environment = worker_environment() | missing
    monkeypatch.setattr(worker_process, "worker_environment", lambda: environment)
    refusing = executor.Executor(JobLimits())
    with pytest.raises(DomainUnavailable, match=message) as caught:
        refusing.warm_up()
    assert "docs/operator.md" in caught.value.hint
    refusing.close()


def test_on_this_machine_no_operator_tells_a_place(tmp_path):
    site = limited(tmp_path, "")
    assert site.domain.runs.executor.moved == frozenset()
    site.close()


@pytest.mark.parametrize("threads", ["2", "0", "true"])
def test_a_configuration_with_threads_is_refused_and_told_why(tmp_path, threads):
    root = make_domain(tmp_path / "hospital-a", limits=f"threads = {threads}\n")
    with pytest.raises(InvalidConfiguration, match="one thread.*use workers"):
        DomainFolder(root)


def test_a_configuration_that_says_one_thread_is_accepted(tmp_path):
    root = make_domain(tmp_path / "hospital-a", limits="threads = 1\nworkers = 2\n")
    assert DomainFolder(root).config.limits == JobLimits(workers=2)
