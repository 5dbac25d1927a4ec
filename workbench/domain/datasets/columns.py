"""Make a column's values fit its schema: numbers within bounds, categories as codes.

One set of rules, whatever the file: blanks around a value do not count, a code for missing values
that is a number is compared as a number, and a number is the same as text and as a number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.catalog.reading import DATES, ColumnInFile, Reading
from workbench.catalog.tokenizers import TextTokens
from workbench.documents import Column
from workbench.domain.datasets.attachments import Attachments
from workbench.domain.datasets.dates import days_of, parts_of
from workbench.domain.datasets.faults import Faults
from workbench.domain.datasets.readers import Values
from workbench.domain.datasets.units import label_of, row_hashes

EXACT = 1 << 24
"""Whole numbers up to here are exact in float32, which training functions get."""
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")
_MISSING_HINT = "Name the file's codes for missing values in dataset.yaml (missing: [...])."
_DATE_HINT = "Use kind: date, which is published as days since a public day."
_NOT_A_NUMBER = "not a number"


@dataclass(frozen=True)
class Fitted:
    """Values of a column that fit its schema.

    Attributes
    ----------
    columns
        Published column to its values: float32 within bounds, of shape ``(n, *shape)``; or int64
        codes, of shape ``(n,)``.
    clamped, filled
        How many values were out of bounds, and how many were missing.
    hashes
        uint64, of shape ``(n,)``: of the values as they were read (`units.row_hashes`).
    """

    columns: dict[str, NDArray[np.generic]]
    clamped: int
    filled: int
    hashes: NDArray[np.uint64]


class Fitter:
    """Fits the values of one column, some rows at a time.

    Parameters
    ----------
    column
        What ``dataset.yaml`` says of it.
    reading
        How the file is written.
    faults
        Gets what does not fit.
    tokens
        The tokenizer of a text.
    attachments
        What reads the files that the column names.
    """

    def __init__(
        self,
        column: ColumnInFile,
        reading: Reading,
        faults: Faults,
        tokens: TextTokens | None = None,
        attachments: Attachments | None = None,
    ) -> None:
        self._column, self._comma, self._faults = column, reading.decimal == ",", faults
        self._published, self._tokens = column.published()[0], tokens
        self._attachments = attachments
        _check_bounds(self._published, faults)
        self._missing = {str(code).strip() for code in column.missing}
        self._missing_numbers = [float(code) for code in self._missing if _number(code) is not None]
        categories = {str(value): code for code, value in enumerate(column.categories)}
        self._codes = categories | {
            code.strip(): categories[str(label)] for code, label in column.labels.items()
        }
        numbered = {_number(text): code for text, code in self._codes.items()}
        self._by_number = {number: code for number, code in numbered.items() if number is not None}
        self._fill_code = None if column.fill is None else categories.get(str(column.fill))
        self._other = -1 if column.other is None else categories[str(column.other)]

    def fit(self, values: Values, before: int) -> Fitted:
        """Return values as the schema says; what does not fit is noted, and is nonsense here.

        Parameters
        ----------
        values
            As they were read, of some rows.
        before
            How many rows come before them.
        """
        kind = self._column.kind
        if kind in ("category", "ordinal"):
            return self._categories(values, before)
        if kind == "text":
            return self._texts(values, before)
        if kind in DATES:
            return self._dates(values, before)
        if self._attachments is not None:
            return self._attached(self._attachments, values, before)
        several = isinstance(values, np.ndarray) and values.ndim > 1
        if several or kind == "tensor":
            return self._tensors(np.asarray(values), before)
        return self._numbers(values, before)

    def _note(self, what: str, rows: NDArray[np.bool_], before: int, hint: str = "") -> None:
        self._faults.note(self._column.name, what, rows, before, hint)

    def _numbers(self, values: Values, before: int) -> Fitted:
        numbers, missing = self._parsed(values, before)
        for code in self._missing_numbers:
            missing |= numbers == code
        if self._column.kind == "integer":
            whole = np.equal(np.mod(numbers, 1), 0) | ~np.isfinite(numbers) | missing
            hint = "Round it in the file, or use kind: number."
            self._note("not a whole number", np.logical_not(whole), before, hint)
        return self._bounded(numbers, missing)

    def _dates(self, values: Values, before: int) -> Fitted:
        dates, missing, wrong = days_of(values, self._column, self._is_missing)
        if wrong.any():
            written = f"'{self._column.format}'" if self._column.format else "ISO 8601 (2024-12-31)"
            hint = (
                f"Dates are read as {written}; say in dataset.yaml how they are written, such as "
                'format: "%d.%m.%Y", and name the codes for missing values (missing: [...]).'
            )
            self._note(f"not a {self._column.kind}", wrong, before, hint)
        since = self._column.days("1970-01-01")
        found = self._bounded(dates + since, missing | wrong, hashed=dates)
        parts = parts_of(found.columns[self._column.name], self._column)
        return replace(found, columns=found.columns | parts)

    def _texts(self, values: Values, before: int) -> Fitted:
        assert self._tokens is not None
        assert self._column.length is not None
        found = _plain(values)
        if found is None or found.ndim != 1:
            self._note("holds no text", np.ones(len(values), bool), before)
            found = np.full(len(values), None, dtype=object)
        missing = self._which_missing(found)
        texts = ["" if m else str(v) for v, m in zip(found, missing, strict=True)]
        name = self._column.name
        hashes = row_hashes(name, pd.util.hash_array(np.array(texts, dtype=object)))
        tokens = self._tokens.encode(texts, self._column.length)
        return Fitted({name: tokens}, 0, int(missing.sum()), hashes)

    def _attached(self, attachments: Attachments, values: Values, before: int) -> Fitted:
        found = _plain(values)
        if found is None or found.ndim != 1:
            self._note("holds no names of files", np.ones(len(values), bool), before)
            found = np.full(len(values), None, dtype=object)
        missing = np.array([self._is_missing_label(value) for value in found], dtype=bool)
        names = ["" if m else label_of(v) for v, m in zip(found, missing, strict=True)]
        parts = [
            self._bounded(some.values, some.missing, hashed=some.read)
            for some in attachments.tensors(names, missing, before)
        ]
        name = self._column.name
        tensors = np.concatenate([part.columns[name] for part in parts])
        return Fitted(
            {name: tensors},
            sum(part.clamped for part in parts),
            sum(part.filled for part in parts),
            np.concatenate([part.hashes for part in parts]),
        )

    def _parsed(self, values: Values, before: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return values as float64 ``(n,)``, and which are missing; NaN if not a number."""
        found = _plain(values)
        if found is None:
            kind = str(getattr(values, "type", getattr(values, "dtype", "")))
            hint = ""
            if kind.startswith(("timestamp", "date", "time", "duration")):
                hint = _DATE_HINT
            self._note(f"{_NOT_A_NUMBER} but {kind}", np.ones(len(values), bool), before, hint)
            return np.zeros(len(values)), np.zeros(len(values), bool)
        if found.dtype != object:
            numbers = found.astype(np.float64)
            return numbers, np.isnan(numbers)
        missing = self._which_missing(found)
        texts = pd.Series(np.where(missing, "0", found))
        if self._comma:
            texts = texts.map(_with_point)
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, copy=True)
        wrong = np.isnan(numbers)
        if wrong.any():
            self._tell_wrong(found, wrong, before)
            numbers[wrong] = 0.0
        return numbers, missing

    def _tell_wrong(self, found: NDArray[Any], wrong: NDArray[np.bool_], before: int) -> None:
        """Note numbers that are none, by what they look like."""
        kinds = np.array([_looks_like(v) if w else "" for v, w in zip(found, wrong, strict=True)])
        hints = {
            "empty": _MISSING_HINT,
            "comma": 'Write reading: {decimal: ","} in dataset.yaml.',
            "date": _DATE_HINT,
            "other": _MISSING_HINT,
        }
        words = {
            "empty": f"{_NOT_A_NUMBER}: it is empty",
            "comma": f"{_NOT_A_NUMBER}: it has a comma",
            "date": f"{_NOT_A_NUMBER} but a date",
            "other": _NOT_A_NUMBER,
        }
        for kind, hint in hints.items():
            self._note(words[kind], np.asarray(kinds == kind), before, hint)

    def _which_missing(self, found: NDArray[Any]) -> NDArray[np.bool_]:
        codes, other = self._missing, self._is_missing
        # Texts are most of what there is, and are asked here: a call for each takes long.
        which = (v.strip() in codes if type(v) is str else other(v) for v in found)
        return np.fromiter(which, dtype=bool, count=len(found))

    def _is_missing(self, value: Any) -> bool:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return True
        return str(value).strip() in self._missing

    def _tensors(self, values: NDArray[Any], before: int) -> Fitted:
        if values.shape[1:] != self._column.shape:
            self._note(
                f"has shape {values.shape[1:]}, not {self._column.shape}",
                np.ones(len(values), bool),
                before,
            )
            values = np.zeros((len(values), *self._column.shape))
        if values.dtype.kind not in "iufb":
            self._note(f"holds {values.dtype}, not numbers", np.ones(len(values), bool), before)
            values = np.zeros(values.shape)
        numbers = values.astype(np.float64)
        wrong = np.isnan(numbers).reshape(len(numbers), -1).any(axis=1)
        self._note(_NOT_A_NUMBER, np.asarray(wrong), before, _MISSING_HINT)
        return self._bounded(np.nan_to_num(numbers), np.zeros(len(numbers), bool))

    def _bounded(
        self,
        numbers: NDArray[np.float64],
        missing: NDArray[np.bool_],
        hashed: NDArray[np.float64] | None = None,
    ) -> Fitted:
        column = self._published
        # As they were read, without bounds and fill: other bounds do not make another person.
        rows = missing.reshape(-1, *[1] * (numbers.ndim - 1))
        read = numbers if hashed is None else hashed
        hashes = row_hashes(column.name, np.where(rows, np.nan, read))
        lower, upper = float(column.lower or 0), float(column.upper or 0)
        fill = (lower + upper) / 2 if column.fill is None else float(column.fill)
        numbers = np.where(rows, fill, numbers)
        outside = ((numbers < lower) | (numbers > upper)).reshape(len(numbers), -1).any(1)
        bounded = np.clip(numbers, lower, upper).astype(np.float32)
        columns = {column.name: bounded} | self._indicator(missing)
        return Fitted(columns, int(outside.sum()), int(missing.sum()), hashes)

    def _indicator(self, missing: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
        if not self._column.indicator:
            return {}
        return {self._column.indicator_name: missing.astype(np.float32)}

    def _categories(self, values: Values, before: int) -> Fitted:
        found = _plain(values)
        if found is None or found.ndim != 1:
            self._note("holds no labels", np.ones(len(values), bool), before)
            found = np.full(len(values), None, dtype=object)
            codes = np.zeros(len(values), dtype=np.int64)
            missing = np.zeros(len(values), bool)
            columns = {self._column.name: codes} | self._indicator(missing)
            return Fitted(columns, 0, 0, np.zeros(len(values), np.uint64))
        places, distinct = pd.factorize(found.astype(object), use_na_sentinel=False)
        missing = np.array([self._is_missing_label(value) for value in distinct], bool)[places]
        known = np.array([self._code(value) for value in distinct], np.int64)
        # An empty value is a missing one that nobody has named, and no label.
        empty = np.array([label_of(value) == "" for value in distinct], dtype=bool)
        others = (known < 0) & ~empty
        own = np.where(others, self._other, known)[places]
        filled = -1 if self._fill_code is None else self._fill_code
        codes = np.where(missing, filled, own)
        if self._fill_code is None:
            self._note(
                "missing, and dataset.yaml gives no fill",
                missing,
                before,
                "Write fill: with one of its categories.",
            )
        self._note(
            "not one of the categories",
            ~missing & (codes < 0),
            before,
            "Write all that are publicly known into categories; codes of the file get names by "
            "labels: {code: category}.",
        )
        texts = [str(value) for value in self._column.categories]
        labels = pd.util.hash_array(np.array(texts, dtype=object))
        read = labels[codes]
        if self._other >= 0:
            # As they were read: a label that becomes a category later makes no other person.
            own_labels = pd.util.hash_array(np.array([label_of(v) for v in distinct], dtype=object))
            read = np.where(others[places] & ~missing, own_labels[places], read)
        hashes = row_hashes(self._column.name, read)
        ranks = codes.astype(np.float32) if self._column.kind == "ordinal" else codes
        columns = {self._column.name: ranks} | self._indicator(missing)
        return Fitted(columns, 0, int(missing.sum()), hashes)

    def _is_missing_label(self, value: Any) -> bool:
        if self._is_missing(value) or label_of(value) in self._missing:
            return True
        number = _number(label_of(value))
        return number is not None and number in self._missing_numbers

    def _code(self, value: Any) -> int:
        label = label_of(value)
        if label in self._codes:
            return self._codes[label]
        number = _number(label)
        return -1 if number is None else self._by_number.get(number, -1)


def _check_bounds(column: Column, faults: Faults) -> None:
    """Note bounds of whole numbers between which some are not exact in float32."""
    widest = max(abs(column.lower or 0), abs(column.upper or 0))
    if column.kind == "integer" and widest > EXACT:
        faults.note(
            column.name,
            f"whole numbers over {EXACT} are not exact, and its bounds go up to {widest:g}",
            np.ones(1, bool),
            0,
            "Subtract a public number in the file, such as the first year or the first day.",
        )


def _plain(values: Values) -> NDArray[Any] | None:
    """Return values as numbers, or as objects: texts, None and the like; None if neither.

    Whole numbers and floats, of shape ``(n,)`` or of that of an array of NumPy.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "iufb":
            return values
        return values.astype(object) if values.dtype.kind in "UO" else None
    import pyarrow

    kind = values.type
    if pyarrow.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    numbers = pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)
    if numbers and not values.null_count:
        found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return found
    texts = (
        pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or pyarrow.types.is_string_view(kind)
        or pyarrow.types.is_decimal(kind)
        or pyarrow.types.is_boolean(kind)
        or pyarrow.types.is_null(kind)
    )
    if numbers or texts:
        objects = np.empty(len(values), dtype=object)
        objects[:] = values.to_pylist()
        return objects
    return None


def _number(text: str) -> float | None:
    """Return a text that is a number as it is usually written as a number, else None: not 007."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _with_point(value: Any) -> Any:
    """Return a text with a point in the place of its comma; with a point, it is no number."""
    return value if not isinstance(value, str) else value.replace(".", "x").replace(",", ".")


def _looks_like(value: Any) -> str:
    text = str(value).strip()
    if not text:
        return "empty"
    if _WITH_COMMA.fullmatch(text):
        return "comma"
    return "date" if _DATE.fullmatch(text) else "other"
