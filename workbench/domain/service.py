"""A domain as a whole: its parts, its start and its end, without HTTP.

What is done here lies in the parts: `holdings` is what the domain offers, `research` what
researchers do, `steward` what a steward does, `operator` what is done on the domain's machine.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TextIO

from pydantic import Field
from sqlalchemy import select

from workbench._version import __version__
from workbench.documents import Document, Person, now
from workbench.documents.base import Line
from workbench.domain.callers import Callers
from workbench.domain.datasets import files
from workbench.domain.heads import head
from workbench.domain.holdings import Holdings
from workbench.domain.operator import Operator
from workbench.domain.requests import intake
from workbench.domain.research import Research
from workbench.domain.runs.checks import Checks
from workbench.domain.runs.lifecycle import Runs
from workbench.domain.stewards import Steward
from workbench.domain.store.home import Home
from workbench.domain.watchers import Watchers
from workbench.errors import DomainUnavailable

API = 3
"""The API's number: it grows when an older client would misread an answer."""


class DomainInfo(Document):
    """Who a domain is; anyone may read it.

    `max_parameters` is how many parameters a graph may have there; older domains do not tell it.
    """

    name: str
    title: Line
    public_key: str
    version: str
    api: int
    time: str
    max_parameters: Annotated[int | None, Field(exclude_if=lambda value: value is None)] = None


class Domain:
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
        self.home = home = Home.open(root)
        self.folder, self.store, self.key = home.folder, home.store, home.key
        with home.store.read() as connection:
            files.move_prepared(connection, home.folder)
        self._lock: TextIO | None = None
        self.watchers = Watchers()
        changed = self.watchers.changed
        self.runs = Runs(home, changed)
        self.checks = Checks(home.folder, self.runs.executor)
        self.callers = Callers(home)
        self.holdings = Holdings(home)
        self.research = Research(home, self.runs, self.checks, changed)
        self.operator = Operator(home)

    def steward(self, person: Person) -> Steward:
        """Return what `person` may do as a steward.

        Raises
        ------
        NotAdmitted
            If the person is none.
        """
        return Steward(self.home, self.runs, self.watchers.changed, person)

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
        # The worker loads torch in its own process, while this one does the same.
        self.runs.executor.start()
        intake.preload()
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
            max_parameters=config.graphs.max_parameters,
        )

    def healthy(self) -> None:
        """Check that the database answers.

        Raises
        ------
        DomainUnavailable
            If it does not.
        """
        with self.store.read() as connection:
            connection.execute(select(1))
