"""Read the columns of a data holder's file as they stand there, some rows at a time.

CSV, TSV, Excel, Parquet, Arrow and NPZ. Messages name file, heading and row, and never a value.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.catalog.reading import ColumnInFile, Reading
from workbench.domain.datasets.tables import spreadsheet
from workbench.domain.datasets.tables.headings import named, places
from workbench.errors import InvalidData, TooLarge, WorkbenchError

Values = Any
"""Values of one column in some rows: a ``pyarrow.Array``, or an array of NumPy ``(n, ...)``."""
Batch = dict[str, Values]
"""Column name to its values."""

_LONGEST_HEADER = 10 << 20
DELIMITED = (".csv", ".tsv")
"""The endings of files of delimited text."""
_BLOCK = 8 << 20
_ROWS = 1 << 16
_ROW_ERROR = re.compile(r"(Row #\d+: )?Expected \d+ columns, got \d+")


@dataclass(frozen=True)
class DataLimits:
    """The largest file that a domain loads: bytes on disk, bytes in memory, records."""

    file_bytes: int = 4 << 30
    memory_bytes: int = 8 << 30
    records: int = 50_000_000


LIMITS = DataLimits()
"""What a domain loads at most."""


def batches(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    """Yield the wanted columns of a file, some rows at a time.

    Parameters
    ----------
    path
        The file; its ending says what it is.
    reading
        How it is written.
    wanted
        The columns.
    limits
        What is too large.

    Raises
    ------
    InvalidData
        If it cannot be read, or a column is missing.
    TooLarge
        If it would be over `limits`; nothing is unpacked then.
    """
    readers: dict[str, Callable[..., Iterator[Batch]]] = {
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
        ".arrow": _arrow,
        ".feather": _arrow,
        ".npz": _npz,
        ".xlsx": _xlsx,
    }
    if path.suffix not in readers:
        raise InvalidData(f"{path.name}: expected a file that ends in {', '.join(readers)}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidData(f"{path.name}: cannot be read ({error.strerror})") from None
    if size > limits.file_bytes:
        raise TooLarge(f"{path.name}: {size} bytes; at most {limits.file_bytes}")
    if path.suffix != ".npz":
        for column in wanted:
            if column.kind == "tensor" and column.files is None:
                raise InvalidData(
                    f"{path.name}: tensor column '{column.name}' needs an .npz file",
                    "If it names files, such as images, write files: {folder: …}.",
                )
    yield from readers[path.suffix](path, reading, wanted, limits)


def headings_of(path: Path, reading: Reading) -> list[str]:
    """Return the headings of a file.

    Raises
    ------
    InvalidData
        If it cannot be read, or its ending is of none that can.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        if path.suffix in DELIMITED:
            return _headings(path, reading.encoding, delimiter_of(path, reading))[0]
        if path.suffix == ".parquet":
            return list(pyarrow.parquet.ParquetFile(path).schema_arrow.names)
        if path.suffix in (".arrow", ".feather"):
            with pyarrow.memory_map(str(path)) as mapped, pyarrow.ipc.open_file(mapped) as file:
                return list(file.schema.names)
        if path.suffix == ".xlsx":
            return spreadsheet.headings_of(path, reading, LIMITS.memory_bytes)
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                return [name.removesuffix(".npy") for name in archive.namelist()]
    except (pyarrow.ArrowException, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidData(f"{path.name}: cannot be read ({type(error).__name__})") from None
    raise InvalidData(f"{path.name}: a file of this ending cannot be read")


def delimiter_of(path: Path, reading: Reading) -> str:
    """Return what stands between two values of a file of delimited text."""
    return reading.delimiter or ("\t" if path.suffix == ".tsv" else ",")


def _csv(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    import pyarrow
    import pyarrow.csv

    delimiter = delimiter_of(path, reading)
    names, lines = _headings(path, reading.encoding, delimiter)
    found = places(path.name, names, wanted, delimiter)
    numbered = [str(place) for place in range(len(names))]
    # One thread, so that the parser knows which row is wrong.
    options = pyarrow.csv.ReadOptions(
        use_threads=False,
        block_size=_BLOCK,
        skip_rows=lines,
        column_names=numbered,
        encoding=reading.encoding,
    )
    parsing = pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    # As text: what counts as missing is the steward's to say, not the parser's.
    converting = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(numbered, pyarrow.string()),
        include_columns=[str(place) for place in dict.fromkeys(found.values())],
        strings_can_be_null=False,
    )
    try:
        with pyarrow.csv.open_csv(path, options, parsing, converting) as file:
            for batch in file:
                yield {name: batch.column(str(place)) for name, place in found.items()}
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        # The parser's own message quotes the row.
        text = str(error)
        if "Empty CSV file" in text:
            return
        if isinstance(error, UnicodeDecodeError) or "UTF8" in text:
            raise _not_in(path, reading.encoding) from None
        row = _ROW_ERROR.search(text)
        what = row.group(0) if row else type(error).__name__
        raise InvalidData(f"{path.name}: not CSV: {what}") from None


def _headings(path: Path, encoding: str, delimiter: str) -> tuple[list[str], int]:
    """Return the headings of a CSV file, and how many lines they take."""
    try:
        with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as f:
            lines = iter(lambda: f.readline(_LONGEST_HEADER), "")
            rows = csv.reader(lines, delimiter=delimiter)
            names = [name.strip() for name in next(rows, [])]
            return names, rows.line_num
    except UnicodeError:
        raise _not_in(path, encoding) from None
    except (csv.Error, OSError) as error:
        raise InvalidData(f"{path.name}: not CSV: {type(error).__name__}") from None


def _not_in(path: Path, encoding: str) -> InvalidData:
    name = {"utf-8": "UTF-8"}.get(encoding, encoding)
    return InvalidData(
        f"{path.name}: it is not {name}",
        "Say in dataset.yaml how it is written. What Excel saves is often: "
        "reading: {encoding: cp1252}.",
    )


def _parquet(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    import pyarrow
    import pyarrow.parquet

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
        names = named(path.name, file.schema_arrow.names, wanted)
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(names.values()))):
            yield {name: batch.column(heading) for name, heading in names.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"{path.name}: not Parquet ({type(error).__name__})") from None


def _arrow(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as mapped, pyarrow.ipc.open_file(mapped) as file:
            names = named(path.name, file.schema.names, wanted)
            for place in range(file.num_record_batches):
                batch = file.get_batch(place)
                yield {name: batch.column(heading) for name, heading in names.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"{path.name}: not Arrow ({type(error).__name__})") from None


def _xlsx(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    return spreadsheet.batches(path, reading, wanted, limits.memory_bytes)


def _npz(
    path: Path, reading: Reading, wanted: Sequence[ColumnInFile], limits: DataLimits
) -> Iterator[Batch]:
    try:
        with zipfile.ZipFile(path) as archive:
            # Said by the file itself, so that a bomb is refused before it is inflated.
            if sum(info.file_size for info in archive.infolist()) > limits.memory_bytes:
                raise TooLarge(f"{path.name}: over {limits.memory_bytes} bytes unpacked")
        with np.load(path, allow_pickle=False) as file:
            names = named(path.name, file.files, wanted)
            found: dict[str, NDArray[Any]] = {n: file[heading] for n, heading in names.items()}
            if any(values.ndim == 0 for values in found.values()):
                raise InvalidData(f"{path.name}: an array is a single number")
    except WorkbenchError:
        raise
    except Exception as error:
        # numpy answers broken headers with errors of many kinds; each means the same here.
        raise InvalidData(
            f"{path.name}: not NPZ, or it holds objects ({type(error).__name__})"
        ) from None
    if len({len(values) for values in found.values()}) != 1:
        raise InvalidData(f"{path.name}: its arrays have different lengths")
    yield found
