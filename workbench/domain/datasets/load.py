"""Load a data holder's file as its schema says: CSV, Parquet or NPZ.

Values outside the public bounds are clamped and missing ones filled, and both are counted for the
steward. Anything else that does not fit stops the load with the place of the first such value,
never the value itself.
"""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.documents import Column, Schema
from workbench.domain.datasets.partition import dataset_version, split
from workbench.errors import InvalidData, TooLarge, WorkbenchError
from workbench.records import Records

__all__ = ["DataLimits", "LoadedData", "dataset_version", "load", "split"]


_LONGEST_HEADER = 10 << 20
_ROW_ERROR = re.compile(r"(Row #\d+: )?Expected \d+ columns, got \d+|Empty CSV file")


@dataclass(frozen=True)
class DataLimits:
    """The largest data that a domain loads: bytes on disk, bytes in memory, records."""

    file_bytes: int = 4 << 30
    memory_bytes: int = 8 << 30
    records: int = 50_000_000


@dataclass(frozen=True)
class LoadedData:
    """Records that fit their schema, and what had to be changed, by column.

    `persons` has one number for each record, uint64: the same for records of one unit, in whichever
    file they are. Where records are the unit it follows from their values as they were read.
    """

    records: Records
    persons: NDArray[np.uint64]
    clamped: dict[str, int]
    filled: dict[str, int]


def load(path: Path, schema: Schema, limits: DataLimits = DataLimits()) -> LoadedData:
    """Load a data file.

    Parameters
    ----------
    path
        A ``.csv``, ``.parquet`` or ``.npz`` file with at least the schema's columns.
    schema
        Types, bounds, categories, missing codes.
    limits
        What is too large.

    Returns
    -------
    LoadedData
        float32 within bounds, int64 category codes; tensors of shape ``(n, *shape)``.

    Raises
    ------
    InvalidData
        If the file cannot be read or a value does not fit; names file, column and row.
    TooLarge
        If it is over `limits`.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidData(f"{path.name}: cannot be read ({error.strerror})") from None
    if size > limits.file_bytes:
        raise TooLarge(f"{path.name}: {size} bytes; at most {limits.file_bytes}")
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    if path.suffix not in readers:
        raise InvalidData(f"{path.name}: expected a .csv, .parquet or .npz file")
    wanted = [c for c in schema.columns if c.role != "ignored"]
    raw = readers[path.suffix](path, wanted, limits)
    counts = {len(values) for values in raw.values()}
    if len(counts) != 1 or counts == {0}:
        raise InvalidData(f"{path.name}: has no records, or columns of different length")
    if counts.pop() > limits.records:
        raise TooLarge(f"{path.name}: over {limits.records} records")
    columns: dict[str, NDArray[np.generic]] = {}
    rows = np.zeros(len(next(iter(raw.values()))), dtype=np.uint64)
    clamped: dict[str, int] = {}
    filled: dict[str, int] = {}
    for column in schema.usable:
        take = _categories if column.kind == "category" else _numbers
        values, low, empty, hashes = take(path.name, column, raw[column.name])
        columns[column.name] = values
        rows += hashes
        if low:
            clamped[column.name] = low
        if empty:
            filled[column.name] = empty
    records = Records(columns, _units(schema, raw))
    persons = rows if schema.unit is None else _persons(raw[schema.unit.name])
    return LoadedData(records, persons, clamped, filled)


def _persons(labels: NDArray[Any]) -> NDArray[np.uint64]:
    # As text, so that a file with numbers and one with text name the same person alike.
    found, names = pd.factorize(np.array([_label(value) for value in labels], dtype=object))
    return np.array([person_of(name) for name in names], dtype=np.uint64)[found]


def person_of(label: str) -> int:
    """Return the number in `LoadedData.persons` of the unit with this label."""
    return int.from_bytes(hashlib.sha256(label.strip().encode()).digest()[:8], "big")


def _row_hashes(name: str, values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a hash of a column's value in each row; their sum is one of the row."""
    entries = pd.util.hash_array(np.ascontiguousarray(values).reshape(-1)).reshape(len(values), -1)
    # Odd numbers that differ by place, so that entries that change places are told.
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") | 1
    places = pd.util.hash_array(np.arange(entries.shape[1], dtype=np.uint64) + np.uint64(seed))
    found: NDArray[np.uint64] = (entries * (places | np.uint64(1))).sum(1, dtype=np.uint64)
    return found


def _units(schema: Schema, raw: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    if schema.unit is None:
        return np.arange(len(next(iter(raw.values()))), dtype=np.int64)
    # By its own label alone, so that no unit's number depends on another unit being there.
    # The same label as that of the person: who is charged once is one unit.
    labels = [_label(value).encode() for value in raw[schema.unit.name]]
    digests = [hashlib.sha256(label).digest()[:8] for label in labels]
    return np.array([int.from_bytes(d, "big", signed=True) for d in digests], dtype=np.int64)


def _read_csv(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    _refuse_tensors(path, wanted)
    import pyarrow
    import pyarrow.csv

    try:
        with path.open("rb") as file:
            header = file.readline(_LONGEST_HEADER).decode("utf-8-sig").strip()
        names = next(csv.reader([header]), [])
        if len(set(names)) != len(names):
            raise InvalidData(f"{path.name}: a column's name appears twice in the header")
        # As text: what counts as missing is the card's to say, not the parser's.
        options = pyarrow.csv.ConvertOptions(
            column_types={name: pyarrow.string() for name in names}, strings_can_be_null=False
        )
        # One pass, one thread, so that the parser knows which row is wrong.
        reading = pyarrow.csv.ReadOptions(use_threads=False)
        frame = pyarrow.csv.read_csv(path, reading, convert_options=options).to_pandas()
    except (ValueError, OSError, pyarrow.ArrowException, csv.Error) as error:
        # The parser's own message quotes the row.
        found = _ROW_ERROR.search(str(error))
        what = found.group(0) if found else type(error).__name__
        raise InvalidData(f"{path.name}: not CSV: {what}") from None
    return _from_frame(path, frame, wanted)


def _read_parquet(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    import pyarrow
    import pyarrow.parquet

    _refuse_tensors(path, wanted)
    try:
        file = pyarrow.parquet.ParquetFile(path)
        metadata = file.metadata
        if metadata.num_rows > limits.records:
            raise TooLarge(f"{path.name}: over {limits.records} records")
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        # Dictionaries and runs are small in the file and whole in memory.
        least = metadata.num_rows * len(wanted) * 8
        if max(least, sum(group.total_byte_size for group in groups)) > limits.memory_bytes:
            raise TooLarge(f"{path.name}: over {limits.memory_bytes} bytes unpacked")
        names = [c.name for c in wanted if c.name in file.schema_arrow.names]
        frame = file.read(columns=names).to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"{path.name}: not Parquet ({type(error).__name__})") from None
    return _from_frame(path, frame, wanted)


def _refuse_tensors(path: Path, wanted: list[Column]) -> None:
    for column in wanted:
        if column.kind == "tensor":
            raise InvalidData(f"{path.name}: tensor column '{column.name}' needs an .npz file")


def _from_frame(path: Path, frame: pd.DataFrame, wanted: list[Column]) -> dict[str, NDArray[Any]]:
    for column in wanted:
        if column.name not in frame.columns:
            raise InvalidData(f"{path.name}: column '{column.name}' is missing")
    return {column.name: frame[column.name].to_numpy(dtype=object) for column in wanted}


def _read_npz(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            # Said by the file itself, so that a bomb is refused before it is inflated.
            if sum(info.file_size for info in archive.infolist()) > limits.memory_bytes:
                raise TooLarge(f"{path.name}: over {limits.memory_bytes} bytes unpacked")
        with np.load(path, allow_pickle=False) as file:
            for column in wanted:
                if column.name not in file.files:
                    raise InvalidData(f"{path.name}: array '{column.name}' is missing")
            found = {column.name: file[column.name] for column in wanted}
            if any(values.ndim == 0 for values in found.values()):
                raise InvalidData(f"{path.name}: an array is a single number")
            return found
    except WorkbenchError:
        raise
    except Exception as error:
        # numpy answers broken headers with errors of many kinds; each means the same here.
        raise InvalidData(
            f"{path.name}: not NPZ, or it holds objects ({type(error).__name__})"
        ) from None


def _is_missing(column: Column, values: NDArray[Any]) -> NDArray[np.bool_]:
    codes = {str(code) for code in column.missing}
    if values.dtype != object:
        return np.zeros(len(values), dtype=bool)
    return np.array([v is None or v != v or str(v).strip() in codes for v in values], dtype=bool)


def _numbers(
    name: str, column: Column, values: NDArray[Any]
) -> tuple[NDArray[np.generic], int, int, NDArray[np.uint64]]:
    if values.shape[1:] != column.shape:
        raise InvalidData(
            f"{name}: column '{column.name}' has shape {values.shape[1:]}, not {column.shape}"
        )
    missing = _is_missing(column, values)
    if values.dtype == object:
        parsed = pd.to_numeric(pd.Series(np.where(missing, "0", values)), errors="coerce")
        numbers = parsed.to_numpy(dtype=np.float64, copy=True)
    elif values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
    else:
        raise InvalidData(f"{name}: column '{column.name}' holds {values.dtype}, not numbers")
    wrong = np.flatnonzero(np.isnan(numbers).reshape(len(numbers), -1).any(1))
    if len(wrong):
        raise InvalidData(
            f"{name}: row {wrong[0] + 1}, column '{column.name}': not a number",
            "Name the file's codes for missing values in dataset.yaml (missing: [...]).",
        )
    # As they were read, without bounds and fill: other bounds do not make another person.
    hashes = _row_hashes(
        column.name, np.where(missing.reshape(-1, *[1] * (numbers.ndim - 1)), np.nan, numbers)
    )
    lower, upper = float(column.lower or 0), float(column.upper or 0)
    fill = (lower + upper) / 2 if column.fill is None else float(column.fill)
    numbers[missing] = fill
    outside = ((numbers < lower) | (numbers > upper)).reshape(len(numbers), -1).any(1)
    bounded = np.clip(numbers, lower, upper).astype(np.float32)
    return bounded, int(outside.sum()), int(missing.sum()), hashes


def _categories(
    name: str, column: Column, values: NDArray[Any]
) -> tuple[NDArray[np.generic], int, int, NDArray[np.uint64]]:
    missing = _is_missing(column, values)
    codes = {str(value): code for code, value in enumerate(column.categories)}
    fill = None if column.fill is None else codes[str(column.fill)]
    if missing.any() and fill is None:
        raise InvalidData(
            f"{name}: row {np.flatnonzero(missing)[0] + 1}, column '{column.name}': missing, and "
            "dataset.yaml gives no fill"
        )
    found = np.array(
        [
            fill if empty else codes.get(_label(v), -1)
            for v, empty in zip(values, missing, strict=True)
        ],
        dtype=np.int64,
    )
    unknown = np.flatnonzero(found < 0)
    if len(unknown):
        raise InvalidData(
            f"{name}: row {unknown[0] + 1}, column '{column.name}': not one of the categories"
        )
    labels = pd.util.hash_array(np.array([str(v) for v in column.categories], dtype=object))
    return found, 0, int(missing.sum()), _row_hashes(column.name, labels[found])


def _label(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value).strip()
