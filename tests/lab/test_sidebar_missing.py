"""The sidebar where its server part or the space is missing: it says what to do."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.lab.browser import browser_page, jupyterlab, open_lab
from tests.lab.sidebar import panel

pytestmark = pytest.mark.slow


def test_without_its_server_part_the_sidebar_says_what_to_do(tmp_path):
    (tmp_path / "notebooks").mkdir()
    with (
        jupyterlab(tmp_path, dict(os.environ), server_part=False) as (url, token),
        browser_page(1400, 900) as page,
    ):
        open_lab(page, url, token)
        page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
        alert = panel(page).get_by_role("alert")
        expect(alert).to_contain_text("The server part of Data space is not running.")
        expect(alert).to_contain_text("jupyter server extension list")
        expect(alert.get_by_role("button", name="Try again")).to_be_visible()


def test_without_a_space_the_sidebar_says_what_to_do(tmp_path):
    (tmp_path / "notebooks").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    with (
        jupyterlab(tmp_path, environment) as (url, token),
        browser_page(1400, 900) as page,
    ):
        open_lab(page, url, token)
        page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
        expect(panel(page).get_by_role("alert")).to_contain_text("space.toml")
