"""Find the file that a row names; one that leads out of the folder is refused."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from workbench.errors import InvalidData

_HINT = "Paths begin below the folder of dataset.yaml (files: {folder: …}) and have no '..'."
_LONGEST = 1000
_DRIVE = re.compile("[A-Za-z]:")


def place_of(root: Path, name: str) -> Path:
    """Return where a name leads, which may be nowhere.

    Parameters
    ----------
    root
        The folder that holds the files.
    name
        A relative path below it; ``\\`` is taken for ``/``, as lists of Windows have it.

    Raises
    ------
    InvalidData
        If it is no relative path, or leads out of the folder, also by a symbolic link.
    """
    parts = name.strip().replace("\\", "/").split("/")
    wrong = len(name) > _LONGEST or not name.isprintable()
    if wrong or _DRIVE.match(parts[0]) or any(part in ("", ".", "..") for part in parts):
        raise InvalidData(
            "not the relative path of a file below the folder",
            _HINT,
        )
    place = root
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise InvalidData(
                "its path is a symbolic link",
                "Links below the folder are not followed; the folder itself may be one.",
            )
    return place


def size_of(place: Path) -> int:
    """Return the bytes of a file.

    Raises
    ------
    InvalidData
        If there is none, or it is not a plain file.
    """
    try:
        found = place.stat()
    except OSError:
        raise InvalidData(
            "its file is missing",
            _HINT,
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise InvalidData("its file is not a plain file")
    return found.st_size
