"""Read the columns of a data holder's file as they stand there: CSV, Parquet or NPZ.

Messages name file, column and row, and never a value.
"""

from __future__ import annotations

import csv
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.documents import Column
from workbench.errors import InvalidData, TooLarge, WorkbenchError

_LONGEST_HEADER = 10 << 20
_ROW_ERROR = re.compile(r"(Row #\d+: )?Expected \d+ columns, got \d+|Empty CSV file")


@dataclass(frozen=True)
class DataLimits:
    """The largest file that a domain loads: bytes on disk, bytes in memory, records."""

    file_bytes: int = 4 << 30
    memory_bytes: int = 8 << 30
    records: int = 50_000_000


LIMITS = DataLimits()
"""What a domain loads at most."""


def read_csv(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    """Return the wanted columns of a CSV file, all as text; arrays of objects, shape ``(n,)``.

    Raises
    ------
    InvalidData
        If it cannot be read, or a column is missing.
    """
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


def read_parquet(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    """Return the wanted columns of a Parquet file, as arrays of objects of shape ``(n,)``.

    Raises
    ------
    InvalidData
        If it cannot be read, or a column is missing.
    TooLarge
        If it would be over `limits` in memory; nothing is unpacked then.
    """
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


def read_npz(path: Path, wanted: list[Column], limits: DataLimits) -> dict[str, NDArray[Any]]:
    """Return the wanted arrays of an NPZ file, of shape ``(n, ...)``; objects are not unpickled.

    Raises
    ------
    InvalidData
        If it cannot be read, or an array is missing.
    TooLarge
        If it would be over `limits` in memory; nothing is unpacked then.
    """
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
