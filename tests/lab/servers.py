"""A real Jupyter server with the extension, as a process; domains beside it that can be watched."""

from __future__ import annotations

import asyncio
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
import uvicorn
from starlette.responses import JSONResponse

from tests.processes import free_port
from tests.support import Site, make_domain, wait_until
from workbench.documents import PrivateKey
from workbench.domain.api import create_app

ENABLE = Path(__file__).parents[2] / "jupyter-config" / "workbench.json"
PREFIX = "/workbench/v1"


class Lab:
    """A Jupyter server and calls of its routes with the token."""

    def __init__(
        self, url: str, token: str, folder: Path, home: Path, process: subprocess.Popen
    ) -> None:
        self.url, self.token, self.folder, self.home = url, token, folder, home
        self.process = process
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
        return (self.home / "jupyter.log").read_text()


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
        "HOME": str(home),
        "JUPYTER_TOKEN": token,
        "OMP_NUM_THREADS": "1",
        "JUPYTER_CONFIG_PATH": str(home / "enabled"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        **environment,
    }
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        *arguments,
    ]
    with (home / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=private, stdout=log, stderr=log, start_new_session=True
        )
        lab = Lab(f"http://127.0.0.1:{port}", token, root, home, process)
        try:
            wait_until(lambda: _answers(lab) or process.poll() is not None, 60)
            assert process.poll() is None, lab.log()[-3000:]
            yield lab
        finally:
            lab.http.close()
            with contextlib.suppress(ProcessLookupError):
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


class OpenDomain:
    """A domain of this process behind a real port, whose calls are counted and can be held up."""

    def __init__(
        self,
        root: Path,
        name: str = "hospital-a",
        datasets=("breast-cancer",),
        like: OpenDomain | None = None,
    ) -> None:
        self.name = name
        self.site = Site.open(make_domain(root, name, datasets))
        if like is not None:
            self.site.researcher, self.site.steward = like.site.researcher, like.site.steward
            self.site.domain.operator.admit(
                self.site.researcher.public, "Rosa Research", "researcher"
            )
            self.site.domain.operator.admit(self.site.steward.public, "Stella Steward", "steward")
        self.calls: list[str] = []
        self.older = False
        self._free = threading.Event()
        self._free.set()
        self.port = free_port()
        self._server: uvicorn.Server | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def entry(self) -> str:
        key = self.site.domain.key.public
        return f'[[domains]]\nname = "{self.name}"\nurl = "{self.url}"\npublic_key = "{key}"\n'

    def _app(self):
        app = create_app(self.site.domain)

        async def counted(scope, receive, send):
            if scope["type"] != "http":
                return await app(scope, receive, send)
            self.calls.append(scope["path"])
            while not self._free.is_set():
                await asyncio.sleep(0.02)
            if self.older and scope["path"] in ("/v1/me", "/v1/budgets"):
                scope = scope | {"path": "/v1/nothing", "raw_path": b"/v1/nothing"}
            if self.older and scope["path"] == "/v1/domain":
                info = self.site.domain.info().model_dump(mode="json") | {"api": 1}
                return await JSONResponse(info)(scope, receive, send)
            return await app(scope, receive, send)

        return counted

    def start(self) -> None:
        config = uvicorn.Config(self._app(), port=self.port, log_level="error", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started)

    def stop(self) -> None:
        """Close the port; the domain itself lives on."""
        self._free.set()
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)

    def hang(self) -> None:
        """Take calls and do not answer them."""
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()

    def close(self) -> None:
        self.stop()
        self.site.close()


def write_space(folder: Path, key: PrivateKey, *domains: OpenDomain, name: str = "me.key") -> Path:
    """Write a space.toml and its key into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / name).exists():
        key.save(folder / name)
    file = folder / "space.toml"
    # Whoever looks meanwhile sees the old file or the new one.
    fresh = folder / "space.toml.new"
    fresh.write_text("\n".join([f'key = "{name}"', *(domain.entry for domain in domains)]))
    fresh.replace(file)
    return file
