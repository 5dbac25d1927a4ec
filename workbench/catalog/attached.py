"""Files that a column names, such as images and signals: how each becomes a tensor."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from workbench.documents import Document
from workbench.documents.base import Finite, Line, type_tuple

SIGNAL, IMAGE, VOLUME = 2, 3, 4
"""How many sizes the shape of each has: channels and samples; channels, height and width; channels,
depth, height and width."""
_PART = r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*"


class Window(Document):
    """The values that are mapped to 0 and 1; what lies outside is cut.

    Attributes
    ----------
    center, width
        From ``center - width / 2`` to ``center + width / 2``, in the values of the files.
    """

    center: Finite
    width: Annotated[Finite, Field(gt=0)]


class AttachedFiles(Document):
    """The files that a tensor column names.

    Attributes
    ----------
    folder
        Holds them; lies beside the data file.
    window
        Of images and volumes.
    channels
        Of signals: which ones, by the names that the files have for them. If none is named, the
        files have as many as the shape, in its order.
    rate
        Of signals: how many samples a second the tensor has.
    """

    folder: Annotated[str, StringConstraints(max_length=200, pattern=f"^{_PART}(/{_PART})*$")]
    window: Window | None = None
    channels: Annotated[tuple[Line, ...], type_tuple, Field(max_length=1000)] = ()
    rate: Annotated[Finite, Field(gt=0, le=1e7)] | None = None

    def check(self, column: str, shape: tuple[int, ...]) -> None:
        """Check that the column's shape is one that files of this description can have.

        Raises
        ------
        ValueError
            If it is not.
        """
        if len(shape) not in (SIGNAL, IMAGE, VOLUME):
            raise ValueError(
                f"column '{column}': the shape of files is [channels, samples] of a signal, "
                "[channels, height, width] of an image, or [channels, depth, height, width]"
            )
        if len(shape) != SIGNAL:
            if self.channels or self.rate is not None:
                raise ValueError(f"column '{column}': channels and rate are for signals")
            if shape[0] not in (1, 3):
                raise ValueError(
                    f"column '{column}': images have 1 channel (gray) or 3 (red, green, blue)"
                )
            return
        if self.window is not None:
            raise ValueError(f"column '{column}': a window is for images")
        if self.rate is None:
            raise ValueError(
                f"column '{column}': a signal needs a public rate: how many samples a second"
            )
        if self.channels and len(self.channels) != shape[0]:
            raise ValueError(
                f"column '{column}': {len(self.channels)} channels are named, and the shape has "
                f"{shape[0]}"
            )
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"column '{column}': a channel is named twice")
