"""The sidebar from two sides: a researcher asks, a steward decides, each in their own JupyterLab.

Two hospitals and two JupyterLab servers run as processes; every wait is for what can be seen.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from torch import nn

import workbench as wb
from tests.lab.browser import (
    BROWSER,
    choose_theme,
    kernel_ready,
    run_all,
)
from tests.lab.conftest import HOSTILE
from tests.lab.sessions import IMAGES, PATIENCE, Session, session
from tests.lab.sidebar import serious_findings
from tests.support import META
from workbench.demo.run import servers, set_up
from workbench.documents import Approval, PrivateKey
from workbench.domain.store.config import DomainFolder
from workbench.errors import NotAdmitted
from workbench.evidence.bundle import Bundle
from workbench.evidence.verify import verify
from workbench.space.client.client import DomainClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DIABETES, CANCER = "hospital-b/diabetes", "hospital-b/breast-cancer"


@dataclass
class Place:
    root: Path
    spaces: dict[str, Path]
    researcher: Session
    steward: Session


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("sidebar")
    spaces = set_up(root / "store", META)
    expect.set_options(timeout=PATIENCE)
    with servers(root / "store"), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        with (
            session(root / "researcher", browser, spaces["researcher"]) as researcher,
            session(root / "steward", browser, spaces["steward"]) as steward,
        ):
            yield Place(root, spaces, researcher, steward)
        browser.close()


@pytest.fixture(autouse=True)
def queue(place):
    """Cancel the requests that another test left waiting."""
    client = place.researcher.hospital
    for status in client.requests(state="pending"):
        client.cancel(status.request_digest)
    waiting = place.steward.section("steward").get_by_role("button", name="Review ")
    expect(waiting).to_have_count(0)


@pytest.fixture(scope="module")
def released(place):
    """Make a request called "outcome" that is released."""
    return release(place, "outcome", epsilon=1.0, steps=400)


def release(place, name, **options):
    """Submit a request, approve it, and wait until it is released."""
    request = ask(place, name, **options)
    place.steward.hospital.decide(request.digest, "approve")
    request.wait(progress=False)
    return request


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


@wb.training_function(steps=20, sample_rate=1.0, learning_rate=1.0)
def diagnosis(model, record):
    logits = model(wb.features(record))
    right = logits.argmax() == record["diagnosis"]
    return nn.functional.cross_entropy(logits, record["diagnosis"]), {"accuracy": right}


def ask_diagnosis(place: Place):
    return diagnosis.submit(
        nn.Linear(30, 2),
        to=place.researcher.space.dataset(CANCER),
        epsilon=0.5,
        purpose="DUO:0000007 cancer",
    )


def client_of(place: Place, key: PrivateKey) -> DomainClient:
    """Return hospital B as another person sees it."""
    port = DomainFolder(place.root / "store" / "hospital-b").config.port
    known = place.steward.hospital.public_key
    return DomainClient.at("hospital-b", f"http://127.0.0.1:{port}", known, key)


def state(article):
    return article.get_by_role("status").first


def test_a_request_is_seen_reviewed_approved_followed_and_verified(place):
    steward = place.steward
    request = ask(place, "progression", steps=2000)

    page = open_mine(place, "progression")
    expect(state(page)).to_contain_text("waiting for a decision")

    steward.section("steward").get_by_role("button", name="Review progression by").click()
    review = steward.article("Review progression")
    for fact in (
        "Demo researcher",
        "trained parameters",
        "two noisy sums",
        "privacy, computed",
        "Private by construction",
        "outcomes",
        "has not been approved before",
        "the terms send every request to the steward",
    ):
        expect(review).to_contain_text(fact)
    expect(review).to_contain_text("trained and measured on the synthetic snippet")
    expect(review.get_by_role("meter", name=f"budget of {DIABETES}")).to_be_visible()
    picture(steward.page, "sidebar-review")
    review.get_by_role("button", name="Approve").click()
    expect(review.get_by_role("heading", level=1)).to_be_focused()

    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("region", name="So far")).to_contain_text("Learning curve")
    expect(state(page)).to_have_text("released")
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("img", name="Measured on the hold-out part")).to_be_visible()
    expect(page.get_by_role("img", name="Learning curve")).to_be_visible()
    expect(page.locator(".wb-Verdict")).to_have_text("Verified")
    value = request.wait(progress=False).metrics["within_50"].value
    table = page.get_by_role("table", name="Measured on the hold-out part")
    expect(table.get_by_role("cell", name=f"{value:.4g}", exact=True).first).to_be_attached()
    assert request.status.decider == "Demo steward"


def test_the_evidence_can_be_downloaded_and_verified(place, released):
    page = open_mine(place, "outcome")
    with place.researcher.page.expect_download() as download:
        page.get_by_role("button", name="Download evidence").click()
    bundle = Bundle.parse(Path(download.value.path()).read_bytes())
    known = place.researcher.hospital.public_key
    assert verify(bundle, known).request.digest == released.digest


def open_mine(place, name):
    """Open the page of one's own request, the newest of this name."""
    mine = place.researcher.section("requests")
    known = [one.request.function for one in place.researcher.hospital.requests()]
    rows = mine.get_by_role("listitem")
    expect(rows.first).to_have_attribute("aria-setsize", str(len(known)))
    # Only rows that can be seen are in the page.
    mine.get_by_role("list", name="My requests").evaluate(
        "(list, share) => { list.scrollTop = share * list.scrollHeight; }",
        known.index(name) / len(known),
    )
    mine.get_by_role("button", name=name, exact=True).first.click()
    page = place.researcher.article(f"Request {name}")
    expect(page).to_be_visible()
    return page


def open_review(place, name):
    waiting = place.steward.section("steward").get_by_role(
        "list", name="Requests that wait for a decision"
    )
    waiting.get_by_role("button", name=f"Review {name} by").click()
    review = place.steward.article(f"Review {name}")
    expect(review).to_be_visible()
    return review


def test_the_model_is_loaded_by_code_that_the_page_inserts(place, released):
    lab = place.researcher.page
    page = open_mine(place, "outcome")
    insert = page.get_by_role("button", name="Insert code to load this model")
    expect(insert).to_be_disabled()
    expect(insert).to_have_accessible_description(re.compile("Open a notebook first"))

    lab.get_by_role("menuitem", name="File", exact=True).click()
    lab.get_by_text("New", exact=True).hover()
    lab.get_by_role("menuitem", name="Notebook", exact=True).click()
    place.researcher.dialog.locator(".jp-mod-accept").click()
    kernel_ready(lab)
    page = open_mine(place, "outcome")
    expect(insert).to_be_enabled()
    insert.click()
    cell = lab.locator(".jp-NotebookPanel:visible .jp-CodeCell").first
    expect(cell).to_contain_text("load_into")
    run_all(lab)
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[1]:")
    expect(cell.locator(".jp-OutputArea")).to_contain_text("Linear(in_features=10")
    assert lab.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page = open_mine(place, "outcome")
    picture(lab, "sidebar-result")


def test_a_denial_comes_with_its_reason_and_hostile_text_stays_text(place):
    researcher, steward = place.researcher, place.steward
    alerts = []
    for one in (researcher, steward):
        one.page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    request = ask(place, "vague", HOSTILE + " long" * 40)
    review = open_review(place, "vague")
    expect(review.locator("bdi", has_text="<img src=x onerror=alert(1)>").first).to_be_visible()
    assert steward.page.locator(".wb-Page img, #dataspace-panel img").count() == 0

    deny = review.get_by_role("button", name="Deny")
    expect(deny).to_be_disabled()
    expect(deny).to_have_accessible_description("To deny, write a reason first.")
    review.get_by_label("Reason").fill("Say what the <b>model</b> is for.")
    expect(deny).to_be_enabled()
    deny.click()
    expect(state(review)).to_have_text("denied")

    told = researcher.page.get_by_text(re.compile("vague on hospital-b/diabetes was denied"))
    expect(told.first).to_contain_text("Say what the <b>model</b> is for.")
    page = open_mine(place, "vague")
    named = researcher.page.get_by_role("button", name="vague", exact=True)
    rows = researcher.section("requests").get_by_role("listitem")
    expect(rows.filter(has=named)).to_contain_text("Say what the <b>model</b> is for.")
    expect(page).to_contain_text("Denied by the steward")
    expect(page).to_contain_text("nothing was charged")
    assert request.reason == "Say what the <b>model</b> is for."
    assert alerts == []


def test_a_cancellation_asks_first_says_what_stays_charged_and_gives_the_focus_back(place):
    request = ask(place, "regretted")
    page = open_mine(place, "regretted")
    cancel = page.get_by_role("button", name="Cancel the request")
    cancel.click()
    dialog = place.researcher.dialog
    expect(dialog).to_contain_text("nothing is charged: the ε 0.2 set aside goes back")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    expect(cancel).to_be_focused()
    assert request.state == "pending"

    cancel.press("Enter")
    dialog.get_by_role("button", name="Cancel the request").click()
    expect(state(page)).to_have_text("cancelled")
    expect(cancel).to_be_disabled()
    expect(cancel).to_have_accessible_description("It is cancelled already.")
    assert request.state == "cancelled"
    queue = place.steward.section("steward").get_by_role("button", name="Review regretted by")
    expect(queue).to_have_count(0)


def test_requests_are_filtered_by_their_state_and_reached_with_arrows(place, released):
    refused, waiting = ask(place, "refused"), ask(place, "undecided")
    place.steward.hospital.decide(refused.digest, "deny", "Too vague.")
    known = place.researcher.hospital.requests()
    denied = [one for one in known if one.state == "denied"]
    mine = place.researcher.section("requests")
    rows = mine.get_by_role("listitem")
    states = mine.get_by_label("Which requests to show")
    states.select_option("denied")
    expect(rows.first).to_have_attribute("aria-setsize", str(len(denied)))
    expect(rows.first).to_contain_text("refused")
    states.select_option("failed")
    expect(mine).to_contain_text("No request of yours is in this state.")
    states.select_option("")
    expect(rows.first).to_have_attribute("aria-setsize", str(len(known)))
    first = rows.nth(0).get_by_role("button").first
    expect(first).to_contain_text("undecided")
    first.focus()
    first.press("ArrowDown")
    expect(rows.nth(1).get_by_role("button").first).to_be_focused()
    place.researcher.page.keyboard.press("Enter")
    expect(place.researcher.article("Request refused")).to_be_visible()
    waiting.cancel()


def test_a_steward_sees_what_changed_since_the_last_approval(place):
    release(place, "revised")
    ask(place, "revised", "other words", steps=30)
    review = open_review(place, "revised")
    changes = review.get_by_role("region", name="Since the last approval of this function")
    row = changes.get_by_role("row").filter(has_text="purpose_text")
    expect(row).to_contain_text("outcomes")
    expect(row).to_contain_text("other words")
    steps = changes.get_by_role("row").filter(has_text="plan.steps")
    expect(steps).to_contain_text("20")
    expect(steps).to_contain_text("30")
    picture(place.steward.page, "sidebar-changes")
    place.steward.command("Deny a waiting request")
    place.steward.dialog.get_by_role("textbox").fill("Use the released one.")
    place.steward.dialog.get_by_role("button", name="Deny").click()
    expect(state(review)).to_have_text("denied")


def open_holding(place, path):
    place.steward.section("steward").get_by_role(
        "button", name=f"Budget and policy of {path}"
    ).click()
    page = place.steward.article(f"Budget and policy of {path}")
    expect(page.get_by_role("region", name="Policy")).to_be_visible()
    return page


def save(place, page):
    """Try the policy on past requests, then save it."""
    button = page.get_by_role("button", name="Save …")
    expect(button).to_have_accessible_description("Try it on past requests first.")
    page.get_by_role("button", name="Try on past requests").click()
    expect(button).to_be_enabled()
    button.click()
    place.steward.dialog.get_by_role("button", name="Save the policy").click()
    expect(page).to_contain_text("The policy is saved.")


def test_a_policy_is_tried_on_past_requests_saved_and_then_decides(place):
    for name in ("earlier", "former"):
        ask(place, name).cancel()
    wanted = Approval(mode="policy", epsilon=0.25, purposes=("DUO:0000007",))
    tried = place.steward.hospital.policy_dry_run("diabetes", wanted)
    page = open_holding(place, DIABETES)
    expect(page.get_by_role("img", name="Spent over time")).to_be_visible()
    page.get_by_label("The policy, on requests within").check()
    button = page.get_by_role("button", name="Try on past requests")
    expect(button).to_have_accessible_description("Say up to which ε the policy approves.")
    page.get_by_label("up to ε").fill("50")
    expect(button).to_have_accessible_description("The terms allow ε 3 a run at most.")
    page.get_by_label("up to ε").fill("0.25")
    page.get_by_label("for purpose DUO:0000007").check()
    button.click()
    assert tried.would_approve >= 2
    expect(page).to_contain_text(
        f"With this policy, {tried.would_approve} of {tried.considered} past requests would have "
        "been approved"
    )
    would = page.get_by_role("table", name="Past requests").get_by_role("row")
    expect(would.filter(has_text="earlier").first).to_contain_text("✓ approved")
    picture(place.steward.page, "sidebar-policy")
    page.get_by_label("up to ε").fill("0.15")
    save(place, page)
    expect(page).to_contain_text("Now: Requests up to ε 0.15 for DUO:0000007 run by themselves")

    request = ask(place, "within", epsilon=0.1)
    mine = open_mine(place, "within")
    expect(state(mine)).to_have_text("released")
    expect(mine).to_contain_text("the policy")
    assert request.status.decided_by == "policy"
    assert ask(place, "beyond", epsilon=0.2).state == "pending"
    place.steward.command("Approve a waiting request")
    place.steward.dialog.get_by_role("button", name="Approve").click()
    expect(state(open_mine(place, "beyond"))).to_have_text("released")
    place.steward.hospital.set_policy("diabetes", Approval())


def test_two_stewards_approve_and_one_of_them_cannot_do_it_alone(place):
    steward = place.steward
    key = PrivateKey.create()
    steward.section("steward").get_by_role("button", name="People of hospital-b").click()
    people = steward.article("People of hospital-b")
    admit = people.get_by_role("button", name="Admit", exact=True)
    expect(admit).to_have_accessible_description(re.compile("Paste the line of their .pub file"))
    people.get_by_label("Public key").fill(str(key.public))
    people.get_by_label("Name").fill("Sam Second")
    people.get_by_label("Role").select_option("steward")
    admit.click()
    expect(people).to_contain_text("Sam Second is admitted.")
    own = people.get_by_role("row").filter(has_text="Demo steward").get_by_role("button")
    expect(own).to_be_disabled()
    expect(own).to_have_accessible_description(re.compile("your own key"))

    page = open_holding(place, CANCER)
    page.get_by_label("A steward, on every request").check()
    page.get_by_label("two approvals, by different stewards").check()
    save(place, page)

    request = ask_diagnosis(place)
    review = open_review(place, "diagnosis")
    expect(review).to_contain_text("needs the approval of two stewards")
    approve = review.get_by_role("button", name="Approve")
    approve.click()
    expect(review).to_contain_text("Approved by Demo steward; 1 more is needed.")
    expect(approve).to_be_disabled()
    expect(approve).to_have_accessible_description(re.compile("You have approved it already"))
    picture(steward.page, "sidebar-two")
    expect(state(open_mine(place, "diagnosis"))).to_have_text("waiting for 1 more approval")
    assert request.state == "pending"

    second = client_of(place, key)
    second.decide(request.digest, "approve", "")
    expect(state(review)).to_have_text("released")
    expect(review).to_contain_text("Demo steward, Sam Second")

    steward.section("steward").get_by_role("button", name="People of hospital-b").click()
    people.get_by_role("button", name="Revoke Sam Second").click()
    expect(steward.dialog).to_contain_text("refuses this key from now on")
    steward.dialog.get_by_role("button", name="Revoke").click()
    expect(people.get_by_role("row").filter(has_text="Sam Second")).to_contain_text("revoked")
    picture(steward.page, "sidebar-people")
    with pytest.raises(NotAdmitted):
        second.requests()


def test_the_audit_log_tells_it_all(place, released):
    steward, key = place.steward, PrivateKey.create()
    ask(place, "recalled").cancel()
    steward.hospital.admit(str(key.public), "Tom Third", "steward")
    client_of(place, key).decide(ask(place, "judged").digest, "deny", "Too vague.")
    wider = Approval(mode="policy", epsilon=0.01, purposes=("DUO:0000007",))
    for approval in (wider, Approval()):
        steward.hospital.set_policy("diabetes", approval)
    steward.hospital.revoke(key.key_id)
    steward.section("steward").get_by_role("button", name="Audit log of hospital-b").click()
    log = steward.article("Audit log of hospital-b")
    expect(log.get_by_role("row").filter(has_text="policy changed").first).to_be_visible()
    picture(steward.page, "sidebar-log")
    rows = every_page(log)
    for who, what in (
        ("Demo researcher", "submitted"),
        ("Demo steward", "decided"),
        ("Demo steward", "admitted"),
        ("Demo steward", "revoked"),
        ("Demo steward", "policy changed"),
        ("Tom Third", "decided"),
        ("operator", "published"),
        ("", "released"),
        ("Demo researcher", "cancelled"),
    ):
        assert [row for row in rows if who in row and what in row], (who, what)
    numbers = [int(row.split()[0]) for row in rows]
    assert numbers == list(range(numbers[0], 0, -1))


def every_page(log):
    """Return the rows of the log as text, turning its pages to the oldest one."""
    first, older = log.locator("tbody td").first, log.get_by_role("button", name="Older")
    rows = log.locator("tbody tr").all_inner_texts()
    while older.get_attribute("aria-disabled") == "false":
        number = first.inner_text()
        older.click()
        expect(first).not_to_have_text(number)
        rows += log.locator("tbody tr").all_inner_texts()
    return rows


def test_everything_is_a_command_too(place, released):
    page = place.steward.page
    # The palette leaves out what cannot be done, such as approving if nothing waits.
    assert ask(place, "offered", epsilon=0.2).state == "pending"
    page.keyboard.press("Control+Shift+KeyC")
    page.locator("#modal-command-palette .lm-CommandPalette-input").fill("data space")
    offered = page.locator(".lm-CommandPalette-itemLabel")
    for words in (
        "Open a request…",
        "Review a waiting request…",
        "Approve a waiting request…",
        "Deny a waiting request…",
        "Budget and policy of a dataset…",
        "Audit log of a domain…",
        "People: admit and revoke…",
        "Revoke somebody's admission…",
        "Download the evidence of a request…",
    ):
        expect(offered.get_by_text(words, exact=True).first).to_be_visible()
    page.keyboard.press("Escape")


def test_the_accessibility_checker_finds_nothing_serious(place, released):
    open_mine(place, "outcome")
    assert serious_findings(place.researcher.page, "#dataspace-panel") == []
    assert serious_findings(place.researcher.page, ".wb-Page:not(.lm-mod-hidden *)") == []
    open_holding(place, DIABETES)
    assert serious_findings(place.steward.page, "#dataspace-panel") == []
    assert serious_findings(place.steward.page, ".wb-Page:not(.lm-mod-hidden *)") == []
