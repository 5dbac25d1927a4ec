"""``workbench demo``: two hospitals on this machine, a study, and a table of its results."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import typer

from workbench.demo.data import HOLDINGS, materialise
from workbench.demo.jupyter import PEOPLE, open_labs
from workbench.documents import PrivateKey
from workbench.errors import DomainUnavailable, InvalidConfiguration
from workbench.views.tables import Table

_START_SECONDS = 60
_STOP_SECONDS = 5
STUDY = "01-first-private-model.ipynb"


def run(store: Path, out: Path, *, lab: bool, repeats: int) -> None:
    """Set up what is missing, start the domains, and run the study or open JupyterLab."""
    began = time.monotonic()
    source = _source()
    store = store.resolve()
    with _as_interrupt():
        typer.echo(f"Setting up two hospitals in {store} …")
        spaces = set_up(store, source / "datasets_meta")
        typer.echo("Starting their servers …")
        with servers(store):
            if lab:
                ports = {person: _free_port() for person in PEOPLE}
                open_labs(source / "notebooks", spaces, ports)
                return
            place = out.resolve() / datetime.now().strftime("%Y%m%d-%H%M%S")
            before = _ledger_rows(store)
            typer.echo("Running the study …")
            from workbench.space.studies.bar import run_with_bar

            parameters = {
                "space": str(spaces["researcher"]),
                "output": str(place),
                "repeats": repeats,
            }
            run_with_bar(source / "notebooks" / STUDY, place, parameters)
        _report(place, before, _ledger_rows(store), time.monotonic() - began)


def _source() -> Path:
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "datasets_meta").is_dir() and (folder / "notebooks" / STUDY).is_file():
            return folder
    raise InvalidConfiguration(
        "the demo's datasets_meta/ and notebooks/ are not here",
        "Run it from a clone of the repository.",
    )


@contextlib.contextmanager
def _as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that nothing is left running."""

    def on_signal(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped. Nothing is left running; run it again to go on.", err=True)
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def set_up(store: Path, meta: Path) -> dict[str, Path]:
    """Make the keys, domains, data and cards that are missing.

    Returns
    -------
    dict of str to Path
        ``researcher`` and ``steward`` to their space files.
    """
    from workbench.domain.service import Domain
    from workbench.domain.setup import set_up as make_domain

    people: dict[str, PrivateKey] = {}
    for role in ("researcher", "steward"):
        path = store / f"{role}.key"
        if not path.exists():
            PrivateKey.create().save(path)
        people[role] = PrivateKey.load(path)
    entries = []
    for name, datasets in HOLDINGS.items():
        root = store / name
        if not (root / "domain.toml").exists():
            make_domain(root, name=name, title=name.replace("-", " ").title(), port=_free_port())
        port = _settle_port(root)
        domain = Domain(root)
        for role, person in people.items():
            domain.operator.admit(person.public, f"Demo {role}", role)
        for dataset in datasets:
            if not any((root / "data").glob(f"{dataset}.*")):
                materialise(name, root / "data")
            shutil.copytree(meta / dataset, root / "datasets" / dataset, dirs_exist_ok=True)
            domain.operator.publish(dataset)
        entries.append((name, port, str(domain.key.public)))
        domain.close()
    found = {}
    for role in people:
        found[role] = store / f"{role}.toml"
        lines = [f'key = "{role}.key"']
        for name, port, key in entries:
            lines += [
                "",
                "[[domains]]",
                f'name = "{name}"',
                f'url = "http://127.0.0.1:{port}"',
                f'public_key = "{key}"',
            ]
        found[role].write_text("\n".join(lines) + "\n")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settle_port(root: Path) -> int:
    """Return the domain's port, or a new one if another program uses it."""
    from workbench.domain.store.config import DomainFolder

    port = DomainFolder(root).config.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return port
        except OSError:
            fresh = _free_port()
    path = root / "domain.toml"
    path.write_text(path.read_text().replace(f"port = {port}", f"port = {fresh}", 1))
    return fresh


@contextlib.contextmanager
def servers(store: Path) -> Iterator[None]:
    """Run every domain of the store as a server process, and stop them all at the end."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in HOLDINGS:
            with (store / name / "server.log").open("ab") as log:
                running[name] = subprocess.Popen(
                    [sys.executable, "-m", "workbench.cli", "domain", "serve", str(store / name)],
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        for name, process in running.items():
            _wait(store / name, process)
        yield
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(root: Path, process: subprocess.Popen[bytes]) -> None:
    from workbench.domain.store.config import DomainFolder

    url = f"http://127.0.0.1:{DomainFolder(root).config.port}/v1/health"
    deadline = time.monotonic() + _START_SECONDS
    with httpx.Client(trust_env=False) as http:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if http.get(url).is_success:
                    return
            time.sleep(0.05)
    log = (root / "server.log").read_text().strip().splitlines() or [""]
    why = next((line for line in reversed(log) if line.startswith("error: ")), log[-1])
    raise DomainUnavailable(f"{root.name} did not start: {why}", f"See {root / 'server.log'}.")


def _ledger_rows(store: Path) -> int:
    from workbench.budget.chain import count
    from workbench.domain.store.config import DomainFolder
    from workbench.domain.store.database import Store

    total = 0
    for name in HOLDINGS:
        database = Store(DomainFolder(store / name).database_url)
        with database.read() as connection:
            total += count(connection)
        database.close()
    return total


def _report(place: Path, before: int, after: int, seconds: float) -> None:
    summary = json.loads((place / "summary.json").read_text())
    Table(
        ["dataset", "private", "public", "rehearsal", "ε a run", "ε in all"],
        [
            [
                row["dataset"],
                f"{row['median']:.3f}",
                f"{row['non_private']:.3f}",
                f"{row['rehearsal']:.3f}",
                f"{row['epsilon']:g}",
                f"{row['epsilon_composed']:.2f}",
            ]
            for row in summary["results"]
        ],
    ).show("Accuracy on the hold-out part")
    runs, delta = len(summary["results"][0]["values"]), summary["results"][0]["delta"]
    typer.echo(
        f"private: median of {runs} runs with different noise, at delta {delta:g}. public: the "
        "same model without privacy.\nrehearsal: on synthetic records, whose labels are random. "
        "ε in all: what the ledger has composed."
    )
    moved = after - before
    typer.echo(
        "The ledgers have not moved: every request was answered from its earlier release."
        if moved == 0
        else f"The ledgers have {moved} new entries."
    )
    typer.echo(f"Results: {place}  ({seconds:.0f} s)")
    typer.echo("Next: workbench demo --lab")
