"""The guides are true: their examples load, their links and named tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.catalog.files import read_dataset

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_stewards_example_loads(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/steward.md").read_text(), re.S)
    dataset, terms = blocks
    (tmp_path / "dataset.yaml").write_text(dataset)
    (tmp_path / "terms.yaml").write_text(terms)
    found = read_dataset(tmp_path)
    assert found.data_schema.privacy_unit == "patient"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_pictures_and_tests_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (page.parent / target).exists(), target
    for name in re.findall(r"`(tests/[\w/]+\.py)`", text):
        assert (ROOT / name).exists(), name
    everything = "\n".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+?)_?…?`", text):
        assert f"def {name}" in everything, name


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
