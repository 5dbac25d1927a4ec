"""Read NIfTI: volumes, turned so that their axes are those of DICOM's usual slices."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.wanted import Wanted, missing_package
from workbench.errors import InvalidData

_SIZES = {348: "Nifti1Header", 540: "Nifti2Header"}
_LONGEST_EXTENSIONS = 1 << 20


def volume(path: Path, wanted: Wanted) -> NDArray[np.float32]:
    """Return a volume.

    Parameters
    ----------
    path
        A ``.nii`` file, packed by gzip or not.
    wanted
        What is too large.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, depth, height, width)``: from feet to head, from front to
        back and from the person's right to the left, as the scan's own position says. A fourth
        axis is taken for channels.

    Raises
    ------
    InvalidData
        If it is too large, or not a volume of numbers.
    MissingPackage
        If nibabel is not installed.
    """
    try:
        import nibabel
    except ImportError:
        raise missing_package("nibabel", "nifti") from None

    # The header is read apart from the values, so that nothing is unpacked that is too large.
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        start = file.read(4)
        size = next((n for n in _SIZES if n.to_bytes(4, "little") == start), 0) or next(
            (n for n in _SIZES if n.to_bytes(4, "big") == start), 0
        )
        if not size:
            raise InvalidData("its file is not NIfTI")
        header = getattr(nibabel, _SIZES[size])(start + file.read(size - 4), check=False)
        sizes = tuple(int(one) for one in header.get_data_shape())
        kind, offset = header.get_data_dtype(), int(header["vox_offset"])
        if len(sizes) < 3 or any(one != 1 for one in sizes[4:]) or kind.kind not in "iuf":
            raise InvalidData("its file is not a volume of numbers")
        wanted.check_values(*sizes)
        if not size <= offset <= _LONGEST_EXTENSIONS:
            raise InvalidData("its file is not a NIfTI file that holds its values itself")
        file.read(offset - size)
        count = int(np.prod(sizes)) * kind.itemsize
        wanted.check_bytes(count)
        content = file.read(count)
    if len(content) != count:
        raise InvalidData("its file is cut off")
    stored = np.frombuffer(content, kind).reshape(sizes[:4], order="F")
    return _turned(nibabel, header, stored)


def _turned(nibabel: Any, header: Any, stored: NDArray[Any]) -> NDArray[np.float32]:
    slope, intercept = header.get_slope_inter()
    values = stored.astype(np.float32)
    if slope is not None:
        values = values * np.float32(slope) + np.float32(intercept)
    orientations = nibabel.orientations
    own = orientations.io_orientation(header.get_best_affine())
    if np.isnan(own).any():
        raise InvalidData("the position of its scan says no direction")
    # As DICOM's slices of a person who lies: who has both gets the same tensors.
    usual = orientations.axcodes2ornt(("L", "P", "S"))
    turned = orientations.apply_orientation(values, orientations.ornt_transform(own, usual))
    channels = turned[..., None] if turned.ndim == 3 else turned
    return np.ascontiguousarray(channels.transpose(3, 2, 1, 0))
