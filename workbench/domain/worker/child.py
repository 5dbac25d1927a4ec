"""Run one job in this process: under limits, in its folder, among its ranks.

The worker (`workbench.domain.worker.main`) forks a process for each job and calls `run_and_exit`
there.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil

from workbench.domain.kinds.base import RunContext, Tell
from workbench.domain.kinds.job import JOB, PLANNED, PROGRESS, Job, Outcome, Refusal
from workbench.domain.kinds.table import kind_of
from workbench.domain.worker.ranks import Crew, die_with_parent
from workbench.errors import GraphRefused, RequestFailed, WorkbenchError

if TYPE_CHECKING:
    from workbench.engine.sums.distributed import Ranks
    from workbench.engine.timing.pace import Pace

_LARGEST_FILE = 1 << 30
_REHEARSAL_NICENESS = 10
_MEETING = "meeting"
_PATIENCE = 3
"""How many times longer than a run may take its ranks wait for each other."""


def run_and_exit(order: dict[str, Any], parent: int) -> NoReturn:
    """Run the job that the server's line names, leave how it ended, and end this process.

    Parameters
    ----------
    order
        The line of the server: a folder and limits.
    parent
        The worker's process id; this process dies with it.
    """
    from workbench.engine.sums.distributed import RankLost
    from workbench.engine.timing.pace import OverTime

    die_with_parent(parent)
    # No session of its own: Linux compares the priorities of one session only.
    os.setpgid(0, 0)
    _limit(order)
    folder = Path(order["folder"])
    crew = Crew(folder)
    try:
        outcome = run_job(
            folder,
            crew,
            int(order["workers"]),
            float(order["seconds"]),
            float(order["cpu_seconds"]),
            int(order["memory_bytes"]),
        )
    except RankLost:
        crew.lost()
    except OverTime:
        outcome = Outcome(failure="timeout")
    except RequestFailed as error:
        outcome = Outcome(failure=error.failure or "internal")
    except Exception as error:
        outcome = Outcome(failure="out-of-memory" if _of_memory(error) else "internal")
    crew.end(outcome)


def _limit(order: dict[str, Any]) -> None:
    for what, most in (
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # At the soft limit comes a signal that tells why; the hard one kills without a word.
    seconds = int(order["last_cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def _limit_growth(most: int) -> None:
    """Limit this process to `most` bytes more than it has now.

    Were the data counted, one record more could be what does not fit.
    """
    # It counts what torch has reserved, too; resident memory is watched by the executor.
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (psutil.Process().memory_info().data + most, hard))


def run_job(
    folder: Path,
    crew: Crew,
    workers: int = 1,
    seconds: float = 600.0,
    cpu_seconds: float = 600.0,
    memory: int = 1 << 40,
) -> Outcome:
    """Run the job in `folder`, leave its files there, and return how it ended.

    Parameters
    ----------
    folder
        Holds the job.
    crew
        Divides itself into `workers` ranks once the data are loaded; a rehearsal needs one.
    workers
        How many processes share the run.
    seconds, cpu_seconds
        What the run may take by its schedule, of time and of processor time.
    memory
        How many bytes each process may have beside the data.

    Raises
    ------
    RequestFailed
        If the engine says so; with its word.
    OverTime
        If the run would take longer than it may.
    RankLost
        If another rank has died.
    """
    path = folder / JOB
    job = Job.parse(path.read_bytes())
    # The seed is in memory now; nothing that runs later in this folder needs the file.
    path.unlink()
    progress = os.open(folder / PROGRESS, os.O_WRONLY | os.O_CREAT, 0o600)

    def tell(step: int, steps: int) -> None:
        os.pwrite(progress, b"%12d" % step, 0)

    if job.mode != "training":
        # Nothing private is loaded.
        _limit_growth(memory)
    if job.mode == "check":
        return _check(job, workers)
    if job.mode == "rehearsal":
        # Runs and checks go before what costs nothing.
        os.nice(_REHEARSAL_NICENESS)
    pace = partial(_pace, seconds, cpu_seconds, memory)
    ranks = partial(_ranks, crew, workers, folder / _MEETING, _PATIENCE * seconds)
    return kind_of(job.plan).run(job, job.plan, RunContext(folder, tell, pace, ranks))


def _pace(seconds: float, cpu_seconds: float, memory: int, tell: Tell) -> Pace:
    from workbench.engine.timing.pace import Pace

    def started() -> None:
        _limit_growth(memory)
        tell(0, 0)

    return Pace(seconds, cpu_seconds, started=started, planned=partial(tell, PLANNED, 0))


@contextmanager
def _ranks(crew: Crew, workers: int, meeting: Path, seconds: float) -> Iterator[Ranks]:
    from workbench.engine.sums.distributed import joined

    crew.fork(workers)
    with joined(crew.rank, crew.size, meeting, seconds) as ranks:
        yield ranks


def _check(job: Job, workers: int) -> Outcome:
    try:
        kind_of(job.plan).check_programs(job, job.plan, workers)
    except WorkbenchError as error:
        # Nothing private is here, so all may be told.
        origin = getattr(error, "origin", None)
        told = Refusal(code=error.code, message=error.message, hint=error.hint, origin=origin)
        return Outcome(refusal=told)
    except Exception as error:
        if _of_memory(error):
            raise
        words = " ".join(f"{type(error).__name__} {error}".split())[:300]
        told = Refusal(code=GraphRefused.code, message=f"graph: it cannot be run: {words}")
        return Outcome(refusal=told)
    return Outcome()


def _of_memory(error: Exception) -> bool:
    # torch has no class of its own for this; the text is the allocator's, not the data's.
    torchs = isinstance(error, RuntimeError) and "alloc" in str(error)
    return isinstance(error, MemoryError) or torchs
