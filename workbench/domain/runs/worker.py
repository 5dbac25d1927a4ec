"""The worker: a process that has torch loaded and forks one child for each job.

``python -I -m workbench.domain.runs.worker`` starts with an emptied environment, proves that its
surroundings are what private programs need, loads the engine once, tests which operators tell a
record's place on this machine, and then reads lines from the server: ``{"id": …, "folder": …}`` and
the limits. For each it forks; the child limits itself, runs the job in that folder, divided into
ranks, and exits. Lines back are ``{"ready": true, "moved": […]}`` or ``{"unfit": "why"}``, then
``{"id": …, "pid": …}`` and ``{"id": …, "exit": …}``. When the server goes, the worker's input ends,
it exits, and the kernel kills its children with it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from workbench.documents import Evaluation, Metric, Plan, StatisticPlan
from workbench.documents.base import digest_bytes
from workbench.domain.kinds.job import (
    EVALUATIONS,
    JOB,
    LOADED,
    MODEL,
    PLANNED,
    PROGRESS,
    STATISTICS,
    Evaluated,
    Job,
    Outcome,
    Refusal,
    load_records,
    write_private,
)
from workbench.domain.runs.ranks import Crew, die_with_parent
from workbench.domain.runs.surroundings import Unfit, settle
from workbench.errors import GraphRefused, RequestFailed, WorkbenchError

if TYPE_CHECKING:
    from workbench.engine.sums.distributed import Ranks
    from workbench.engine.timing.pace import Pace

_LARGEST_FILE = 1 << 30
_REHEARSAL_NICENESS = 10
_MEETING = "meeting"
Tell = Callable[[int, int], None]
_PATIENCE = 3
"""How many times longer than a run may take its ranks wait for each other."""


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
    """Let this process have so many bytes more than it has now.

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
    """Run the job in `folder` and leave there what it gives.

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
        If the engine says so.
    OverTime
        If the run would take longer than it may.
    RankLost
        If another rank has died.
    """

    path = folder / JOB
    job = Job.parse(path.read_bytes())
    # The seed has done its way; nothing that runs later in this folder needs it.
    path.unlink()
    progress = os.open(folder / PROGRESS, os.O_WRONLY | os.O_CREAT, 0o600)

    def tell(step: int, steps: int) -> None:
        os.pwrite(progress, b"%12d" % step, 0)

    if job.kind != "training":
        # Nothing private is loaded.
        _limit_growth(memory)
    if job.kind == "check":
        return _check(job, workers)
    if job.kind == "rehearsal":
        # Runs and checks go before what costs nothing.
        os.nice(_REHEARSAL_NICENESS)
    pace = partial(_pace, seconds, cpu_seconds, memory)
    if isinstance(job.plan, StatisticPlan):
        return _sum_up(job, job.plan, folder, tell, pace)
    ranks = partial(_ranks, crew, workers, folder / _MEETING, _PATIENCE * seconds)
    return _train(job, job.plan, folder, tell, pace, ranks)


def _pace(seconds: float, cpu_seconds: float, memory: int, tell: Tell) -> Pace:
    from workbench.engine.timing.pace import Pace

    def started() -> None:
        _limit_growth(memory)
        tell(0, 0)

    return Pace(seconds, cpu_seconds, started=started, planned=partial(tell, PLANNED, 0))


def _silent(step: int, steps: int) -> None:
    """Tell nothing, as one of the ranks that do not."""


@contextmanager
def _ranks(crew: Crew, workers: int, meeting: Path, seconds: float) -> Iterator[Ranks]:
    from workbench.engine.sums.distributed import joined

    crew.fork(workers)
    with joined(crew.rank, crew.size, meeting, seconds) as ranks:
        yield ranks


def _train(
    job: Job,
    plan: Plan,
    folder: Path,
    tell: Callable[[int, int], None],
    pace: Callable[[Tell], Pace],
    divided: Callable[[], AbstractContextManager[Ranks]],
) -> Outcome:
    import safetensors.torch

    from workbench.engine.rehearsal import rehearse
    from workbench.engine.train import train
    from workbench.graphs.reading.load import load

    graph = replace(load(Path(job.graph).read_bytes()), inputs=job.inputs, metrics=job.metrics)
    training = load_records(Path(job.training or ""))
    seed = bytes.fromhex(job.seed)
    if job.kind == "rehearsal":
        expected = job.record_count * (1 - job.holdout_fraction)
        result = rehearse(graph, plan, training, seed=seed, record_count=expected)
    else:
        holdout = load_records(Path(job.holdout or ""))
        with divided() as ranks:
            told = tell if ranks.rank == 0 else _silent
            told(LOADED, 0)
            result = train(
                graph,
                plan,
                training,
                holdout,
                record_count=job.record_count,
                holdout_fraction=job.holdout_fraction,
                max_records_per_unit=job.max_records_per_unit,
                seed=seed,
                progress=tell if ranks.rank == 0 else None,
                evaluated=_told(folder, plan) if ranks.rank == 0 else None,
                pace=pace(told),
                ranks=ranks,
            )
        if ranks.rank > 0:
            return Outcome()
    model = safetensors.torch.save(
        {name: value.contiguous() for name, value in result.parameters.items()}
    )
    write_private(folder / MODEL, model)
    return Outcome(
        model=digest_bytes(model),
        metrics=result.metrics,
        history=result.history,
        steps=result.steps,
    )


def _told(folder: Path, plan: Plan) -> Callable[[tuple[Metric, ...]], None] | None:
    """Return what writes down each evaluation of a run that has several."""
    if plan.evaluations == 1:
        return None
    found: list[Evaluation] = []

    def tell(metrics: tuple[Metric, ...]) -> None:
        found.append(Evaluation(step=plan.evaluated_at[len(found)], metrics=metrics))
        write_private(folder / EVALUATIONS, Evaluated(evaluations=tuple(found)).canonical())

    return tell


def _check(job: Job, workers: int) -> Outcome:
    from workbench.engine.probe import check
    from workbench.graphs.reading.load import load

    content, summed = Path(job.graph).read_bytes(), isinstance(job.plan, StatisticPlan)
    update = load(Path(job.update).read_bytes(), role="update") if job.update else None
    try:
        graph = load(content, role="sum" if summed else "loss")
        check(
            replace(graph, inputs=job.inputs, metrics=job.metrics),
            job.plan,
            job.bounds,
            record_count=job.record_count,
            holdout_fraction=job.holdout_fraction,
            max_records_per_unit=job.max_records_per_unit,
            update=update,
            ranks=workers,
        )
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


def _sum_up(
    job: Job,
    plan: StatisticPlan,
    folder: Path,
    tell: Tell,
    pace: Callable[[Tell], Pace],
) -> Outcome:
    import safetensors.torch

    from workbench.engine.statistics import noisy_sums
    from workbench.graphs.reading.load import load
    from workbench.records import join

    graph = replace(load(Path(job.graph).read_bytes(), role="sum"), inputs=job.inputs)
    parts = [load_records(Path(name)) for name in (job.training, job.holdout) if name]
    records = join(parts, job.inputs)
    tell(LOADED, 0)
    result = noisy_sums(
        graph,
        plan,
        records,
        record_count=job.record_count,
        max_records_per_unit=job.max_records_per_unit,
        seed=bytes.fromhex(job.seed),
        update=load(Path(job.update).read_bytes(), role="update") if job.update else None,
        progress=tell,
        pace=None if job.kind == "rehearsal" else pace(tell),
    )
    state = {f"state.{name}": value.contiguous() for name, value in result.state.items()}
    content = safetensors.torch.save({"sums": result.sums, **state})
    write_private(folder / STATISTICS, content)
    return Outcome(statistics=digest_bytes(content), steps=plan.rounds)


def _child(order: dict[str, Any], parent: int) -> None:
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


def _tell(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve jobs until the input ends."""
    die_with_parent(os.getppid())
    try:
        settle()
    except Unfit as error:
        _tell(unfit=str(error))
        return
    _load_engine()
    moved = _test_places()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, str] = {}
    pending = b""
    _tell(ready=True, moved=moved)
    while True:
        readable, _, _ = select.select([0, wake_read], [], [])
        if wake_read in readable:
            os.read(wake_read, 4096)
            _reap(running)
        if 0 in readable:
            data = os.read(0, 65_536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _start(json.loads(line), running)


def _load_engine() -> None:
    """Load once, for every child, what torch would otherwise load at its first use."""
    import safetensors.torch  # noqa: F401
    import torch
    import torch.distributed
    from torch._subclasses.fake_tensor import FakeTensorMode

    import workbench.engine.probe
    import workbench.engine.statistics
    import workbench.engine.train
    import workbench.graphs.reading.load  # noqa: F401

    with FakeTensorMode():
        torch.func.vmap(torch.nn.functional.linear, in_dims=(0, None))(
            torch.zeros(2, 1), torch.zeros(1, 1)
        )
    weight = torch.zeros((2, 1), requires_grad=True)
    torch.autograd.grad(torch.func.vmap(torch.sum)(weight).sum(), weight)
    torch.optim.Adam([weight], foreach=False).step()


def _test_places() -> list[str]:
    """Let all children refuse the operators that tell a place on this machine; return them."""
    from workbench.engine.program import places

    moved = places.moved()
    places.refuse(frozenset(moved))
    return moved


def _start(order: dict[str, Any], running: dict[int, str]) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        silent = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silent, descriptor)
        try:
            _child(order, parent)
        finally:
            os._exit(1)
    running[pid] = order["id"]
    _tell(id=order["id"], pid=pid)


def _reap(running: dict[int, str]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _tell(id=running.pop(pid), exit=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
