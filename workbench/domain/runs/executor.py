"""Run jobs in processes of their own, and end those that take too much.

The executor keeps one worker process warm (`workbench.domain.worker.main`); a job is a fork of it
with its own limits. It watches wall-clock time and memory, kills the whole process group on a
cancel, and starts a new worker if the old one died.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from workbench.documents import Failure
from workbench.domain.kinds.job import JOB, OUTCOME, PLANNED, PROGRESS, Job, Outcome
from workbench.domain.runs.worker_process import WorkerProcess
from workbench.domain.store.config import JobLimits
from workbench.domain.store.files import write_private
from workbench.errors import DomainUnavailable, InvalidDocument

_log = logging.getLogger("workbench.domain")
_POLL_SECONDS = 0.02
_CHECK_SECONDS = 60
_LAST_RESORT = 3
"""A run that fits by its schedule is killed only when it takes so many times what it may take: when
that happens tells something of the data, a schedule that does not fit does not."""
_LAST_RESORT_MEMORY = 1.25
_SIGXCPU_EXIT = -signal.SIGXCPU


@dataclass
class _Run:
    folder: Path
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int = 0
    exit: int | None = None
    killed: Failure | None = None
    cancelled: bool = False
    worker: WorkerProcess | None = None


class Executor:
    """Runs jobs; safe to call from several threads.

    Parameters
    ----------
    limits
        What one job may take.
    """

    def __init__(self, limits: JobLimits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._worker: WorkerProcess | None = None
        self._closed = False

    @property
    def moved(self) -> frozenset[str]:
        """The operators that programs must not use on this machine; see `WorkerProcess`."""
        return frozenset() if self._worker is None else self._worker.moved

    def start(self) -> None:
        """Start the worker without waiting for it."""
        self._started_worker()

    def warm_up(self) -> None:
        """Start the worker, and return when it has loaded torch and passed its tests.

        Raises
        ------
        DomainUnavailable
            If it does not start, or this machine is not what it needs.
        """
        self._ready_worker()

    def run(
        self,
        identity: str,
        job: Job,
        folder: Path,
        progress: Callable[[int], None] | None = None,
        wanted: Callable[[], bool] | None = None,
    ) -> Outcome | None:
        """Run `job` in `folder` and return how it ended; None if it was cancelled.

        Parameters
        ----------
        identity
            A name for `cancel`.
        job
            What to run.
        folder
            An absolute path; made anew, the model is left in it.
        progress
            Called with the number of steps done, now and then.
        wanted
            Asked once `cancel` can find the job: what was cancelled before is not started.

        Raises
        ------
        DomainUnavailable
            If no worker can be started or the folder cannot be written; nothing ran then.
        """
        run = _Run(folder)
        with self._lock:
            self._runs[identity] = run
        try:
            if wanted is not None and not wanted():
                return None
            return self._run(identity, job, run, progress)
        except OSError as error:
            raise DomainUnavailable(f"the job cannot be started: {error.strerror}") from error
        finally:
            with self._lock:
                del self._runs[identity]

    def cancel(self, identity: str) -> None:
        """Kill a job, whatever it is doing; nothing happens if it is not running."""
        with self._lock:
            run = self._runs.get(identity)
        if run is not None:
            run.cancelled = True
            _kill(run)

    def close(self) -> None:
        """End all jobs and the worker."""
        self._closed = True
        with self._lock:
            runs, worker = list(self._runs.values()), self._worker
        for run in runs:
            run.cancelled = True
            _kill(run)
        if worker is not None:
            worker.kill()

    def _run(
        self, identity: str, job: Job, run: _Run, progress: Callable[[int], None] | None
    ) -> Outcome | None:
        shutil.rmtree(run.folder, ignore_errors=True)
        run.folder.mkdir(parents=True, mode=0o700)
        write_private(run.folder / JOB, job.canonical())
        worker = run.worker = self._ready_worker()
        try:
            base = psutil.Process(worker.process.pid).memory_info()
        except psutil.Error:
            raise DomainUnavailable("the worker process has ended") from None
        most = self.limits.memory_mb << 20
        workers = 1 if job.mode == "rehearsal" else self.limits.workers
        order = {
            "id": identity,
            "folder": str(run.folder),
            "workers": workers,
            "seconds": self.limits.seconds,
            "cpu_seconds": self.limits.cpu_seconds,
            "last_cpu_seconds": self._last_cpu_seconds(job),
            # Twice as much: torch reserves more than it has. Resident memory is watched below.
            "memory_bytes": 2 * most,
        }
        try:
            worker.send(order)
        except OSError:
            run.ended.set()
        self._watch(run, job, workers * (base.rss - base.shared), progress)
        if run.cancelled:
            return None
        if run.killed is not None:
            return Outcome(failure=run.killed)
        if run.exit == _SIGXCPU_EXIT:
            return Outcome(failure="timeout")
        if run.exit == 0:
            with contextlib.suppress(OSError, InvalidDocument):
                return Outcome.parse((run.folder / OUTCOME).read_bytes())
        return Outcome(failure="worker-died")

    def _last_cpu_seconds(self, job: Job) -> int:
        if job.mode == "check":
            return _CHECK_SECONDS
        if job.mode == "rehearsal":
            return self.limits.cpu_seconds
        return _CHECK_SECONDS + _LAST_RESORT * self.limits.cpu_seconds

    def _watch(
        self, run: _Run, job: Job, idle: int, progress: Callable[[int], None] | None
    ) -> None:
        """Watch the time and memory of a run until it ends, and kill it if it takes too much.

        What its data take is not counted, nor watched while they are loaded and made ready: else
        one record more could be what does not fit.
        """
        seconds = self.limits.seconds if job.mode != "check" else 0
        # A run's programs are made and tried first, as at its check.
        before = seconds if job.mode == "rehearsal" else seconds + _CHECK_SECONDS
        deadline, memory = time.monotonic() + before, float(self.limits.memory_mb << 20)
        scheduled, told = job.mode != "training", -1
        most = idle + memory if scheduled else math.inf
        last: int | None = None
        while not run.ended.wait(_POLL_SECONDS):
            step = _steps_done(run.folder / PROGRESS)
            if not scheduled and run.pid and step != last:
                last = step
                most = math.inf if step == PLANNED else self._memory(run.pid) + memory
            if not scheduled and last is not None and last >= 0:
                scheduled = True
                deadline = time.monotonic() + _LAST_RESORT * seconds
                most += (_LAST_RESORT_MEMORY - 1) * memory
            if run.cancelled:
                _kill(run)
            if time.monotonic() > deadline:
                run.killed = "timeout"
                _kill(run)
            if run.pid and self._memory(run.pid) > most:
                run.killed = "out-of-memory"
                _kill(run)
            if progress is not None and max(step or 0, 0) != told:
                told = max(step or 0, 0)
                progress(told)

    def _memory(self, pid: int) -> int:
        """Return the memory of a run's processes, in bytes; what they share is not counted."""
        found = _private(pid)
        if self.limits.workers > 1:
            with contextlib.suppress(psutil.Error):
                found += sum(_private(child.pid) for child in psutil.Process(pid).children())
        return found

    def _ready_worker(self) -> WorkerProcess:
        worker = self._started_worker()
        worker.wait_ready()
        return worker

    def _started_worker(self) -> WorkerProcess:
        with self._lock:
            if self._closed:
                raise DomainUnavailable("the domain is shutting down")
            if self._worker is None or self._worker.ended:
                self._worker = WorkerProcess(self._told, self._lost)
            return self._worker

    def _told(self, message: dict[str, Any]) -> None:
        with self._lock:
            run = self._runs.get(message["id"])
        if run is None:
            return
        if "pid" in message:
            run.pid = message["pid"]
            run.started.set()
        elif "exit" in message:
            run.exit = message["exit"]
            run.ended.set()

    def _lost(self, worker: WorkerProcess) -> None:
        with self._lock:
            for run in self._runs.values():
                if run.worker is worker:
                    run.ended.set()


def _kill(run: _Run) -> None:
    if run.pid and not run.ended.is_set():
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(run.pid, signal.SIGKILL)


def _private(pid: int) -> int:
    """Return the resident bytes of a process that do not belong to files."""
    try:
        info = psutil.Process(pid).memory_info()
        return int(info.rss - info.shared)
    except psutil.Error:
        return 0


def _steps_done(path: Path) -> int | None:
    """Return the number that a run last wrote as its progress; None if it has written none."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None
