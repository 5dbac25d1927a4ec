"""Read WFDB, the format of PhysioNet: a header ``.hea`` that names files of samples beside it.

Read here and not by the package ``wfdb``, which brings plotting, sound and the network with it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.places import place_of, size_of
from workbench.domain.datasets.media.signals import Channel, count_of, picker, seconds_of
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData

_LONGEST_HEADER = 1 << 20
_RATE = 250.0
_GAIN = 200.0
_RECORD = re.compile(r"^[^\s/]+ +(\d+)(?: +([\d.eE+-]+)\S*)?(?: +(\d+).*)?$")
_FORMAT = re.compile(r"^(\d+)(?::\d+)?(?:\+(\d+))?$")
_GAINS = re.compile(r"^([\d.eE+-]+)(?:\((-?\d+)\))?(?:/(\S+))?$")
_WIDTHS = {"16": 2.0, "61": 2.0, "24": 3.0, "32": 4.0, "80": 1.0, "212": 1.5}
"""Format to the bytes of a sample."""
_GAPS = {"16": -(1 << 15), "61": -(1 << 15), "24": -(1 << 23), "32": -(1 << 31), "212": -(1 << 11)}
"""Format to the number that stands for no sample."""


@dataclass(frozen=True)
class _Line:
    """What a header says of one channel."""

    file: str
    format: str
    offset: int
    gain: float
    baseline: float
    unit: str
    name: str


def recording(root: Path, name: str, wanted: Wanted) -> list[Channel]:
    """Return the wanted channels of a record, as far as the length asks for.

    Parameters
    ----------
    root, name
        The folder, and the record below it: the header's path, with or without ``.hea``.
    wanted
        Names the channels.

    Returns
    -------
    list of Channel
        In the wanted order, in the units of the file.

    Raises
    ------
    InvalidData
        If the files are not as the header says, or of a form that is not read.
    """
    header = place_of(root, name.removesuffix(".hea") + ".hea")
    if size_of(header) > _LONGEST_HEADER:
        raise InvalidData("its header is too large")
    lines = [
        line.strip()
        for line in header.read_text(encoding="latin-1").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    first = _RECORD.match(lines[0]) if lines else None
    if first is None:
        raise InvalidData(
            "its header is not that of a WFDB record, or of one in segments",
            "Records in segments are put together first, or each segment is named.",
        )
    rate = float(first[2] or _RATE)
    channels = [_line(line) for line in lines[1 : 1 + int(first[1])]]
    if len(channels) != int(first[1]):
        raise InvalidData("its header is cut off")
    picked = picker(wanted)([channel.name for channel in channels])
    count = count_of(seconds_of(wanted), rate, int(first[3] or wanted.most_values))
    wanted.check_values(count, len(channels))
    stored: dict[str, NDArray[np.float64]] = {}
    for file in dict.fromkeys(channels[place].file for place in picked):
        own = [channel for channel in channels if channel.file == file]
        stored[file] = _stored(place_of(header.parent, file), own, count, bool(first[3]), wanted)
    found = []
    for place in picked:
        line = channels[place]
        beside = [n for n, channel in enumerate(channels) if channel.file == line.file]
        values = stored[line.file][:, beside.index(place)]
        found.append(Channel((values - line.baseline) / line.gain, rate, line.unit))
    return found


def _line(text: str) -> _Line:
    words = text.split(maxsplit=8)
    form = _FORMAT.match(words[1]) if len(words) > 1 else None
    if form is None or form[1] not in _WIDTHS or not 0 <= int(form[2] or 0) < 1 << 40:
        raise InvalidData(
            "its samples are in a format of WFDB that is not read",
            f"Formats {', '.join(_WIDTHS)} are read, with one sample a frame.",
        )
    if "/" in words[0] or "\\" in words[0]:
        raise InvalidData("its header names a file in another folder")
    gains = _GAINS.match(words[2]) if len(words) > 2 else None
    zero = float(words[4]) if len(words) > 4 else 0.0
    return _Line(
        file=words[0],
        format=form[1],
        offset=int(form[2] or 0),
        gain=(float(gains[1]) if gains else 0.0) or _GAIN,
        baseline=float(gains[2]) if gains and gains[2] else zero,
        unit=(gains[3] if gains else None) or "mV",
        name=words[8] if len(words) > 8 else "",
    )


def _stored(
    path: Path, lines: list[_Line], count: int, told: bool, wanted: Wanted
) -> NDArray[np.float64]:
    """Return float64 of shape ``(n, channels of the file)``, NaN where there is no sample."""
    form, offset = lines[0].format, lines[0].offset
    wanted.check_bytes(size_of(path))
    if any((line.format, line.offset) != (form, offset) for line in lines):
        raise InvalidData("its header gives one file several formats")
    total = count * len(lines)
    with path.open("rb") as file:
        file.seek(offset)
        # An odd sample of format 212 takes two bytes.
        needed = math.ceil(total * _WIDTHS[form])
        content = file.read(needed)
    if told and len(content) < needed:
        raise InvalidData("its file of samples is cut off")
    values = _numbers(content, form)[:total].astype(np.float64)
    values = values[: len(values) // len(lines) * len(lines)]
    values[values == _GAPS.get(form, np.nan)] = np.nan
    return values.reshape(-1, len(lines))


def _numbers(content: bytes, form: str) -> NDArray[np.int64]:
    """Return the numbers of a format, int64 ``(n,)``."""
    kinds = {"16": "<i2", "61": ">i2", "32": "<i4"}
    if form in kinds:
        size = np.dtype(kinds[form]).itemsize
        return np.frombuffer(content, kinds[form], len(content) // size).astype(np.int64)
    found = np.frombuffer(content, np.uint8).astype(np.int64)
    if form == "80":
        return found - 128
    found = np.append(found, np.zeros(-len(found) % 3, np.int64)).reshape(-1, 3)
    if form == "24":
        numbers, bits = found[:, 0] | found[:, 1] << 8 | found[:, 2] << 16, 24
    else:
        # Two samples of 12 bits in three bytes; the middle byte has the high bits of both.
        even = found[:, 0] | (found[:, 1] & 0x0F) << 8
        odd = found[:, 2] | (found[:, 1] & 0xF0) << 4
        numbers, bits = np.stack([even, odd], axis=1).reshape(-1), 12
    return np.where(numbers >= 1 << (bits - 1), numbers - (1 << bits), numbers)
