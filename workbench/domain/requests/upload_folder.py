"""One upload that is under way: a private folder with what was offered and what has come.

- ``offer.json``: what was offered, and from which earlier graphs known parts are taken;
- ``bytes``: what has come so far. Its length says where the upload goes on. So nothing has to be
  written down beside it, and it is true whenever the server is killed;
- ``whole``: the archive, while it is put together and checked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from workbench.documents import Document
from workbench.documents.base import Digest, type_tuple
from workbench.domain.store.files import make_private, write_private
from workbench.errors import (
    Conflict,
    DomainUnavailable,
    InvalidDocument,
    NotFound,
    TooLarge,
)
from workbench.graphs.content import InFile
from workbench.graphs.upload import Place, UploadOffer, UploadStatus, pieces, sent

_OFFER, _BYTES, _WHOLE = "offer.json", "bytes", "whole"


class Known(Document):
    """A part that is not sent: its position in the offer, and where it lies in which graph."""

    position: int
    graph: Digest
    start: Place


class Upload(Document):
    """An upload that has begun."""

    offer: UploadOffer
    known: Annotated[tuple[Known, ...], type_tuple] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of the parts that are not sent."""
        return tuple(known.position for known in self.known)

    @property
    def to_send(self) -> int:
        """How many bytes are sent in all."""
        return sum(size for _, size in sent(self.offer, self.positions))


class PartLost(Exception):
    """An earlier graph does not hold a part any more; `graph` is its digest."""

    def __init__(self, graph: str) -> None:
        super().__init__(graph)
        self.graph = graph


class UploadFolder:
    """The files of one upload.

    Parameters
    ----------
    path
        The folder; it may not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def begun(self) -> Upload | None:
        """The upload that goes on here, or None."""
        try:
            return Upload.parse((self.path / _OFFER).read_bytes())
        except (OSError, InvalidDocument):
            return None

    @property
    def idle_seconds(self) -> float:
        """How many seconds ago the last bytes came; without end if none is there."""
        try:
            return time.time() - (self.path / _BYTES).stat().st_mtime
        except OSError:
            return float("inf")

    @property
    def whole(self) -> Path:
        """The archive that `join` left."""
        return self.path / _WHOLE

    def begin(self, upload: Upload) -> None:
        """Make the folder.

        Raises
        ------
        DomainUnavailable
            If the disk is full.
        """
        with _disk():
            make_private(self.path.parent)
            make_private(self.path)
            write_private(self.path / _BYTES, b"")
            # Last: an upload has begun once its offer is there.
            write_private(self.path / _OFFER, upload.canonical())

    def remove(self) -> None:
        """Remove the folder, if it is there."""
        shutil.rmtree(self.path, ignore_errors=True)

    def status(self) -> UploadStatus:
        """Return how far the upload is.

        Raises
        ------
        NotFound
            If none has begun.
        """
        return UploadStatus(known=self._upload().positions, received=self._received())

    def _upload(self) -> Upload:
        found = self.begun
        if found is None:
            raise NotFound(
                "no upload of this graph has begun, or it was removed", "Offer the graph first."
            )
        return found

    def _received(self) -> int:
        return (self.path / _BYTES).stat().st_size

    def receive(self, offset: int, chunk: bytes) -> UploadStatus:
        """Add what follows; bytes that are here already are passed over.

        Parameters
        ----------
        offset
            How many of the bytes that are sent come before this chunk.
        chunk
            Some bytes.

        Raises
        ------
        NotFound
            If no upload has begun.
        Conflict
            If bytes before the chunk are missing.
        TooLarge
            If these are more bytes than were announced.
        DomainUnavailable
            If the disk is full; what came before stays.
        """
        announced, have = self._upload().to_send, self._received()
        if offset > have:
            raise Conflict(
                f"upload: {have} bytes are here; the chunk begins at {offset}",
                "Go on where the bytes that are here end.",
            )
        if offset + len(chunk) > announced:
            raise TooLarge(
                f"upload: {announced} bytes were announced; the chunk ends at {offset + len(chunk)}"
            )
        with _disk(), (self.path / _BYTES).open("r+b") as file:
            try:
                file.seek(have)
                file.write(memoryview(chunk)[have - offset :])
                file.flush()
            except OSError:
                os.ftruncate(file.fileno(), have)
                raise
        return self.status()

    def join(self, digest: str, place_of: Callable[[str], Path]) -> InFile:
        """Put the archive together, with known parts from earlier graphs.

        Parameters
        ----------
        digest
            That the archive must have.
        place_of
            Returns the file of an earlier graph, by its digest.

        Returns
        -------
        InFile
            The archive, in a private file of this folder that nothing else writes to.

        Raises
        ------
        NotFound
            If no upload has begun.
        Conflict
            If bytes are missing.
        InvalidDocument
            If the archive or a part of it does not have its digest.
        PartLost
            If an earlier graph does not hold a part any more.
        DomainUnavailable
            If the disk is full.
        """
        upload = self._upload()
        if self._received() < upload.to_send:
            raise Conflict(
                f"upload: {upload.to_send - self._received()} bytes are missing",
                "Send them before you finish.",
            )
        found = hashlib.sha256()
        with _disk(), self.whole.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            for piece in self._pieces(upload, place_of):
                found.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if _digest(found) != digest:
            raise InvalidDocument(f"graph: the bytes have digest {_digest(found)}, not {digest}")
        return InFile(self.whole)

    def _pieces(self, upload: Upload, place_of: Callable[[str], Path]) -> Iterator[memoryview]:
        """Yield the archive piece by piece, and check each part."""
        known = {one.position: one for one in upload.known}
        came = InFile(self.path / _BYTES)
        place = 0
        for _, size, position in pieces(upload.offer):
            found = hashlib.sha256()
            earlier = None if position is None else known.get(position)
            if earlier is None:
                source, start, place = came, place, place + size
            else:
                source, start = InFile(place_of(earlier.graph)), earlier.start
            try:
                for piece in source.pieces(start, size):
                    found.update(piece)
                    yield piece
            except (EOFError, FileNotFoundError):
                raise PartLost(earlier.graph if earlier else "") from None
            if position is not None and _digest(found) != upload.offer.parts[position].content:
                if earlier is not None:
                    raise PartLost(earlier.graph)
                raise InvalidDocument(f"upload: part {position} does not have its digest")


def _digest(found: hashlib._Hash) -> str:
    return "sha256:" + found.hexdigest()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DomainUnavailable(
            f"the domain cannot write to its disk now ({type(error).__name__})",
            "Nothing that came before is lost. Try again later, or tell the domain's operator.",
        ) from error
