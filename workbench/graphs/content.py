"""The bytes of an archive, in memory or in a file, read without a copy of the whole.

An archive of 100 million parameters takes 400 MB. So it is never put together in memory: what is
written is kept as the pieces of which it is made, and what is read comes piece by piece.
"""

from __future__ import annotations

import bisect
import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

PIECE_BYTES = 1 << 20
"""How many bytes are read at once."""


class Content(ABC):
    """Bytes that do not change while they are used."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes there are."""

    @abstractmethod
    def opened(self) -> IO[bytes]:
        """Return a file that reads them from the beginning; whoever asks closes it."""

    def memory(self, start: int, size: int) -> memoryview | None:
        """Return `size` bytes from `start` where they lie, if that is one piece of memory."""
        return None

    def pieces(self, start: int = 0, size: int | None = None) -> Iterator[memoryview]:
        """Yield `size` bytes from `start`, or all; each piece is good until the next one.

        All pieces but the last have `PIECE_BYTES`.

        Raises
        ------
        EOFError
            If there are fewer.
        """
        left = self.size - start if size is None else size
        buffer = memoryview(bytearray(min(PIECE_BYTES, max(left, 0))))
        with self.opened() as file:
            file.seek(start)
            while left > 0:
                piece = buffer[: min(left, PIECE_BYTES)]
                filled = 0
                while filled < len(piece):
                    count = file.readinto(piece[filled:])  # type: ignore[attr-defined]
                    if not count:
                        raise EOFError(f"{left - filled} bytes are missing")
                    filled += count
                left -= filled
                yield piece

    def part(self, start: int, size: int) -> bytes:
        """Return a copy of `size` bytes from `start`."""
        return b"".join(bytes(piece) for piece in self.pieces(start, size))

    @cached_property
    def digest(self) -> str:
        """The `Digest` of all bytes."""
        return self.digest_of(0, self.size)

    def digest_of(self, start: int, size: int) -> str:
        """Return the `Digest` of `size` bytes from `start`."""
        found = hashlib.sha256()
        for piece in self.pieces(start, size):
            found.update(piece)
        return "sha256:" + found.hexdigest()

    def __bytes__(self) -> bytes:
        return self.part(0, self.size)


class InFile(Content):
    """The bytes of a file that nobody changes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.path.stat().st_size

    def opened(self) -> IO[bytes]:
        """Return the file, opened for reading."""
        return self.path.open("rb")


class InMemory(Content):
    """Bytes that lie in memory in several pieces.

    Parameters
    ----------
    pieces
        In their order. They are not copied, so whoever gives them leaves them as they are.
    """

    def __init__(self, *pieces: bytes | memoryview) -> None:
        self._given = pieces
        self._buffers = Buffers()
        for piece in pieces:
            self._buffers.write(piece)

    @classmethod
    def of(cls, buffers: Buffers) -> InMemory:
        """Return what was written to `buffers`."""
        return cls(*buffers.views)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._buffers.size

    def opened(self) -> IO[bytes]:
        """Return a file that reads the pieces."""
        return io.BufferedReader(self._buffers.again(), PIECE_BYTES)

    def memory(self, start: int, size: int) -> memoryview | None:
        """Return `size` bytes from `start` where they lie, if that is in one piece."""
        return self._buffers.view(start, size)

    def __bytes__(self) -> bytes:
        (first, *others) = self._given or (b"",)
        return first if isinstance(first, bytes) and not others else super().__bytes__()


class Buffers(io.RawIOBase):
    """A file that keeps what is written to it as it is, and copies nothing.

    It is what a zip file needs: bytes are added at the end, or take the place of equally many bytes
    that were written at once.
    """

    def __init__(self) -> None:
        self.views: list[memoryview] = []
        self._starts: list[int] = []
        self.size = 0
        self._at = 0

    def again(self) -> Buffers:
        """Return another file of the same bytes, at its beginning."""
        found = Buffers()
        found.views, found._starts, found.size = self.views, self._starts, self.size
        return found

    def seekable(self) -> bool:
        """Return that it can go to any place."""
        return True

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read or written."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which is told from the beginning, from here or from the end."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, self.size))
        return self._at

    def write(self, data: Any) -> int:
        """Keep `data` at the present place.

        Raises
        ------
        ValueError
            If it would take the place of a part of what was written.
        """
        view = memoryview(data)
        if view.nbytes and self._at == self.size:
            self.views.append(view)
            self._starts.append(self._at)
            self.size += view.nbytes
        elif view.nbytes:
            index = bisect.bisect_left(self._starts, self._at)
            if self._starts[index : index + 1] != [self._at] or (
                self.views[index].nbytes != view.nbytes
            ):
                raise ValueError("only what was written at once can be replaced")
            self.views[index] = view
        self._at += view.nbytes
        return view.nbytes

    def readinto(self, buffer: Any) -> int:
        """Copy what follows into `buffer`, up to the end of one piece; return how many bytes."""
        found = self._piece_at(self._at)
        target = memoryview(buffer).cast("B")
        count = min(found.nbytes, target.nbytes)
        target[:count] = found[:count]
        self._at += count
        return count

    def view(self, start: int, size: int) -> memoryview | None:
        """Return `size` bytes from `start` if they lie in one piece, else None."""
        found = self._piece_at(start)
        return found[:size] if found.nbytes >= size else None

    def _piece_at(self, place: int) -> memoryview:
        """Return the rest of the piece in which a place lies; nothing beyond the end."""
        if not 0 <= place < self.size:
            return memoryview(b"")
        index = bisect.bisect_right(self._starts, place) - 1
        return self.views[index][place - self._starts[index] :]
