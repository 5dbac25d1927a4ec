"""Fetch files from where ``fsspec`` can read, such as S3, for as long as they are read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.catalog.sources import ENDINGS, Remote
from workbench.errors import InvalidData, MissingPackage, TooLarge

_LOCAL = ("file", "local")
_MOST_FILES = 10_000
_PIECE = 8 << 20


@contextmanager
def fetched(source: Remote, folder: Path, most_bytes: int) -> Iterator[list[Path]]:
    """Give copies of files that lie elsewhere, in the order of their names; they go afterwards.

    Parameters
    ----------
    source
        Where they lie. Credentials are those of the environment, as the service's own tools read
        them.
    folder
        The domain's data, beside which the copies lie meanwhile.
    most_bytes
        How large all of them may be.

    Raises
    ------
    InvalidData
        If there is none, or they cannot be read; no message holds the address.
    TooLarge
        If they are larger.
    MissingPackage
        If the package for this kind of address is not installed.
    """
    import fsspec

    protocol = source.url.split("://")[0]
    if protocol in _LOCAL:
        raise InvalidData(
            "dataset.yaml: data.url: files of this machine lie in the domain's data folder",
            "Name them without an address.",
        )
    place = Path(tempfile.mkdtemp(prefix=".fetched-", dir=folder))
    try:
        try:
            system, path = fsspec.core.url_to_fs(source.url)
            found = system.glob(path) if "*" in path else system.find(path)
            remote = sorted(str(one) for one in found if PurePosixPath(str(one)).suffix in ENDINGS)
            if not remote or len(remote) > _MOST_FILES:
                raise InvalidData(
                    f"dataset.yaml: data.url: {len(remote)} files are there",
                    f"From 1 to {_MOST_FILES} that end in {', '.join(sorted(ENDINGS))}.",
                )
            size = sum(int(system.size(one) or 0) for one in remote)
            if size > most_bytes:
                raise _too_large(most_bytes)
            copies, left = [], most_bytes
            for number, one in enumerate(remote):
                copies.append(place / f"{number:05d}-{PurePosixPath(one).name}")
                left -= _copy(system, one, copies[-1], left)
        except (InvalidData, TooLarge):
            raise
        except ImportError as error:
            raise MissingPackage(
                f"addresses that begin with {protocol}:// need a package that is not installed",
                f"pip install {getattr(error, 'name', None) or 'the one of fsspec for it'}",
            ) from None
        except Exception as error:
            # Each service has errors of its own, and their texts hold addresses.
            raise InvalidData(
                f"dataset.yaml: data.url: it cannot be read ({type(error).__name__})",
                "Try it with the service's own tools, as the user who serves the domain.",
            ) from None
        yield copies
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy(system: Any, remote: str, path: Path, most_bytes: int) -> int:
    """Copy a file and return its size; the size that a service tells beforehand may be wrong."""
    size = 0
    with system.open(remote, "rb") as source, path.open("wb") as file:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > most_bytes:
                raise _too_large(most_bytes)
            file.write(piece)
    return size


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the files at data.url have over {most_bytes} bytes")
