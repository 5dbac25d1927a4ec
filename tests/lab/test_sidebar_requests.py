"""The sidebar from two sides: a researcher asks, a steward decides, each in their own JupyterLab.

Two hospitals and two JupyterLab servers run as processes; every wait is for what can be seen.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from torch import nn

import workbench as wb
from tests.lab.browser import (
    BROWSER,
    LONG,
    REPOSITORY,
    choose_theme,
    jupyterlab,
    open_lab,
)
from tests.support import META
from workbench.cli.demo import servers, set_up
from workbench.space.connection import Space

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIABETES = "hospital-b/diabetes"
IMAGES = REPOSITORY / "docs" / "images"


@dataclass
class Session:
    """One person's JupyterLab in a browser of their own, and their Python client."""

    page: Page
    space: Space
    url: str
    token: str

    @property
    def panel(self):
        return self.page.get_by_role("region", name="Data space", exact=True)

    def section(self, name):
        return self.panel.locator("section.wb-Section").filter(
            has=self.page.get_by_role("button", name=re.compile(f"^{name}"))
        )

    def article(self, name):
        return self.page.get_by_role("article", name=name)

    def dialog(self):
        return self.page.get_by_role("dialog")

    def start(self) -> None:
        """Load the page anew, with nothing open but the sidebar."""
        open_lab(self.page, self.url, self.token)
        self.command("Show the data space")
        expect(self.panel).to_be_visible()

    def command(self, label: str) -> None:
        """Run a command from the palette, as a person does."""
        self.page.keyboard.press("Control+Shift+C")
        box = self.page.get_by_role("textbox", name="Command Palette Section").or_(
            self.page.locator(".lm-CommandPalette-input")
        )
        box.first.fill(label)
        item = self.page.locator(".lm-CommandPalette-item").filter(has_text=label)
        item.first.click()

    def close_pages(self) -> None:
        self.command("Close All Tabs")


@dataclass
class Place:
    root: Path
    spaces: dict[str, Path]
    researcher: Session
    steward: Session


@contextmanager
def session(root: Path, browser: Browser, space: Path):
    """JupyterLab of the person whose space it is, asking for news every second."""
    (root / "notebooks").mkdir(parents=True)
    settings = root / "home" / "settings" / "@workbench" / "dataspace-lab"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"pollInterval": 1}))
    environment = {**os.environ, "WORKBENCH_SPACE": str(space)}
    with jupyterlab(root, environment) as (url, token):
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        page.set_default_timeout(LONG)
        found = Session(page, wb.connect(space), url, token)
        found.start()
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("sidebar")
    spaces = set_up(root / "store", META)
    expect.set_options(timeout=LONG)
    with servers(root / "store"), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        with (
            session(root / "researcher", browser, spaces["researcher"]) as researcher,
            session(root / "steward", browser, spaces["steward"]) as steward,
        ):
            yield Place(root, spaces, researcher, steward)
        browser.close()


def picture(page: Page, name: str) -> None:
    """Keep a picture for the guides, light and dark, if asked to."""
    if not os.environ.get("WORKBENCH_SCREENSHOTS"):
        return
    page.screenshot(path=IMAGES / f"{name}.png")
    choose_theme(page, "JupyterLab Dark")
    page.screenshot(path=IMAGES / f"{name}-dark.png")
    choose_theme(page, "JupyterLab Light")


def training(name: str, steps: int):
    def loss(model, record):
        target = (record["progression"] - 185.5) / 160.5
        predicted = model(5 * wb.features(record))[0]
        within = (predicted - target).abs() < 50 / 160.5
        return (predicted - target) ** 2, {"within_50": within}

    loss.__name__ = name
    return wb.training_function(steps=steps, sample_rate=1.0, learning_rate=0.1, evaluations=5)(
        loss
    )


def ask(place: Place, name: str, words: str = "outcomes", epsilon=0.2, steps=20):
    """Submit a training run from Python, as a notebook does."""
    dataset = place.researcher.space.dataset(DIABETES)
    return training(name, steps).submit(
        nn.Linear(10, 1), to=dataset, epsilon=epsilon, purpose=f"DUO:0000007 {words}"
    )


def test_a_request_is_seen_reviewed_approved_followed_and_verified(place):
    researcher, steward = place.researcher, place.steward
    request = ask(place, "progression", steps=3000)

    mine = researcher.section("My requests")
    mine.get_by_role("button", name="progression", exact=True).click()
    page = researcher.article("Request progression")
    expect(page.get_by_role("status").first).to_contain_text("waiting for a decision")

    steward.section("Steward").get_by_role("button", name="Review progression").click()
    review = steward.article("Review progression")
    for fact in (
        "Demo researcher", "trained parameters", "two noisy sums", "privacy, computed",
        "Private by construction", "outcomes", "has not been approved before",
    ):  # fmt: skip
        expect(review).to_contain_text(fact)
    expect(review).to_contain_text("trained and measured on the synthetic snippet")
    expect(review.get_by_role("meter", name=f"budget of {DIABETES}")).to_be_visible()
    picture(steward.page, "sidebar-review")
    review.get_by_role("button", name="Approve").click()
    expect(review.get_by_role("heading", level=1)).to_be_focused()

    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("released")
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("img", name="Measured on the hold-out part")).to_be_visible()
    expect(page.get_by_role("img", name="Learning curve")).to_be_visible()
    expect(page.locator(".wb-Verdict")).to_have_text("Verified")
    value = request.wait(progress=False).metrics["within_50"].value
    expect(page.get_by_role("table", name="Measured on the hold-out part")).to_contain_text(
        f"{value:.2g}"
    )
    picture(researcher.page, "sidebar-result")
    assert request.status.decider == "Demo steward"
