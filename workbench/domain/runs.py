"""The life of an approved request: launched, run in a worker, released or closed.

A run is a pure function of request, dataset version and sealed seed. So a run that a crash cut off
is simply run again with the same seed: the noise is the same, nothing new is learned from it, and
the ledger, charged once at the first launch, does not move.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from workbench.budget import ledger
from workbench.catalog.snippets import decode
from workbench.documents import (
    DatasetCard,
    Envelope,
    Evaluation,
    Failure,
    PrivateKey,
    Progress,
    Request,
    State,
    StatisticPlan,
)
from workbench.documents.envelope import payload_of
from workbench.documents.errors import WorkbenchError
from workbench.domain import cards, course, decisions, intake, log, releases, requests
from workbench.domain.config import DomainFolder
from workbench.domain.executor import Executor
from workbench.domain.jobs import Job, Outcome, save_records
from workbench.domain.review import Rehearsal
from workbench.domain.seal import Seal
from workbench.domain.store import Store
from workbench.engine.records import Records

MAX_ATTEMPTS = 3
_log = logging.getLogger("workbench.domain")


class Runs:
    """Launches and finishes the runs of one domain.

    Parameters
    ----------
    folder, store, key, seal
        The domain's folder, database, signing key and secret.
    changed
        Called with a request's digest whenever it or its progress changed.
    """

    def __init__(
        self,
        folder: DomainFolder,
        store: Store,
        key: PrivateKey,
        seal: Seal,
        changed: Callable[[str], None],
    ) -> None:
        self._folder, self._store, self._key, self._seal = folder, store, key, seal
        self._changed = changed
        self.executor = Executor(folder.config.limits)
        self._pool = ThreadPoolExecutor(folder.config.limits.jobs + 1, "runs")
        self._closing = threading.Event()
        self._progress: dict[str, Progress] = {}
        self._rehearsals: dict[str, Rehearsal] = {}
        self._lock = threading.Lock()

    def progress(self, digest: str) -> Progress | None:
        """Return how far a running request is."""
        return self._progress.get(digest)

    def recover(self) -> None:
        """Take up again what was approved or running when the server ended."""
        with self._store.read() as connection:
            rows = [
                row
                for state in (State.APPROVED, State.RUNNING)
                for row in requests.listed(connection, state=state, limit=10_000)
            ]
        for row in reversed(rows):
            self.launch(row.digest)

    def launch(self, digest: str) -> None:
        """Run an approved request in the background."""
        if not self._closing.is_set():
            self._pool.submit(self._run, digest)

    def cancel(self, digest: str) -> None:
        """Kill the run of a request."""
        self.executor.cancel(digest)

    def close(self) -> None:
        """Kill everything; what was running is taken up again by the next `recover`."""
        self._closing.set()
        self.executor.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, digest: str) -> None:
        try:
            while (job := self._begin(digest)) is not None:
                self._changed(digest)
                outcome = self._execute(digest, job)
                if outcome is None or self._closing.is_set():
                    break
                if outcome.failure == "worker-died" and not self._exhausted(digest):
                    continue
                self._finish(digest, outcome)
                break
        except WorkbenchError as error:
            _log.error("request %s: %s", digest, error.code)
            self._close_as_failed(digest, "internal")
        except Exception as error:
            # Only the class: a message could quote data.
            _log.error("request %s: %s", digest, type(error).__name__)
            self._close_as_failed(digest, "internal")
        finally:
            self._progress.pop(digest, None)
            self._changed(digest)

    def _begin(self, digest: str) -> Job | None:
        """Check the decision once more, charge, and mark as running, in one transaction."""
        with self._store.write() as connection:
            row = requests.get(connection, digest)
            if row.state not in (State.APPROVED, State.RUNNING):
                return None
            if row.attempts >= MAX_ATTEMPTS:
                requests.move(connection, digest, State.FAILED, failure="worker-died")
                log.append(connection, "fail", "", digest, "worker-died")
                return None
            request = payload_of(Envelope.parse(row.envelope), Request)
            card = payload_of(Envelope.parse(row.card), DatasetCard)
            if row.state == State.APPROVED:
                try:
                    decisions.check_at_launch(connection, self._key.public, row)
                    cards.require_prepared(self._folder, card)
                except WorkbenchError as error:
                    ledger.release_reservation(connection, request=digest)
                    requests.move(connection, digest, State.DENIED, reason=error.message)
                    log.append(connection, "decide", "", digest, "deny at launch")
                    return None
            ledger.charge(connection, request=digest)
            sealed = row.seed or self._seal.new_seed(digest)
            requests.move(
                connection,
                digest,
                State.RUNNING,
                charged=True,
                seed=sealed,
                attempts=row.attempts + 1,
            )
            log.append(connection, "launch", "", digest, f"attempt {row.attempts + 1}")
        place = cards.prepared(self._folder, card)
        return self._job(
            "training", request, card, str(place.training), str(place.holdout),
            self._seal.open_seed(sealed, digest),
        )  # fmt: skip

    def _job(
        self,
        kind: str,
        request: Request,
        card: DatasetCard,
        training: str,
        holdout: str | None,
        seed: bytes,
    ) -> Job:
        paths = [intake.graph_path(self._folder, name) for name in intake.graphs_of(request)]
        return Job.read(
            {
                "kind": kind,
                "graph": str(paths[0]),
                "update": str(paths[1]) if len(paths) > 1 else None,
                "training": training,
                "holdout": holdout,
                "inputs": list(request.inputs),
                "metrics": list(request.metrics),
                "plan": request.plan.model_dump(mode="json"),
                "record_count": card.record_count,
                "holdout_fraction": card.holdout_fraction,
                "max_records_per_unit": card.data_schema.max_records_per_unit,
                "seed": seed.hex(),
            }
        )

    def _execute(self, digest: str, job: Job) -> Outcome | None:
        folder = self._folder.folder("jobs") / digest.removeprefix("sha256:")
        shows = self._shows_evaluations(digest)

        def progress(step: int) -> None:
            before = self._progress.get(digest)
            shown = () if before is None else before.evaluations
            if shows and len(found := course.read(folder)) > len(shown):
                shown = self._noted(digest, found) or shown
            self._progress[digest] = Progress(
                step=min(step, job.plan.steps), steps=job.plan.steps, evaluations=shown
            )
            self._changed(digest)

        return self.executor.run(digest, job, folder, progress)

    def _shows_evaluations(self, digest: str) -> bool:
        with self._store.read() as connection:
            row = requests.get(connection, digest)
        return course.has_some(payload_of(Envelope.parse(row.envelope), Request))

    def _noted(self, digest: str, found: tuple[Evaluation, ...]) -> tuple[Evaluation, ...]:
        try:
            with self._store.write() as connection:
                course.note(connection, digest, found)
        except WorkbenchError:
            # Not shown. If it is not what was shown before, the run ends without a release.
            return ()
        return found

    def _exhausted(self, digest: str) -> bool:
        with self._store.read() as connection:
            return bool(requests.get(connection, digest).attempts >= MAX_ATTEMPTS)

    def _finish(self, digest: str, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self._close_as_failed(digest, outcome.failure)
            return
        produced = self._folder.folder("jobs") / digest.removeprefix("sha256:")
        with self._store.write() as connection:
            row = requests.get(connection, digest)
            if row.state == State.RUNNING:
                if course.has_some(payload_of(Envelope.parse(row.envelope), Request)):
                    course.note(connection, digest, outcome.history)
                releases.release(connection, self._folder, self._key, row, outcome, produced)
                log.append(connection, "release", "", digest)

    def _close_as_failed(self, digest: str, failure: Failure) -> None:
        try:
            with self._store.write() as connection:
                row = requests.get(connection, digest)
                if row.state == State.APPROVED:
                    ledger.release_reservation(connection, request=digest)
                if row.state in (State.APPROVED, State.RUNNING):
                    requests.move(connection, digest, State.FAILED, failure=failure)
                    log.append(connection, "fail", "", digest, failure)
        except WorkbenchError as error:
            _log.error("request %s stays open until the next start: %s", digest, error.code)

    def rehearsal(self, row: Any) -> Rehearsal:
        """Return the rehearsal of a request on the snippet; start it if nobody has."""
        with self._lock:
            known = self._rehearsals.get(row.digest)
            if known is None:
                known = self._rehearsals[row.digest] = Rehearsal(state="waiting")
                if not self._closing.is_set():
                    self._pool.submit(self._rehearse, row)
        return known

    def _rehearse(self, row: Any) -> None:
        try:
            request = payload_of(Envelope.parse(row.envelope), Request)
            card = payload_of(Envelope.parse(row.card), DatasetCard)
            path = cards.snippet_path(self._folder, card.snippet.content)
            columns = decode(path.read_bytes(), card.data_schema)
            records = path.with_suffix(".npz")
            save_records(records, Records.each_its_own(columns))
            # The snippet is public, so its noise needs no secret; a fixed one repeats.
            seed = bytes.fromhex(row.digest.removeprefix("sha256:"))
            job = self._job("rehearsal", request, card, str(records), None, seed)
            name = f"rehearsal-{row.digest.removeprefix('sha256:')}"
            outcome = self.executor.run(name, job, self._folder.folder("jobs") / name)
            if outcome is None or outcome.failure is not None:
                why = "cancelled" if outcome is None else outcome.failure
                found = Rehearsal(state="failed", note=f"it ended without a result: {why}")
            else:
                done = "summed up" if isinstance(request.plan, StatisticPlan) else "trained"
                note = f"{done} and measured on the synthetic snippet"
                found = Rehearsal(state="done", metrics=outcome.metrics, note=note)
        except Exception as error:
            _log.error("rehearsal of %s: %s", row.digest, type(error).__name__)
            found = Rehearsal(state="failed", note="it could not be run")
        self._rehearsals[row.digest] = found
        self._changed(row.digest)
