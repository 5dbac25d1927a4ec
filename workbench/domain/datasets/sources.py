"""Read what ``data:`` of ``dataset.yaml`` names: a file, several files, or a query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from workbench.catalog.reading import ColumnInFile, Reading
from workbench.catalog.sources import Data, Omop, Query, Remote
from workbench.domain.datasets.readers import Batch, DataLimits, batches
from workbench.domain.datasets.tables import database, remote
from workbench.errors import InvalidData, TooLarge


def parts_of(
    folder: Path,
    data: Data,
    reading: Reading,
    wanted: Sequence[ColumnInFile],
    limits: DataLimits,
) -> Iterator[tuple[str, Iterable[Batch]]]:
    """Yield the parts of a dataset in order: the name of each, and its columns in batches.

    Parameters
    ----------
    folder
        Holds the data files.
    data
        Where the records come from.
    reading, wanted, limits
        As of `readers.batches`.

    Raises
    ------
    InvalidData
        If a file is not there.
    TooLarge
        If all files together are over `limits`.
    """
    if isinstance(data, Query | Omop):
        yield "the query", database.batches(data, folder, wanted)
        return
    if isinstance(data, Remote):
        with remote.fetched(data, folder, limits.file_bytes) as copies:
            for path in copies:
                yield path.name, batches(path, reading, wanted, limits)
        return
    paths = _files(folder, (data,) if isinstance(data, str) else data)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    if size > limits.file_bytes:
        raise TooLarge(f"the data files have {size} bytes; at most {limits.file_bytes}")
    for path in paths:
        yield path.name, batches(path, reading, wanted, limits)


def _files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the files that names and patterns stand for, each once, by name."""
    found: dict[str, Path] = {}
    for name in names:
        matching = sorted(folder.glob(name)) if "*" in name else [folder / name]
        if not matching:
            raise InvalidData(f"no file in the domain's data folder is called {name}")
        found |= {path.name: path for path in matching}
    return [found[name] for name in sorted(found)]
