"""A steward at work in a real browser: JupyterLab, the panel, and two hospitals as processes.

Every wait is for something that can be seen; nothing sleeps.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from torch import nn

import workbench as wb
from tests.lab.conftest import HOSTILE
from tests.support import META, wait_until
from workbench.cli.demo import servers, set_up
from workbench.documents import Approval, PrivateKey
from workbench.documents.errors import RequestDenied
from workbench.space.client import DomainClient

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BROWSER = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LONG = 20_000


@contextmanager
def jupyterlab(root, environment):
    """JupyterLab as a process of its own; the URL and token of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    home = root / "home"
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # Without this a question about news covers the page.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    private = {
        **environment, "HOME": str(home), "JUPYTER_TOKEN": token, "OMP_NUM_THREADS": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root / 'notebooks'}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
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


def answers(url):
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@wb.training_function(steps=40, sample_rate=1.0, learning_rate=0.1)
def progression(model, record):
    target = (record["progression"] - 185.5) / 160.5
    predicted = model(5 * wb.features(record))[0]
    return (predicted - target) ** 2, {"within_50": (predicted - target).abs() < 50 / 160.5}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two hospitals, JupyterLab beside them, and a browser page on it."""
    root = tmp_path_factory.mktemp("browser")
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    spaces = set_up(root / "store", META)
    environment = {
        **os.environ,
        "WORKBENCH_SPACE": str(spaces["researcher"]),
        "WORKBENCH_STEWARD_SPACE": str(spaces["steward"]),
    }
    with (
        servers(root / "store"),
        jupyterlab(root, environment) as (url, token),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        page = browser.new_page(viewport={"width": 1400, "height": 1300})
        page.set_default_timeout(LONG)
        expect.set_options(timeout=LONG)
        yield root, spaces, page, url, token
        browser.close()


def ask(space, words, epsilon=1.0):
    dataset = space.dataset("hospital-b/diabetes")
    return progression.submit(
        nn.Linear(10, 1), to=dataset, epsilon=epsilon, purpose=f"DUO:0000007 {words}"
    )


def open_notebook(page, url, token, name):
    """Open a notebook and wait until its kernel is there."""
    page.goto(f"{url}/lab/tree/{name}?token={token}&reset")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.wait_for_selector(".jp-NotebookPanel .jp-Spinner", state="detached")
    page.get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle")).wait_for()


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def entries(panel):
    return panel.get_by_role("listbox", name="requests").get_by_role("option")


def choose(panel, purpose):
    """Select the waiting request with this purpose."""
    search = panel.get_by_label("filter requests")
    search.fill(purpose)
    entries(panel).click()
    expect(panel.get_by_label("request", exact=True)).to_contain_text(purpose)
    search.fill("")


def test_a_steward_approves_one_request_and_denies_another(place):
    root, spaces, page, url, token = place
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    space = wb.connect(spaces["researcher"])
    good, vague = ask(space, "outcomes of diabetes"), ask(space, HOSTILE, epsilon=1.5)

    open_notebook(page, url, token, "02-steward.ipynb")
    run_all(page)
    panel = page.get_by_role("region", name="steward panel")
    expect(entries(panel)).to_have_count(2)
    expect(panel.get_by_role("meter", name="budget hospital-b/diabetes")).to_be_visible()

    choose(panel, "outcomes of diabetes")
    detail = panel.get_by_label("request", exact=True)
    for fact in ("Demo researcher", "trained parameters", "two noisy sums", "ε 1, δ 0.00001",
                 "this function has not been approved before"):  # fmt: skip
        expect(detail).to_contain_text(fact)
    expect(detail).to_contain_text("trained and measured on the synthetic snippet")
    page.screenshot(path=root / "1-waiting.png")

    detail.get_by_role("button", name="Approve").click()
    expect(detail).to_contain_text("released")
    expect(detail).to_contain_text("Demo steward")
    page.screenshot(path=root / "2-released.png")
    result = good.wait(progress=False)
    assert result.verified.decision.by == "steward"
    assert good.status.decider == "Demo steward"

    choose(panel, "friends")
    expect(detail).to_contain_text("purpose_text")
    assert panel.locator("img").count() == 0, "text of a request became markup"
    deny = detail.get_by_role("button", name="Deny")
    expect(deny).to_be_disabled()
    expect(deny).to_have_accessible_description("To deny, write a reason first.")
    detail.get_by_label("reason").fill("Say what the model is for.")
    expect(deny).to_be_enabled()
    page.screenshot(path=root / "3-reason.png")
    deny.click()
    expect(panel.get_by_role("status")).to_contain_text("denied")

    assert vague.state == "denied"
    assert vague.reason == "Say what the model is for."
    with pytest.raises(RequestDenied, match=r"Say what the model is for\."):
        vague.wait(progress=False)
    assert alerts == []


def test_a_reason_that_is_being_typed_survives_news_from_the_domain(place):
    _, spaces, page, _, _ = place
    space = wb.connect(spaces["researcher"])
    first = ask(space, "typing", epsilon=0.5)
    panel = page.get_by_role("region", name="steward panel")
    choose(panel, "typing")
    reason = panel.get_by_label("reason", exact=True)
    reason.press_sequentially("half a sen")
    ask(space, "arriving", epsilon=0.4)
    expect(entries(panel)).to_have_count(2)
    reason.press_sequentially("tence")
    expect(reason).to_have_value("half a sentence")
    expect(reason).to_be_focused()
    assert first.state == "pending"


def test_the_panel_is_worked_with_the_keyboard_alone(place):
    _, _, page, _, _ = place
    panel = page.get_by_role("region", name="steward panel")
    chosen = panel.locator("[role=option][aria-selected=true]")
    options = entries(panel)
    options.first.click()
    expect(chosen).to_have_text(options.first.text_content())
    options.first.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(options.nth(1)).to_be_focused()


def test_where_two_stewards_are_needed_one_reads_that_another_has_to_approve_too(place):
    root, spaces, page, _, _ = place
    steward = wb.connect(spaces["steward"]).domains["hospital-b"]
    key = PrivateKey.create()
    steward.admit(str(key.public), "Second steward", "steward")
    steward.set_policy("diabetes", Approval(approvals=2))
    handle = ask(wb.connect(spaces["researcher"]), "for two", epsilon=0.3)
    panel = page.get_by_role("region", name="steward panel")
    choose(panel, "for two")
    detail = panel.get_by_label("request", exact=True)
    expect(detail).to_contain_text("none yet, 2 needed")
    approve = detail.get_by_role("button", name="Approve")
    approve.click()
    expect(panel.get_by_role("status")).to_contain_text("approved by Demo steward, 1 more needed")
    expect(detail).to_contain_text("approved by Demo steward, 1 more needed")
    expect(approve).to_be_disabled()
    expect(approve).to_have_accessible_description(re.compile("another steward has to approve"))
    expect(panel.locator("[role=option][aria-selected=true]")).to_contain_text(
        "waits for another steward"
    )
    page.screenshot(path=root / "4-one-of-two.png")
    second = DomainClient(steward.name, steward.public_key, steward._http, key)
    second.decide(handle.digest, "approve")
    expect(detail).to_contain_text("released")
    assert len(handle.wait(progress=False).verified.approvals) == 1


def test_the_panel_follows_the_dark_theme(place):
    root, _, page, _, _ = place
    panel = page.get_by_role("region", name="steward panel")
    light = panel.evaluate("node => getComputedStyle(node).color")
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_role("menuitem", name="JupyterLab Dark", exact=True).click()
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    page.wait_for_function(
        "before => getComputedStyle(document.querySelector('.wbs-root')).color !== before",
        arg=light,
    )
    # JupyterLab lays its splash over the page while it changes themes.
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.screenshot(path=root / "5-dark.png")
