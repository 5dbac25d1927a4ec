"""One person's JupyterLab in a browser of their own."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

import workbench as wb
from tests.lab.browser import REPOSITORY, jupyterlab, open_lab
from workbench.space.client.client import DomainClient
from workbench.space.connection import Space

# A rehearsal and a run of a few thousand steps take their time on a busy machine.
PATIENCE = 90_000
IMAGES = REPOSITORY / "docs" / "images"


@dataclass
class Session:
    """One person's JupyterLab in a browser of their own, and their Python client."""

    page: Page
    space: Space
    url: str
    token: str

    @property
    def hospital(self) -> DomainClient:
        """The domain that all requests of these tests go to."""
        return self.space.domains["hospital-b"]

    def section(self, name):
        return self.page.locator(f"section.wb-Section:has(#wb-section-{name}-title)")

    def article(self, name):
        return self.page.get_by_role("article", name=name)

    @property
    def dialog(self):
        return self.page.get_by_role("dialog")

    def start(self) -> None:
        """Load the page anew, with nothing open but the sidebar."""
        open_lab(self.page, self.url, self.token)
        self.page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
        expect(self.page.locator("#dataspace-panel")).to_be_visible()

    def command(self, label: str) -> None:
        """Run a command from the palette, as a person does."""
        self.page.keyboard.press("Control+Shift+KeyC")
        self.page.locator("#modal-command-palette .lm-CommandPalette-input").fill(label)
        item = self.page.locator(".lm-CommandPalette-item:visible").filter(has_text=label)
        item.first.click()


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
        page.set_default_timeout(PATIENCE)
        found = Session(page, wb.connect(space), url, token)
        found.start()
        yield found
