"""The sidebar with 10,000 datasets, and beside a server part of another version."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.lab.browser import browser_page, jupyterlab, open_lab
from tests.lab.sidebar import (
    FRAMES,
    SEARCH,
    Trouble,
    datasets,
    panel,
    publish_many,
    show_panel,
    space_file,
)
from tests.processes import ServerSite
from workbench import __version__

pytestmark = pytest.mark.slow

MANY = 10_000


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A domain with 10,000 datasets and JupyterLab beside it."""
    root = tmp_path_factory.mktemp("crowded")
    site = ServerSite(root / "hospital-a")
    publish_many(site.root, MANY)
    (root / "notebooks").mkdir()
    environment = os.environ | {"WORKBENCH_SPACE": str(space_file(site, root / "space.toml"))}
    try:
        site.start()
        with jupyterlab(root, environment) as (url, token), browser_page(1400, 900) as page:
            page.set_default_timeout(120_000)
            # The first list of so many takes its time on a busy machine, whichever test is first.
            expect.set_options(timeout=120_000)
            trouble = Trouble(page, url)
            yield page, url, token
            assert trouble.console == []
            assert trouble.foreign == []
    finally:
        site.stop()


def test_ten_thousand_datasets_scroll_and_are_searched_without_a_wait(crowded):
    page, url, token = crowded
    open_lab(page, url, token)
    page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
    expect(panel(page).get_by_text("10,000 datasets")).to_be_visible(timeout=120_000)
    scrolled = page.evaluate(FRAMES)
    times = sorted(scrolled["times"])
    middle, worst = times[len(times) // 2], times[-1]
    print(f"frames: median {middle:.0f} ms, longest {worst:.0f} ms; {scrolled['rows']} rows drawn")
    assert scrolled["top"] > 500_000, "it did not scroll"
    assert scrolled["rows"] < 60, "rows that cannot be seen are in the page"
    # Generous: a busy machine with software rendering. All rows at once take many seconds.
    assert middle < 100
    assert worst < 1000

    page.evaluate(SEARCH)
    panel(page).get_by_label("Search datasets").fill("ward 07777")
    expect(datasets(page)).to_have_count(1)
    took = page.evaluate("window.took")
    print(f"search among 10,000: {took:.0f} ms")
    assert took < 1500

    panel(page).get_by_label("Search datasets").fill("")
    # Else the key may still meet the list of one.
    expect(datasets(page)).not_to_have_count(1)
    box = panel(page).get_by_role("listbox", name="Datasets")
    box.focus()
    page.keyboard.press("End")
    last = panel(page).get_by_role("option", selected=True)
    expect(last).to_have_attribute("aria-posinset", str(MANY))
    expect(last).to_contain_text("Ward 09998")


def test_a_front_end_of_another_version_says_so(crowded):
    page, url, token = crowded

    def older(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(f'"{__version__}"', '"0.0.9"'))

    page.route("**/dataspace-lab/static/*.js**", older)
    try:
        open_lab(page, url, token)
        show_panel(page)
        note = panel(page).get_by_role("note")
        expect(note).to_contain_text(
            f"The sidebar is version 0.0.9 and its server part is version {__version__}."
        )
        expect(note).to_contain_text("Restart JupyterLab and reload this page")
    finally:
        page.unroute("**/dataspace-lab/static/*.js**")
