"""JupyterLab for the demo: one for the researcher, one for the steward, as in real life."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import httpx
import typer

from workbench.errors import InvalidConfiguration

PEOPLE = ("researcher", "steward")
_START_SECONDS = 60
_STOP_SECONDS = 10


def open_labs(notebooks: Path, spaces: dict[str, Path], ports: dict[str, int]) -> None:
    """Run one JupyterLab per person until one ends or Ctrl-C.

    Parameters
    ----------
    notebooks
        What they show.
    spaces
        Person to space file: each JupyterLab holds one person's key.
    ports
        Person to a free port of this machine.

    Raises
    ------
    InvalidConfiguration
        If JupyterLab does not start.
    """
    with contextlib.ExitStack() as stack:
        running = []
        for person in PEOPLE:
            log = spaces[person].with_suffix(".lab.log")
            token = secrets.token_hex(16)
            process = stack.enter_context(
                _lab(notebooks, spaces, person, ports[person], token, log)
            )
            running.append((person, process, f"http://127.0.0.1:{ports[person]}", token, log))
        for person, process, url, token, log in running:
            _wait(process, url, token, log)
            address = f"{url}/lab?token={token}"
            typer.echo(f"JupyterLab of the {person}: {address}")
            if os.environ.get("DISPLAY") or sys.platform != "linux":
                webbrowser.open(address)
        typer.echo("Both see the same two hospitals, each with a key of their own.")
        typer.echo("Everything stays up until you press Ctrl-C.")
        while all(process.poll() is None for _, process, *_ in running):
            time.sleep(0.5)


@contextlib.contextmanager
def _lab(
    notebooks: Path, spaces: dict[str, Path], person: str, port: int, token: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "WORKBENCH_SPACE": str(spaces[person]),
        "WORKBENCH_STEWARD_SPACE": str(spaces["steward"]),
        # In the environment and not on the command line, which other users can read.
        "JUPYTER_TOKEN": token,
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={notebooks}",
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, token: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    headers = {"authorization": f"token {token}"}
    with httpx.Client(trust_env=False, headers=headers) as http:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if http.get(f"{url}/api/status").is_success:
                    return
            time.sleep(0.1)
    raise InvalidConfiguration(f"JupyterLab did not start at {url}", f"See {log}.")
