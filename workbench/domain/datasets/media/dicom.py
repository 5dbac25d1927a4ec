"""Read DICOM: the pixels in the unit of the scan, and of all else only what they need.

No name, date or comment of a file is read, and no window: windows are public facts of
``dataset.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.places import size_of
from workbench.domain.datasets.media.wanted import MOST_PICTURES, Wanted, missing_package
from workbench.errors import InvalidData

_DEFLATED = "1.2.840.10008.1.2.1.99"
_LARGEST_HEADER = 8 << 20
"""Bytes that a file may have beside its pixels, if these are compressed."""
_TAGS = [
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "InstanceNumber",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SharedFunctionalGroupsSequence",
]
_KINDS = ("MONOCHROME1", "MONOCHROME2", "RGB")


@dataclass(frozen=True)
class _Slice:
    """Pixels of shape ``(channels, height, width)``, and where along the scan they lie."""

    values: NDArray[np.float32]
    place: float | None
    number: float | None


def picture(path: Path, wanted: Wanted) -> NDArray[np.float32]:
    """Return the frames of a file.

    Parameters
    ----------
    path
        The file.
    wanted
        Says whether it is to be gray or in color, and what is too large.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, frames, height, width)``, in the unit of the scan, such as
        Hounsfield units; ordered by their positions, else as the file orders them.

    Raises
    ------
    InvalidData
        If it is too large, or of a kind that is not read.
    MissingPackage
        If pydicom is not installed.
    """
    slices = _slices(path, _header(path, wanted), wanted)
    if len(slices) > 1 and all(one.place is not None for one in slices):
        return _stacked(slices)
    return np.stack([one.values for one in slices], axis=1)


def series(folder: Path, wanted: Wanted) -> NDArray[np.float32]:
    """Return the slices of a folder as a volume; see `picture`.

    Their order follows from their positions, else from their numbers, never from file names.

    Parameters
    ----------
    folder
        Holds one series, a slice in each file.
    wanted
        See `picture`.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, slices, height, width)``.

    Raises
    ------
    InvalidData
        See `picture`; also if its files are not the slices of one series.
    MissingPackage
        If pydicom is not installed.
    """
    found = sorted(folder.iterdir())[: MOST_PICTURES + 1]
    files = [one for one in found if not one.name.startswith(".") and one.name != "DICOMDIR"]
    if not files or len(found) > MOST_PICTURES:
        raise InvalidData(f"its folder holds no files, or more than {MOST_PICTURES}")
    if any(one.is_symlink() for one in files):
        raise InvalidData("its folder holds a symbolic link")
    wanted.check_bytes(sum(size_of(one) for one in files))
    headers = [_header(one, wanted) for one in files]
    if len({(str(h.get("SeriesInstanceUID")), h.Rows, h.Columns) for h in headers}) != 1:
        raise InvalidData(
            "its folder holds more than one series, or slices of different sizes",
            "Name a folder with the slices of one series.",
        )
    wanted.check_values(len(files), headers[0].Rows, headers[0].Columns)
    slices: list[_Slice] = []
    for path, header in zip(files, headers, strict=True):
        slices += _slices(path, header, wanted)
        wanted.check_values(len(slices), *slices[0].values.shape)
    return _stacked(slices) if len(slices) > 1 else slices[0].values[:, None]


def _header(path: Path, wanted: Wanted) -> Any:
    try:
        import pydicom
        from pydicom.filereader import read_file_meta_info
    except ImportError:
        raise missing_package("pydicom", "dicom") from None

    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            raise InvalidData("its folder holds a file that is not DICOM")
    syntax = read_file_meta_info(path).TransferSyntaxUID
    # A deflated file is unpacked as a whole before anything is known of its size.
    if syntax == _DEFLATED or not _decodable(syntax):
        raise InvalidData(
            "the pixels of its file are compressed in a way that is not read",
            "Unpack such files first, for instance with 'gdcmconv --raw' or 'dcmdjpeg'.",
        )
    with pydicom.config.disable_value_validation():
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    frames = int(header.get("NumberOfFrames") or 1)
    samples = int(header.SamplesPerPixel)
    wanted.check_values(frames, header.Rows, header.Columns, samples)
    if frames > MOST_PICTURES:
        raise InvalidData(f"its file has more than {MOST_PICTURES} frames")
    pixels = frames * header.Rows * header.Columns * samples * header.BitsAllocated // 8
    # What is larger than its pixels would unpack to far more than them.
    if syntax.is_compressed and path.stat().st_size > _LARGEST_HEADER + 2 * pixels:
        raise InvalidData("its file is larger than its pixels can be")
    kind = str(header.PhotometricInterpretation)
    if not (kind in _KINDS or kind.startswith("YBR_")) or "ModalityLUTSequence" in header:
        raise InvalidData("the colors or units of its file are told by a table, which is not read")
    return header


def _decodable(syntax: Any) -> bool:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _slices(path: Path, header: Any, wanted: Wanted) -> list[_Slice]:
    from pydicom.pixels.utils import pixel_array

    frames = int(header.get("NumberOfFrames") or 1)
    samples = int(header.SamplesPerPixel)
    sizes = (frames, int(header.Rows), int(header.Columns), samples)
    pixels = np.asarray(pixel_array(path)).reshape(sizes)
    return [_slice(pixels[frame], header, frame, wanted) for frame in range(frames)]


def _slice(pixels: NDArray[Any], header: Any, frame: int, wanted: Wanted) -> _Slice:
    values = np.moveaxis(pixels.astype(np.float32), -1, 0)
    if header.PhotometricInterpretation == "MONOCHROME1":
        # White is the lowest there: turned, so that dark is low in all files.
        signed = int(header.PixelRepresentation)
        values = np.float32(-1 if signed else 2 ** int(header.BitsStored) - 1) - values
    slope = _fact(header, frame, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = _fact(header, frame, "PixelValueTransformationSequence", "RescaleIntercept")
    values = values * np.float32(1 if slope is None else slope)
    values = values + np.float32(intercept or 0)
    if len(values) == 3 and wanted.shape[0] == 1:
        values = values.mean(axis=0, keepdims=True)
    number = header.get("InstanceNumber")
    return _Slice(values, _place(header, frame), None if number is None else float(number))


def _place(header: Any, frame: int) -> float | None:
    """Return how far along the direction of the slices a frame lies, in millimetres."""
    position = _fact(header, frame, "PlanePositionSequence", "ImagePositionPatient")
    direction = _fact(header, frame, "PlaneOrientationSequence", "ImageOrientationPatient")
    if not position or not direction:
        return None
    sides = np.array(direction, dtype=np.float64).reshape(2, 3)
    return float(np.cross(sides[0], sides[1]) @ np.array(position, dtype=np.float64))


def _fact(header: Any, frame: int, group: str, name: str) -> Any:
    """Return what a header says of a frame: in its group, in that of all, or at the top."""
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    shared = header.get("SharedFunctionalGroupsSequence") or []
    for groups in (each[frame : frame + 1], shared[:1]):
        for one in groups:
            for inner in one.get(group) or []:
                if name in inner:
                    return inner.get(name)
    # Multi-frame files have one position at the top, if any: it is not that of each frame.
    several = int(header.get("NumberOfFrames") or 1) > 1
    return None if several and name == "ImagePositionPatient" else header.get(name)


def _stacked(slices: Sequence[_Slice]) -> NDArray[np.float32]:
    """Return slices of shape ``(channels, height, width)`` as a volume, in their order."""
    keys = [one.place for one in slices]
    if any(key is None for key in keys):
        keys = [one.number for one in slices]
    known = [key for key in keys if key is not None]
    if len({round(key, 3) for key in known}) != len(slices):
        raise InvalidData(
            "the order of its slices cannot be told: some have no position, or the same one",
            "Name a folder with the slices of one series.",
        )
    return np.stack([slices[place].values for place in np.argsort(known)], axis=1)
