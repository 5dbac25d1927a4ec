"""Read PNG, JPEG and TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.wanted import Wanted, missing_package
from workbench.errors import InvalidData


def image(path: Path, kind: str, wanted: Wanted) -> NDArray[np.float32]:
    """Return an image, or the pages of a TIFF.

    Parameters
    ----------
    path, kind
        The file, and which kind it is: ``PNG``, ``JPEG`` or ``TIFF``.
    wanted
        Says whether it is to be gray or in color, and what is too large.

    Returns
    -------
    ndarray
        float32, of shape ``(channels, pages, height, width)``, as the file has them: 0 to 255 of 8
        bits. Turned as its camera says.

    Raises
    ------
    InvalidData
        If it is too large.
    MissingPackage
        If Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise missing_package("pillow", "images") from None

    try:
        opened = Image.open(path, formats=(kind,))
    except Image.DecompressionBombError:
        raise wanted.too_many() from None
    with opened as file:
        pages = int(getattr(file, "n_frames", 1)) if kind == "TIFF" else 1
        found: list[NDArray[np.float32]] = []
        for page in range(pages):
            file.seek(page)
            wanted.check_values(pages, *file.size, len(file.getbands()))
            values = _values(ImageOps.exif_transpose(file), wanted.shape[0])
            if found and values.shape != found[0].shape:
                raise InvalidData("the pages of its file have different sizes")
            found.append(values)
    return np.stack(found, axis=1)


def _values(image: Any, channels: int) -> NDArray[np.float32]:
    """Return float32 of shape ``(1 or channels, height, width)``."""
    if image.mode == "F" or image.mode.startswith("I"):
        return np.asarray(image, dtype=np.float32)[None]
    if image.mode in ("P", "PA"):
        image = image.convert("RGB")
    values = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
