"""Check what a study leaves when it ends, fails or is stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import nbformat
import psutil
import pytest

from tests.space.studies.conftest import notebook
from tests.support import wait_until
from workbench.errors import InvalidArgument, InvalidConfiguration, NotFound, StudyFailed
from workbench.space.studies import record
from workbench.space.studies.run import run
from workbench.space.studies.verify import verify

pytestmark = pytest.mark.slow

ENDLESS = """
import os, pathlib
pathlib.Path(place).write_text(str(os.getpid()))
while True:
    pass
"""


def metrics(folder):
    study = record.read(folder)
    found = []
    for request in study.requests:
        bundle = json.loads((folder / request.evidence).read_text())
        found.append((request.request, request.release, bundle["release"]["payload"]))
    return found


def outputs(folder):
    study = record.read(folder)
    cells = nbformat.read(folder / study.notebook, as_version=4).cells
    return [cell.get("outputs", []) for cell in cells if cell.cell_type == "code"]


def holds(folder, hospital):
    findings = verify(folder, {"hospital-a": hospital.public_key})
    assert all(finding.holds for finding in findings), findings
    return {finding.what: finding.words for finding in findings}


def test_the_same_parameters_give_the_same_numbers_at_no_new_cost(
    trainer, hospital, done, tmp_path
):
    before = hospital.client().budget("breast-cancer")
    run(trainer, tmp_path / "again", {"epsilon": 0.9}, key=hospital.researcher)
    assert hospital.client().budget("breast-cancer") == before
    assert metrics(tmp_path / "again") == metrics(done)
    assert (
        outputs(tmp_path / "again")[2][-1]["data"]["text/plain"]
        == (outputs(done)[2][-1]["data"]["text/plain"])
    )


def test_other_parameters_are_a_new_run_and_are_charged(trainer, hospital, done, tmp_path):
    before = hospital.client().budget("breast-cancer").epsilon_spent
    run(trainer, tmp_path / "other", {"epsilon": 0.9, "repeat": 1})
    assert hospital.client().budget("breast-cancer").epsilon_spent > before
    assert metrics(tmp_path / "other") != metrics(done)


def test_the_folder_tells_what_ran_what_was_sent_and_what_it_cost(done, hospital):
    study = record.read(done)
    assert (study.state, study.cell, study.cells) == ("done", 4, 4)
    assert json.loads((done / "parameters.json").read_text()) == {"epsilon": 0.9}
    (request,) = study.requests
    assert request.state == "verified"
    assert (request.path, request.function) == ("hospital-a/breast-cancer", "diagnose")
    (spent,) = study.spent
    assert (spent.runs, spent.dataset) == (1, "hospital-a/breast-cancer")
    assert 0.5 < spent.epsilon <= 0.9
    found = holds(done, hospital)
    assert found["signature"].startswith("by the researcher")
    assert "signed by the domain" in found[f"request {request.request[7:19]} at {request.path}"]


def test_the_lock_names_exact_versions_and_no_host(done):
    import torch

    text = (done / "environment.txt").read_text()
    assert text.startswith(f"# Python {sys.version.split()[0]}")
    assert f"torch=={torch.__version__.split('+')[0]}" in text
    assert "://" not in text
    assert socket.gethostname() not in text


def test_each_step_says_which_cell_of_how_many_and_what_it_is_about(tmp_path):
    steps = []
    path = notebook(
        tmp_path / "steps.ipynb", "x = 1", ("## The sum\nof it",), "", "x + 1", parameters="y = 2"
    )
    run(path, tmp_path / "out", progress=steps.append)
    assert [(s.cell, s.cells, s.words) for s in steps] == [
        (1, 3, "A study"),
        (2, 3, "A study"),
        (3, 3, "The sum"),
    ]


def test_a_cell_that_fails_ends_the_study_and_what_ran_before_is_kept(tmp_path, hospital):
    path = notebook(tmp_path / "bad.ipynb", "print('before')", "1 / 0", "print('after')")
    with pytest.raises(StudyFailed, match=r"cell 2 of 3 .* failed: ZeroDivisionError") as caught:
        run(path, tmp_path / "out")
    assert str(tmp_path / "out" / "bad.ipynb") in caught.value.hint
    study = record.read(tmp_path / "out")
    assert (study.state, study.cell) == ("failed", 2)
    text = [o["text"] for found in outputs(tmp_path / "out") for o in found if "text" in o]
    assert text == ["before\n"]
    assert "ZeroDivisionError" in (tmp_path / "out" / "report.html").read_text()
    holds(tmp_path / "out", hospital)


def test_a_kernel_that_dies_is_a_failed_study(tmp_path):
    path = notebook(tmp_path / "dies.ipynb", "import os, signal; os.kill(os.getpid(), 9)")
    with pytest.raises(StudyFailed, match="DeadKernelError"):
        run(path, tmp_path / "out")
    assert record.read(tmp_path / "out").state == "failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_the_command_ends_the_kernel_and_keeps_what_ran(tmp_path, hospital, number):
    place = tmp_path / "pid"
    path = notebook(tmp_path / "long.ipynb", "print('early')", ENDLESS, parameters="place = ''")
    command = [
        sys.executable,
        "-m",
        "workbench.cli",
        "study",
        "run",
        str(path),
        "--out",
        str(tmp_path / "out"),
        "-p",
        f"place={place}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: place.exists() and place.read_text(), 60)
    kernel = psutil.Process(int(place.read_text()))
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped. What ran so far is in" in said
    assert not kernel.is_running()
    study = record.read(tmp_path / "out")
    assert (study.state, study.message) == ("cancelled", "stopped in cell 4 of 4")
    assert any("early" in str(found) for found in outputs(tmp_path / "out"))
    holds(tmp_path / "out", hospital)


def test_a_study_in_a_process_of_its_own_is_followed_to_its_report(trainer, tmp_path, processes):
    seen = []
    study = processes(
        trainer,
        tmp_path / "out",
        {"epsilon": 0.9},
        changed=lambda s: seen.append((s.state, s.cell, s.cells)),
    )
    assert study.wait(120)
    assert study.state == "done", study.message
    assert seen[0] == ("running", 1, 4)
    assert seen[-1] == ("done", 4, 4)
    assert study.report == tmp_path / "out" / "report.html"


def test_cancel_kills_the_kernel(tmp_path, processes):
    place = tmp_path / "pid"
    path = notebook(tmp_path / "long.ipynb", ENDLESS, parameters="place = ''")
    study = processes(path, tmp_path / "out", {"place": str(place)})
    wait_until(lambda: place.exists() and place.read_text(), 60)
    kernel = psutil.Process(int(place.read_text()))
    study.cancel()
    assert study.state == "cancelled"
    assert not kernel.is_running()
    assert record.read(tmp_path / "out").state == "cancelled"


def test_a_failed_study_in_a_process_says_which_cell(tmp_path, processes):
    path = notebook(tmp_path / "bad.ipynb", "raise ValueError('no such thing')")
    study = processes(path, tmp_path / "out")
    assert study.wait(60)
    assert study.state == "failed"
    assert "cell 1 of 1" in study.message
    assert "no such thing" in study.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epsilom": 1}, "Did you mean 'epsilon'"),
        ({"epsilon": "much"}, "expected a number such as 1.0"),
        ({"epsilon": True}, "expected a number"),
        ({"epsilon": float("nan")}, "no JSON value"),
        ({"repeat": object()}, "is"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_runs(trainer, tmp_path, given, words):
    with pytest.raises((InvalidArgument, TypeError), match=words):
        run(trainer, tmp_path / "out", given)
    assert not (tmp_path / "out").exists()


def test_a_notebook_without_a_parameters_cell_says_how_to_make_one(tmp_path):
    path = notebook(tmp_path / "plain.ipynb", "x = 1")
    with pytest.raises(InvalidArgument, match="takes no parameters") as caught:
        run(path, tmp_path / "out", {"x": 2})
    assert "tag 'parameters'" in caught.value.hint


def test_what_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{}")
    with pytest.raises(InvalidConfiguration, match="not a notebook"):
        run(tmp_path / "broken.ipynb", tmp_path / "out")
    with pytest.raises(NotFound, match="there is no notebook"):
        run(tmp_path / "absent.ipynb", tmp_path / "out")


def test_a_study_never_overwrites_its_own_notebook(tmp_path):
    path = notebook(tmp_path / "same.ipynb", "x = 1")
    before = path.read_bytes()
    with pytest.raises(InvalidConfiguration, match="would overwrite"):
        run(path, tmp_path)
    assert path.read_bytes() == before


def test_outside_of_a_study_nothing_is_written_down(done):
    assert "WORKBENCH_STUDY" not in os.environ
