"""Tell what kind of data a schema describes: a table, images, series, text, graphs."""

from __future__ import annotations

from workbench.documents import Column, Schema

_IMAGE_SIDE = 4
_IMAGE_CHANNELS = (1, 3, 4)
_GRAPH_WORDS = ("adjacency", "edges")
_TEXT_WORDS = ("token", "words")


def _says(column: Column, words: tuple[str, ...]) -> bool:
    text = f"{column.name} {column.unit} {column.description}".lower()
    return any(word in text for word in words)


def kind_of_column(column: Column) -> str:
    """Return ``image``, ``volume``, ``series``, ``text``, ``graph`` or ``value``.

    A schema says shapes, not meanings: tokens and edges are recognised by their words, images by
    a shape with two sides, alone or with 1, 3 or 4 channels in front; volumes have a depth between.
    """
    if column.kind != "tensor":
        return "value"
    if column.tokenizer is not None:
        return "text"
    shape = column.shape
    if len(shape) == 2 and shape[0] == shape[1] and _says(column, _GRAPH_WORDS):
        return "graph"
    if len(shape) == 1:
        return "text" if _says(column, _TEXT_WORDS) else "series"
    sides = shape[-2:]
    flat = len(shape) == 2 or (len(shape) == 3 and shape[0] in _IMAGE_CHANNELS)
    deep = len(shape) == 4 and shape[0] in _IMAGE_CHANNELS
    if (flat or deep) and min(sides) >= _IMAGE_SIDE and max(sides) <= 4 * min(sides):
        return "volume" if deep else "image"
    return "series"


def kind_of(schema: Schema) -> str:
    """Return what a dataset mainly holds: ``table``, ``image``, ``series``, ``text``, ``graph``."""
    found = {kind_of_column(column) for column in schema.usable}
    kinds = {"image" if kind == "volume" else kind for kind in found}
    return next((k for k in ("graph", "image", "text", "series") if k in kinds), "table")
