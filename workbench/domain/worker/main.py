"""Serve jobs as the worker: a process that has torch loaded and forks a child for each job.

``python -I -m workbench.domain.worker.main`` starts with an emptied environment and

1. proves that its surroundings are what private programs need;
2. loads the engine, while a child tests which operators tell a record's place on this machine;
3. reads lines from the server: ``{"id": …, "folder": …}`` and the limits. For each it forks; the
   child limits itself, runs the job in that folder, divided into ranks, and exits
   (`workbench.domain.worker.child`).

Lines back are ``{"ready": true, "moved": […]}`` or ``{"unfit": "why"}``, then
``{"id": …, "pid": …}`` and ``{"id": …, "exit": …}``. When the server goes, the worker's input ends,
it exits, and the kernel kills its children with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any

from workbench.domain.worker.child import run_and_exit
from workbench.domain.worker.ranks import die_with_parent
from workbench.domain.worker.surroundings import Unfit, settle


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
    tested = _begin_to_test_places()
    _load_engine()
    moved = _refuse_what_moved(*tested)
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
    """Load what torch would otherwise load at its first use, once for all children."""
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


def _begin_to_test_places() -> tuple[int, int]:
    """Test the operators in a child, while this process loads the engine.

    The child is a fork like those that run jobs, so it computes in what they compute in.

    Returns
    -------
    tuple of int
        The child's process id, and the pipe into which it writes what it found.
    """
    from workbench.engine.program import places

    parent = os.getpid()
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            die_with_parent(parent)
            os.write(writable, json.dumps(places.moved()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writable)
    return pid, readable


def _refuse_what_moved(pid: int, readable: int) -> list[str]:
    """Return the operators that failed their tests; all children refuse them from now on.

    Raises
    ------
    RuntimeError
        If the tests came to no end: then nothing may run here.
    """
    from workbench.engine.program import places

    with os.fdopen(readable, "rb") as pipe:
        found = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise RuntimeError("the operators could not be tried")
    moved: list[str] = json.loads(found)
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
            run_and_exit(order, parent)
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
