"""Read a code book: what is publicly known of a dataset's columns, as a table.

A CSV file with the column ``name`` and any of ``label``, ``unit``, ``lower``, ``upper``,
``categories`` and ``missing``. Several categories or codes are divided by ``|``; a code of the file
and its name by ``=``, as in ``1=sinus|2=flutter``.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path

from workbench.domain.datasets.readers import delimiter_of
from workbench.domain.drafting.headings import words
from workbench.domain.drafting.sniffing import sniff
from workbench.errors import InvalidData

_KEYS = ("name", "label", "unit", "lower", "upper", "categories", "missing")
_MOST_BYTES = 10 << 20
_MOST_ROWS = 10_000
_MOST_CHARACTERS = 10_000


@dataclass(frozen=True)
class Known:
    """What a code book says of one column; bounds are None, and texts empty, where it is silent.

    Attributes
    ----------
    label, unit
        What it is, in words, and in which unit.
    lower, upper
        Its bounds.
    categories
        Its categories.
    labels
        What codes of the file are called.
    missing
        The codes for missing values.
    """

    label: str = ""
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    categories: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class CodeBook:
    """What is publicly known of columns.

    Parameters
    ----------
    known
        By the heading of the column.
    """

    def __init__(self, known: dict[str, Known] | None = None) -> None:
        self._known = {words(name) or name: one for name, one in (known or {}).items()}

    def of(self, heading: str) -> Known:
        """Return what is known of a column."""
        return self._known.get(words(heading) or heading, Known())


def read_codebook(path: Path) -> CodeBook:
    """Read a code book.

    Parameters
    ----------
    path
        A CSV file, written in one of the usual ways.

    Raises
    ------
    InvalidData
        If it cannot be read, or a bound is no number; names the row.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidData(f"{path.name}: cannot be read ({error.strerror})") from None
    if size > _MOST_BYTES:
        raise InvalidData(f"{path.name}: over {_MOST_BYTES} bytes")
    reading = sniff(path, has_headings=True)
    encoding = "utf-8-sig" if reading.encoding == "utf-8" else reading.encoding
    delimiter = delimiter_of(path, reading)
    with path.open(encoding=encoding, newline="") as file:
        try:
            rows = list(csv.DictReader(file, delimiter=delimiter))
        except (csv.Error, UnicodeDecodeError) as error:
            raise InvalidData(f"{path.name}: not CSV ({type(error).__name__})") from None
    if len(rows) > _MOST_ROWS or not rows or "name" not in _lowered(rows[0]):
        raise InvalidData(
            f"{path.name}: no code book of 1 to {_MOST_ROWS} columns",
            f"It has the headings {', '.join(_KEYS)}; all but name may be left out.",
        )
    return CodeBook({told["name"]: _known(path, place, told) for place, told in _told(rows)})


def _told(rows: list[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    told = [(place, _lowered(row)) for place, row in enumerate(rows, 1)]
    return [(place, row) for place, row in told if row.get("name")]


def _lowered(row: dict[str, str]) -> dict[str, str]:
    """Return a row by its headings in small letters; what stands beyond the headings is dropped."""
    return {
        key.strip().lower(): value.strip()[:_MOST_CHARACTERS]
        for key, value in row.items()
        if isinstance(key, str) and isinstance(value, str)
    }


def _known(path: Path, place: int, told: dict[str, str]) -> Known:
    labels, categories = {}, []
    for one in _parts(told.get("categories", "")):
        code, equals, name = one.partition("=")
        if equals:
            labels[code.strip()] = name.strip()
        categories.append(name.strip() if equals else one)
    return Known(
        label=told.get("label", ""),
        unit=told.get("unit", ""),
        lower=_bound(path, place, told.get("lower", "")),
        upper=_bound(path, place, told.get("upper", "")),
        categories=tuple(dict.fromkeys(categories)),
        labels=labels,
        missing=_parts(told.get("missing", "")),
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split("|") if one.strip())


def _bound(path: Path, place: int, text: str) -> float | None:
    if not text:
        return None
    try:
        bound = float(text.replace(",", "."))
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise InvalidData(f"{path.name}: row {place}: a bound is a number")
    return bound
