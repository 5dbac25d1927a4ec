"""Read a code book: a public table of what each column of a file means."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InvalidData

KEYS = ("name", "label", "unit", "lower", "upper", "categories", "missing")
MAX_BYTES = 10 << 20


@dataclass(frozen=True)
class Entry:
    """What a code book says of a column.

    Attributes
    ----------
    label, unit
        What it is, and its unit by UCUM; empty if not said.
    lower, upper
        Its public bounds.
    categories
        Code to category; of codes without a name both are the same.
    missing
        Codes for missing values.
    """

    label: str
    unit: str
    lower: float | None
    upper: float | None
    categories: dict[str, str]
    missing: tuple[str, ...]


def read(path: Path) -> dict[str, Entry]:
    """Return the entries of a code book by heading.

    Parameters
    ----------
    path
        CSV in UTF-8 with a column ``name`` and any of `KEYS`; categories and missing codes are
        divided by ``|``, and a code stands before its category: ``1=male|2=female``.

    Raises
    ------
    InvalidData
        If it is no such file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidData(f"{path.name}: over {MAX_BYTES} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            start = file.readline()
            delimiter = max(",;\t", key=start.count)
            file.seek(0)
            rows = list(csv.DictReader(file, delimiter=delimiter))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InvalidData(f"{path.name}: cannot be read ({type(error).__name__})") from None
    if not rows or "name" not in rows[0]:
        raise InvalidData(
            f"{path.name}: a code book has a column 'name'", f"It can have: {', '.join(KEYS)}."
        )
    return {str(row["name"]).strip(): _entry(path, row) for row in rows}


def _entry(path: Path, row: dict[str, str | None]) -> Entry:
    told = {key: str(row.get(key) or "").strip() for key in KEYS}
    pairs = [part.split("=", 1) for part in told["categories"].split("|") if part.strip()]
    try:
        lower, upper = (float(told[key]) if told[key] else None for key in ("lower", "upper"))
    except ValueError:
        raise InvalidData(f"{path.name}: '{told['name'][:50]}': bounds are numbers") from None
    return Entry(
        label=told["label"],
        unit=told["unit"],
        lower=lower,
        upper=upper,
        categories={pair[0].strip(): pair[-1].strip() for pair in pairs},
        missing=tuple(code.strip() for code in told["missing"].split("|"))
        if told["missing"]
        else (),
    )
