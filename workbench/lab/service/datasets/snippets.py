"""The synthetic snippet to look at: a table, small pictures and curves, and plots.

All of it is made from the snippet, whose records are synthetic, and from public bounds.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from workbench.documents import Column, DatasetCard, Schema
from workbench.views import words
from workbench.views.columns import meaning
from workbench.views.kinds import kind_of_column

Columns = dict[str, NDArray[Any]]
"""Column name to values of shape ``(rows, ...)``: int64 for categories, float32 for all others."""

MOST_ROWS = 20
MOST_COLUMNS = 100
MOST_ARRAYS = 8
MOST_SIDE = 64
MOST_CHANNELS = 8
MOST_POINTS = 256
BINS = 20


class ArraysView(TypedDict):
    """Records of a tensor column: each item is a picture or a series of `shape`, in one row."""

    column: str
    kind: Literal["image", "series"]
    shape: list[int]
    items: list[list[float]]
    labels: list[str]


class Histogram(TypedDict):
    """How many synthetic records lie between each two edges."""

    column: str
    kind: Literal["histogram"]
    edges: list[float]
    counts: list[int]


class Bars(TypedDict):
    """How many synthetic records have each label."""

    column: str
    kind: Literal["bars"]
    labels: list[str]
    counts: list[int]


class SnippetView(TypedDict):
    """A synthetic snippet to look at."""

    level: int
    epsilon: float
    words: str
    columns: list[str]
    rows: list[list[str | float | int]]
    arrays: list[ArraysView]
    plots: list[Histogram | Bars]


def snippet_view(card: DatasetCard, columns: Columns, rows: int = MOST_ROWS) -> SnippetView:
    """Return a snippet as JSON.

    Parameters
    ----------
    card
        Says how the snippet was made.
    columns
        The decoded snippet.
    rows
        How many records to show.
    """
    schema = card.data_schema
    rows = max(0, min(rows, MOST_ROWS))
    shown = schema.usable[:MOST_COLUMNS]
    plots = [_plot(column, columns[column.name]) for column in shown if column.kind != "tensor"]
    # Tokens are no series: as lines they tell nothing.
    tensors = [c for c in schema.usable if c.kind == "tensor" and not c.tokenizer][:MOST_ARRAYS]
    return {
        "level": card.snippet.level,
        "epsilon": card.snippet.epsilon,
        "words": made_of(card),
        "columns": [column.name for column in shown],
        "rows": [
            [_cell(c, columns[c.name][row]) for c in shown]
            for row in range(min(rows, _count(schema, columns)))
        ],
        "arrays": [
            _array(column, columns[column.name][:rows], _labels(schema, columns, rows))
            for column in tensors
        ],
        "plots": plots,
    }


def made_of(card: DatasetCard) -> str:
    """Return how the snippet was made, in words."""
    made = card.snippet
    source = (
        "made from the schema alone"
        if made.level == 0
        else f"made from noised counts, which cost epsilon {made.epsilon:g}"
    )
    return f"synthetic, level {made.level}: {source}"


def _count(schema: Schema, columns: Columns) -> int:
    return len(columns[schema.usable[0].name])


def _cell(column: Column, value: Any) -> str | float | int:
    if column.kind == "tensor":
        return words.shape_words(column.shape)
    meant = meaning(column, float(value))
    if meant is not None:
        return meant
    if column.kind == "integer":
        return round(float(value))
    # Shortest decimal that gives the float32 back.
    return float(str(value))


def _labels(schema: Schema, columns: Columns, rows: int) -> list[str]:
    target = next((c for c in schema.targets if c.kind != "tensor"), None)
    if target is None:
        return [""] * min(rows, _count(schema, columns))
    return [f"{target.name}: {_cell(target, value)}" for value in columns[target.name][:rows]]


def _array(column: Column, values: NDArray[Any], labels: list[str]) -> ArraysView:
    image = kind_of_column(column) in ("image", "volume", "graph")
    items = [_image(column, value) if image else _series(value) for value in values]
    return {
        "column": column.name,
        "kind": "image" if image else "series",
        "shape": list(items[0].shape) if items else [],
        "items": [[float(f"{value:.4g}") for value in item.ravel()] for item in items],
        "labels": labels,
    }


def _image(column: Column, value: NDArray[Any]) -> NDArray[Any]:
    """Return grey values from 0 to 1 by the public bounds, at most `MOST_SIDE` on a side.

    Of a volume, those of the middle slice.
    """
    value = value[:, value.shape[1] // 2] if value.ndim == 4 else value
    flat = value.mean(0) if value.ndim == 3 else value
    step = max(1, math.ceil(max(flat.shape) / MOST_SIDE))
    small = flat[::step, ::step]
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    return np.clip((small - lower) / (upper - lower), 0.0, 1.0)


def _series(value: NDArray[Any]) -> NDArray[Any]:
    """Return some channels with at most `MOST_POINTS` points each."""
    lines = value.reshape(-1, value.shape[-1])[:MOST_CHANNELS]
    step = max(1, math.ceil(lines.shape[1] / MOST_POINTS))
    return lines[:, ::step]


def _plot(column: Column, values: NDArray[Any]) -> Histogram | Bars:
    if column.labelled:
        counts = np.bincount(values.astype(np.int64), minlength=len(column.categories))
        order = np.argsort(-counts, kind="stable") if len(counts) > 2 * BINS else None
        kept = range(len(counts)) if order is None else order[: 2 * BINS]
        return {
            "column": column.name,
            "kind": "bars",
            "labels": [str(column.categories[int(n)]) for n in kept],
            "counts": [int(counts[int(n)]) for n in kept],
        }
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    edges = np.linspace(lower, upper, _bins(column) + 1)
    counts, _ = np.histogram(np.clip(values.astype(np.float64), lower, upper), edges)
    return {
        "column": column.name,
        "kind": "histogram",
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }


def _bins(column: Column) -> int:
    if column.kind != "integer":
        return BINS
    # As many bins as values, where there are few: else some bins hold two values and some one.
    return max(1, min(BINS, round(float(column.upper or 0) - float(column.lower or 0))))
