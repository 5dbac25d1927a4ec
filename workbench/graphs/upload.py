"""How an archive is sent in chunks: what is offered, what is answered, what is left to send.

1. The client offers the archive: its size, and its large parts by their digests.
2. The domain answers which of these parts the same person has sent before. They are not sent again.
3. The client sends all other bytes in their order, in chunks. The domain says how many it has, so
   that a client that was cut off goes on there.
4. The domain puts the archive together and checks its digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from workbench.documents.base import Digest, Document, type_tuple

CHUNK_BYTES = 4 << 20
"""The most bytes that one call brings."""
LARGE_BYTES = 1 << 20
"""How large a part has to be to be offered apart."""
ONE_BODY_BYTES = 64 << 20
"""The largest archive that a domain takes in one call."""
_MOST_PARTS = 2000
MOST_BYTES = 1 << 40
"""More than any archive has: every size and place is checked against it when it is read."""

Place = Annotated[int, Field(ge=0, le=MOST_BYTES)]


class Part(Document):
    """Some bytes of an archive: where they start, how many bytes `size` is, and their digest."""

    start: Place
    size: Annotated[int, Field(ge=LARGE_BYTES, le=MOST_BYTES)]
    content: Digest


class UploadOffer(Document):
    """What is going to be sent: `size` bytes in all, among them large `parts` in their order."""

    size: Annotated[int, Field(ge=1, le=MOST_BYTES)]
    parts: Annotated[tuple[Part, ...], type_tuple, Field(max_length=_MOST_PARTS)] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        ends = [0, *(part.start + part.size for part in self.parts)]
        starts = [*(part.start for part in self.parts), self.size]
        if any(start < end for start, end in zip(starts, ends, strict=True)):
            raise ValueError("parts must lie within the archive, in their order and apart")
        return self


class UploadStatus(Document):
    """How far an upload is.

    `known` are the positions in `UploadOffer.parts` of those that are not sent. Of all other bytes
    the domain has `received`. Once it is `stored` there is nothing to do any more.
    """

    known: Annotated[tuple[Annotated[int, Field(ge=0)], ...], type_tuple] = ()
    received: Place = 0
    stored: bool = False


def pieces(offer: UploadOffer) -> Iterator[tuple[int, int, int | None]]:
    """Yield the pieces of an archive in their order: start, size, and which part it is, if any."""
    place = 0
    for position, part in enumerate(offer.parts):
        if part.start > place:
            yield place, part.start - place, None
        yield part.start, part.size, position
        place = part.start + part.size
    if offer.size > place:
        yield place, offer.size - place, None


def sent(offer: UploadOffer, known: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the pieces that are sent, in their order: start and size of each, in bytes."""
    return [(start, size) for start, size, part in pieces(offer) if part not in known]
