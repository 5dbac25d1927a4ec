"""Real domain server processes on loopback, to be killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.support import make_domain, wait_until
from workbench.documents import PrivateKey
from workbench.domain.service import Domain
from workbench.space.client.client import DomainClient


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; it may do so while it is asked."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def command_of(process: psutil.Process) -> list[str]:
    """Return the command of a process; empty if it has ended by now."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


class ServerSite:
    """A domain as a server process, with a researcher and a steward.

    `edit` is called with its folder before anything is published.
    """

    def __init__(
        self,
        root: Path,
        name: str = "hospital-a",
        datasets: tuple[str, ...] = ("breast-cancer",),
        edit: Callable[[Path], object] | None = None,
        **options,
    ) -> None:
        self.port = free_port()
        self.root = make_domain(root, name, datasets, port=self.port, **options)
        if edit is not None:
            edit(self.root)
        self.name = name
        self.researcher, self.steward = PrivateKey.create(), PrivateKey.create()
        domain = Domain(self.root)
        for dataset in datasets:
            domain.operator.publish(dataset)
        domain.operator.admit(self.researcher.public, "Rosa Research", "researcher")
        domain.operator.admit(self.steward.public, "Stella Steward", "steward")
        self.public_key = domain.key.public
        domain.close()
        self.scheme, self.ca = "http", None
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self, ready: bool = True) -> ServerSite:
        """Start the server and, unless told otherwise, wait until it answers."""
        command = [sys.executable, "-m", "workbench.cli", "domain", "serve", str(self.root)]
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        if ready:
            wait_until(self.answers, 60)
        return self

    def answers(self) -> bool:
        """Whether the server answers."""
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "server.log").read_text()
        try:
            verify = self.ca or False
            return httpx.get(f"{self.url}/v1/health", verify=verify, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def client(self, key: PrivateKey | None = None) -> DomainClient:
        """Return a client for `key`, the researcher's by default."""
        key = key or self.researcher
        return DomainClient.at(self.name, self.url, self.public_key, key, self.ca)

    def descendants(self) -> list[psutil.Process]:
        """Return the worker and its jobs."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def jobs(self) -> list[psutil.Process]:
        """Return the processes of running jobs: children of the worker."""
        return [p for p in self.descendants() if p.ppid() != self.process.pid]

    def kill(self) -> None:
        """kill -9 the server."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the server as an operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
