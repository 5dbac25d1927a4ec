"""Run approved requests: launch each, run it in a worker, release what it gives.

A run is a pure function of request, dataset version and sealed seed. So a run that a crash cut off
is simply run again with the same seed: the noise is the same, nothing new is learned from it, and
the ledger, charged once at the first launch, does not move.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DataError, IntegrityError

from workbench.budget import ledger
from workbench.documents import (
    Evaluation,
    Failure,
    RunProgress,
    State,
)
from workbench.documents.base import hex_of, short
from workbench.domain.access import log
from workbench.domain.datasets import files
from workbench.domain.heads import head
from workbench.domain.kinds.job import Job, Outcome
from workbench.domain.requests import stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.runs import course, endings, launching, releases
from workbench.domain.runs.executor import Executor
from workbench.domain.runs.jobs import job_of
from workbench.domain.runs.rehearsals import Rehearsals
from workbench.domain.runs.turns import Turns
from workbench.domain.store.home import Home
from workbench.errors import (
    DomainUnavailable,
    WorkbenchError,
)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_NEVER_BETTER = (IntegrityError, DataError, FileNotFoundError)
_T = TypeVar("_T")
_log = logging.getLogger("workbench.domain")


class Runs:
    """Launches and finishes the runs of one domain.

    Parameters
    ----------
    home
        The domain's folder, database and secrets.
    changed
        Called with a request's digest whenever it or its progress changed.
    """

    def __init__(
        self,
        home: Home,
        changed: Callable[[str], None],
    ) -> None:
        self._home, self._changed = home, changed
        folder = home.folder
        self.executor = Executor(folder.config.limits)
        self.rehearsals = Rehearsals(folder, self.executor, changed)
        # One more than one person may have: nobody's long run keeps all others waiting.
        jobs = folder.config.limits.jobs
        self._turns = Turns(jobs + 1, "runs", per_owner=jobs)
        self._closing = threading.Event()
        self._progress: dict[str, RunProgress] = {}

    def progress(self, digest: str) -> RunProgress | None:
        """Return how far a running request is; None if it is not running."""
        return self._progress.get(digest)

    def recover(self) -> None:
        """Take up again what was approved or running when the server ended."""
        with self._home.store.read() as connection:
            found = [
                request
                for state in (State.APPROVED, State.RUNNING)
                for request in stored.listed(connection, state=state, limit=10_000)
            ]
        for request in reversed(found):
            _log.info("request %s is taken up again", short(request.digest))
            self.launch(request)

    def launch(self, request: StoredRequest) -> None:
        """Run an approved request in the background, in its researcher's turn."""
        self.rehearsals.end(request.digest)
        run = partial(self._run, request.digest)
        self._turns.submit(request.researcher, request.digest, run)

    def cancel(self, digest: str) -> None:
        """Kill the run of a request, or its rehearsal."""
        self.rehearsals.end(digest)
        self._turns.drop(digest)
        self.executor.cancel(digest)

    def close(self) -> None:
        """Kill everything; what was running is taken up again by the next `recover`."""
        self._closing.set()
        self.executor.close()
        self._turns.close()
        self.rehearsals.close()

    def _run(self, digest: str) -> None:
        try:
            begun = self._patiently(digest, partial(self._runs_now, digest))
            outcome = endings.read(self._place(digest)) if begun else None
            while outcome is None:
                job = self._patiently(digest, partial(self._begin, digest))
                if job is None or not self._patiently(digest, self._keep_head):
                    return
                self._changed(digest)
                outcome = self._patiently(digest, partial(self._execute, digest, job))
                if outcome is None:
                    return
                if outcome.failure == "worker-died" and not self._last_attempt(digest):
                    outcome = None
            self._keep_ended(digest, outcome)
            self._patiently(digest, partial(self._finish, digest, outcome))
        except Exception as error:
            # Only the class: a message could quote data.
            _log.error("request %s: %s", digest, type(error).__name__)
            self._patiently(digest, partial(self._close_as_failed, digest, "internal"))
        finally:
            self._progress.pop(digest, None)
            self._changed(digest)

    def _patiently(self, digest: str, step: Callable[[], _T]) -> _T | None:
        """Try a step again until database, disk and worker are there, and return what it gives.

        None if the domain closes before; the request is taken up again at the next start.
        """
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            try:
                return step()
            except DomainUnavailable as error:
                if isinstance(error.__cause__, _NEVER_BETTER):
                    raise
                _log.error("request %s waits: %s", digest, error.message)
                self._closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return None

    def _begin(self, digest: str) -> Job | None:
        """Launch the request, in one transaction, and make the job that runs it."""
        self._home.store.claim()
        with self._home.store.write() as connection:
            launched = launching.launch(connection, self._home, digest)
        if launched is None:
            return None
        place = files.prepared(self._home.folder, launched.card)
        return job_of(
            self._home.folder,
            "training",
            launched.request,
            launched.card,
            str(place.training),
            str(place.holdout),
            self._home.seal.open_seed(launched.seed, digest),
        )

    def _keep_head(self) -> bool:
        """Write the head down, before anything is computed on data.

        So a database that forgets the charge is noticed. A step of its own: while the disk is full
        it is tried again, and that is no attempt to run.
        """
        with self._home.store.read() as connection:
            head.keep(connection, self._home.folder, self._home.key)
        return True

    def _execute(self, digest: str, job: Job) -> Outcome | None:
        folder = self._place(digest)
        shows = self._shows_evaluations(digest)

        def progress(step: int) -> None:
            before = self._progress.get(digest)
            shown = () if before is None else before.evaluations
            if shows and len(found := course.read(folder)) > len(shown):
                shown = self._noted(digest, found) or shown
            self._progress[digest] = RunProgress(
                step=min(step, job.plan.steps), steps=job.plan.steps, evaluations=shown
            )
            self._changed(digest)

        return self.executor.run(digest, job, folder, progress, partial(self._runs_now, digest))

    def _place(self, digest: str) -> Path:
        return self._home.folder.folder("jobs") / hex_of(digest)

    def _runs_now(self, digest: str) -> bool:
        with self._home.store.read() as connection:
            return stored.get(connection, digest).state == State.RUNNING

    def _shows_evaluations(self, digest: str) -> bool:
        with self._home.store.read() as connection:
            return stored.get(connection, digest).request.has_course

    def _noted(self, digest: str, found: tuple[Evaluation, ...]) -> tuple[Evaluation, ...]:
        try:
            with self._home.store.write() as connection:
                course.note(connection, digest, found)
        except WorkbenchError:
            # Not shown. If it is not what was shown before, the run ends without a release.
            return ()
        return found

    def _last_attempt(self, digest: str) -> bool:
        def last() -> bool:
            with self._home.store.read() as connection:
                return stored.get(connection, digest).attempts >= launching.MAX_ATTEMPTS

        # A domain that closes has killed the worker itself.
        return bool(self._patiently(digest, last))

    def _keep_ended(self, digest: str, outcome: Outcome) -> None:
        """Keep how a run ended, in case this server ends before its database knows."""
        try:
            endings.keep(self._place(digest), outcome)
        except OSError as error:
            _log.warning("request %s: its end is not kept: %s", digest, error.strerror)

    def _finish(self, digest: str, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self._close_as_failed(digest, outcome.failure)
            return
        with self._home.store.write() as connection:
            row = stored.get(connection, digest)
            if row.state == State.RUNNING:
                if row.request.has_course:
                    course.note(connection, digest, outcome.history)
                place = self._place(digest)
                releases.release(connection, self._home.folder, self._home.key, row, outcome, place)
                log.append(connection, "release", "", digest)
        # Not before the release is there: what is written last may have to be written again.
        shutil.rmtree(self._place(digest), ignore_errors=True)

    def _close_as_failed(self, digest: str, failure: Failure) -> None:
        with self._home.store.write() as connection:
            row = stored.get(connection, digest)
            if row.state == State.APPROVED:
                ledger.release_reservation(connection, request=digest)
            if row.state in (State.APPROVED, State.RUNNING):
                stored.move(connection, digest, State.FAILED, failure=failure)
                log.append(connection, "fail", "", digest, failure)
        shutil.rmtree(self._place(digest), ignore_errors=True)
