"""Populations in the sidebar: a register with months of admission, and two stewards.

One hospital and two JupyterLab servers run as processes; every wait is for what can be seen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.lab.browser import BROWSER, choose_theme
from tests.lab.conftest import HOSTILE
from tests.lab.sessions import IMAGES, PATIENCE, Session, session
from tests.lab.sidebar import serious_findings
from tests.processes import ServerSite, free_port
from tests.registers import COLUMNS, MONTH, PERSON, change, make_register, spend, stays
from tests.support import Site, add_dataset
from workbench.budget import chain
from workbench.documents import NewPopulation, PrivateKey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# January's people are in both datasets, February's in one of them.
SPENT = [
    ("2026-03-02", "stays", 0.6),
    ("2026-03-20", "winter", 0.4),
    ("2026-04-11", "stays", 0.5),
    ("2026-05-04", "winter", 0.5),
]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Register(ServerSite):
    """A hospital whose patients are in blocks by month, with two datasets and two stewards."""

    def __init__(self, root: Path) -> None:
        self.root, self.name, self.port = make_register(root), "hospital-a", free_port()
        self.scheme, self.ca, self.process = "http", None, None
        config = root / "domain.toml"
        config.write_text(config.read_text().replace("port = 8700", f"port = {self.port}"))
        people = [f"p{i:03d}" for i in range(300)]
        months = ["jan"] * 100 + ["feb"] * 100 + ["mar"] * 100
        add_dataset(
            root,
            "winter",
            stays(people, months, 1),
            [PERSON, MONTH, *COLUMNS],
            200,
            privacy_unit="person",
            max_records_per_unit=4,
        )
        change(root, "winter", population="patients", blocks=["jan", "feb"])
        change(root, "winter", "terms.yaml", epsilon_total=4.0, epsilon_per_run=4.0)
        site = Site.open(root, start=False)
        self.steward, self.second = site.steward, PrivateKey.create()
        self.researcher, self.public_key = site.researcher, site.domain.key.public
        site.domain.operator.admit(self.second.public, "Selma Second", "steward")
        with pytest.MonkeyPatch.context() as patch:
            for day, dataset, epsilon in SPENT:
                patch.setattr(chain, "now", lambda day=day: f"{day}T09:00:00.000000Z")
                spend(site, dataset, epsilon, day)
        site.close()

    def space(self, name: str, key: PrivateKey) -> Path:
        """Write the space of one of the stewards."""
        key.save(self.root.parent / f"{name}.key")
        path = self.root.parent / f"{name}.toml"
        path.write_text(
            f'key = "{name}.key"\n\n[[domains]]\nname = "{self.name}"\n'
            f'url = "{self.url}"\npublic_key = "{self.public_key}"\n'
        )
        return path


@dataclass
class Place:
    register: Register
    stella: Session
    selma: Session


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("populations")
    register = Register(root / "hospital-a")
    expect.set_options(timeout=PATIENCE)
    try:
        register.start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
            spaces = [
                register.space("stella", register.steward),
                register.space("selma", register.second),
            ]
            with (
                session(root / "stella-lab", browser, spaces[0]) as stella,
                session(root / "selma-lab", browser, spaces[1]) as selma,
            ):
                yield Place(register, stella, selma)
            browser.close()
    finally:
        register.stop()


def open_populations(who: Session, reload: bool = True):
    """Open the page by its button beside the domain's name, and have it ask the domain again."""
    who.section("steward").get_by_role("button", name="Populations of hospital-a").click()
    page = who.article("Populations of hospital-a")
    expect(page.get_by_role("region", name="New population")).to_be_visible()
    if reload:
        page.get_by_role("button", name="Reload").click()
    return page


def make(place, name, **wanted):
    """Make a population without the browser: no test needs what another one made."""
    fields = {"name": name, "unit": "person", "epsilon_total": 4.0, "delta": 1e-6} | wanted
    client = place.register.client(place.register.steward)
    client.create_population(NewPopulation.read(fields))


def card(page, title="patients"):
    return page.get_by_role("region", name=title, exact=True)


def test_a_steward_sees_whose_data_they_are_and_what_each_block_spent(place):
    page = open_populations(place.stella)
    patients = card(page)
    for words in ("each person", "stays, winter", "month", "the block that spent most: jan"):
        expect(patients).to_contain_text(words)
    found = place.register.client(place.register.steward).populations()
    (status,) = (one for one in found if one.population.name == "patients")
    (others,) = (block for block in status.blocks if not block.block)
    january, february = (block for block in status.blocks if block.block)
    assert january.epsilon_spent > february.epsilon_spent > 0
    left = patients.get_by_role("meter", name="budget of population patients")
    expect(left).to_have_attribute("aria-valuenow", f"{january.epsilon_left}")
    rows = patients.get_by_role("table", name="Blocks of patients").get_by_role("row")
    expect(rows.nth(1)).to_contain_text(f"jan{january.epsilon_spent:.3g}")
    expect(rows.nth(2)).to_contain_text(f"feb{february.epsilon_spent:.3g}")
    expect(rows.filter(has_text="blocks to come")).to_contain_text(f"{others.epsilon_left:.3g}")
    expect(patients.get_by_role("img", name="Spent over time: patients")).to_be_visible()
    expect(patients.locator(".wb-chart-legend li")).to_have_text(["jan", "feb"])
    expect(page.get_by_role("region", name="Waiting for a second steward")).to_have_count(0)


def test_a_steward_makes_a_population(place):
    page = open_populations(place.stella)
    form = card(page, "New population")
    make = form.get_by_role("button", name="Make it")
    expect(make).to_have_accessible_description(
        "Write a name: lower case, digits and inner hyphens."
    )
    form.get_by_label("Name", exact=True).fill("patients")
    expect(make).to_have_accessible_description("There is a population of this name.")
    form.get_by_label("Name", exact=True).fill("crew")
    form.get_by_label("Title").fill("Crew of the ambulance")
    form.get_by_label("Unit").fill("member")
    form.get_by_label("Total ε").fill("3")
    expect(make).to_have_accessible_description("Write δ: above 0, below 0.01.")
    form.get_by_label("δ", exact=True).fill("1e-6")
    form.get_by_label("Runs at most").fill("20")
    make.click()
    expect(form.get_by_role("status")).to_contain_text("Population crew is made.")
    made = card(page, "Crew of the ambulance")
    expect(made).to_contain_text("ε 3 at δ 0.000001, to each member")
    expect(made).to_contain_text("20 runs")
    expect(made).to_contain_text("none yet")


def test_a_person_opts_out(place):
    page = open_populations(place.stella)
    opener = card(page).get_by_role("button", name="Opt out of patients")
    opener.press("Enter")
    person = card(page).get_by_label("The person")
    expect(person).to_be_focused()
    person.press("Escape")
    expect(person).to_have_count(0)
    expect(opener).to_be_focused()

    opener.click()
    out = card(page).get_by_role("button", name="Opt out", exact=True)
    expect(out).to_have_accessible_description("Write who it is first.")
    person.fill("nobody")
    out.click()
    dialog = place.stella.dialog
    for words in (
        "nobody",
        "nothing starts on data that hold this person",
        "requests on them",
        "stays spent",
        "cannot be undone",
    ):
        expect(dialog).to_contain_text(words)
    dialog.get_by_role("button", name="Opt out").click()
    expect(card(page).get_by_role("alert")).to_contain_text("has this label")
    person.fill("p005")
    out.click()
    dialog.get_by_role("button", name="Opt out").click()
    said = card(page).get_by_role("status")
    for name in ("stays", "winter"):
        expect(said).to_contain_text(f"workbench domain publish DIR {name}")
    expect(opener).to_be_focused()


def test_a_steward_proposes_a_higher_total_and_a_second_one_agrees(place):
    make(place, "visitors", unit="visitor")
    page = open_populations(place.stella)
    merge = card(page, "visitors").get_by_role("button", name="Merge into visitors")
    expect(merge).to_have_accessible_description(
        "There is no other population of this unit that has no blocks."
    )
    card(page, "visitors").get_by_role("button", name="Raise the total of visitors").click()
    propose = card(page, "visitors").get_by_role("button", name="Sign and propose")
    expect(propose).to_have_accessible_description("Write a number above 4.")
    card(page, "visitors").get_by_label("New total ε").fill("6")
    propose.click()
    expect(card(page, "visitors").get_by_role("status")).to_contain_text(
        "Another steward has to agree"
    )
    waiting = card(page, "Waiting for a second steward")
    expect(waiting).to_contain_text("the total of population 'visitors' of hospital-a is raised")
    expect(waiting).to_contain_text("waits for another steward")
    expect(waiting.get_by_role("button")).to_have_count(0)
    expect(card(page, "visitors")).to_contain_text("ε 4 at")

    page = open_populations(place.selma)
    agree = card(page, "Waiting for a second steward").get_by_role("button", name="Agree")
    agree.click()
    dialog = place.selma.dialog
    expect(dialog).to_contain_text("the total of population 'visitors' of hospital-a is raised")
    expect(dialog).to_contain_text("Signed by Stella Steward")
    dialog.get_by_role("button", name="Not now").click()
    expect(agree).to_be_focused()
    agree.press("Enter")
    dialog.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("status").first).to_contain_text("Two stewards have agreed")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(card(page, "visitors")).to_contain_text("ε 6 at")
    expect(card(page, "Waiting for a second steward")).to_have_count(0)

    # The first steward's page asks anew when it comes to the front again.
    place.stella.section("steward").get_by_role("button", name="People of hospital-a").click()
    expect(place.stella.article("People of hospital-a")).to_be_visible()
    page = open_populations(place.stella, reload=False)
    expect(card(page, "visitors")).to_contain_text("ε 6 at")


def test_the_accessibility_checker_finds_nothing_serious_in_either_theme(place):
    make(place, "nurses", epsilon_total=3.0)
    lab = place.selma.page
    lab.set_viewport_size({"width": 1300, "height": 1400})
    page = open_populations(place.selma)
    expect(page.get_by_role("img", name="Spent over time: patients")).to_be_visible()
    card(page).get_by_role("button", name="Merge into patients").click()
    card(page).get_by_label("Which population goes into patients").select_option("nurses")
    expect(card(page)).to_contain_text("The lower of the two totals, ε 3, holds for both.")
    for theme, name in THEMES.items():
        choose_theme(lab, name)
        assert serious_findings(lab, ".wb-Page:not(.lm-mod-hidden *)") == []
        assert serious_findings(lab, "#dataspace-panel") == []
        if os.environ.get("WORKBENCH_SCREENSHOTS"):
            lab.screenshot(path=IMAGES / f"populations-{theme}.png")
    choose_theme(lab, THEMES["light"])
    card(page).get_by_role("button", name="Cancel").click()
    expect(card(page).get_by_role("button", name="Merge into patients")).to_be_focused()


def test_two_stewards_merge_populations(place):
    make(place, "staff", title="Staff of the clinic", epsilon_total=3.0)
    page = open_populations(place.selma)
    staff = card(page, "Staff of the clinic")
    card(page).get_by_role("button", name="Merge into patients").click()
    propose = card(page).get_by_role("button", name="Sign and propose")
    expect(propose).to_have_accessible_description("Choose a population first.")
    card(page).get_by_label("Which population goes into patients").select_option("staff")
    propose.click()
    expect(card(page, "Waiting for a second steward")).to_contain_text(
        "population 'staff' of hospital-a is merged into 'patients'"
    )
    first = place.register.client(place.register.steward)
    (waiting,) = first.waiting_changes()
    first.agree(waiting.change.digest)
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("list", name="Merged populations")).to_have_text(
        "staff was merged into patients."
    )
    expect(staff).to_have_count(0)
    expect(card(page)).to_contain_text("ε 3 at")


def test_a_command_and_the_page_of_a_dataset_lead_there(place):
    stella = place.stella
    stella.start()
    stella.command("Populations: whose budget is spent")
    expect(card(stella.article("Populations of hospital-a"))).to_be_visible()
    stella.section("steward").get_by_role(
        "button", name="Budget and policy of hospital-a/winter"
    ).click()
    holding = stella.article("Budget and policy of hospital-a/winter")
    holding.get_by_role("button", name="Populations of hospital-a").click()
    expect(card(stella.article("Populations of hospital-a"))).to_be_visible()


def test_what_people_wrote_is_shown_as_text(place):
    wanted = NewPopulation(
        name="hostile", title=HOSTILE, unit="<b>ward</b>", epsilon_total=1.0, delta=1e-6
    )
    place.register.client(place.register.second).create_population(wanted)
    page = open_populations(place.stella)
    expect(page.locator("bdi", has_text="<img src=x onerror=alert(1)>")).to_be_visible()
    expect(page).to_contain_text("to each <b>ward</b>")
    assert page.locator("img").count() == 0
