"""Count what a column of a holder's file holds, some rows at a time.

What is counted is for the steward's eyes: nothing of it is written or logged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.domain.datasets.readers import Values
from workbench.domain.datasets.units import label_of

MOST_LEVELS = 1000
"""A column with more labels is no category."""
TEXT_CODES = frozenset(
    variant
    for code in (
        *("", "-", "--", "---", ".", "..", "?", "#N/A", "NA", "N/A", "NaN", "NULL", "nil"),
        *("missing", "unknown", "not known", "not available", "not done", "no data"),
        *("k.A.", "k. A.", "kA", "keine Angabe", "unbekannt", "fehlt", "fehlend", "nicht bekannt"),
        *("inconnu", "inconnue", "manquant", "non renseigné", "nr", "nd"),
        *("desconocido", "desconocida", "sin dato", "no consta", "s/d"),
    )
    for variant in (code, code.lower(), code.upper(), code.capitalize(), code.title())
) | {"None"}
"""What people write where a value is missing; a public list, so that it can be told."""
NUMBER_CODES = tuple(
    sign * int(digit * n) for n in (2, 3, 4, 5) for digit in "987" for sign in (-1, 1)
)
"""Numbers that stand for missing values, from 77 to -99999; a public list as well."""
DAY_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y")
TIME_FORMATS = tuple(
    f"{day}{between}{time}"
    for day in DAY_FORMATS
    for between in (" ", "T")
    for time in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
)
_CODE = re.compile(r"0\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?")
_FILE = re.compile(r"\.(png|jpe?g|tiff?|dcm|nii|nii\.gz|edf|bdf|hea)$", re.I)
_LONGEST = 1000


class Tally:
    """What one column holds.

    Parameters
    ----------
    comma
        Whether a comma stands before decimals.
    bounds
        Between which numbers are plausible, if that is known.
    counted
        Whether to count its different values, which takes 8 bytes of memory for each.

    Attributes
    ----------
    rows, present
        How many rows there were, and in how many something stood that is no code of `codes`.
    codes
        The codes for missing values of the public list that stood there, and how often.
    levels
        The labels that are no codes, and how often each stood there; None if there are too many.
    numeric, whole, thousands
        Whether all values are numbers, whole ones, or would be but for separators of thousands.
    formats
        In which ways all values can be read as dates.
    typed
        What the file itself says of the kind, if it does: date, datetime, category or nested.
    shape
        Of tensors: the shape of one record.
    names_files
        Whether all values are names of images, scans or signals.
    outside
        How many numbers lie outside `bounds`.
    """

    def __init__(
        self,
        comma: bool = False,
        bounds: tuple[float, float] | None = None,
        counted: bool = False,
    ) -> None:
        self._comma, self._bounds, self._counted = comma, bounds, counted
        self.rows = self.present = self.outside = 0
        self.codes: Counter[str] = Counter()
        self.levels: Counter[str] | None = Counter()
        self.numeric = self.whole = True
        self.thousands = False
        self.names_files = True
        self.formats: tuple[str, ...] = (*DAY_FORMATS, *TIME_FORMATS)
        self.typed = ""
        self.shape: tuple[int, ...] = ()
        self._numbers: Counter[int] = Counter()
        self._low, self._high = math.inf, -math.inf
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, values: Values) -> NDArray[np.uint64]:
        """Count the values of some rows, of any type; return a hash of each, uint64 ``(n,)``."""
        self.rows += len(values)
        if isinstance(values, np.ndarray) and values.ndim > 1:
            self.shape = values.shape[1:]
            self.present += len(values)
            rows = [row.tobytes() for row in np.ascontiguousarray(values)]
            return pd.util.hash_array(np.array(rows, dtype=object))
        found = self._typed(values)
        places, distinct = pd.factorize(found, use_na_sentinel=True)
        # Of what is missing the place is -1: an entry of its own behind all others.
        labels = np.asarray(distinct).astype(object)
        labels[:] = [label.strip() if isinstance(label, str) else label for label in labels]
        hashed = pd.util.hash_array(labels, categorize=False)
        hashes: NDArray[np.uint64] = np.append(hashed, np.uint64(0))[places]
        counts = np.bincount(places[places >= 0], minlength=len(distinct))
        if self.typed in ("date", "datetime"):
            self.present += int(counts.sum())
        elif np.asarray(distinct).dtype.kind in "iuf":
            self._add_numbers(np.asarray(distinct, np.float64), counts)
            self._add_levels([label_of(v) for v in distinct[: MOST_LEVELS + 1]], counts)
            self.present += int(counts.sum())
            self.formats = ()
        else:
            self._add_texts([str(value) for value in distinct], counts)
        if self._counted:
            self._hashes.append(np.unique(hashes))
        return hashes

    @property
    def distinct(self) -> int:
        """How many different values there are, if they were counted."""
        return len(np.unique(np.concatenate(self._hashes))) if self._hashes else 0

    @property
    def number_codes(self) -> dict[int, int]:
        """The codes of the public list that stand among numbers and can be no values, counted.

        That is: outside the plausible bounds; or, where those are not known, alone with their sign
        or far beyond all other numbers.
        """
        if not self.numeric:
            return {}
        return {code: n for code, n in sorted(self._numbers.items()) if self._is_code(code)}

    def _is_code(self, code: int) -> bool:
        if self._bounds is not None:
            return not self._bounds[0] <= code <= self._bounds[1]
        if self._low > self._high or abs(code) < 99:
            return False
        return self._low >= 0 if code < 0 else code >= 999 and self._high < code / 2

    def _typed(self, values: Values) -> NDArray[Any]:
        """Return values as numbers or objects, and note what the file says of their kind."""
        if isinstance(values, np.ndarray):
            return values if values.dtype.kind in "iuf" else self._typed_cells(values)
        import pyarrow

        kind = values.type
        types = pyarrow.types
        if types.is_dictionary(kind):
            values = values.dictionary_decode()
            self.typed, kind = "category", values.type
        if types.is_nested(kind):
            self.typed = "nested"
            return np.full(len(values), None, dtype=object)
        if types.is_date(kind):
            self.typed = "date"
        elif types.is_timestamp(kind):
            self.typed = "datetime"
        elif types.is_boolean(kind):
            self.typed = "category"
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            numbers: NDArray[Any] = values.cast(pyarrow.float64(), safe=False).to_numpy(False)
            return numbers
        objects = np.empty(len(values), dtype=object)
        objects[:] = values.to_pylist()
        return objects

    def _typed_cells(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return cells of a spreadsheet, each with a type of its own, as numbers or objects."""
        objects: NDArray[Any] = values.astype(object)
        kinds = {type(value) for value in objects if value is not None}
        if kinds and kinds <= {int, float}:
            return objects.astype(np.float64)
        if kinds and kinds <= {datetime, date}:
            days = all(_is_day(value) for value in objects if value is not None)
            self.typed = "date" if days and self.typed != "datetime" else "datetime"
        numbers = [isinstance(value, int | float) for value in objects]
        objects[numbers] = [label_of(value) for value in objects[numbers]]
        return objects

    def _add_texts(self, distinct: list[str], counts: NDArray[np.int64]) -> None:
        texts = [text.strip() for text in distinct]
        kept = []
        for place, text in enumerate(texts):
            if text in TEXT_CODES:
                self.codes[text] += int(counts[place])
            else:
                kept.append(place)
        texts, counts = [texts[place] for place in kept], counts[kept]
        self.present += int(counts.sum())
        self.names_files = self.names_files and all(map(_FILE.search, texts))
        self._add_levels(texts[: MOST_LEVELS + 1], counts)
        if self.numeric and texts:
            self._add_as_numbers(texts, counts)
        if self.formats and texts:
            series = pd.Series(texts, dtype=object)
            self.formats = tuple(one for one in self.formats if _fits(series, one))

    def _add_as_numbers(self, texts: list[str], counts: NDArray[np.int64]) -> None:
        written = texts
        if self._comma:
            written = [text.replace(".", "x").replace(",", ".") for text in texts]
        numbers = pd.to_numeric(pd.Series(written, dtype=object), errors="coerce").to_numpy(float)
        wrong = np.flatnonzero(~np.isfinite(numbers))
        self.thousands = self.thousands or len(wrong) > 0
        self.thousands = self.thousands and all(_THOUSANDS.fullmatch(texts[i]) for i in wrong)
        # Codes such as 01067 lose their first digit as numbers.
        self.numeric = not len(wrong) and not any(_CODE.fullmatch(text) for text in texts)
        if self.numeric:
            self._add_numbers(numbers, counts)

    def _add_numbers(self, numbers: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        self.whole = self.whole and bool((np.mod(numbers, 1) == 0).all())
        codes = np.isin(numbers, NUMBER_CODES)
        for number, count in zip(numbers[codes], counts[codes], strict=True):
            self._numbers[int(number)] += int(count)
        others = numbers[~codes]
        if len(others):
            self._low = min(self._low, float(others.min()))
            self._high = max(self._high, float(others.max()))
        if self._bounds is not None:
            lower, upper = self._bounds
            self.outside += int(counts[~codes & ((numbers < lower) | (numbers > upper))].sum())

    def _add_levels(self, texts: list[str], counts: NDArray[np.int64]) -> None:
        if self.levels is None:
            return
        for text, count in zip(texts, counts, strict=False):
            self.levels[text[:_LONGEST]] += int(count)
        if len(self.levels) > MOST_LEVELS:
            self.levels = None


def _is_day(value: date) -> bool:
    return not isinstance(value, datetime) or value.time() == time()


def _fits(texts: pd.Series[Any], form: str) -> bool:
    # One text tells most forms apart, and there are many forms.
    return all(
        bool(pd.to_datetime(some, format=form, errors="coerce").notna().all())
        for some in (texts[:1], texts)
    )
