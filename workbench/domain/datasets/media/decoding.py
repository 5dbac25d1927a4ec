"""From the name of a file to a tensor: what it is, told by its content, and who reads it."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.catalog.attached import SIGNAL
from workbench.domain.datasets.media import arrays, dicom, edf, images, nifti, signals, wfdb
from workbench.domain.datasets.media.places import place_of, size_of
from workbench.domain.datasets.media.resizing import resized
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData, WorkbenchError

_HEAD = 352
_MARKS = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\x00", "NIfTI"),
    (4, b"n+2\x00", "NIfTI"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"0       ", "EDF"),
    (0, b"\xffBIOSEMI", "BDF"),
)
"""Where in a file, which bytes, and what it is then."""
_OTHER = (
    "Images are PNG, JPEG, TIFF, DICOM, NIfTI or NPY; signals are EDF, BDF, WFDB, NPY or CSV. The "
    "shape has 2 sizes for signals, 3 for images, 4 for volumes."
)


def decoded(root: Path, name: str, wanted: Wanted) -> NDArray[np.float32]:
    """Return the tensor of a file.

    Parameters
    ----------
    root, name
        The folder, and the file's path below it: or that of a folder with the slices of a scan.
    wanted
        What it is to become.

    Returns
    -------
    ndarray
        float32, of the wanted shape; NaN behind the end of a signal.

    Raises
    ------
    InvalidData
        If that cannot be; says why without a name, a path or a value.
    MissingPackage
        If the package that reads such files is not installed.
    """
    place = place_of(root, name)
    try:
        # What libraries warn of quotes the file.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if len(wanted.shape) == SIGNAL:
                return signals.fitted(_recording(root, name, place, wanted), wanted)
            return resized(_picture(place, wanted), wanted.shape)
    except WorkbenchError:
        raise
    except PermissionError:
        raise InvalidData(
            "its file may not be read", "Give the user that runs the domain the right to read it."
        ) from None
    except MemoryError:
        raise InvalidData("its file is too large for the memory of this machine") from None
    except Exception:
        # Libraries answer broken files with errors of many kinds, and quote them.
        raise InvalidData("its file is broken, or not what its beginning says") from None


def _picture(place: Path, wanted: Wanted) -> NDArray[np.float32]:
    if place.is_dir():
        return dicom.series(place, wanted)
    wanted.check_bytes(size_of(place))
    kind = _kind(place)
    if kind in ("PNG", "JPEG", "TIFF"):
        return images.image(place, kind, wanted)
    if kind == "DICOM":
        return dicom.picture(place, wanted)
    if kind == "NIfTI":
        return nifti.volume(place, wanted)
    if kind == "NumPy":
        return arrays.array(place, wanted)
    raise InvalidData("its file is not an image of a kind that is read", _OTHER)


def _recording(root: Path, name: str, place: Path, wanted: Wanted) -> list[signals.Channel]:
    if place.suffix == ".hea" or not place.exists():
        header = place_of(root, name.strip() + ".hea")
        if place.suffix == ".hea" or header.exists():
            return wfdb.recording(root, name.strip(), wanted)
    wanted.check_bytes(size_of(place))
    kind = _kind(place)
    if kind in ("EDF", "BDF"):
        return edf.recording(place, wanted)
    if kind == "NumPy":
        return arrays.array_of_signals(place, wanted)
    if not kind and place.suffix.lower() in (".csv", ".tsv"):
        return arrays.table_of_signals(place, wanted)
    raise InvalidData("its file is not a signal of a kind that is read", _OTHER)


def _kind(place: Path) -> str:
    """Return what a file is by its first bytes; of a packed one, by those that it holds."""
    with place.open("rb") as file:
        head = file.read(_HEAD)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(place) as packed:
            head = packed.read(_HEAD)
        kinds = [kind for at, mark, kind in _MARKS if head[at : at + len(mark)] == mark]
        return "NIfTI" if kinds == ["NIfTI"] else ""
    return next((kind for at, mark, kind in _MARKS if head[at : at + len(mark)] == mark), "")
