"""Look at a column's values, some rows at a time, and say what it seems to be.

All of this is for the steward's eyes. Into a draft go kinds, formats and codes of a public list.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from workbench.catalog.reading import KindInFile
from workbench.domain.datasets.readers import Values

MISSING = frozenset(
    {
        "",
        "NA",
        "N/A",
        "n/a",
        "na",
        "NaN",
        "nan",
        "NULL",
        "null",
        "None",
        ".",
        "-",
        "--",
        "?",
        "k.A.",
    }
    | {"k. A.", "keine Angabe", "unbekannt", "unknown", "missing", "fehlt", "inconnu", "s/d"}
)
"""Texts that usually stand for a missing value."""
NUMBERS_FOR_MISSING = (-9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0, 99999.0)
MOST_LEVELS = 50
_FEW = 10
_MOST_KEPT = 5000
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,14})([.,]0+)?")
_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+(,\d+)?")
_LEADING_ZERO = re.compile(r"0\d+")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FORMATS = (
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%d.%m.%y",
)
Form = Literal["whole", "number", "date", "time"]


@dataclass
class Profile:
    """What is seen of one column.

    Attributes
    ----------
    heading
        What the file calls it.
    comma
        Whether the file writes decimals with a comma.
    shape
        Of one value, where it is an array.
    rows, missing
        How many values there are, and how many of them are missing.
    codes
        The codes for missing values that were found; all of a public list.
    levels
        Value to how often it was seen; of many values the first ones only.
    """

    heading: str
    comma: bool = False
    shape: tuple[int, ...] = ()
    rows: int = 0
    missing: int = 0
    codes: set[str] = field(default_factory=set)
    levels: Counter[str] = field(default_factory=Counter)
    many: bool = False
    longest: int = 0
    _forms: set[str] = field(
        default_factory=lambda: {"whole", "number", "iso", "isotime", *_FORMATS}
    )
    _spread: list[float] = field(default_factory=list)

    def add(self, values: Values) -> list[str | None]:
        """Look at the values of some more rows, and return them as texts; of arrays nothing."""
        if getattr(values, "ndim", 1) > 1:
            self.shape, self.rows = tuple(values.shape[1:]), self.rows + len(values)
            return []
        found = values.tolist() if hasattr(values, "tolist") else values.to_pylist()
        texts = [_text(value) for value in found]
        for text, count in Counter(texts).items():
            self.rows += count
            if text is None or text in MISSING:
                self.missing += count
                if text is not None:
                    self.codes.add(text)
                continue
            self._look(text, count)
        return texts

    def _look(self, text: str, count: int) -> None:
        self.longest = max(self.longest, len(text))
        if text in self.levels or len(self.levels) < _MOST_KEPT:
            self.levels[text] += count
        else:
            self.many = True
        self._forms = {form for form in self._forms if _fits(text, form, self.comma)}
        if "number" in self._forms:
            self._spread = _spread(self._spread, float(text.replace(",", ".")))

    @property
    def number_codes(self) -> list[float]:
        """Numbers that seem to stand for missing values: far from all others."""
        if "number" not in self._forms:
            return []
        kept = [n for n in self._numbers if n not in NUMBERS_FOR_MISSING]
        low, high = min(kept, default=0.0), max(kept, default=0.0)
        return [
            code
            for code in self._numbers
            if code in NUMBERS_FOR_MISSING
            and kept
            and (low >= 0 > code or code > 3 * max(high, 1.0))
        ]

    @property
    def _numbers(self) -> set[float]:
        numbers = {float(level.replace(",", ".")) for level in self.levels}
        return numbers | set(self._spread)

    @property
    def is_whole(self) -> bool:
        """Whether all that is there are whole numbers."""
        return bool(self.levels) and "whole" in self._forms

    @property
    def format(self) -> str:
        """How its dates are written; empty for ISO 8601."""
        return next((form for form in _FORMATS if form in self._forms), "")

    @property
    def kind(self) -> KindInFile:
        """What it seems to be."""
        if self.shape:
            return "tensor"
        if not self.levels:
            return "category"
        if "iso" in self._forms:
            return "date"
        if "isotime" in self._forms:
            return "datetime"
        if self.format:
            return "datetime" if "%H" in self.format else "date"
        codes = len(self.levels) - len(self.number_codes)
        if "whole" in self._forms:
            return "category" if codes <= _FEW else "integer"
        if "number" in self._forms:
            return "number"
        return "text" if self.many or len(self.levels) > MOST_LEVELS else "category"

    @property
    def each_its_own(self) -> bool:
        """Whether hardly a value comes twice."""
        return self.many or 2 * len(self.levels) > self.rows - self.missing


def _spread(known: list[float], number: float) -> list[float]:
    """Keep the three smallest and the three largest numbers: codes for missing values are there."""
    every = sorted({*known, number})
    return every if len(every) <= 6 else [*every[:3], *every[-3:]]


def _fits(text: str, form: str, comma: bool) -> bool:
    if form in ("whole", "number"):
        if _LEADING_ZERO.fullmatch(text):
            return False
        number = _COMMA if comma else _POINT
        return bool((_WHOLE if form == "whole" else number).fullmatch(text))
    if form == "iso":
        return bool(_ISO_DATE.fullmatch(text)) and _is_date(text, "%Y-%m-%d")
    if form == "isotime":
        return bool(_ISO_TIME.fullmatch(text) or _ISO_DATE.fullmatch(text))
    return _is_date(text, form)


def _is_date(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | datetime) else str(value).strip()
