"""Check that a new study runs to its end unchanged, and never replaces a file."""

from __future__ import annotations

import pytest

from workbench.cli.study import app
from workbench.errors import Conflict
from workbench.space.connection import connect
from workbench.space.studies.new import new_study
from workbench.space.studies.parameters import parameters_of
from workbench.space.studies.run import run

pytestmark = pytest.mark.slow


def test_it_rehearses_submits_waits_and_shows(hospital, space, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_SPACE", str(space))
    path = new_study(connect(space).dataset("breast-cancer"), tmp_path / "mine.ipynb")
    assert {"epsilon", "purpose", "repeat", "submit"} <= set(parameters_of(path))
    study = run(path, tmp_path / "out", {"epsilon": 0.5}, key=hospital.researcher)
    (request,) = study.requests
    assert request.state == "verified"
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Rehearsal" in report
    assert "verified (" in report
    assert report.count('<svg class="figure"') >= 2


def test_a_file_that_is_there_stays(space, tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_text("mine")
    with pytest.raises(Conflict, match="there already"):
        new_study(connect(space).dataset("breast-cancer"), path)
    assert path.read_text() == "mine"


def test_the_command_says_how_to_run_it(space, tmp_path):
    from typer.testing import CliRunner

    out = tmp_path / "mine.ipynb"
    said = CliRunner().invoke(
        app, ["new", "breast-cancer", "--out", str(out), "--space", str(space)]
    )
    assert f"workbench study run {out}" in said.output
