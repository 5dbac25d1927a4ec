"""One run on one and on two processes.

Each job goes through the domain's executor as a request's would: fork, load, train, model written.
The settings take turns, so that what else the machine does hits all of them. Beside wall time
stands the processor time of the busiest process: what the run would take on cores of its own.
Run with ``make bench``.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from torch import nn

from workbench.documents import Plan, Schema
from workbench.domain.kinds.job import Job
from workbench.domain.runs.executor import Executor
from workbench.domain.store.config import JobLimits
from workbench.domain.store.files import save_records
from workbench.graphs.export.training import export
from workbench.records import Records

ROWS, BATCH, ROUNDS, TURNS = 8192, 4096, 6, 5
SETTINGS = {"1 worker": {}, "2 workers": {"workers": 2}}
MODELS = {
    "MLP 784-256-128-10": lambda: nn.Sequential(
        nn.Flatten(-3),
        nn.Linear(784, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ),
    "CNN 8-16-10 on 28x28": lambda: nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(-3),
        nn.Linear(400, 10),
    ),
}


def classify(model, record):  # type: ignore[no-untyped-def]
    """Return the loss of one picture."""
    return F.cross_entropy(model(record["x"]), record["y"])


def job(model: nn.Module, place: Path) -> Job:
    """Write graph and records into `place` and return the job on them."""
    schema = Schema.read(
        {
            "columns": [
                {"name": "x", "kind": "tensor", "shape": [1, 28, 28], "lower": 0.0, "upper": 1.0},
                {"name": "y", "kind": "category", "role": "target", "categories": list(range(10))},
            ]
        }
    )
    graph = export(classify, model, schema)
    (place / "graph").write_bytes(graph.archive)
    random = np.random.default_rng(0)
    columns = {
        "x": random.random((ROWS, 1, 28, 28), np.float32),
        "y": random.integers(0, 10, ROWS),
    }
    records = Records(columns, np.arange(ROWS))
    save_records(place / "training.npz", records)
    save_records(
        place / "holdout.npz", Records({n: v[:1] for n, v in columns.items()}, np.arange(1))
    )
    plan = Plan(
        learning_rate=0.1,
        steps=ROUNDS,
        sample_rate=BATCH / ROWS,
        max_grad_norm=1.0,
        noise_multiplier=1.0,
        metrics_noise_multiplier=1.0,
    )
    return Job(
        mode="training",
        graph=str(place / "graph"),
        training=str(place / "training.npz"),
        holdout=str(place / "holdout.npz"),
        inputs=graph.inputs,
        metrics=(),
        plan=plan,
        record_count=ROWS,
        holdout_fraction=0.0,
        max_records_per_unit=1,
        seed="00" * 32,
    )


class Busiest:
    """Measures wall time and the processor time of the busiest process below a worker."""

    def __init__(self, executor: Executor) -> None:
        worker = executor._worker.process
        assert worker is not None
        self._worker = psutil.Process(worker.pid)
        self._times: dict[int, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Busiest:
        self._began = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._began
        self._done.set()
        self._thread.join()
        self.processor = max(self._times.values())

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            for process in self._worker.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    used = process.cpu_times()
                    self._times[process.pid] = used.user + used.system


def main() -> None:
    """Measure and print."""
    print(
        f"{BATCH} records per round, {ROUNDS} rounds, median of {TURNS}, {os.cpu_count()} cores\n"
    )
    print("| model | seconds | " + " | ".join(SETTINGS) + " | 1 worker / 2 workers |")
    print("|---" * (len(SETTINGS) + 3) + "|")
    for name, make in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            torch.manual_seed(0)
            asked = job(make(), place)
            executors = {n: Executor(JobLimits(**limits)) for n, limits in SETTINGS.items()}
            found: dict[str, list[Busiest]] = {n: [] for n in SETTINGS}
            for executor in executors.values():
                executor.run("warm-up", asked, place / "job")
            for _ in range(TURNS):
                for setting, executor in executors.items():
                    with Busiest(executor) as measured:
                        outcome = executor.run("run", asked, place / "job")
                    found[setting].append(measured)
                    assert outcome is not None
                    assert outcome.failure is None, outcome.failure
            for executor in executors.values():
                executor.close()
        for what, label in (("wall", "wall"), ("processor", "busiest process")):
            values = {n: [getattr(m, what) for m in turns] for n, turns in found.items()}
            # The ratio of each turn, so that a slow minute counts for both.
            pairs = zip(values["1 worker"], values["2 workers"], strict=True)
            ratio = statistics.median(one / two for one, two in pairs)
            cells = [f"{statistics.median(turns):.2f}" for turns in values.values()]
            print(f"| {name} | {label} | " + " | ".join(cells) + f" | {ratio:.2f} |")


if __name__ == "__main__":
    main()
