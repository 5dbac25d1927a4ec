"""Find out how a file of delimited text is written: encoding, delimiter, decimal comma."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path

from workbench.catalog.reading import Reading
from workbench.errors import InvalidData

_DELIMITERS = ",;\t|"
_LINES = 200
_CHUNK = 1 << 20
_WITH_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_WITH_POINT = re.compile(r"\s*[+-]?\d+\.\d+\s*")
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def sniff(path: Path) -> Reading:
    """Return how a CSV or TSV file is written.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InvalidData
        If it cannot be read.
    """
    try:
        encoding = _encoding(path)
        with path.open(encoding=encoding, newline="") as file:
            lines = [line for _, line in zip(range(_LINES), file, strict=False)]
    except (OSError, UnicodeError) as error:
        raise InvalidData(f"{path.name}: cannot be read ({type(error).__name__})") from None
    if not lines:
        raise InvalidData(f"{path.name}: it is empty")
    delimiter = max(_DELIMITERS, key=lambda one: _columns(lines, one))
    cells = [cell for row in csv.reader(lines[1:], delimiter=delimiter) for cell in row]
    commas = sum(bool(_WITH_COMMA.fullmatch(cell)) for cell in cells)
    points = sum(bool(_WITH_POINT.fullmatch(cell)) for cell in cells)
    return Reading(
        delimiter=delimiter,
        encoding=encoding,
        decimal="," if commas > points and delimiter != "," else ".",
    )


def _columns(lines: list[str], delimiter: str) -> int:
    """Return how many columns each row has; 1 if they have not the same number."""
    try:
        counts = {len(row) for row in csv.reader(lines[:-1] or lines, delimiter=delimiter) if row}
    except csv.Error:
        return 0
    return counts.pop() if len(counts) == 1 else 1


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in _BOMS.items():
        if start.startswith(mark):
            return name
    for name in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(name)()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"
