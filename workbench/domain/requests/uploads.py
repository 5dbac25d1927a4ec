"""Receive graphs in chunks: within limits, resumed after any break, checked as a whole, then kept.

A person refers only to what the same person has sent before: what others sent is neither used nor
told. A graph that is not as it was announced, or is not allowed, leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from workbench.documents import Person
from workbench.documents.base import hex_of
from workbench.domain.requests import graphs
from workbench.domain.requests.upload_folder import Known, PartLost, Upload, UploadFolder
from workbench.domain.store import tables
from workbench.domain.store.home import Home
from workbench.errors import Conflict, GraphRefused, InvalidDocument, LimitReached, TooLarge
from workbench.graphs.record_graph import GraphFacts
from workbench.graphs.upload import UploadOffer, UploadStatus

_GIVES_WAY_SECONDS = 600
"""An upload that brought nothing for so long gives way to a new one of the same person."""


class _Turn:
    """Who uses one upload, or waits for it."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0


class Uploads:
    """The uploads of one domain; the calls on one upload are answered one after the other.

    Parameters
    ----------
    home
        The domain's.
    """

    def __init__(self, home: Home) -> None:
        self._folder, self._store = home.folder, home.store
        self._limits = home.folder.config.graphs
        self._turns: dict[Path, _Turn] = {}
        self._guard, self._beginning = threading.Lock(), threading.Lock()

    @contextmanager
    def _turn(self, person: Person, digest: str) -> Iterator[UploadFolder]:
        """Wait until nobody else uses an upload, and use it."""
        place = self._place(person, digest)
        with self._guard:
            turn = self._turns.setdefault(place.path, _Turn())
            turn.users += 1
        try:
            with turn.lock:
                yield place
        finally:
            with self._guard:
                turn.users -= 1
                if not turn.users:
                    del self._turns[place.path]

    def _remove_unused(self, place: UploadFolder) -> None:
        with self._guard:
            if place.path not in self._turns:
                place.remove()

    def _place(self, person: Person, digest: str) -> UploadFolder:
        root = self._folder.folder("uploads")
        return UploadFolder(root / person.key_id / hex_of(digest))

    def offer(self, person: Person, digest: str, offer: UploadOffer) -> UploadStatus:
        """Begin an upload, or say how far it is if it has begun.

        Raises
        ------
        TooLarge
            If the archive is.
        LimitReached
            If this person, or the domain, has no room for it.
        """
        self._limits.limits.check_archive(offer.size)
        with self._turn(person, digest) as place:
            with self._store.read() as connection:
                if graphs.owned(connection, digest, person) is not None:
                    return UploadStatus(stored=True)
            begun = place.begun
            if begun is None or begun.offer != offer:
                place.remove()
                self._begin(person, place, offer)
            return place.status()

    def _begin(self, person: Person, place: UploadFolder, offer: UploadOffer) -> None:
        with self._beginning:
            self._make_room(person)
            sizes = {one.path: begun.offer.size for one in self._all() if (begun := one.begun)}
            mine = [size for path, size in sizes.items() if path.parent == place.path.parent]
            if len(mine) >= self._limits.uploads_per_person:
                raise LimitReached(
                    f"{len(mine)} of your uploads are under way (uploads_per_person)",
                    "Finish one of them by submitting the same again, or wait ten minutes.",
                )
            if sum(sizes.values()) + offer.size > self._limits.uploads_mb << 20:
                raise LimitReached(
                    f"all uploads would take over {self._limits.uploads_mb} MB (uploads_mb)",
                    "Try again later, or ask the domain's operator for a higher limit.",
                )
            with self._store.read() as connection:
                size, count = offer.size + sum(mine), 1 + len(mine)
                graphs.check_quota(connection, self._folder, person, size, count)
                known = self._known(connection, person, offer)
            place.begin(Upload(offer=offer, known=known))

    def _all(self) -> list[UploadFolder]:
        return [UploadFolder(path) for path in self._folder.folder("uploads").glob("*/*")]

    def _make_room(self, person: Person) -> None:
        """Remove what nobody goes on with, and for a new upload of `person` their idlest one."""
        every = self._all()
        for one in every:
            if one.idle_seconds > self._limits.upload_hours * 3600:
                self._remove_unused(one)
        mine = [one for one in every if one.path.parent.name == person.key_id and one.begun]
        if len(mine) >= self._limits.uploads_per_person:
            idlest = max(mine, key=lambda one: one.idle_seconds)
            if idlest.idle_seconds > _GIVES_WAY_SECONDS:
                self._remove_unused(idlest)

    def _known(
        self, connection: Connection, person: Person, offer: UploadOffer
    ) -> tuple[Known, ...]:
        """Return which parts of an offer this person has sent before, and where they are."""
        table = tables.graph_parts
        wanted = {part.content for part in offer.parts}
        query = select(table).where(table.c.key == person.key_id, table.c.digest.in_(wanted))
        rows = {row.digest: row for row in connection.execute(query)}
        return tuple(
            Known(position=position, graph=row.graph, start=row.start)
            for position, part in enumerate(offer.parts)
            if (row := rows.get(part.content)) is not None and row.size == part.size
        )

    def receive(self, person: Person, digest: str, offset: int, chunk: bytes) -> UploadStatus:
        """Add what follows to an upload of this person; see `UploadFolder.receive`."""
        with self._turn(person, digest) as place:
            return place.receive(offset, chunk)

    def finish(self, person: Person, digest: str) -> tuple[GraphFacts, bool]:
        """Put the archive together, check it and keep it; return its facts and whether it is new.

        Raises
        ------
        Conflict
            If bytes are missing, or a part of an earlier graph that is needed is damaged: then the
            upload is removed, and the part is sent next time.
        InvalidDocument
            If the archive or a part of it does not have its digest; the upload is removed.
        GraphRefused, TooLarge
            If the graph is not allowed; the upload is removed.
        NotFound, LimitReached, DomainUnavailable
            If no such upload has begun, this person may keep no more graphs, or the disk is full.
        """
        with self._turn(person, digest) as place:
            with self._store.read() as connection:
                facts = graphs.owned(connection, digest, person)
            if facts is not None:
                return facts, False
            try:
                facts = self._kept(person, digest, place)
            except (InvalidDocument, GraphRefused, TooLarge):
                place.remove()
                raise
            except PartLost as lost:
                self._forget(person, lost.graph)
                place.remove()
                raise Conflict(
                    "upload: a part that was sent before cannot be read any more",
                    "Submit again: it is sent anew.",
                ) from None
            finally:
                place.whole.unlink(missing_ok=True)
            place.remove()
            return facts, True

    def _kept(self, person: Person, digest: str, place: UploadFolder) -> GraphFacts:
        upload = place.begun
        whole = place.join(digest, lambda graph: graphs.path(self._folder, graph))
        facts = graphs.check(whole, self._limits.limits)
        with self._store.write() as connection:
            graphs.check_quota(connection, self._folder, person, whole.size)
            graphs.store(connection, self._folder, digest, whole.path, facts, person)
            if upload is not None:
                _note(connection, person, digest, upload.offer)
        return facts

    def _forget(self, person: Person, graph: str) -> None:
        table = tables.graph_parts
        with self._store.write() as connection:
            mine = delete(table).where(table.c.key == person.key_id, table.c.graph == graph)
            connection.execute(mine)


def _note(connection: Connection, person: Person, digest: str, offer: UploadOffer) -> None:
    """Take note of the parts of a graph, whose digests were checked."""
    table = tables.graph_parts
    parts = {part.content: part for part in offer.parts}
    mine = table.c.key == person.key_id
    query = select(table.c.digest).where(mine, table.c.digest.in_(parts))
    for known in connection.execute(query).scalars().all():
        del parts[known]
    rows = [
        {
            "key": person.key_id,
            "digest": part.content,
            "size": part.size,
            "graph": digest,
            "start": part.start,
        }
        for part in parts.values()
    ]
    if rows:
        connection.execute(insert(table), rows)
