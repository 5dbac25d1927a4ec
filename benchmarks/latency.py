"""From submit to release on warm domains, and where the time goes.

Run with ``make bench``. Two processes as in use: a domain server
on loopback and this one as the researcher. Each row is the median of several requests, in
milliseconds, and its share of the limit of 3 s.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tests.processes import ServerSite
from tests.studies import dataset, diagnose, linear
from workbench.documents import Request

LIMIT_MS = 3000
RUNS = 10


def timed(times, name, call):
    began = time.perf_counter()
    value = call()
    times[name].append(1000 * (time.perf_counter() - began))
    return value


def one(client, data, repeat, times):
    """Submit one request step by step, then wait for it."""
    began = time.perf_counter()
    graph = timed(times, "export of the record graph", lambda: diagnose.export(linear(), data))
    plan = timed(
        times,
        "noise calibration (cached after the first)",
        lambda: diagnose.plan(data.card, 2.0, 1e-5, 1),
    )
    card = data.card
    request = Request.read(
        {
            "researcher": client.key.key_id,
            "domain": card.domain,
            "dataset": card.name,
            "dataset_version": card.dataset_version,
            "card": card.digest,
            "function": "diagnose",
            "graph": graph.digest,
            "inputs": list(graph.inputs),
            "metrics": list(graph.metrics),
            "plan": plan.model_dump(),
            "epsilon": 2.0,
            "delta": 1e-5,
            "purpose": "DUO:0000007",
            "repeat": repeat,
        }
    )
    timed(times, "HTTP: upload of the graph", lambda: client.upload(graph.digest, graph.archive))
    timed(times, "HTTP: request, checks, reserve, decide", lambda: client.submit(request))
    started = {}

    def follow():
        for status in client.events(request.digest):
            started.setdefault(str(status.state), time.perf_counter())
            if status.progress and status.progress.step > 0:
                started.setdefault("training", time.perf_counter())

    timed(times, "run: fork of the worker, training, release", follow)
    timed(times, "HTTP: evidence", lambda: client.evidence(request.digest))
    times["submit to release, all"].append(1000 * (time.perf_counter() - began))


def in_worker(site, times):
    """Time the job's own parts in this process: loading the graph and training."""
    from dataclasses import replace

    from workbench.domain.datasets.files import prepared
    from workbench.domain.store.config import DomainFolder
    from workbench.domain.store.files import load_records
    from workbench.engine.train import train
    from workbench.graphs.reading.load import load

    client = site.client()
    data = dataset(client)
    exported = diagnose.export(linear(), data)
    place = prepared(DomainFolder(site.root), data.card)
    parts = [load_records(place.training), load_records(place.holdout)]
    plan = diagnose.plan(data.card, 2.0, 1e-5, 1)
    for _ in range(RUNS):
        graph = timed(times, "  of it: load and check the graph", lambda: load(exported.archive))
        graph = replace(graph, inputs=exported.inputs, metrics=exported.metrics)
        timed(
            times,
            "  of it: training (20 rounds) and metrics",
            lambda g=graph: train(
                g,
                plan,
                *parts,
                record_count=280,
                holdout_fraction=0.25,
                max_records_per_unit=1,
                seed=bytes(32),
            ),
        )


def main():
    """Print the table."""
    times: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        site = ServerSite(Path(folder) / "hospital-a").start()
        terms = site.root / "datasets" / "breast-cancer" / "terms.yaml"
        text = terms.read_text().replace("epsilon_total: 10.0", "epsilon_total: 100.0")
        terms.write_text(text)
        from workbench.domain.service import Domain

        domain = Domain(site.root)
        domain.operator.publish("breast-cancer")
        domain.close()
        client = site.client()
        data = dataset(client)
        one(client, data, 1000, defaultdict(list))
        for repeat in range(RUNS):
            one(client, data, repeat, times)
        in_worker(site, times)
        site.stop()
    print(f"| part (median of {RUNS}) | ms | of the limit of {LIMIT_MS} ms |\n|---|---|---|")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.1f} | {median / LIMIT_MS:.1%} |")


if __name__ == "__main__":
    main()
