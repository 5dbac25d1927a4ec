"""The catalog, the requests and live figures in a real JupyterLab, with two hospitals.

Every wait is for something that can be seen; nothing sleeps.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.lab.browser import choose_theme, open_notebook, run_all, two_hospitals
from tests.space.studies.conftest import notebook
from tests.studies import endless, linear

pytestmark = pytest.mark.slow

TRAIN = """
import torch.nn.functional as F
from torch import nn

@wb.training_function(steps=200, sample_rate=0.5, learning_rate=0.5)
def diagnose(model, record):
    logits = model(wb.features(record))
    return F.cross_entropy(logits, record["diagnosis"]), {
        "accuracy": logits.argmax() == record["diagnosis"]
    }

ds = wb.connect().dataset("hospital-a/breast-cancer")
rehearsal = diagnose.rehearse(nn.Linear(30, 2), ds)
"""
WAIT = """
diagnose.submit(nn.Linear(30, 2), to=ds, epsilon=1.0, purpose="DUO:0000007 cancer").wait()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("widgets")
    with two_hospitals(root) as found:
        yield found


def ready(place, name, *cells):
    root, _, page, url, token = place
    notebook(root / "notebooks" / f"{name}.ipynb", "import workbench as wb", *cells)
    open_notebook(page, url, token, f"{name}.ipynb")
    run_all(page)
    return page


def catalog(place):
    """Open a notebook that shows the catalog, all seven datasets in it."""
    page = ready(place, "browse", "wb.CatalogBrowser()")
    browser = page.get_by_role("region", name="catalog")
    expect(listed(browser)).to_have_count(7)
    return browser


def listed(browser):
    return browser.get_by_role("listbox", name="datasets").get_by_role("option")


def test_a_dataset_is_found_and_opened(place):
    browser = catalog(place)
    options = listed(browser)
    browser.get_by_label("search datasets").fill("WISCONSIN mean_radius")
    expect(options).to_have_count(2)
    browser.get_by_label("domain").select_option("hospital-b")
    expect(options).to_have_count(1)
    options.click()
    pane = browser.get_by_label("dataset", exact=True)
    expect(pane.get_by_role("meter", name="privacy left")).to_be_visible()
    expect(pane).to_contain_text("hospital-b/breast-cancer")
    expect(pane.get_by_label("schema")).to_contain_text("mean_radius")
    expect(pane.get_by_label("snippet")).to_be_visible()
    expect(pane).to_contain_text("synthetic, level 0")
    place[2].screenshot(path=place[0] / "catalog-light.png")


def test_the_catalog_is_worked_with_the_keyboard(place):
    browser = catalog(place)
    listbox = browser.get_by_role("listbox", name="datasets")
    listbox.press("Home")
    expect(listed(browser).first).to_have_attribute("aria-selected", "true")
    listbox.press("ArrowDown")
    expect(listed(browser).nth(1)).to_have_attribute("aria-selected", "true")


def test_a_request_is_followed_and_cancelled_in_the_table(place):
    root, spaces, *_ = place
    space = wb.connect(spaces["researcher"])
    ask = {"epsilon": 0.3, "purpose": "DUO:0000007 cancer"}
    page = ready(place, "requests", "wb.RequestTable()")
    view = page.get_by_role("region", name="requests")
    expect(view).to_contain_text(f"{len(space.requests())} request")
    dataset = space.dataset("hospital-a/breast-cancer")
    request = endless.submit(linear(), to=dataset, **ask, outputs=("model",))
    row = view.get_by_role("row").filter(has_text="endless")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text("policy: epsilon 0.3 is at most 2")
    expect(row.get_by_role("progressbar")).to_be_visible()
    page.screenshot(path=root / "requests-light.png")
    row.get_by_role("button", name="Cancel endless on hospital-a/breast-cancer").click()
    expect(row).to_contain_text("cancelled")
    expect(view).to_contain_text("what ran stays charged")
    expect(row.get_by_role("button")).to_have_count(0)
    assert request.state == "cancelled"


def test_the_requests_follow_the_dark_theme(place):
    page = ready(place, "requests", "wb.RequestTable()")
    choose_theme(page, "JupyterLab Dark")
    view = page.get_by_role("region", name="requests")
    expect(view).to_be_visible()
    page.screenshot(path=place[0] / "requests-dark.png")
    colour = view.evaluate("node => getComputedStyle(node).color")
    red = int(re.findall(r"\d+", colour)[0])
    assert red > 150, f"dark text on a dark page: {colour}"
    choose_theme(page, "JupyterLab Light")


def test_a_rehearsal_draws_its_curve_and_a_run_its_progress(place):
    page = ready(place, "live", TRAIN, WAIT)
    rehearsal = page.locator(".wb-live").filter(has_text="rehearsal of diagnose")
    bar = rehearsal.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "200", timeout=120_000)
    expect(rehearsal.locator("svg polyline")).to_have_count(2)
    run = page.locator(".wb-live").filter(has_text="hospital-a/breast-cancer")
    expect(run).to_contain_text("200 of 200 steps, released", timeout=120_000)
    page.screenshot(path=place[0] / "live-light.png")


MANY = """
import json
from workbench.lab.service.watching.catalog import CatalogBytes

class Large(wb.CatalogBrowser):
    def news(self, anew):
        one = json.loads(self.service.catalog().content)
        if not one["datasets"] or self._version:
            return  # the domain has not answered yet, or all was sent
        self._version = "many"
        first = one["datasets"][0]
        one["datasets"] = [
            {**first, "path": f"hospital-a/set-{i:05}", "title": f"Dataset number {i}"}
            for i in range(10_000)
        ]
        content = CatalogBytes("many", json.dumps(one).encode())
        self.send({"kind": "catalog", "contains": ""}, [content.compressed])

Large()
"""


WATCH_FOR_FREEZES = """() => {
  window.longest = 0;
  const look = (list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  };
  new PerformanceObserver(look).observe({type: "longtask"});
}"""


def test_ten_thousand_datasets_are_searched_while_typing(place):
    page = ready(place, "many", MANY)
    browser = page.get_by_role("region", name="catalog")
    expect(browser).to_contain_text("10,000 datasets")
    assert listed(browser).count() < 40, "rows that nobody can see were drawn"
    page.evaluate(WATCH_FOR_FREEZES)
    browser.get_by_label("search datasets").press_sequentially("number 777")
    expect(browser).to_contain_text("19 of 10,000 datasets")
    listbox = browser.get_by_role("listbox", name="datasets")
    browser.get_by_label("search datasets").fill("")
    listbox.press("End")
    expect(listed(browser).last).to_contain_text("Dataset number 9999")
    longest = page.evaluate("window.longest")
    assert longest < 500, f"the page stood still for {longest} ms"
