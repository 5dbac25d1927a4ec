"""Read EDF, EDF+ and BDF: recordings of EEG, ECG, sleep and the like.

The fields that tell who was recorded and when are skipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.domain.datasets.media.signals import Channel, count_of, picker, seconds_of
from workbench.domain.datasets.media.wanted import Wanted
from workbench.errors import InvalidData

_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "low": 8,
    "high": 8,
    "digital_low": 8,
    "digital_high": 8,
    "filter": 80,
    "samples": 8,
    "reserved": 32,
}
"""What a header says of each channel, and how many bytes each takes."""
_MOST_CHANNELS = 10_000
_NOTES = ("EDF Annotations", "BDF Annotations")


@dataclass(frozen=True)
class _Layout:
    """How blocks follow one another: each has `samples` of each channel, for `seconds`."""

    start: int
    blocks: int
    seconds: float
    samples: list[int]
    width: int


def recording(path: Path, wanted: Wanted) -> list[Channel]:
    """Return the wanted channels of a recording, as far as the length asks for.

    Parameters
    ----------
    path
        An ``.edf`` or ``.bdf`` file.
    wanted
        Names the channels.

    Returns
    -------
    list of Channel
        In the wanted order, in the units of the file.

    Raises
    ------
    InvalidData
        If the file is not as its header says, or has gaps.
    """
    with path.open("rb") as file:
        head = file.read(256)
        count = int(head[252:256])
        if not 1 <= count <= _MOST_CHANNELS:
            raise InvalidData("its file holds nothing")
        fields = {
            name: [file.read(size).decode("latin-1").strip() for _ in range(count)]
            for name, size in _FIELDS.items()
        }
    if b"+D" in head[192:197]:
        raise InvalidData("its file has gaps (EDF+D)", "Cut it into recordings without gaps.")
    layout = _layout(path, head, [int(one) for one in fields["samples"]])
    own = [place for place, name in enumerate(fields["label"]) if name not in _NOTES]
    picked = [own[place] for place in picker(wanted)([fields["label"][one] for one in own])]
    stored = _stored(path, layout, wanted)
    return [_channel(stored, layout, fields, place) for place in picked]


def _layout(path: Path, head: bytes, samples: list[int]) -> _Layout:
    width = 3 if head[0] == 0xFF else 2
    start, blocks, seconds = int(head[184:192]), int(head[236:244]), float(head[244:252])
    if min(samples) < 0 or sum(samples) < 1 or not (math.isfinite(seconds) and seconds > 0):
        raise InvalidData("its file has no rate of samples")
    there = (path.stat().st_size - start) // (sum(samples) * width)
    # A recorder that was stopped in the middle left -1.
    blocks = there if blocks == -1 else blocks
    if start != 256 * (len(samples) + 1) or not 1 <= blocks <= there:
        raise InvalidData("its file is cut off, or not as its header says")
    return _Layout(start, blocks, seconds, samples, width)


def _stored(path: Path, layout: _Layout, wanted: Wanted) -> NDArray[np.int32]:
    """Return the needed blocks as they are stored, of shape ``(blocks, samples of a block)``."""
    needed = count_of(seconds_of(wanted), 1 / layout.seconds, layout.blocks)
    size = sum(layout.samples)
    wanted.check_values(needed, size)
    with path.open("rb") as file:
        file.seek(layout.start)
        content = file.read(needed * size * layout.width)
    if layout.width == 2:
        return np.frombuffer(content, "<i2").astype(np.int32).reshape(needed, size)
    bytes_of = np.frombuffer(content, np.uint8).reshape(-1, 3).astype(np.int32)
    found = bytes_of[:, 0] | bytes_of[:, 1] << 8 | bytes_of[:, 2] << 16
    return np.where(found >= 1 << 23, found - (1 << 24), found).reshape(needed, size)


def _channel(
    stored: NDArray[np.int32], layout: _Layout, fields: dict[str, list[str]], place: int
) -> Channel:
    first = sum(layout.samples[:place])
    count = layout.samples[place]
    low, high, digital_low, digital_high = (
        float(fields[name][place]) for name in ("low", "high", "digital_low", "digital_high")
    )
    if digital_low == digital_high or count < 1:
        raise InvalidData("its file does not say what its samples mean")
    gain = (high - low) / (digital_high - digital_low)
    values = stored[:, first : first + count].reshape(-1).astype(np.float64)
    values = (values - digital_low) * gain + low
    return Channel(values, count / layout.seconds, fields["unit"][place])
