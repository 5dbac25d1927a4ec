"""Rehearse waiting requests on the synthetic snippet, for the steward to look at.

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
from functools import partial

from workbench.catalog.snippets import decode
from workbench.documents import State
from workbench.documents.base import hex_of
from workbench.domain.datasets import files
from workbench.domain.kinds.table import kind_of
from workbench.domain.requests.review import RehearsalStatus
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.runs.executor import Executor
from workbench.domain.runs.jobs import job_of
from workbench.domain.runs.turns import Turns
from workbench.domain.store.config import CallLimits, DomainFolder
from workbench.domain.store.files import save_records
from workbench.records import Records

_log = logging.getLogger("workbench.domain")
_REMEMBERED = 10_000
_WAITING = RehearsalStatus(state="waiting")


@dataclass
class _Entry:
    researcher: str
    found: RehearsalStatus = _WAITING
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

    def of(self, waiting: StoredRequest) -> RehearsalStatus:
        """Return the rehearsal of a request; start it if the request waits and nobody has."""
        with self._lock:
            known = self._entries.get(waiting.digest)
            if known is not None:
                return known.found
            if waiting.state != State.PENDING:
                return RehearsalStatus(state="failed", note="the request no longer waits")
            limit = self._limit(waiting.researcher)
            if limit:
                note = f"too many rehearsals wait ({limit}); this one starts when you look again"
                return RehearsalStatus(state="waiting", note=note)
            entry = self._entries[waiting.digest] = _Entry(waiting.researcher)
            while len(self._entries) > _REMEMBERED:
                self._entries.popitem(last=False)
        rehearse = partial(self._rehearse, waiting, entry)
        self._turns.submit(waiting.researcher, waiting.digest, rehearse)
        return entry.found

    def _limit(self, researcher: str) -> str:
        """Return the name of a limit that allows no further one, or nothing."""
        limits: CallLimits = self._folder.config.calls
        researchers = [one.researcher for one in self._entries.values() if one.found is _WAITING]
        if researchers.count(researcher) >= limits.rehearsals_per_person:
            return "rehearsals_per_person"
        return "rehearsals" if len(researchers) >= limits.rehearsals else ""

    def end(self, digest: str) -> None:
        """End the rehearsal of a request that no longer waits, wherever it is."""
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None or entry.found is not _WAITING:
                return
            entry.found = RehearsalStatus(state="failed", note="it ended with its request")
            entry.ended.set()
        self._turns.drop(digest)
        self._executor.cancel(_name(digest))

    def close(self) -> None:
        """End all; the executor must be closed before."""
        self._turns.close()

    def _rehearse(self, waiting: StoredRequest, entry: _Entry) -> None:
        jobs, name = self._folder.folder("jobs"), _name(waiting.digest)
        records = jobs / f"{name}.npz"
        try:
            request, card = waiting.request, waiting.card
            content = files.snippet_path(self._folder, card.snippet.content).read_bytes()
            save_records(records, Records.each_its_own(decode(content, card.data_schema)))
            # The snippet is public, so its noise needs no secret; a fixed one repeats.
            seed = bytes.fromhex(hex_of(waiting.digest))
            job = job_of(self._folder, "rehearsal", request, card, str(records), None, seed)
            outcome = self._executor.run(
                name, job, jobs / name, wanted=lambda: not entry.ended.is_set()
            )
            if outcome is None or outcome.failure is not None:
                why = "cancelled" if outcome is None else outcome.failure
                found = RehearsalStatus(state="failed", note=f"it ended without a result: {why}")
            else:
                note = f"{kind_of(request.plan).done} and measured on the synthetic snippet"
                found = RehearsalStatus(state="done", metrics=outcome.metrics, note=note)
        except Exception as error:
            # Only the class: a message could quote data.
            _log.error("rehearsal of %s: %s", waiting.digest, type(error).__name__)
            found = RehearsalStatus(state="failed", note="it could not be run")
        finally:
            records.unlink(missing_ok=True)
            shutil.rmtree(jobs / name, ignore_errors=True)
        with self._lock:
            if entry.found is _WAITING:
                entry.found = found
        self._changed(waiting.digest)


def _name(digest: str) -> str:
    return f"rehearsal-{hex_of(digest)}"
