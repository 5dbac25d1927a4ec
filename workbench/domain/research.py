"""What researchers do at a domain, without HTTP: upload, submit, follow, fetch what was released.

Each method takes the person who calls. Only researchers upload and submit. What else there is
researchers see of their own requests, and stewards of all; released files are for the researcher
who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from workbench.budget import ledger
from workbench.budget.accountant import run_curve
from workbench.documents import Envelope, Person, RequestStatus, State
from workbench.documents.base import ago, short
from workbench.domain.access import log, people
from workbench.domain.kinds.job import MODEL, STATISTICS
from workbench.domain.requests import decisions, graphs, intake, statuses, stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.requests.terms import approves
from workbench.domain.requests.uploads import Uploads
from workbench.domain.runs import releases
from workbench.domain.runs.checks import Checks
from workbench.domain.runs.lifecycle import Runs
from workbench.domain.store.home import Home
from workbench.errors import Conflict, LimitReached, NotFound
from workbench.evidence.bundle import Bundle
from workbench.graphs.content import InMemory
from workbench.graphs.record_graph import GraphFacts
from workbench.graphs.upload import UploadOffer, UploadStatus


class Research:
    """The researchers' part of one domain.

    Parameters
    ----------
    home, runs, checks
        The domain's.
    changed
        Called with a request's digest whenever it changed.
    """

    def __init__(
        self, home: Home, runs: Runs, checks: Checks, changed: Callable[[str], None]
    ) -> None:
        self._home, self._runs, self._checks = home, runs, checks
        self._changed = changed
        self._uploads = Uploads(home)

    def put_graph(self, person: Person, digest: str, archive: bytes) -> tuple[GraphFacts, bool]:
        """Keep a researcher's graph; return its facts and whether it is new."""
        people.require(person, "researcher")
        graphs.check_digest(digest, archive)
        with self._home.store.read() as connection:
            known = graphs.owned(connection, digest, person)
            if known is not None:
                return known, False
            graphs.check_quota(connection, self._home.folder, person, len(archive))
        facts = graphs.check(InMemory(archive), self._home.folder.config.graphs.limits)
        with self._home.store.write() as connection:
            graphs.check_quota(connection, self._home.folder, person, len(archive))
            new = graphs.store(connection, self._home.folder, digest, archive, facts, person)
        return facts, new

    def offer_graph(self, person: Person, digest: str, offer: UploadOffer) -> UploadStatus:
        """Begin to receive a graph in chunks, or say how far it is; see `Uploads.offer`."""
        return self._uploads.offer(people.require(person, "researcher"), digest, offer)

    def receive_chunk(self, person: Person, digest: str, offset: int, chunk: bytes) -> UploadStatus:
        """Take a chunk of a graph; see `UploadFolder.receive`."""
        return self._uploads.receive(people.require(person, "researcher"), digest, offset, chunk)

    def finish_graph(self, person: Person, digest: str) -> tuple[GraphFacts, bool]:
        """Keep a graph of which all bytes have come; see `Uploads.finish`."""
        return self._uploads.finish(people.require(person, "researcher"), digest)

    def submit(self, person: Person, envelope: Envelope) -> tuple[RequestStatus, bool]:
        """Take a request; a known one is answered as it stands, at no cost.

        Returns
        -------
        tuple of RequestStatus and bool
            Where it stands now, and whether it is new.
        """
        people.require(person, "researcher")
        request = intake.read_request(envelope, person)
        with self._home.store.read() as connection:
            known = stored.find(connection, request.digest)
            if known is None:
                graphs.require_uploaded(connection, request)
        if known is not None:
            return self.status(person, request.digest), False
        graph = graphs.load_of(self._home.folder, request)
        curve = run_curve(request.plan, len(request.metrics))
        with self._home.store.read() as connection:
            self._refuse_flood(connection, person)
            card = intake.examine(connection, self._home.folder, request, graph, curve).card
        self._checks.require(request, card)
        cost = run_curve(request.plan, len(request.metrics), card.records_per_member or 1)
        with self._home.store.write() as connection:
            if stored.find(connection, request.digest) is None:
                self._refuse_flood(connection, person)
                facts = intake.accept(
                    connection, self._home.folder, envelope, request, graph, curve, cost
                )
                approved, why = approves(facts)
                log.append(connection, "submit", person, request.digest, request.dataset)
                if approved:
                    decisions.by_policy(connection, self._home.key, request.digest, why)
        self._changed(request.digest)
        with self._home.store.read() as connection:
            row = stored.get(connection, request.digest)
        if row.state == State.APPROVED:
            self._runs.launch(row)
        elif row.state == State.PENDING:
            self._runs.rehearsals.of(row)
        return self.status(person, request.digest), True

    def _refuse_flood(self, connection: Connection, person: Person) -> None:
        limits = self._home.folder.config.calls
        waiting = sum(
            stored.count(connection, researcher=person.key_id, state=state)
            for state in (State.PENDING, State.APPROVED)
        )
        if waiting >= limits.waiting_per_person:
            raise LimitReached(
                f"{limits.waiting_per_person} of your requests wait (waiting_per_person)",
                "Cancel some of them first, or ask the steward to decide.",
            )
        day = stored.count(connection, researcher=person.key_id, since=ago(hours=24))
        if day >= limits.requests_per_day:
            raise LimitReached(
                f"you have submitted {limits.requests_per_day} requests in 24 hours "
                "(requests_per_day)",
                "Submit more later, or ask the domain's operator for a higher limit.",
            )

    def _visible(self, connection: Connection, person: Person, digest: str) -> StoredRequest:
        people.admitted(person)
        row = stored.get(connection, digest)
        if person.role != "steward" and row.researcher != person.key_id:
            raise NotFound(f"there is no request {short(digest)} here")
        return row

    def status(self, person: Person, digest: str) -> RequestStatus:
        """Return where a request stands."""
        with self._home.store.read() as connection:
            row = self._visible(connection, person, digest)
            return statuses.status(connection, row, self._runs.progress(digest))

    def listing(
        self,
        person: Person,
        state: State | None = None,
        dataset: str | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> tuple[list[RequestStatus], int | None]:
        """Return at most `limit` requests, newest first, and where to go on.

        Researchers see their own.
        """
        own = None if people.admitted(person).role == "steward" else person.key_id
        with self._home.store.read() as connection:
            rows = stored.listed(
                connection, researcher=own, state=state, dataset=dataset, limit=limit, after=after
            )
            found = statuses.statuses(connection, rows, self._runs.progress)
        return found, rows[-1].sequence if len(rows) == limit else None

    def cancel(self, person: Person, digest: str) -> RequestStatus:
        """End a request; one that already runs is killed and stays charged."""
        with self._home.store.write() as connection:
            row = self._visible(connection, person, digest)
            if not row.charged:
                ledger.release_reservation(connection, request=digest)
            stored.move(connection, digest, State.CANCELLED)
            log.append(connection, "cancel", person, digest)
        self._runs.cancel(digest)
        self._changed(digest)
        return self.status(person, digest)

    def evidence(self, person: Person, digest: str) -> Bundle:
        """Return the evidence of a release.

        Raises
        ------
        NotFound
            If there is no such request, or it is another researcher's.
        Conflict
            If it is not released.
        """
        with self._home.store.read() as connection:
            row = self._visible(connection, person, digest)
            if row.state != State.RELEASED:
                raise Conflict(f"the request is {row.state}; there is evidence once it is released")
            return releases.bundle(connection, row, self._home.key.public)

    def model(self, person: Person, digest: str) -> Path:
        """Return the file of a released model; only to the researcher who asked for it."""
        return self._released(person, digest, MODEL)

    def statistics(self, person: Person, digest: str) -> Path:
        """Return the file of released noisy sums; only to the researcher who asked for them."""
        return self._released(person, digest, STATISTICS)

    def _released(self, person: Person, digest: str, name: str) -> Path:
        with self._home.store.read() as connection:
            row = self._visible(connection, person, digest)
        path = releases.release_folder(self._home.folder, digest) / name
        if row.researcher != person.key_id or row.state != State.RELEASED or not path.exists():
            what = name.removesuffix(".safetensors")
            raise NotFound(f"there is no file '{what}' of request {short(digest)} for you here")
        return path
