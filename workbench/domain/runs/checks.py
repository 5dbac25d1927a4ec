"""Run the programs of a new request on made-up records, in a worker, before it is taken.

Nothing was charged or reserved yet, and nothing private is there, so what is found is told in full.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter, OrderedDict
from concurrent.futures import Future
from functools import partial

from workbench.documents import DatasetCard, Request, digest_bytes
from workbench.documents.base import hex_of
from workbench.domain.kinds.job import Job, Outcome, Refusal
from workbench.domain.runs.executor import Executor
from workbench.domain.runs.jobs import check_job
from workbench.domain.runs.turns import Turns
from workbench.domain.store.config import DomainFolder
from workbench.errors import (
    DomainUnavailable,
    GraphRefused,
    LimitReached,
    WorkbenchError,
    from_code,
)

MOST_AT_ONCE = 4
"""How many graphs of one researcher are checked at a time."""
_REMEMBERED = 10_000
_NO_RESULT = {
    "timeout": ("takes too long", "Use a smaller model, or a smaller sample_rate."),
    "out-of-memory": ("takes more memory than the domain allows", "Use a smaller model."),
}


class Checks:
    """Checks the programs of requests; equal ones are checked once.

    Parameters
    ----------
    folder
        The domain's folder.
    executor
        Runs the checks.
    """

    def __init__(self, folder: DomainFolder, executor: Executor) -> None:
        self._folder, self._executor = folder, executor
        # One more than runs, and none for one person alone: who submits waits neither for runs nor
        # for the many or large graphs of somebody else.
        jobs = folder.config.limits.jobs
        self._turns = Turns(jobs + 1, "checks", per_owner=jobs)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Future[Refusal | None]] = OrderedDict()
        self._at_once: Counter[str] = Counter()

    def require(self, request: Request, card: DatasetCard) -> None:
        """Check that the programs of a request keep records apart and can be run.

        What was found is remembered until the server ends, for all requests with the same programs:
        of the same graph, sampling and kind of plan on a dataset of the same schema and size.

        Raises
        ------
        GraphRefused
            If they do not pass, or the check came to no end.
        LimitReached
            If too many graphs of this researcher are being checked.
        DomainUnavailable
            If no worker can be started.
        """
        job = check_job(self._folder, request, card)
        key = digest_bytes(job.canonical())
        with self._lock:
            found = self._known.get(key)
            first = found is None
            if found is None:
                if self._at_once[request.researcher] >= MOST_AT_ONCE:
                    raise LimitReached(
                        f"{MOST_AT_ONCE} of your graphs are being checked",
                        "Submit once more when these requests are answered.",
                    )
                found = self._known[key] = Future()
                self._at_once[request.researcher] += 1
            self._known.move_to_end(key)
        if first:
            settle = partial(self._settle, key, job, found, request.researcher)
            self._turns.submit(request.researcher, key, settle)
        refusal = found.result()
        if refusal is not None:
            raised = from_code(refusal.code, refusal.message, refusal.hint)
            if isinstance(raised, GraphRefused):
                raised.origin = refusal.origin
            raise raised

    def close(self) -> None:
        """End the waiting of all who ask; the executor must be closed before."""
        self._turns.close()
        with self._lock:
            waiting = [found for found in self._known.values() if not found.done()]
        for found in waiting:
            found.set_exception(DomainUnavailable("the domain is shutting down"))

    def _settle(self, key: str, job: Job, found: Future[Refusal | None], researcher: str) -> None:
        folder = self._folder.folder("jobs") / f"check-{hex_of(key)}"
        outcome: Outcome | None = None
        failed = DomainUnavailable("the domain is shutting down")
        try:
            outcome = self._executor.run(f"check-{key}", job, folder)
        except WorkbenchError as error:
            failed = DomainUnavailable(error.message, error.hint)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                self._at_once[researcher] -= 1
                self._at_once += Counter()
                if outcome is None or outcome.failure is not None:
                    # Perhaps it was the machine's fault: the next request tries again.
                    self._known.pop(key, None)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            if outcome is None:
                found.set_exception(failed)
            else:
                found.set_result(
                    outcome.refusal if outcome.failure is None else _no_result(outcome)
                )


def _no_result(outcome: Outcome) -> Refusal:
    why, hint = _NO_RESULT.get(
        outcome.failure or "", ("ended without a result", "Submit it again, or change the graph.")
    )
    message = f"graph: the check on made-up records {why}"
    return Refusal(code=GraphRefused.code, message=message, hint=hint)
