"""Fixtures that all tests share: both databases, and a domain in this process."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support import Site, make_domain

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and tests press Ctrl-C on what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Draw the same first parameters of models, whichever tests ran before."""
    torch.manual_seed(0)


def _binary(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(places[-1]) if places else None)
    if found is None:
        pytest.fail(f"PostgreSQL's '{name}' is missing: run 'make system'")
    return found


def _is_ready(server: subprocess.Popen, data: Path) -> bool:
    """Return whether a server that was started takes connections, before it ends or a minute."""
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        # What answers on its port may be somebody else: the server itself says here that it is up.
        with contextlib.suppress(OSError):
            if (data / "postmaster.pid").read_text().rstrip().endswith("ready"):
                return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real PostgreSQL server on loopback; the URL of its maintenance database."""
    # Not in pytest's folder: another run of pytest takes the rights on that away from others.
    root = Path(tempfile.mkdtemp(prefix="workbench-postgresql-"))
    log = (root / "log").open("wb")
    options: dict = {"cwd": root, "stdout": log, "stderr": log}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = "postgres" if "postgres" in {p.pw_name for p in pwd.getpwall()} else "nobody"
        options |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        shutil.chown(root, user)
    data = root / "data"
    subprocess.run(
        [_binary("initdb"), "-D", data, "-U", "tests", "--auth=trust", "-E", "UTF8"],
        check=True,
        **options,
    )
    # Between asking for a free port and using it, somebody else may have taken it.
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
        }
        flags = [part for k, v in settings.items() for part in ("-c", f"{k}={v}")]
        server = subprocess.Popen([_binary("postgres"), "-D", data, *flags], **options)
        if _is_ready(server, data):
            break
    else:
        pytest.fail(f"PostgreSQL did not start: {(root / 'log').read_text()[-2000:]}")
    yield f"postgresql+pg8000://tests@127.0.0.1:{port}"
    ended = server.poll()
    server.terminate()
    server.wait(30)
    assert ended is None, f"PostgreSQL ended by itself: {(root / 'log').read_text()[-2000:]}"
    log.close()
    shutil.rmtree(root)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> str:
    """The URL of an empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite'}"
    from sqlalchemy import create_engine, text

    server = request.getfixturevalue("postgresql")
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    for attempt in range(50):
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            break
        except Exception:
            if attempt == 49:
                raise
            time.sleep(0.1)
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """Hospital A in this process, with breast-cancer and digits published, and two people."""
    root = tmp_path_factory.mktemp("site") / "hospital-a"
    opened = Site.open(make_domain(root, datasets=("breast-cancer", "digits")))
    yield opened
    opened.close()


@pytest.fixture
def steward_site(tmp_path) -> Iterator[Site]:
    """Hospital B in this process with diabetes, whose terms send all requests to the steward."""
    opened = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b", ("diabetes",)))
    yield opened
    opened.close()
