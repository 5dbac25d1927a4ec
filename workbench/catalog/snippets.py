"""Synthetic snippets: records to write code against, made without or almost without the data.

Level 0 is drawn from the schema alone: uniform within the public bounds. Level 1 keeps one-way
histograms of the features for each value of the first categorical target, counted under
differential privacy (OpenDP's discrete Laplace, safe for floating point), and draws every column
by itself from them.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Column, Schema
from workbench.errors import InvalidData, TooLarge
from workbench.records import Records

Columns = dict[str, NDArray[np.generic]]
"""Column name to values of shape ``(rows, ...)``: int64 for categories, float32 for all others."""

BINS = 10
MAX_BYTES = 64 << 20
_HEADER = 4 << 20
"""What names and shapes take at most, in bytes."""


def _dtype(column: Column) -> type[np.generic]:
    return np.int64 if column.kind == "category" else np.float32


def _uniform(column: Column, rows: int, random: np.random.Generator) -> NDArray[np.generic]:
    if column.kind == "category":
        return random.integers(0, len(column.categories), rows, dtype=np.int64)
    lower, upper = float(column.lower or 0), float(column.upper or 0)
    if column.kind == "integer":
        return random.integers(round(lower), round(upper) + 1, rows).astype(np.float32)
    return random.uniform(lower, upper, (rows, *column.shape)).astype(np.float32)


def most_rows(schema: Schema) -> int:
    """Return how many records of a schema with tensors `decode` reads at most."""
    sizes = [np.dtype(_dtype(one)).itemsize * math.prod(one.shape) for one in schema.usable]
    return (MAX_BYTES - _HEADER) // sum(sizes)


def schema_snippet(schema: Schema, rows: int, seed: int = 0) -> Columns:
    """Return a level 0 snippet: nothing but the schema goes in.

    Parameters
    ----------
    schema
        Bounds and categories.
    rows
        How many records.
    seed
        Equal seeds give equal snippets.

    Returns
    -------
    dict of str to numpy.ndarray
        Each usable column; float32 or int64, first axis `rows`.
    """
    random = np.random.default_rng(seed)
    return {column.name: _uniform(column, rows, random) for column in schema.usable}


def counts_snippet(schema: Schema, records: Records, rows: int, epsilon: float) -> Columns:
    """Return a level 1 snippet, epsilon-DP for one privacy unit (add/remove).

    The label's counts take a fifth of epsilon, the histograms share the rest evenly. One unit
    with several records counts several times, so the noise grows with `max_records_per_unit`.

    Parameters
    ----------
    schema, records
        The data; at most `max_records_per_unit` records of each unit.
    rows
        How many records to draw.
    epsilon
        What it may cost, pure differential privacy.

    Raises
    ------
    InvalidData
        If the schema has no categorical target or a tensor column.
    """
    label = next((c for c in schema.targets if c.kind == "category"), None)
    others = [c for c in schema.usable if c is not label]
    if label is None or any(c.kind == "tensor" for c in others):
        raise InvalidData("a level 1 snippet needs a categorical target and no tensor columns")
    random = np.random.default_rng()
    width = schema.max_records_per_unit
    labels = records.columns[label.name].astype(np.int64)
    classes = len(label.categories)
    noisy = _noisy_counts(np.bincount(labels, minlength=classes), epsilon / 5 / width)
    drawn = random.choice(classes, rows, p=_weights(noisy)).astype(np.int64)
    found: Columns = {}
    share = epsilon * 4 / 5 / max(len(others), 1) / width
    for column in others:
        cells, edges = _cells(column, records.columns[column.name])
        bins = len(edges) - 1 if edges is not None else len(column.categories)
        counts = np.bincount(labels * bins + cells, minlength=classes * bins)
        noised = _noisy_counts(counts, share).reshape(classes, bins)
        choice = np.array([random.choice(bins, p=_weights(noised[c])) for c in drawn])
        found[column.name] = (
            choice.astype(np.int64)
            if edges is None
            else random.uniform(edges[choice], edges[choice + 1]).astype(np.float32)
        )
        if column.kind == "integer":
            found[column.name] = (
                np.asarray(found[column.name], np.float64).round().astype(np.float32)
            )
    found[label.name] = drawn
    return {column.name: found[column.name] for column in schema.usable}


def _cells(
    column: Column, values: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    if column.kind == "category":
        return values.astype(np.int64), None
    edges = np.linspace(float(column.lower or 0), float(column.upper or 0), BINS + 1)
    return np.clip(np.searchsorted(edges, values, "right") - 1, 0, BINS - 1), edges


def _noisy_counts(counts: NDArray[Any], epsilon: float) -> NDArray[np.float64]:
    """Add discrete Laplace noise of scale ``1 / epsilon``: one record changes one count by one."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    noised = dp.m.make_laplace(*space, scale=1.0 / epsilon)([int(c) for c in counts])
    return np.asarray(noised, dtype=np.float64)


def _weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = np.clip(counts, 0, None)
    total = positive.sum()
    return positive / total if total > 0 else np.full(len(counts), 1 / len(counts))


def encode(columns: Columns, schema: Schema) -> bytes:
    """Return a snippet as CSV with labels, or as safetensors if the schema has tensor columns."""
    if any(column.kind == "tensor" for column in schema.usable):
        import safetensors.numpy

        plain = {name: np.ascontiguousarray(values) for name, values in columns.items()}
        return safetensors.numpy.save(plain)
    from workbench.catalog.frame import to_frame

    text: str = to_frame(columns, schema).to_csv(index=False, lineterminator="\n")
    return text.encode()


def decode(data: bytes, schema: Schema) -> Columns:
    """Read what `encode` wrote; strict, since it may come from elsewhere.

    Raises
    ------
    TooLarge
        If it is over 64 MiB.
    InvalidData
        If a column is missing, or its values are not of its type or within its bounds.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"snippet: over {MAX_BYTES} bytes")
    tensors = any(column.kind == "tensor" for column in schema.usable)
    raw = _decode_tensors(data) if tensors else _decode_csv(data, schema)
    found: Columns = {}
    count = None
    for column in schema.usable:
        values = raw.get(column.name)
        if values is None:
            raise InvalidData(f"snippet: column '{column.name}' is missing")
        count = len(values) if count is None else count
        if not count or len(values) != count or values.shape[1:] != column.shape:
            raise InvalidData(f"snippet: column '{column.name}' has another shape")
        if values.dtype != _dtype(column) or not _within(column, values):
            raise InvalidData(f"snippet: column '{column.name}' has values that do not fit")
        found[column.name] = values
    return found


def _within(column: Column, values: NDArray[Any]) -> bool:
    if column.kind == "category":
        return bool(((values >= 0) & (values < len(column.categories))).all())
    lower, upper = float(column.lower or 0), float(column.upper or 0)
    slack = 1e-5 * max(abs(lower), abs(upper), 1)
    # NaN compares false, so it never passes.
    return bool(((values >= lower - slack) & (values <= upper + slack)).all())


def _decode_tensors(data: bytes) -> Columns:
    import safetensors
    import safetensors.numpy

    try:
        return dict(safetensors.numpy.load(data))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidData(f"snippet: not safetensors ({type(error).__name__})") from None


def _decode_csv(data: bytes, schema: Schema) -> Columns:
    import pandas as pd

    try:
        frame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise InvalidData(f"snippet: not CSV ({type(error).__name__})") from None
    found: Columns = {}
    for column in schema.usable:
        if column.name not in frame.columns:
            continue
        if column.kind == "category":
            codes = {str(value): code for code, value in enumerate(column.categories)}
            found[column.name] = np.array(
                [codes.get(value, -1) for value in frame[column.name]], dtype=np.int64
            )
        else:
            numbers = pd.to_numeric(frame[column.name], errors="coerce")
            found[column.name] = numbers.to_numpy(dtype=np.float32)
    return found
