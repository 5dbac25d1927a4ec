"""Write private files so that a crash leaves them whole, and keep records in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from workbench.errors import InvalidData
from workbench.graphs.content import InFile
from workbench.records import Records


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can use; one that is there already becomes so."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read; after a crash it holds the old bytes or all new.

    Parameters
    ----------
    path
        Its folder must be there.
    data
        What it shall hold.
    """
    with _written(path) as file:
        file.write(data)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to; it takes the place of `path` when all is written."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        yield file
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def copy_private(source: Path, path: Path) -> None:
    """Write a copy of a file, piece by piece, as `write_private` writes bytes."""
    with _written(path) as file:
        for piece in InFile(source).pieces():
            file.write(piece)


def save_records(path: Path, records: Records) -> None:
    """Write records as NPZ, readable by the owner only."""
    columns = {f"column/{name}": values for name, values in records.columns.items()}
    with _written(path) as file:
        np.savez(file, allow_pickle=False, units=records.units, **columns)


def load_records(path: Path) -> Records:
    """Read what `save_records` wrote.

    Raises
    ------
    InvalidData
        If the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {k.removeprefix("column/"): file[k] for k in file.files if k != "units"}
            return Records(columns, file["units"])
    except (OSError, ValueError, KeyError) as error:
        raise InvalidData(f"{path.name}: cannot be read ({type(error).__name__})") from None
