"""The sidebar in a real browser: how soon it is there, how it scrolls, what it asks for.

Run with ``make bench``. Each row stands beside the limit that it has to keep; a frame while
scrolling stands beside a frame of the same page at rest, measured in the same run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import expect

from tests.lab.browser import BUILT, browser_page, jupyterlab, open_lab, two_hospitals
from tests.lab.sidebar import (
    ARRIVALS,
    FRAMES,
    SEARCH,
    Trouble,
    datasets,
    layout_saved,
    panel,
    publish_many,
    show_panel,
    space_file,
)
from tests.processes import ServerSite

LOADS = 7
MANY = 10_000
WAIT = 120_000


def built():
    """Return the size of what is built, in KB."""
    return sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file()) / 1000


def opened(root):
    """Return the seconds from JupyterLab's own load to the first dataset, and what went wrong."""
    with two_hospitals(root) as (_, _, page, url, token):
        page.set_default_timeout(WAIT)
        trouble = Trouble(page, url)
        hidden = while_hidden(page, url, token)
        open_lab(page, url, token)
        with page.expect_request(layout_saved("dataspace-panel")):
            show_panel(page)
        page.add_init_script(ARRIVALS)
        late = []
        for _ in range(LOADS):
            page.goto(f"{url}/lab")
            page.wait_for_selector("#jupyterlab-splash", state="detached")
            expect(datasets(page).first).to_be_visible()
            late.append(page.evaluate("window.panelAt - window.labAt") / 1000)
        return late, hidden, len(trouble.foreign), len(trouble.console)


def while_hidden(page, url, token):
    """Return how many requests ten minutes of the page's clock bring while the panel is hidden."""
    other = page.context.browser.new_page()
    asked = []
    other.clock.install()
    open_lab(other, url, token)
    show_panel(other)
    with other.expect_event("requestfailed", lambda r: "/watch" in r.url):
        other.locator(".jp-SideBar [data-id=filebrowser]").click()
    other.on("request", lambda r: asked.append(r.url) if "/workbench/v1/" in r.url else None)
    other.clock.run_for(600_000)
    other.close()
    return len(asked)


def crowded(root):
    """Return the frames at rest and while scrolling, a search and the list's arrival, all in ms."""
    site = ServerSite(root / "hospital-a")
    publish_many(site.root, MANY)
    (root / "notebooks").mkdir()
    environment = os.environ | {"WORKBENCH_SPACE": str(space_file(site, root / "space.toml"))}
    try:
        site.start()
        with jupyterlab(root, environment) as (url, token), browser_page(1400, 900) as page:
            page.set_default_timeout(WAIT)
            arrived = []
            for _ in range(2):
                open_lab(page, url, token)
                began = time.perf_counter()
                page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
                expect(panel(page).get_by_text("10,000 datasets")).to_be_visible(timeout=WAIT)
                arrived.append(1000 * (time.perf_counter() - began))
            rest = page.evaluate(FRAMES.replace("list.scrollTop += 4321;", ""))["times"]
            scrolled = page.evaluate(FRAMES)["times"]
            page.evaluate(SEARCH)
            panel(page).get_by_label("Search datasets").fill("ward 07777")
            expect(datasets(page)).to_have_count(1)
            return rest, scrolled, page.evaluate("window.took"), arrived
    finally:
        site.stop()


def row(name, value, limit, unit, digits=0):
    kept = "kept" if value == 0 else "missed"
    share = f"{value / limit:.2f}" if limit else kept
    print(f"| {name} | {value:.{digits}f} {unit} | {limit} {unit} | {share} |")


def main():
    with tempfile.TemporaryDirectory() as folder:
        late, hidden, foreign, errors = opened(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        rest, scrolled, search, arrived = crowded(Path(folder))
    frame = statistics.median(rest)
    print("| what | measured | limit | share |\n|---|---|---|---|")
    row("built files", built(), 300, "KB")
    row(
        f"first dataset after JupyterLab stood, median of {LOADS}",
        statistics.median(late),
        1,
        "s",
        2,
    )
    row("the same, the slowest", max(late), 1, "s", 2)
    row("requests in 10 minutes while hidden", hidden, 0, "")
    row("requests to foreign hosts", foreign, 0, "")
    row("errors in the console", errors, 0, "")
    print("\n| 10,000 datasets | ms | ratio to a frame at rest |\n|---|---|---|")
    for name, value in (
        ("frame at rest, median of 120", frame),
        ("frame while scrolling, median of 120", statistics.median(scrolled)),
        ("frame while scrolling, the longest", max(scrolled)),
        ("search for one of them", search),
        ("the list, the first time (every card is checked)", arrived[0]),
        ("the list, from then on", arrived[1]),
    ):
        print(f"| {name} | {value:.0f} | {value / frame:.1f} |")


if __name__ == "__main__":
    main()
