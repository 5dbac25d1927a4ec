"""Find the parts of the sidebar, and note errors that must not happen."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Request, expect
from sqlalchemy import insert

from workbench.documents import Envelope, digest_bytes
from workbench.domain.service import Domain
from workbench.domain.store.tables import cards


class Trouble:
    """Errors in the console and requests to other hosts, from here on."""

    def __init__(self, page: Page, url: str) -> None:
        self.console: list[str] = []
        self.foreign: list[str] = []
        own = urlsplit(url).netloc

        def message(said) -> None:
            # JupyterLab asks for language servers whether or not that extension is there.
            if said.type == "error" and "/lsp/" not in said.location.get("url", ""):
                self.console.append(f"{said.text} ({said.location.get('url')})")

        def request(made) -> None:
            parts = urlsplit(made.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != own:
                self.foreign.append(made.url)

        page.on("console", message)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", request)


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Data space sidebar")


def show_panel(page: Page) -> None:
    if not panel(page).is_visible():
        page.locator(".jp-SideBar [data-id=dataspace-panel]").click()
    expect(datasets(page).first).to_be_visible()


def datasets(page: Page) -> Locator:
    return panel(page).get_by_role("listbox", name="Datasets").get_by_role("option")


def dataset_page(page: Page, title: str) -> Locator:
    """Return the page in front, once it shows the dataset with this title."""
    shown = page.locator(".wb-Page:visible")
    expect(shown.get_by_role("heading", name=title, level=1)).to_be_visible()
    return shown


def layout_saved(*parts: str) -> Callable[[Request], bool]:
    """Return a function that recognises the request that saves a layout with these parts."""

    def recognises(request: Request) -> bool:
        text = request.post_data or ""
        saves = request.method == "PUT" and "/api/workspaces/" in request.url
        return saves and all(part in text for part in parts) and '"current":"dataspace' in text

    return recognises


def serious_findings(page: Page, part: str) -> list[str]:
    """Return what the accessibility checker finds in a part of the page, if it matters."""
    found = Axe().run(page, context=f"{part}").response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def publish_many(root, count):
    """Publish signed copies of the domain's first card under other names, as `publish` would."""
    domain = Domain(root)
    card = domain.operator.publish("breast-cancer")
    rows = []
    for number in range(count - 1):
        name = f"ward-{number:05d}"
        copy = card.model_copy(
            update={
                "name": name,
                "title": f"Ward {number:05d}",
                "dataset_version": digest_bytes(name.encode()),
            }
        )
        envelope = Envelope.sign(copy, domain.key).canonical().decode()
        rows.append({"digest": copy.digest, "dataset": name, "envelope": envelope})
    with domain.store.write() as connection:
        connection.execute(insert(cards), rows)
    domain.close()


def space_file(site, path):
    """Write the space of the site's researcher."""
    site.researcher.save(path.parent / "researcher.key")
    path.write_text(
        f'key = "researcher.key"\n\n[[domains]]\nname = "{site.name}"\n'
        f'url = "{site.url}"\npublic_key = "{site.public_key}"\n'
    )
    return path


# Scroll the list of datasets by more than it shows, 120 frames long.
FRAMES = """
async () => {
    const list = document.querySelector('.wb-List');
    const times = [];
    let before = await new Promise(requestAnimationFrame);
    for (let at = 0; at < 120; at += 1) {
        list.scrollTop += 4321;
        const now = await new Promise(requestAnimationFrame);
        times.push(now - before);
        before = now;
    }
    return { times, rows: list.querySelectorAll('.wb-Row').length, top: list.scrollTop };
}
"""

# Keep in `window.took` how long after typing one dataset was left.
SEARCH = """
() => {
    window.began = 0;
    const box = document.querySelector('.wb-Search-text');
    box.addEventListener('input', () => { window.began = performance.now(); });
    new MutationObserver(() => {
        const text = document.querySelector('.wb-Catalog-count').textContent;
        if (text.startsWith('1 of')) window.took ??= performance.now() - window.began;
    }).observe(document.querySelector('.wb-Catalog'),
               { subtree: true, childList: true, characterData: true });
}
"""

# Keep when JupyterLab's splash was gone and when the first dataset was there.
ARRIVALS = """
new MutationObserver(() => {
    const splash = document.getElementById('jupyterlab-splash');
    window.sawSplash ||= !!splash;
    if (window.sawSplash && !splash) window.labAt ??= performance.now();
    if (document.querySelector('.wb-Row')) window.panelAt ??= performance.now();
}).observe(document, { childList: true, subtree: true });
"""
