"""Find out how a file of text is written: its characters, its delimiter, its decimals.

Only the beginning of the file is looked at.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from workbench.catalog.reading import Reading
from workbench.domain.datasets.readers import DELIMITED
from workbench.errors import InvalidData

_SAMPLE = 1 << 20
_MOST_LINES = 2000
_DELIMITERS = ";\t|,"
_POINT = re.compile(r"[+-]?\d+\.\d+")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_VALUE = re.compile(r"[+-]?\d+([.,:/-]\d+)*")
# Bytes for which Windows has no character.
_NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def sniff(path: Path, has_headings: bool = False) -> Reading:
    """Return how a file is written; one that says so itself, such as Parquet, needs nothing.

    Parameters
    ----------
    path
        The file.
    has_headings
        Whether somebody says that the first line is one of headings, though it looks otherwise.

    Raises
    ------
    InvalidData
        If it cannot be read, or is text whose first line looks like a record: headings are
        written, and what a record says must not be.
    """
    if path.suffix not in DELIMITED:
        return Reading()
    try:
        with path.open("rb") as file:
            start = file.read(_SAMPLE)
            encoding = _encoding(start, iter(lambda: file.read(_SAMPLE), b""))
    except OSError as error:
        raise InvalidData(f"{path.name}: cannot be read ({error.strerror})") from None
    text = start.decode(encoding, errors="replace")
    lines = text.splitlines(keepends=True)[:_MOST_LINES]
    if len(start) == _SAMPLE:
        lines = lines[:-1] or lines
    delimiter = _delimiter(lines, "\t" if path.suffix == ".tsv" else ",")
    rows = _rows(lines, delimiter)
    if not rows or not any(rows[0]):
        raise InvalidData(f"{path.name}: it is empty", "A file begins with a line of headings.")
    if not has_headings:
        _check_headings(path, rows)
    return Reading(
        delimiter=delimiter,
        encoding="utf-8" if encoding == "utf-8-sig" else encoding,
        decimal=_decimal(rows[1:], delimiter),
    )


def _encoding(start: bytes, rest: Iterator[bytes]) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf_8, windows = True, True
    # Umlauts may stand in the last line only.
    for part in chain([start], rest):
        try:
            utf_8 = utf_8 and decoder.decode(part) is not None
        except UnicodeDecodeError:
            utf_8 = False
        windows = windows and _NOT_WINDOWS.search(part) is None
    return "utf-8" if utf_8 else "cp1252" if windows else "latin-1"


def _delimiter(lines: list[str], usual: str) -> str:
    """Return the character that divides most lines into the same number of values, 2 at least."""

    def score(delimiter: str) -> tuple[float, int]:
        lengths = [len(row) for row in _rows(lines, delimiter)]
        if not lengths or lengths[0] < 2:
            return (0.0, 0)
        return (sum(one == lengths[0] for one in lengths) / len(lengths), lengths[0])

    best = max(_DELIMITERS, key=lambda one: (score(one), one == usual))
    return best if score(best)[0] > 0 else usual


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        found = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=delimiter)
        return [[value.strip() for value in row] for row in found if row]
    except csv.Error:
        return []


def _check_headings(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Check that the first row is no record."""
    first, *others = rows
    below = [{row[place] for row in others if place < len(row)} for place in range(len(first))]
    number = any(_VALUE.fullmatch(heading) for heading in first)
    if number or any(one and one in values for one, values in zip(first, below, strict=True)):
        raise InvalidData(
            f"{path.name}: its first line looks like a record and not like headings: "
            + ("it has numbers" if number else "what stands there stands below it too"),
            "Write a line of headings above the first record. If it is one, say so: --headings.",
        )


def _decimal(rows: list[list[str]], delimiter: str) -> Literal[".", ","]:
    values = [value for row in rows for value in row]
    commas = sum(bool(_COMMA.fullmatch(value)) for value in values)
    points = sum(bool(_POINT.fullmatch(value)) for value in values)
    return "," if commas > points and delimiter != "," else "."
