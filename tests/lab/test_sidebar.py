"""A researcher at work with the sidebar: real domains, a real JupyterLab, a real browser.

Every wait is for something that can be seen; nothing sleeps.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect
from torch import nn

import workbench as wb
from tests.lab.browser import (
    LONG,
    answers,
    choose_theme,
    kernel_ready,
    open_lab,
    run_all,
    two_hospitals,
)
from tests.lab.sidebar import (
    ARRIVALS,
    Trouble,
    dataset_page,
    datasets,
    layout_saved,
    panel,
    serious_findings,
    show_panel,
)
from tests.processes import command_of, has_ended
from tests.support import wait_until
from workbench.domain.store.config import DomainFolder

pytestmark = pytest.mark.slow

CANCER = "Breast Cancer Wisconsin (Diagnostic)"
IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with two_hospitals(tmp_path_factory.mktemp("sidebar")) as (root, spaces, page, url, token):
        page.set_viewport_size({"width": 1400, "height": 900})
        trouble = Trouble(page, url)
        yield root, spaces, page, url, token
        for process in hospitals(root):
            # One of them may have been started by a test.
            process.terminate()
            process.wait()
        # Whatever the tests of this module did, none of it may have shown in the console.
        assert trouble.console == []
        assert trouble.foreign == []


@pytest.fixture
def lab(place):
    """The page with a fresh JupyterLab and the panel open."""
    _, _, page, url, token = place
    open_lab(page, url, token)
    show_panel(page)
    return page


def picture(page, name):
    """Write a screenshot for the documentation, if one is wanted."""
    if os.environ.get("WORKBENCH_SCREENSHOTS"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png")


def test_a_dataset_is_found_by_words_and_by_filters(lab):
    expect(datasets(lab)).to_have_count(7)
    search = panel(lab).get_by_label("Search datasets")
    search.fill("handwritten dig")
    expect(datasets(lab)).to_have_count(1)
    expect(datasets(lab)).to_contain_text("Optical recognition of handwritten digits")
    search.fill("no such words")
    expect(panel(lab)).to_contain_text("No dataset fits. Use fewer words or clear the filters.")
    search.fill("")

    panel(lab).get_by_role("button", name="Filters").click()
    panel(lab).get_by_label("Field").fill("mean_radius")
    expect(datasets(lab)).to_have_count(2)
    panel(lab).get_by_label("Field").fill("")
    panel(lab).get_by_label("Purpose").select_option("DUO:0000042")
    expect(datasets(lab)).to_have_count(6)
    panel(lab).get_by_label("Size").select_option("1000")
    expect(datasets(lab)).to_have_count(3)
    panel(lab).get_by_role("button", name="Clear filters").click()
    expect(datasets(lab)).to_have_count(7)
    panel(lab).get_by_label("Budget left").select_option("10")
    expect(datasets(lab)).to_have_count(6)
    expect(panel(lab).get_by_text("6 of 7 datasets")).to_be_visible()


def test_a_dataset_shows_its_card_its_terms_its_snippet_and_its_budget(lab, place):
    budget = wb.connect(place[1]["researcher"]).domains["hospital-b"].budget("diabetes")
    datasets(lab).filter(has_text="hospital-b").filter(has_text="Diabetes").click()
    shown = dataset_page(lab, "Diabetes progression after one year")
    meter = shown.get_by_role("meter", name="Privacy budget left")
    left = f"{round(budget.epsilon_left, 2):g}"
    expect(meter).to_have_attribute("aria-valuetext", f"ε {left} left of 6")
    expect(shown.get_by_text("synthetic, level 0: made from the schema alone")).to_be_visible()
    expect(shown.get_by_text("The steward reads every request.")).to_be_visible()
    expect(shown.get_by_role("rowheader", name="progression target")).to_be_visible()
    plot = shown.get_by_role("button", name=re.compile("^age"))
    plot.click()
    expect(plot).to_have_attribute("aria-pressed", "true")
    expect(shown.get_by_role("img", name="age, synthetic records")).to_be_visible()
    insert = shown.get_by_role("button", name="Insert starter cell")
    expect(insert).to_have_attribute("aria-disabled", "true")
    expect(insert).to_have_accessible_description(
        "No notebook is open. Open one, or use “In a new notebook”."
    )


def test_the_starter_cell_runs_as_it_is(place):
    _, _, page, url, token = place
    open_lab(page, url, token)
    page.locator(".jp-LauncherCard[data-category=Notebook]").click()
    kernel_ready(page)
    show_panel(page)
    datasets(page).filter(has_text="Optical").click()
    shown = dataset_page(page, "Optical recognition of handwritten digits")
    shown.get_by_role("button", name="Insert starter cell").click()
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(notebook.locator(".jp-CodeCell")).to_have_count(4)
    expect(notebook.locator(".jp-MarkdownCell h1")).to_contain_text("handwritten digits")
    run_all(page)
    prompts = notebook.locator(".jp-CodeCell .jp-InputPrompt")
    expect(prompts.last).to_have_text("[4]:", timeout=120_000)
    assert notebook.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    expect(notebook).to_contain_text("accuracy")
    page.keyboard.press("Control+s")
    picture(page, "starter-light")


def test_a_study_is_made_run_with_other_parameters_and_read(lab):
    datasets(lab).filter(has_text="hospital-a").filter(has_text="Breast").click()
    dataset_page(lab, CANCER).get_by_role("button", name="New study").click()
    kernel_ready(lab)
    expect(lab.locator(".jp-NotebookPanel:visible")).to_contain_text("epsilon = 2.0")
    lab.get_by_role("menuitem", name="Data space", exact=True).click()
    lab.get_by_role("menuitem", name="Run a study …").click()
    form = lab.get_by_role("dialog")
    expect(form.get_by_label("Notebook")).to_have_value("breast-cancer-study.ipynb")
    form.get_by_label("submit").fill("False")
    form.get_by_role("button", name="Run").click()
    study = panel(lab).get_by_role("list", name="Studies").get_by_role("listitem")
    expect(study.get_by_role("meter")).to_be_visible()
    report = study.get_by_role("button", name="Open the report of breast-cancer-study.ipynb")
    expect(report).to_have_attribute("aria-disabled", "false", timeout=180_000)
    picture(lab, "study-light")
    report.click()
    shown = lab.frame_locator("iframe:visible").locator("body")
    expect(shown).to_contain_text(CANCER)
    lab.get_by_role("menuitem", name="View", exact=True).click()
    lab.get_by_role("menuitem", name="Activate Command Palette").click()
    lab.locator(".lm-CommandPalette-input").fill("data space")
    offered = lab.locator(".lm-CommandPalette-itemLabel")
    expect(offered.get_by_text("Open the report of the last study").first).to_be_visible()
    lab.keyboard.press("Escape")


def test_everything_is_reached_with_the_keyboard_alone(lab):
    lab.locator("body").press("Alt+Shift+KeyD")
    search = panel(lab).get_by_label("Search datasets")
    expect(search).to_be_focused()
    lab.keyboard.type("hospital-b")
    expect(datasets(lab)).to_have_count(4)
    lab.keyboard.press("ArrowDown")
    expect(datasets(lab).first).to_have_attribute("aria-selected", "true")
    lab.keyboard.press("ArrowDown")
    chosen = datasets(lab).nth(1)
    expect(chosen).to_have_attribute("aria-selected", "true")
    box = panel(lab).get_by_role("listbox", name="Datasets")
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))
    lab.keyboard.press("Home")
    lab.keyboard.press("End")
    lab.keyboard.press("Enter")
    shown = dataset_page(lab, "Japanese vowels by nine speakers")
    lab.keyboard.press("Tab")
    expect(shown.get_by_role("button", name="Insert starter cell")).to_be_focused()
    lab.keyboard.press("Tab")
    expect(shown.get_by_role("button", name="In a new notebook")).to_be_focused()
    lab.keyboard.press("Enter")
    kernel_ready(lab)
    expect(lab.locator(".jp-NotebookPanel:visible .jp-MarkdownCell h1")).to_contain_text(
        "Japanese vowels"
    )


def test_every_action_is_in_the_palette_and_in_the_menu(lab):
    datasets(lab).first.click()
    dataset_page(lab, CANCER)
    lab.get_by_role("menuitem", name="View", exact=True).click()
    lab.get_by_role("menuitem", name="Activate Command Palette").click()
    lab.locator(".lm-CommandPalette-input").fill("data space")
    offered = lab.locator(".lm-CommandPalette-itemLabel")
    for words in (
        "Show the data space",
        "Find a dataset",
        "Ask the domains again",
        "Open the dataset",
        "Start a new notebook with the dataset",
        "Save the Croissant metadata of the dataset",
        "New study of the dataset",
        "Run a study …",
    ):
        expect(offered.get_by_text(words, exact=True).first).to_be_visible()
    # No notebook is open: the palette leaves out what cannot be done.
    insert = offered.get_by_text("Insert a starter cell for the dataset", exact=True)
    expect(insert.first).to_be_hidden()
    lab.keyboard.press("Escape")
    lab.get_by_role("menuitem", name="Data space", exact=True).click()
    item = lab.get_by_role("menuitem", name="Start a new notebook with the dataset")
    expect(item).to_be_enabled()
    lab.keyboard.press("Escape")


def test_pages_are_back_after_a_reload(lab, place):
    _, _, _, url, _ = place
    with lab.expect_request(layout_saved("dataset:hospital-b:diabetes", "dataspace-panel")):
        datasets(lab).filter(has_text="Diabetes").click()
    dataset_page(lab, "Diabetes progression after one year")
    lab.goto(f"{url}/lab")
    lab.wait_for_selector("#jupyterlab-splash", state="detached")
    dataset_page(lab, "Diabetes progression after one year")
    expect(panel(lab)).to_be_visible()


def hospitals(root):
    """Return the processes that serve hospitals."""
    return [
        p
        for p in psutil.Process().children()
        if not has_ended(p) and "".join(command_of(p)[-1:]).startswith(str(root))
    ]


def test_a_domain_that_goes_down_and_comes_back_is_seen(lab, place):
    root = place[0]
    hospital = panel(lab).get_by_role("listitem").filter(has_text="Hospital B")
    expect(hospital).to_contain_text("reachable")
    (process,) = (p for p in hospitals(root) if p.cmdline()[-1].endswith("hospital-b"))
    command = process.cmdline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    expect(hospital).to_contain_text("down since")
    # What is known of its datasets stays to be read.
    expect(panel(lab).get_by_role("listitem").filter(has_text="Hospital A")).to_contain_text(
        "reachable"
    )
    picture(lab, "domain-down-light")
    with (root / "again.log").open("wb") as log:
        subprocess.Popen([sys.executable, *command[1:]], stdout=log, stderr=log)
    port = DomainFolder(root / "store" / "hospital-b").config.port
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/v1/health"), 60)
    expect(hospital).to_contain_text("reachable")
    expect(datasets(lab)).to_have_count(7)


@wb.training_function(steps=20, sample_rate=1.0, learning_rate=0.1)
def progression(model, record):
    target = (record["progression"] - 185.5) / 160.5
    return (model(5 * wb.features(record))[0] - target) ** 2


def ask(space, words):
    return progression.submit(
        nn.Linear(10, 1),
        to=space.dataset("hospital-b/diabetes"),
        epsilon=0.5,
        purpose=f"DUO:0000007 {words}",
    )


def notice(page, words):
    return page.locator(".Toastify__toast").filter(has_text=words)


def test_a_decision_is_told_also_if_it_was_made_while_nobody_looked(lab, place):
    spaces = place[1]
    researcher, steward = wb.connect(spaces["researcher"]), wb.connect(spaces["steward"])
    seen, hidden = ask(researcher, "one"), ask(researcher, "two")
    requests = panel(lab).get_by_role("listitem").filter(has_text="waiting for a decision")
    expect(requests).to_have_count(2)
    domain = steward.domains["hospital-b"]
    domain.decide(seen.digest, "deny", "Say what the model is for.")
    expect(notice(lab, "was denied. Say what the model is for.")).to_be_visible()
    lab.locator(".jp-SideBar [data-id=filebrowser]").click()
    expect(panel(lab)).to_be_hidden()
    domain.decide(hidden.digest, "approve", "")
    hidden.wait(progress=False)
    assert notice(lab, "is done").count() == 0
    show_panel(lab)
    expect(notice(lab, "progression on hospital-b/diabetes is done")).to_be_visible()


def test_nothing_is_asked_while_nothing_can_be_seen(place):
    _, _, _, url, token = place
    page = place[2].context.browser.new_page()
    page.set_default_timeout(LONG)
    try:
        asked, ended = [], []
        page.on("request", lambda r: asked.append(r.url) if "/workbench/v1/" in r.url else None)
        page.on("requestfailed", lambda r: ended.append(r.url) if "/watch" in r.url else None)
        page.clock.install()
        open_lab(page, url, token)
        page.wait_for_selector("[data-id=dataspace-panel]")
        page.clock.run_for(60_000)
        assert asked == [], "the panel was not open yet"
        show_panel(page)
        expect(datasets(page).first).to_be_visible()
        with page.expect_event("requestfailed", lambda r: "/watch" in r.url):
            page.locator(".jp-SideBar [data-id=filebrowser]").click()
        before = len(asked)
        page.clock.run_for(600_000)
        assert len(asked) == before
        with page.expect_request("**/workbench/v1/watch**"):
            show_panel(page)
        # A tab of the browser that lies behind another.
        with page.expect_event("requestfailed", lambda r: "/watch" in r.url):
            page.evaluate(
                """() => {
                    const hidden = { get: () => 'hidden', configurable: true };
                    Object.defineProperty(document, 'visibilityState', hidden);
                    document.dispatchEvent(new Event('visibilitychange'));
                }"""
            )
        before = len(asked)
        page.clock.run_for(600_000)
        assert len(asked) == before
    finally:
        page.close()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_can_be_read_by_everyone_in_both_themes(lab, theme):
    choose_theme(lab, theme)
    try:
        panel(lab).get_by_role("button", name="Filters").click()
        datasets(lab).first.click()
        dataset_page(lab, CANCER)
        name = theme.split()[-1].lower()
        assert serious_findings(lab, "#dataspace-panel") == []
        assert serious_findings(lab, ".wb-Page") == []
        panel(lab).get_by_role("button", name="Filters").click()
        picture(lab, f"dataset-{name}")
        datasets(lab).filter(has_text="Optical").click()
        dataset_page(lab, "Optical recognition of handwritten digits")
        assert serious_findings(lab, ".wb-Page") == []
        picture(lab, f"pictures-{name}")
    finally:
        choose_theme(lab, "JupyterLab Light")


def test_the_panel_is_there_within_a_second_of_jupyterlab(place):
    _, _, page, url, token = place
    open_lab(page, url, token)
    with page.expect_request(layout_saved("dataspace-panel")):
        show_panel(page)
    page.goto("about:blank")
    # The script would stay with its page, and be told of as blocked in each sandboxed frame.
    watched = page.context.browser.new_page()
    watched.goto(f"{url}/lab?token={token}")
    trouble = Trouble(watched, url)
    watched.add_init_script(ARRIVALS)
    watched.goto(f"{url}/lab")
    watched.wait_for_selector("#jupyterlab-splash", state="detached")
    expect(datasets(watched).first).to_be_visible()
    late = watched.evaluate("window.panelAt - window.labAt") / 1000
    watched.close()
    print(f"datasets {late:+.2f} s after JupyterLab stood")
    assert late < 1.0
    assert trouble.console == []
    assert trouble.foreign == []
