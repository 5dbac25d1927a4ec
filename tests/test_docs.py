"""The guides are true: their examples load, their links and named tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.catalog.files import read_dataset
from workbench.domain.store.config import CallLimits, GraphLimits
from workbench.graphs.operators.allowed import ALLOWED

ROOT = Path(__file__).parents[1]
MAP = [
    ROOT / "docs" / "architecture.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs" / "adr").glob("*.md")),
]
"""Pages about the code itself: what they name has to be where they say."""
GUIDES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*GUIDES, *(page for page in MAP if page not in GUIDES)]
CLAIMS = [ROOT / "docs" / f"{name}.md" for name in ("privacy", "threat-model", "pitfalls")]


def test_the_stewards_example_loads(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/steward.md").read_text(), re.S)
    (dataset,) = (block for block in blocks if block.startswith("name:"))
    (terms,) = (block for block in blocks if block.startswith("text:"))
    more = [block for block in blocks if block not in (dataset, terms)]
    assert len(more) >= 4
    (tmp_path / "terms.yaml").write_text(terms)
    for lines in ("", *more):
        data = lines.startswith("data:")
        text = re.sub("(?m)^data: .*$", lines.strip(), dataset) if data else dataset + lines
        (tmp_path / "dataset.yaml").write_text(text)
        found = read_dataset(tmp_path)
        assert found.data_schema.privacy_unit == "patient"


def test_the_list_of_operators_is_whole():
    listed = (ROOT / "docs/models.md").read_text().split("## Which operators")[1]
    assert set(re.findall(r"`(\w+)`", listed)) == {n.split(".")[1] for n in ALLOWED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_pictures_and_tests_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (page.parent / target).exists(), target
    for name in re.findall(r"`(tests/[\w/]+\.py)`", text):
        assert (ROOT / name).exists(), name
    everything = "\n".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+?)_?…?`", text):
        assert f"def {name}" in everything, name


@pytest.mark.parametrize(
    "limits", [CallLimits(), GraphLimits()], ids=lambda one: type(one).__name__
)
def test_every_limit_on_calls_stands_in_the_operators_guide_with_its_default(limits):
    text = (ROOT / "docs/operator.md").read_text()
    for name, value in limits.model_dump().items():
        pattern = rf"\| [^|]*`{name}`[^|]*\|[^|]*\b{value}\b[^|]*\|"
        assert re.search(pattern, text), name


@pytest.mark.parametrize("page", CLAIMS, ids=lambda page: page.name)
def test_what_a_claim_rests_on_exists(page):
    """Every test by its whole name, or by its beginning with an ellipsis; every file of ours."""
    sources = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    defined = {name for text in sources for name in re.findall(r"def (test_\w+)", text)}
    spans = re.findall(r"`([^`\n]+)`", page.read_text())
    missing = [s for s in spans if "/" in s and s.endswith(".py") and not _is_ours(s)]
    for span in (s for s in spans if s.startswith("test_")):
        name, more = span.rstrip("…"), span.endswith("…")
        if not any(known == name or (more and known.startswith(name)) for known in defined):
            missing.append(span)
    assert not missing
    assert len([s for s in spans if s.startswith(("test_", "tests/"))]) > 20


def _is_ours(path):
    return (ROOT / path).exists() or (ROOT / "workbench" / path).exists()


def test_links_within_the_guides_lead_to_headings():
    for page in PAGES:
        for target, heading in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            titles = re.findall(r"^#+ (.+)$", text, re.M)
            anchors = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
            assert heading in anchors, f"{page.name}: {target}#{heading}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_place_for_a_figure_is_left_empty(page):
    assert not re.findall(r"⟦[^⟧]*⟧", page.read_text())


def test_every_command_in_the_guides_exists():
    from typer.main import get_command

    from workbench.cli.app import app

    commands = get_command(app).commands
    for page in PAGES:
        for line in re.findall(r"^    workbench (.+)$", page.read_text(), re.M):
            words = line.split()
            assert words[0] in commands, line
            inner = getattr(commands[words[0]], "commands", None)
            assert inner is None or words[1] in inner, line


def _named(page):
    """Return the places in our sources that a page names, as (path, name or nothing)."""
    spans = re.findall(r"`((?:workbench|extensions)/[^`\n]*)`", page.read_text())
    return [span.partition("::")[::2] for span in spans]


@pytest.mark.parametrize("page", MAP, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_the_map_names_exist(page):
    assert [path for path, _ in _named(page) if not (ROOT / path).exists()] == []


def test_what_the_walk_names_is_defined_where_it_says():
    walk = [(path, name) for path, name in _named(MAP[0]) if name]
    missing = [
        f"{path}::{name}"
        for path, name in walk
        if not re.search(rf"^\s*(def|class) {name}\b", (ROOT / path).read_text(), re.M)
    ]
    assert missing == []
    assert len(walk) > 35


def test_every_room_is_on_the_map():
    rooms = {init.parent for init in (ROOT / "workbench").rglob("__init__.py")}
    rooms = {path.relative_to(ROOT) for path in rooms}
    text = MAP[0].read_text()
    # Below the second level a folder is a part of its room.
    wanted = sorted(room for room in rooms if 2 <= len(room.parts) <= 3)
    assert [str(room) for room in wanted if f"`{room}/`" not in text] == []
