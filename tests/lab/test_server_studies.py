"""Studies from the front end: made, run beside the server, followed, stopped."""

from __future__ import annotations

import json
import os

import nbformat
import psutil
import pytest

from tests.lab.servers import News, OpenDomain, jupyter_server, write_space
from tests.processes import has_ended
from tests.support import error_of, wait_until

pytestmark = pytest.mark.slow

SECONDS = 240


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    found = OpenDomain(tmp_path_factory.mktemp("hospital") / "hospital-a")
    yield found
    found.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, hospital):
    root = tmp_path_factory.mktemp("lab") / "root"
    write_space(root, hospital.site.researcher, hospital)
    (root / "mine").mkdir()
    with jupyter_server(root) as found:
        yield found


def notebook(lab, name: str, *cells: str, parameters: str = "seconds = 0") -> str:
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    given = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    content.cells.insert(0, given)
    content.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(content, lab.folder / name)
    return name


def study(lab, number: str) -> dict:
    return next(s for s in lab.json("studies")["studies"] if s["id"] == number)


def test_a_new_study_of_a_dataset_runs_as_it_is(lab, hospital):
    body = {"dataset": "hospital-a/breast-cancer", "folder": "mine"}
    made = lab.post("studies", body).json()
    assert made == {"path": "mine/breast-cancer-study.ipynb"}
    content = nbformat.read(lab.folder / made["path"], as_version=4)
    nbformat.validate(content)
    tagged = [c for c in content.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1

    # A second one does not overwrite the first.
    assert lab.post("studies", body).json()["path"] == "mine/breast-cancer-study-2.ipynb"

    found = lab.json("studies/parameters", params=made)["parameters"]
    assert [p["name"] for p in found] == ["epsilon", "delta", "purpose", "repeat", "submit"]
    assert "spends privacy budget" in found[-1]["help"]

    news = News(lab)
    given = {"epsilon": 1.0, "submit": True, "purpose": "DUO:0000007 tests"}
    begun = lab.post("studies/run", {**made, "parameters": given}).json()
    assert (begun["state"], begun["path"]) == ("running", made["path"])
    wait_until(lambda: study(lab, begun["id"])["state"] != "running", SECONDS)
    done = study(lab, begun["id"])
    assert (done["state"], done["message"]) == ("done", ""), done
    assert done["cell"] == done["cells"]
    assert (lab.folder / done["out"] / "study.json").is_file()
    assert (lab.folder / done["report"]).is_file()
    wait_until(lambda: news.last["studies"]["studies"][0]["state"] == "done")
    cells = [s["cell"] for e, c in news.seen if e == "studies" for s in c["studies"]]
    assert len(set(cells)) > 2
    news.close()
    released = [r for r in lab.json("requests")["requests"] if r["purpose_text"] == "tests"]
    assert [r["state"] for r in released] == ["released"]


def test_cancel_ends_the_kernel_and_the_server_lives(lab):
    path = notebook(
        lab,
        "long.ipynb",
        "import os\nopen('pid', 'w').write(str(os.getpid()))",
        "import time\ntime.sleep(seconds)",
    )
    begun = lab.post("studies/run", {"path": path, "parameters": {"seconds": 1000}}).json()
    pid = lab.folder / "pid"
    wait_until(lambda: pid.is_file() and pid.read_text().isdigit(), SECONDS)
    # The last of them: the parameters and what was given for them are cells too.
    wait_until(lambda: study(lab, begun["id"])["cell"] == 4, SECONDS)
    kernel = psutil.Process(int(pid.read_text()))
    ended = lab.post(f"studies/{begun['id']}/cancel").json()
    assert ended["state"] == "cancelled"
    wait_until(lambda: has_ended(kernel))
    assert study(lab, begun["id"])["ended"]
    assert lab.json("session")["problem"] is None


def test_a_cell_that_fails_is_said_in_its_words(lab):
    path = notebook(lab, "wrong.ipynb", "1 / 0")
    begun = lab.post("studies/run", {"path": path}).json()
    wait_until(lambda: study(lab, begun["id"])["state"] != "running", SECONDS)
    assert study(lab, begun["id"])["state"] == "failed"
    assert "ZeroDivisionError" in study(lab, begun["id"])["message"]


def test_a_kernel_that_dies_takes_nothing_with_it(lab):
    path = notebook(lab, "dies.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    begun = lab.post("studies/run", {"path": path}).json()
    wait_until(lambda: study(lab, begun["id"])["state"] != "running", SECONDS)
    assert study(lab, begun["id"])["state"] == "failed"
    assert lab.json("session")["problem"] is None


def test_a_wrong_parameter_starts_nothing(lab):
    path = notebook(lab, "short.ipynb", "pass")
    count = len(lab.json("studies")["studies"])
    unknown = lab.post("studies/run", {"path": path, "parameters": {"secondz": 1}})
    assert error_of(unknown) == "invalid-argument"
    assert "seconds" in unknown.json()["error"]["hint"]
    text = lab.post("studies/run", {"path": path, "parameters": {"seconds": "x"}})
    assert error_of(text) == "invalid-argument"
    assert len(lab.json("studies")["studies"]) == count


def test_no_path_leads_out_of_the_servers_folder(lab, tmp_path):
    outside = tmp_path / "outside.ipynb"
    outside.write_text(
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    link = lab.folder / "link.ipynb"
    link.symlink_to(outside)
    (lab.folder / "door").symlink_to(tmp_path)
    up = os.path.relpath(outside, lab.folder)
    for path in (up, str(outside), "link.ipynb", "door/outside.ipynb", f"mine/../{up}"):
        assert error_of(lab.post("studies/run", {"path": path})) == "not-found", path
        assert error_of(lab.get("studies/parameters", params={"path": path})) == "not-found", path
    body = {"dataset": "hospital-a/breast-cancer", "folder": "door"}
    assert error_of(lab.post("studies", body)) == "not-found"
    assert list(tmp_path.iterdir()) == [outside]
    link.unlink()
    (lab.folder / "door").unlink()


def test_the_studies_end_with_the_server(tmp_path, hospital):
    root = tmp_path / "root"
    write_space(root, hospital.site.researcher, hospital)
    with jupyter_server(root) as lab:
        path = notebook(
            lab,
            "long.ipynb",
            "import os\nopen('pid', 'w').write(str(os.getpid()))",
            "import time\ntime.sleep(1000)",
        )
        lab.post("studies/run", {"path": path})
        pid = root / "pid"
        wait_until(lambda: pid.is_file() and pid.read_text().isdigit(), SECONDS)
        kernel = psutil.Process(int(pid.read_text()))
        lab.process.terminate()
        lab.process.wait(30)
        wait_until(lambda: has_ended(kernel))
