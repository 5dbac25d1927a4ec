"""JupyterLab as a process with this tree's extensions, and a browser page on it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from tests.support import META, wait_until
from workbench.demo.run import servers, set_up

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"
BUILT = REPOSITORY / "workbench" / "lab" / "labextension"
ENABLE = REPOSITORY / "jupyter-config" / "workbench.json"
NAME = "@workbench/dataspace-lab"
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONG = 20_000


@contextmanager
def jupyterlab(
    root: Path, environment: dict[str, str], server_part: bool = True
) -> Iterator[tuple[str, str]]:
    """Start JupyterLab as a process of its own; yields its URL and token.

    Both extensions are those of this tree, whatever is installed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    home = root / "home"
    settings = home / "settings" / "@jupyterlab"
    # Otherwise questions about news and about a new notebook's name cover the page.
    for name, content in (
        ("apputils-extension/notification", '{"fetchNews": "false"}'),
        ("docmanager-extension/plugin", '{"renameUntitledFileOnSave": false}'),
    ):
        place = settings / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True)
        place.write_text(content)
    extensions = home / "labextensions"
    (extensions / NAME).parent.mkdir(parents=True)
    (extensions / NAME).symlink_to(BUILT)
    enabled = home / "enabled" / "jupyter_server_config.d"
    enabled.mkdir(parents=True)
    enabling = ENABLE.read_text()
    (enabled / ENABLE.name).write_text(
        enabling if server_part else enabling.replace("true", "false")
    )
    private = {
        **environment,
        "HOME": str(home),
        "JUPYTER_TOKEN": token,
        "OMP_NUM_THREADS": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_PATH": str(home / "enabled"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root / 'notebooks'}",
        f"--LabServerApp.extra_labextensions_path={extensions}",
        f"--LabApp.extra_labextensions_path={extensions}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (root / "jupyterlab.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=private, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(
                lambda: answers(f"{url}/api?token={token}") or process.poll() is not None, 60
            )
            assert process.poll() is None, (root / "jupyterlab.log").read_text()[-3000:]
            yield url, token
        finally:
            # The group holds the kernels too.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def browser_page(width: int = 1400, height: int = 1300) -> Iterator[Page]:
    """Open a page of Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(LONG)
        expect.set_options(timeout=LONG)
        yield page
        browser.close()


@contextmanager
def two_hospitals(root: Path, person: str = "researcher"):
    """Two hospitals, JupyterLab of `person` beside them, and a browser page on it."""
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    spaces = set_up(root / "store", META)
    environment = {
        **os.environ,
        "WORKBENCH_SPACE": str(spaces[person]),
        "WORKBENCH_STEWARD_SPACE": str(spaces["steward"]),
    }
    with (
        servers(root / "store"),
        jupyterlab(root, environment) as (url, token),
        browser_page() as page,
    ):
        yield root, spaces, page, url, token


def open_lab(page: Page, url: str, token: str, tree: str = "") -> None:
    """Open JupyterLab with a fresh layout and wait until it stands."""
    page.goto(f"{url}/lab{tree}?token={token}&reset")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    if not tree:
        # It comes late, and takes the focus from whatever was opened before it.
        page.wait_for_selector(".jp-Launcher-body")


def open_notebook(page: Page, url: str, token: str, name: str) -> None:
    """Open a notebook and wait until its kernel is there."""
    open_lab(page, url, token, f"/tree/{name}")
    kernel_ready(page)


def kernel_ready(page: Page) -> None:
    """Wait until the notebook in front has an idle kernel."""
    page.wait_for_selector(".jp-NotebookPanel .jp-Spinner", state="detached")
    page.get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle")).wait_for()


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def choose_theme(page: Page, name: str) -> None:
    """Choose a theme in the menu and wait until it is there."""
    light = str("Light" in name).lower()
    if page.locator(f"body[data-jp-theme-light={light}]").count():
        return
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_role("menuitem", name=name, exact=True).click()
    page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
    # JupyterLab lays its splash over the page while it changes themes.
    page.wait_for_selector("#jupyterlab-splash", state="detached")
