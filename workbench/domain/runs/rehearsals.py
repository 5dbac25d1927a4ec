"""Rehearsals of waiting requests: runs on the synthetic snippet, for the steward to look at.

They cost nothing, so they have a thread of their own, one after the other, and take no slot of a
run. How many of one researcher and in all may wait is limited, and one ends with its request.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbench.catalog.snippets import decode
from workbench.documents import DatasetCard, Envelope, Request, State, StatisticPlan
from workbench.documents.envelope import unverified
from workbench.domain.datasets import files
from workbench.domain.kinds.job import save_records
from workbench.domain.requests import intake
from workbench.domain.requests.review import Rehearsal
from workbench.domain.runs.executor import Executor
from workbench.domain.runs.turns import Turns
from workbench.domain.store.config import CallLimits, DomainFolder
from workbench.records import Records

_log = logging.getLogger("workbench.domain")
_REMEMBERED = 10_000
_WAITING = Rehearsal(state="waiting")


@dataclass
class _Entry:
    researcher: str
    found: Rehearsal = _WAITING
    ended: threading.Event = field(default_factory=threading.Event)


class Rehearsals:
    """The rehearsals of one domain.

    Parameters
    ----------
    folder, executor
        The domain's folder, and what runs them.
    changed
        Called with a request's digest when its rehearsal ended.
    """

    def __init__(
        self, folder: DomainFolder, executor: Executor, changed: Callable[[str], None]
    ) -> None:
        self._folder, self._executor, self._changed = folder, executor, changed
        self._turns = Turns(1, "rehearsals")
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def of(self, row: Any) -> Rehearsal:
        """Return the rehearsal of a request; start it if the request waits and nobody has."""
        with self._lock:
            known = self._entries.get(row.digest)
            if known is not None:
                return known.found
            if row.state != State.PENDING:
                return Rehearsal(state="failed", note="the request no longer waits")
            limit = self._limit(row.researcher)
            if limit:
                note = f"too many rehearsals wait ({limit}); this one starts when you look again"
                return Rehearsal(state="waiting", note=note)
            entry = self._entries[row.digest] = _Entry(row.researcher)
            while len(self._entries) > _REMEMBERED:
                self._entries.popitem(last=False)
        self._turns.submit(row.researcher, row.digest, lambda: self._rehearse(row, entry))
        return entry.found

    def _limit(self, researcher: str) -> str:
        """Return the name of a limit that allows no further one, or nothing."""
        limits: CallLimits = self._folder.config.calls
        waiting = [one.researcher for one in self._entries.values() if one.found is _WAITING]
        if waiting.count(researcher) >= limits.rehearsals_per_person:
            return "rehearsals_per_person"
        return "rehearsals" if len(waiting) >= limits.rehearsals else ""

    def end(self, digest: str) -> None:
        """End the rehearsal of a request that no longer waits, wherever it is."""
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None or entry.found is not _WAITING:
                return
            entry.found = Rehearsal(state="failed", note="it ended with its request")
            entry.ended.set()
        self._turns.drop(digest)
        self._executor.cancel(_name(digest))

    def close(self) -> None:
        """End all; the executor must be closed before."""
        self._turns.close()

    def _rehearse(self, row: Any, entry: _Entry) -> None:
        jobs, name = self._folder.folder("jobs"), _name(row.digest)
        records = jobs / f"{name}.npz"
        try:
            request = unverified(Envelope.parse(row.envelope), Request)
            card = unverified(Envelope.parse(row.card), DatasetCard)
            content = files.snippet_path(self._folder, card.snippet.content).read_bytes()
            save_records(records, Records.each_its_own(decode(content, card.data_schema)))
            # The snippet is public, so its noise needs no secret; a fixed one repeats.
            seed = bytes.fromhex(row.digest.removeprefix("sha256:"))
            job = intake.job_of(self._folder, "rehearsal", request, card, str(records), None, seed)
            outcome = self._executor.run(
                name, job, jobs / name, wanted=lambda: not entry.ended.is_set()
            )
            if outcome is None or outcome.failure is not None:
                why = "cancelled" if outcome is None else outcome.failure
                found = Rehearsal(state="failed", note=f"it ended without a result: {why}")
            else:
                done = "summed up" if isinstance(request.plan, StatisticPlan) else "trained"
                note = f"{done} and measured on the synthetic snippet"
                found = Rehearsal(state="done", metrics=outcome.metrics, note=note)
        except Exception as error:
            # Only the class: a message could quote data.
            _log.error("rehearsal of %s: %s", row.digest, type(error).__name__)
            found = Rehearsal(state="failed", note="it could not be run")
        finally:
            records.unlink(missing_ok=True)
            shutil.rmtree(jobs / name, ignore_errors=True)
        with self._lock:
            if entry.found is _WAITING:
                entry.found = found
        self._changed(row.digest)


def _name(digest: str) -> str:
    return f"rehearsal-{digest.removeprefix('sha256:')}"
