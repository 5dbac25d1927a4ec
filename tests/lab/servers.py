"""A real Jupyter server with the extension, as a process, and a client that calls it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.processes import free_port
from tests.support import wait_until

ENABLE = Path(__file__).parents[2] / "jupyter-config" / "workbench.json"
PREFIX = "/workbench/v1"


class Lab:
    """A Jupyter server and calls of its routes with the token."""

    def __init__(self, url: str, token: str, root: Path, process: subprocess.Popen) -> None:
        self.url, self.token, self.root, self.process = url, token, root, process
        headers = {"Authorization": f"token {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)

    def get(self, path: str, **options) -> httpx.Response:
        return self.http.get(f"{PREFIX}/{path}", **options)

    def json(self, path: str, **options) -> dict:
        answer = self.get(path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, content: object = None, **options) -> httpx.Response:
        return self.http.post(f"{PREFIX}/{path}", json=content, **options)

    def put(self, path: str, content: object = None, **options) -> httpx.Response:
        return self.http.put(f"{PREFIX}/{path}", json=content, **options)

    def log(self) -> str:
        return (self.root / "jupyter.log").read_text()


class News:
    """A watch that is open; `last` has the newest event of each kind, `seen` all of them."""

    def __init__(self, lab: Lab, interval: float = 1) -> None:
        self.seen: list[tuple[str, dict]] = []
        self.last: dict[str, dict] = {}
        self.alive = 0
        self._client = httpx.Client(timeout=30, trust_env=False, headers=lab.http.headers)
        self._url = f"{lab.url}{PREFIX}/watch?interval={interval}"
        self._ready, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def _read(self) -> None:
        try:
            with self._client.stream("GET", self._url) as stream:
                self._socket = stream.extensions["network_stream"].get_extra_info("socket")
                event = ""
                for line in stream.iter_lines():
                    if self._end.is_set():
                        return
                    if line.startswith("event: "):
                        event = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        content = json.loads(line.removeprefix("data: "))
                        self.seen.append((event, content))
                        self.last[event] = content
                        self._ready.set()
                    elif line.startswith(": alive"):
                        self.alive += 1
        except httpx.HTTPError:
            return

    def state(self, domain: str) -> str:
        found = {d["name"]: d["state"] for d in self.last["session"]["domains"]}
        return found.get(domain, "")

    def close(self) -> None:
        self._end.set()
        # As a browser does when a page goes away.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._client.close()


@contextlib.contextmanager
def jupyter_server(root: Path, *arguments: str, **environment: str):
    """Start a Jupyter server with `root` as its folder, the extension enabled as by installing."""
    port, token = free_port(), secrets.token_hex(16)
    home = root.parent / f"{root.name}-home"
    config = home / "enabled" / "jupyter_server_config.d"
    config.mkdir(parents=True, exist_ok=True)
    shutil.copy(ENABLE, config / "workbench.json")
    private = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("WORKBENCH_", "JUPYTER_"))},
        "HOME": str(home), "JUPYTER_TOKEN": token, "OMP_NUM_THREADS": "1",
        "JUPYTER_CONFIG_PATH": str(home / "enabled"), "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"), **environment,
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}", *arguments,
    ]  # fmt: skip
    with (home / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=private, stdout=log, stderr=log, start_new_session=True
        )
        lab = Lab(f"http://127.0.0.1:{port}", token, home, process)
        try:
            wait_until(lambda: _answers(lab) or process.poll() is not None, 60)
            assert process.poll() is None, lab.log()[-3000:]
            yield lab
        finally:
            lab.http.close()
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _answers(lab: Lab) -> bool:
    try:
        return lab.http.get("/api").is_success
    except httpx.TransportError:
        return False
