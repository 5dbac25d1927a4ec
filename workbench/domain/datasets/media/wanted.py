"""What a file is to become, and what of it would be too large."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import InvalidData, MissingPackage

MOST_PICTURES = 5000
"""How many pages, frames or slices a file or a folder may have."""


@dataclass(frozen=True)
class Wanted:
    """A tensor that files become.

    Attributes
    ----------
    shape
        ``(channels, samples)``, ``(channels, height, width)`` or ``(channels, depth, height,
        width)``.
    channels, rate, unit
        Of signals: the channels' names, samples a second, and the unit of the tensor.
    most_bytes
        How large a file may be, in bytes.
    most_values
        How many values it may hold, as its header says.
    """

    shape: tuple[int, ...]
    channels: tuple[str, ...] = ()
    rate: float = 1.0
    unit: str = ""
    most_bytes: int = 1 << 30
    most_values: int = 1 << 28

    def check_bytes(self, size: int) -> None:
        """Check the size of a file.

        Parameters
        ----------
        size
            In bytes.

        Raises
        ------
        InvalidData
            If there are too many.
        """
        if size > self.most_bytes:
            raise InvalidData(f"its file is larger than {self.most_bytes} bytes")

    def check_values(self, *sizes: int) -> None:
        """Check how many values a file holds, by its header, before any is decoded.

        Parameters
        ----------
        *sizes
            How many there are along each axis, without a unit.

        Raises
        ------
        InvalidData
            If there are none or too many.
        """
        count = 1
        for size in sizes:
            count *= int(size)
        if min(sizes) < 1:
            raise InvalidData("its file holds nothing")
        if count > self.most_values:
            raise self.too_many()

    def too_many(self) -> InvalidData:
        """Return the error that a file says of itself that it is enormous."""
        return InvalidData(
            f"its file says that it holds more than {self.most_values} values",
            "Cut or reduce such files before they are published.",
        )


def missing_package(package: str, extra: str) -> MissingPackage:
    """Return the error that a package of an extra is not installed."""
    return MissingPackage(
        f"files of this kind need the package '{package}'",
        f"pip install 'dataspace-workbench[{extra}]'",
    )
