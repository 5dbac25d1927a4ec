"""The guides are true: their examples load, their links and named tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.catalog.files import read_dataset
from workbench.domain.store.config import CallLimits
from workbench.graphs.operators.allowed import ALLOWED

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLAIMS = [ROOT / "docs" / f"{name}.md" for name in ("privacy", "threat-model", "pitfalls")]


def test_the_stewards_example_loads(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/steward.md").read_text(), re.S)
    dataset, terms, *more = blocks
    (tmp_path / "terms.yaml").write_text(terms)
    for lines in ("", *more):
        (tmp_path / "dataset.yaml").write_text(dataset + lines)
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


def test_every_limit_on_calls_stands_in_the_operators_guide_with_its_default():
    text = (ROOT / "docs/operator.md").read_text()
    for name, value in CallLimits().model_dump().items():
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
