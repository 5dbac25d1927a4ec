"""A domain: all that it does for requests, without HTTP.

`Holdings` has what it offers, `Stewardship` what stewards do.

Each public method is one route of the API. Callers are people that `authenticate` has named; every
method checks the role it needs.
"""

from __future__ import annotations

import fcntl
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, delete, insert, select

from workbench._version import __version__
from workbench.budget import ledger
from workbench.budget.accountant import run_curve
from workbench.documents import (
    Document,
    Envelope,
    Person,
    PrivateKey,
    PublicKey,
    RequestStatus,
    State,
    now,
)
from workbench.documents.base import Line, ago
from workbench.domain.access import log, people
from workbench.domain.datasets import cards
from workbench.domain.heads import head
from workbench.domain.holdings import Holdings
from workbench.domain.kinds.job import MODEL, STATISTICS
from workbench.domain.requests import decisions, intake, statuses, stored
from workbench.domain.requests.terms import approves
from workbench.domain.runs import releases
from workbench.domain.runs.checks import Checks
from workbench.domain.runs.lifecycle import Runs
from workbench.domain.stewardship import Stewardship
from workbench.domain.store import tables
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.database import Store
from workbench.domain.store.seal import Seal
from workbench.errors import (
    Conflict,
    DomainUnavailable,
    InvalidToken,
    LimitReached,
    NotFound,
)
from workbench.evidence.bundle import Bundle
from workbench.graphs.record_graph import GraphFacts
from workbench.identity import tokens

_REMEMBERED = 100_000
"""How many used tokens are known after they ended."""
_FORGET_EVERY = 1000
API = 3
"""The API's number: it grows when an older client would misread an answer."""


class DomainInfo(Document):
    """Who a domain is; anyone may read it."""

    name: str
    title: Line
    public_key: str
    version: str
    api: int
    time: str


class Domain(Holdings):
    """One data holder.

    Parameters
    ----------
    root
        The folder with ``domain.toml``.

    Raises
    ------
    InvalidConfiguration, DomainUnavailable
        If it cannot be opened.
    """

    def __init__(self, root: Path) -> None:
        folder = DomainFolder(root)
        key = PrivateKey.load(folder.signing_key)
        seal = Seal(folder.sealing_key)
        super().__init__(folder, Store(folder.database_url), key, seal)
        self._watching = threading.Lock()
        self._watchers: defaultdict[str, list[Callable[[], object]]] = defaultdict(list)
        with self.store.read() as connection:
            cards.move_prepared(connection, folder)
        self._lock: TextIO | None = None
        self._uses = itertools.count()
        self.runs = Runs(self.folder, self.store, self.key, self._seal, self._changed)
        self.checks = Checks(self.folder, self.runs.executor)
        self.stewards = Stewardship(self.folder, self.store, self.key, self.runs, self._changed)

    def start(self) -> None:
        """Warm up the worker and take up what a crash cut off.

        Raises
        ------
        DomainUnavailable
            If another process serves this folder or this database: two would run every request
            twice.
        LedgerBehind
            If the database is older than the newest ledger head that is known.
        """
        with ExitStack() as started:
            lock = started.enter_context(self._locked())
            self.store.claim()
            with self.store.read() as connection:
                head.keep(connection, self.folder, self.key)
            started.pop_all()
            self._lock = lock
        self.runs.executor.warm_up()
        self.runs.recover()

    def _locked(self) -> TextIO:
        file = (self.folder.folder("jobs").parent / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise DomainUnavailable(
                f"another process already serves {self.folder.root}", "Stop that one first."
            ) from None
        return file

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a server from starting meanwhile.

        Raises
        ------
        DomainUnavailable
            If one runs.
        """
        with self._locked():
            yield

    def close(self) -> None:
        """Stop all runs and close the database."""
        self.runs.close()
        self.checks.close()
        self.store.close()
        if self._lock is not None:
            self._lock.close()

    def _changed(self, digest: str) -> None:
        with self._watching:
            watchers = list(self._watchers.get(digest, ()))
        for tell in watchers:
            tell()

    @contextmanager
    def watched(self, digest: str, tell: Callable[[], object]) -> Iterator[None]:
        """Have `tell` called, in any thread, whenever a request or its progress changes."""
        with self._watching:
            self._watchers[digest].append(tell)
        try:
            yield
        finally:
            with self._watching:
                self._watchers[digest].remove(tell)
                if not self._watchers[digest]:
                    del self._watchers[digest]

    def authenticate(self, token: str, method: str, target: str) -> tuple[Person, tokens.Caller]:
        """Return who makes a call, before its body is read.

        Raises
        ------
        InvalidToken, NotAdmitted
            If the token or the person is not good for this call.
        """
        with self.store.read() as connection:

            def find_key(key_id: str) -> PublicKey | None:
                known = people.find(connection, key_id)
                return None if known is None else PublicKey.from_text(known.public_key)

            caller = tokens.verify(token, self.folder.config.name, method, target, find_key)
            person = people.require(
                people.find(connection, caller.key.key_id), "researcher", "steward"
            )
        return person, caller

    def use_once(self, caller: tokens.Caller) -> None:
        """Take note of a token that changes something.

        Raises
        ------
        InvalidToken
            If it was used before.
        """
        table = tables.tokens
        with self.store.write() as connection:
            if next(self._uses) % _FORGET_EVERY == 0:
                # By number and not by age alone: a clock set back makes old tokens good again.
                past = table.c.expires < int(time.time()) - tokens.SKEW
                ends = select(table.c.expires).where(past).order_by(table.c.expires.desc())
                oldest = connection.execute(ends.offset(_REMEMBERED).limit(1)).scalar()
                if oldest is not None:
                    connection.execute(delete(table).where(table.c.expires <= oldest))
            if connection.execute(select(table).where(table.c.jti == caller.jti)).first():
                raise InvalidToken("the token was used before", "Make a new one for each call.")
            connection.execute(insert(table).values(jti=caller.jti, expires=caller.expires))

    def info(self) -> DomainInfo:
        """Return who this domain is."""
        config = self.folder.config
        return DomainInfo(
            name=config.name,
            title=config.title,
            public_key=str(self.key.public),
            version=__version__,
            api=API,
            time=now(),
        )

    def healthy(self) -> None:
        """Return None if the database answers.

        Raises
        ------
        DomainUnavailable
            If it does not.
        """
        with self.store.read() as connection:
            connection.execute(select(1))

    def put_graph(self, person: Person, digest: str, archive: bytes) -> tuple[GraphFacts, bool]:
        """Keep a researcher's graph; returns its facts and whether it is new."""
        people.require(person, "researcher")
        with self.store.read() as connection:
            known = intake.known_graph(connection, digest)
            if known is not None:
                return known, False
            intake.check_quota(connection, self.folder, person, len(archive))
        facts = intake.check_graph(digest, archive)
        with self.store.write() as connection:
            intake.check_quota(connection, self.folder, person, len(archive))
            new = intake.store_graph(connection, self.folder, digest, archive, facts, person)
        return facts, new

    def submit(self, person: Person, envelope: Envelope) -> tuple[RequestStatus, bool]:
        """Take a request; a known one is answered as it stands, at no cost.

        Returns
        -------
        tuple of RequestStatus and bool
            Where it stands now, and whether it is new.
        """
        people.require(person, "researcher")
        request = intake.read_request(envelope, person)
        with self.store.read() as connection:
            known = stored.find(connection, request.digest)
            if known is None:
                for graph_digest in intake.graphs_of(request):
                    intake.graph_facts(connection, graph_digest)
        if known is not None:
            return self.status(person, request.digest), False
        graph = intake.load_graph(self.folder, request)
        curve = run_curve(request.plan, len(request.metrics))
        with self.store.read() as connection:
            self._refuse_flood(connection, person)
            card = intake.examine(connection, self.folder, request, graph, curve).card
        self.checks.require(request, card)
        cost = run_curve(request.plan, len(request.metrics), card.records_per_member or 1)
        with self.store.write() as connection:
            if stored.find(connection, request.digest) is None:
                self._refuse_flood(connection, person)
                accepted = intake.accept(
                    connection, self.folder, envelope, request, graph, curve, cost
                )
                approved, why = approves(accepted.facts)
                log.append(connection, "submit", person, request.digest, request.dataset)
                if approved:
                    decisions.by_policy(connection, self.key, request.digest, why)
        self._changed(request.digest)
        with self.store.read() as connection:
            row = stored.get(connection, request.digest)
        if row.state == State.APPROVED:
            self.runs.launch(row)
        elif row.state == State.PENDING:
            self.runs.rehearsals.of(row)
        return self.status(person, request.digest), True

    def _refuse_flood(self, connection: Connection, person: Person) -> None:
        limits = self.folder.config.calls
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

    def _visible(self, connection: Any, person: Person, digest: str) -> Any:
        row = stored.get(connection, digest)
        if person.role != "steward" and row.researcher != person.key_id:
            raise NotFound(f"there is no request {digest[:19]} here")
        return row

    def status(self, person: Person, digest: str) -> RequestStatus:
        """Return where a request stands."""
        with self.store.read() as connection:
            row = self._visible(connection, person, digest)
            return statuses.status(connection, row, self.runs.progress(digest))

    def listing(
        self,
        person: Person,
        state: State | None = None,
        dataset: str | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> tuple[list[RequestStatus], int | None]:
        """Return requests, newest first, and where to go on; researchers see their own."""
        own = None if person.role == "steward" else person.key_id
        with self.store.read() as connection:
            rows = stored.listed(
                connection, researcher=own, state=state, dataset=dataset, limit=limit, after=after
            )
            found = statuses.statuses(connection, rows, self.runs.progress)
        return found, rows[-1].sequence if len(rows) == limit else None

    def cancel(self, person: Person, digest: str) -> RequestStatus:
        """End a request; one that already runs is killed and stays charged."""
        with self.store.write() as connection:
            row = self._visible(connection, person, digest)
            if not row.charged:
                ledger.release_reservation(connection, request=digest)
            stored.move(connection, digest, State.CANCELLED)
            log.append(connection, "cancel", person, digest)
        self.runs.cancel(digest)
        self._changed(digest)
        return self.status(person, digest)

    def evidence(self, person: Person, digest: str) -> Bundle:
        """Return the evidence of a release."""
        with self.store.read() as connection:
            row = self._visible(connection, person, digest)
            if row.state != State.RELEASED:
                raise Conflict(f"the request is {row.state}; there is evidence once it is released")
            return releases.bundle(connection, row, self.key.public)

    def model(self, person: Person, digest: str) -> Path:
        """Return the file of a released model; only to the researcher who asked for it."""
        return self._released(person, digest, MODEL)

    def statistics(self, person: Person, digest: str) -> Path:
        """Return the file of released noisy sums; only to the researcher who asked for them."""
        return self._released(person, digest, STATISTICS)

    def _released(self, person: Person, digest: str, name: str) -> Path:
        with self.store.read() as connection:
            row = self._visible(connection, person, digest)
        path = releases.release_folder(self.folder, digest) / name
        if row.researcher != person.key_id or row.state != State.RELEASED or not path.exists():
            what = name.removesuffix(".safetensors")
            raise NotFound(f"there is no file '{what}' of request {digest[:19]} for you here")
        return path

    def admit(self, key: PublicKey, name: str, role: str) -> Person:
        """Admit a key, as the domain's operator."""
        return self.stewards.admitted(log.OPERATOR, key, name, role)

    def revoke(self, key_id: str) -> Person:
        """Take back an admission, as the domain's operator."""
        return self.stewards.revoked(log.OPERATOR, key_id)
