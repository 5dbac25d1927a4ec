"""Count, sum, mean and variance of a large file: noisy sums against plain pandas and pyarrow.

Run with ``make bench``. A Parquet file of 10 million rows and 20 float32 columns is made first (or
as many rows as the first argument says). Each method then runs in a process of its own: wall time,
processor time, their ratio to pandas, and the peak of resident memory above that of the imports.
The noisy sums read the file in batches and clip each record's 41 numbers; so does pyarrow read it,
while pandas holds all of it.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

ROWS, COLUMNS, BATCH = 10_000_000, 20, 1 << 18
NAMES = [f"x{i}" for i in range(COLUMNS)]
LOWER, UPPER = 0.0, 100.0


def write(path: Path, rows: int) -> None:
    """Write the file, batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    schema = pa.schema([(name, pa.float32()) for name in NAMES])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, rows, 1 << 20):
            count = min(1 << 20, rows - start)
            arrays = [random.uniform(LOWER, UPPER, count).astype(np.float32) for _ in NAMES]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def noisy(path: Path, rows: int) -> np.ndarray:
    """Return count, sums, means and variances by the engine, epsilon 1."""
    import pyarrow.parquet as pq

    from workbench.budget.accountant import calibrate
    from workbench.documents import Schema, StatisticPlan
    from workbench.engine.statistics import noisy_sums
    from workbench.graphs.export.statistic import export_statistic
    from workbench.records import Records
    from workbench.space.statistics.columns import Scaled
    from workbench.space.statistics.summaries import _moments

    class Batches:
        def __iter__(self) -> Iterator[Records]:
            start = 0
            for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH, columns=NAMES):
                units = np.arange(start, start + batch.num_rows)
                yield Records({name: batch[name].to_numpy() for name in NAMES}, units)
                start += batch.num_rows

    columns = [{"name": n, "kind": "number", "lower": LOWER, "upper": UPPER} for n in NAMES]
    schema = Schema.read({"columns": columns})
    scaled = Scaled.of(schema, NAMES)
    asked = _moments(scaled, squares=True)
    graph = export_statistic(asked.function, schema)
    noise, _ = calibrate(epsilon=1.0, delta=1e-5, sample_rate=1.0, steps=1, metrics=0)
    plan = StatisticPlan(max_norm=asked.bound, noise_multiplier=noise)
    result = noisy_sums(
        graph, plan, Batches(), record_count=rows, max_records_per_unit=1, seed=bytes(32)
    )
    sums = result.sums[0].numpy()
    count, z, squares = sums[0], sums[1 : 1 + COLUMNS] / sums[0], sums[1 + COLUMNS :] / sums[0]
    mean = scaled.middle + scaled.half * z
    return np.concatenate([[count], mean * count, mean, scaled.half**2 * (squares - z**2)])


def with_pandas(path: Path, rows: int) -> np.ndarray:
    """Return the same by pandas."""
    import pandas as pd

    frame = pd.read_parquet(path)
    found = [frame.count().iloc[:1], frame.sum(), frame.mean(), frame.var()]
    return np.concatenate(found).astype(np.float64)


def with_pyarrow(path: Path, rows: int) -> np.ndarray:
    """Return the same by pyarrow, in batches."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    count, sums, squares = 0, np.zeros(COLUMNS), np.zeros(COLUMNS)
    for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH, columns=NAMES):
        count += batch.num_rows
        for position, column in enumerate(batch.columns):
            wide = pc.cast(column, pa.float64())
            sums[position] += pc.sum(wide).as_py()
            squares[position] += pc.sum(pc.multiply(wide, wide)).as_py()
    mean = sums / count
    return np.concatenate([[count], sums, mean, squares / count - mean**2])


METHODS = {
    "pandas": with_pandas,
    "pyarrow, in batches": with_pyarrow,
    "noisy sums, in batches": noisy,
}


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, path: Path, rows: int, warm: Path, answer: Connection) -> None:
    """Send wall seconds, processor seconds, megabytes and the figures of one method."""
    METHODS[name](warm, 1000)
    before, cpu, wall = _megabytes(), time.process_time(), time.perf_counter()
    found = METHODS[name](path, rows)
    answer.send(
        (time.perf_counter() - wall, time.process_time() - cpu, _megabytes() - before, found)
    )


def main() -> None:
    """Print the table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    context = multiprocessing.get_context("spawn")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path, warm = Path(folder) / "large.parquet", Path(folder) / "small.parquet"
        write(path, rows)
        write(warm, 1000)
        for name in METHODS:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=measure, args=(name, path, rows, warm, there))
            process.start()
            there.close()
            found[name] = here.recv()
            process.join()
    print(
        f"| {rows:,} rows x {COLUMNS} columns | wall s | CPU s | ratio of CPU to pandas | "
        "peak memory MB | mean of x0 | variance of x0 |\n" + "|---" * 7 + "|"
    )
    for name, (wall, cpu, memory, figures) in found.items():
        ratio = cpu / found["pandas"][1]
        mean, variance = figures[1 + COLUMNS], figures[1 + 2 * COLUMNS]
        print(
            f"| {name} | {wall:.2f} | {cpu:.2f} | {ratio:.2f} | {memory:.0f} | {mean:.4f} | "
            f"{variance:.3f} |"
        )


if __name__ == "__main__":
    main()
