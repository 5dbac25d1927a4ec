"""What it takes to publish a large CSV file: time and peak memory, against the limit and pandas.

Run with ``make bench``. A table of 1,000,000 visits of 400,000 people with 32 columns: 25 numbers,
of which some are missing, 6 categories and the person. Each command is a process of its own; memory
is the most that it ever had (getrusage, ru_maxrss). ``pandas.read_csv`` of the same file is the
peer: it reads, and checks nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from benchmarks.upload import processor
from tests.support import make_domain

ROWS, PEOPLE, NUMBERS, CATEGORIES = 1_000_000, 400_000, 25, 5
LIMIT = 2048
TERMS = """\
text: For benchmarks.
purposes: [DUO:0000042]
epsilon_total: 4.0
delta: 1.0e-6
epsilon_per_run: 1.0
"""


def write(root):
    """Write the data and what describes them."""
    random = np.random.default_rng(0)
    values = {"person": random.integers(0, PEOPLE, ROWS)}
    columns = [{"name": "person", "kind": "category", "role": "unit"}]
    for number in range(NUMBERS):
        found = np.round(random.normal(50, 10, ROWS), 3).astype(object)
        found[random.random(ROWS) < 0.05] = ""
        values[f"x{number}"] = found
        bounds = {"lower": 0, "upper": 100, "missing": [""]}
        columns.append({"name": f"x{number}", "kind": "number"} | bounds)
    for name in [*(f"c{number}" for number in range(CATEGORIES)), "y"]:
        values[name] = random.choice(["a", "b", "c", "d"], ROWS)
        columns.append({"name": name, "kind": "category", "categories": ["a", "b", "c", "d"]})
    columns[-1]["role"] = "target"
    pd.DataFrame(values).to_csv(root / "data" / "visits.csv", index=False)
    folder = root / "datasets" / "visits"
    folder.mkdir(parents=True)
    schema = {"privacy_unit": "person", "max_records_per_unit": 4, "columns": columns}
    told = {"name": "visits", "title": "Visits", "data": "visits.csv", "unit_count": PEOPLE}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(told | {"schema": schema}))
    (folder / "terms.yaml").write_text(TERMS)
    return len(values)


def measured(*command):
    """Return the seconds and the megabytes (MiB) that a process took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as place:
        root = make_domain(Path(place) / "hospital-a", datasets=())
        # In a process of its own: what this one had at the most would count as the children's.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            columns = pool.submit(write, root).result()
        file = root / "data" / "visits.csv"
        size = file.stat().st_size / 1e6
        read = "import pandas, sys; pandas.read_csv(sys.argv[1])"
        rows = {"pandas.read_csv": measured(sys.executable, "-c", read, str(file))}
        for command in ("check", "publish"):
            workbench = (sys.executable, "-m", "workbench.cli", "domain", command)
            rows[f"workbench domain {command}"] = measured(*workbench, str(root), "visits")
    print(f"{processor()}; {ROWS:,} rows, {columns} columns, {size:.0f} MB of CSV\n")
    print("| what | s | ratio to pandas | peak MiB | ratio to pandas | share of 2 GiB |")
    print("|---|---|---|---|---|---|")
    peer = rows["pandas.read_csv"]
    for name, (seconds, memory) in rows.items():
        print(
            f"| {name} | {seconds:.1f} | {seconds / peer[0]:.1f} | {memory:.0f} | "
            f"{memory / peer[1]:.1f} | {memory / LIMIT:.2f} |"
        )


if __name__ == "__main__":
    main()
