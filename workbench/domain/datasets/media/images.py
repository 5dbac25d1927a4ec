"""Read PNG, JPEG and TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.wanted import MOST_PICTURES, Wanted, missing_package
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
        found: list[NDArray[np.float32]] = []
        # Counting the pages first would follow a chain of any length.
        while _at_page(file, kind, len(found)):
            wanted.check_values(len(found) + 1, *file.size, len(file.getbands()))
            values = _values(ImageOps.exif_transpose(file), wanted.shape[0])
            if found and values.shape != found[0].shape:
                raise InvalidData("the pages of its file have different sizes")
            found.append(values)
    return np.stack(found, axis=1)


def _at_page(file: Any, kind: str, page: int) -> bool:
    """Return whether there is such a page, and go to it."""
    if page and kind != "TIFF":
        return False
    if page > MOST_PICTURES:
        raise InvalidData(f"its file has more than {MOST_PICTURES} pages")
    try:
        file.seek(page)
    except EOFError:
        return False
    return True


def _values(image: Any, channels: int) -> NDArray[np.float32]:
    """Return float32 of shape ``(1 or channels, height, width)``."""
    if image.mode == "F" or image.mode.startswith("I"):
        return np.asarray(image, dtype=np.float32)[None]
    if image.mode in ("P", "PA"):
        image = image.convert("RGB")
    values = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32)
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
