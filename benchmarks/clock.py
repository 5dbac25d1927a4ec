"""What the clock tells: do times show a researcher whether a certain person is in the data?

Run by hand, for an hour and a half, or with fewer runs: ``benchmarks/clock.py --runs 20``. A real
domain server on loopback and this process as a researcher, who chose a function that is slow for
hostile values, if any is. The same run is asked for again and again, in turn with and without one
person whose values are hostile; they are put beside the prepared data, as loading would clamp them.
Of every run all times are noted that a researcher can see, and classifiers are asked which is
which. An area under the curve (AUC) of 0.5 is a coin, 1 is certainty; the target is at most 0.6.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import workbench as wb
from tests.processes import ServerSite
from tests.support import add_dataset
from workbench.documents import Request
from workbench.domain.datasets.files import prepared
from workbench.domain.service import Domain
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import load_records, save_records
from workbench.records import Records
from workbench.space.datasets import Dataset

TARGET = 0.6
PEOPLE, WIDTH = 20, 4
CHOSEN = 0.987654
HOSTILE = {
    "subnormal numbers": 1e-40,
    "NaN": math.nan,
    "infinity": math.inf,
    "for which `logit` is slow": CHOSEN,
}
PARTS = 10


def _function(sample_rate):
    @wb.training_function(steps=20, sample_rate=sample_rate, learning_rate=0.1, evaluations=4)
    def slow_for_some(model, record):
        x = torch.stack([record[f"x{number}"] for number in range(WIDTH)])
        many = x.repeat(500)
        # Of 0.5 for all but the chosen one, and of 2 for that one: there is no such logit.
        odds = (0.5 + 1.5 * ((x[0] - CHOSEN).abs() < 1e-6)) * torch.linspace(0.9, 1.0, 500)
        slow = 0.0
        for part in range(5):
            many = many * 0.999
            slow = slow + torch.logit(odds * (1 - 0.0005 * part))[0]
        logits = model(x) + 1e-30 * (many.sum() + torch.nan_to_num(slow).clamp(-1, 1))
        return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}

    return slow_for_some


def _site(folder):
    """Return a domain with one dataset, started."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {f"x{number}": random.uniform(-1, 1, PEOPLE).round(6) for number in range(WIDTH)}
    )
    frame["y"] = np.where(frame["x0"] > 0, "yes", "no")
    columns = [
        {"name": f"x{number}", "kind": "number", "lower": -1.0, "upper": 1.0}
        for number in range(WIDTH)
    ]
    columns.append({"name": "y", "kind": "category", "role": "target", "categories": ["no", "yes"]})
    site = ServerSite(folder / "clinic", "clinic", ())
    add_dataset(site.root, "people", frame, columns)
    domain = Domain(site.root)
    domain.operator.publish("people")
    domain.close()
    return site.start()


def _request(client, data, function, repeat):
    graph = function.export(nn.Linear(WIDTH, 2), data)
    client.upload(graph.digest, graph.archive)
    card = data.card
    plan = function.plan(card, 0.01, 1e-5, 1)
    return Request.read(
        {
            "researcher": client.key.key_id,
            "domain": card.domain,
            "dataset": card.name,
            "dataset_version": card.dataset_version,
            "card": card.digest,
            "function": "slow_for_some",
            "graph": graph.digest,
            "inputs": list(graph.inputs),
            "metrics": list(graph.metrics),
            "plan": plan.model_dump(mode="json"),
            "epsilon": 0.01,
            "delta": 1e-5,
            "purpose": "DUO:0000042",
            "repeat": repeat,
        }
    )


def _with_hostile(records, value):
    columns = {
        name: np.append(values, np.asarray([value if name != "y" else 1], values.dtype))
        for name, values in records.columns.items()
    }
    return Records(columns, np.append(records.units, records.units.max() + 1))


def observed(client, request):
    """Submit a request and return all times that its researcher sees, by name, in seconds."""
    submitted = time.perf_counter()
    client.submit(request)
    answered = time.perf_counter()
    running, seen, ended = math.nan, [], math.nan
    for status in client.events(request.digest):
        now = time.perf_counter()
        if status.state == "running" and math.isnan(running):
            running = now
        if status.progress is not None:
            seen.append((status.progress.step, len(status.progress.evaluations), now))
        ended = now
    assert status.state == "released", status
    steps = request.plan.steps
    found = {
        "answer": answered - submitted,
        "until running": running - submitted,
        "total": ended - submitted,
        "run": ended - running,
        "stamps": _seconds(status.updated) - _seconds(status.submitted),
        "events": float(len(seen)),
        "longest silence": max(np.diff([running, *(at for *_, at in seen), ended])),
        "after the last round": ended - next((at for step, _, at in seen if step == steps), ended),
    }
    for part in range(1, PARTS):
        first = next((at for step, _, at in seen if step >= part * steps / PARTS), ended)
        found[f"{part}/{PARTS} of the rounds"] = first - running
    for number in range(1, request.plan.evaluations):
        first = next((at for _, evaluations, at in seen if evaluations >= number), ended)
        found[f"evaluation {number}"] = first - running
    return found


def _seconds(stamp):
    return pd.Timestamp(stamp).timestamp()


def interval(labels, scores, random):
    """Return the AUC and its 95 % interval (bootstrap)."""
    drawn = []
    for _ in range(1000):
        chosen = random.integers(0, len(labels), len(labels))
        if 0 < labels[chosen].sum() < len(labels):
            drawn.append(roc_auc_score(labels[chosen], scores[chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return roc_auc_score(labels, scores), low, high


def classified(labels, table, random):
    """Return the best single time, its AUC on the runs that did not choose it, and the model's."""
    order = random.permutation(len(labels))
    choosing, judging = order[::2], order[1::2]
    areas = {n: roc_auc_score(labels[choosing], table[n].to_numpy()[choosing]) for n in table}
    best = max(areas, key=lambda name: abs(areas[name] - 0.5))
    sign = 1 if areas[best] >= 0.5 else -1
    single = interval(labels[judging], sign * table[best].to_numpy()[judging], random)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    scores = cross_val_predict(
        model, table.to_numpy()[order], labels[order], cv=10, method="decision_function"
    )
    return best, single, interval(labels[order], scores, random)


def measure(site, sample_rate, runs, random):
    """Print one line for each kind of hostile person."""
    client = site.client()
    data = Dataset(client.dataset("people"), client)
    function = _function(sample_rate)
    path = prepared(DomainFolder(site.root), data.card).training
    plain = load_records(path)
    asked = _request(client, data, function, 0)
    observed(client, asked)
    for name, value in HOSTILE.items():
        labels, rows = [], []
        for _ in range(runs):
            for there in random.permutation([0, 1]):
                save_records(path, _with_hostile(plain, value) if there else plain)
                # Another repeat is another run, with fresh noise.
                asked = asked.model_copy(update={"repeat": asked.repeat + 1})
                rows.append(observed(client, asked))
                labels.append(int(there))
        save_records(path, plain)
        labels, table = np.array(labels), pd.DataFrame(rows)
        best, single, model = classified(labels, table, random)
        medians = [table["run"][labels == one].median() for one in (0, 1)]
        print(
            f"| {name} | {sample_rate:g} | {runs} | {medians[0]:.3f} | {medians[1]:.3f} "
            f"| {single[0]:.2f} ({single[1]:.2f} to {single[2]:.2f}), {best} "
            f"| {model[0]:.2f} ({model[1]:.2f} to {model[2]:.2f}) |",
            flush=True,
        )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="with the person, and without")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    print(
        f"target: AUC at most {TARGET}; 95 % intervals in brackets\n\n"
        "| the person's values | sample rate | runs each | run without s | with s "
        "| AUC of the best single time | AUC of all |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder))
        try:
            measure(site, 1.0, options.runs, random)
        finally:
            site.stop()


if __name__ == "__main__":
    main()
