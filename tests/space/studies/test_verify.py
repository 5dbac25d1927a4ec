"""Check that a change in any file of a study is found."""

from __future__ import annotations

import base64
import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from workbench.cli.study import app
from workbench.documents import Envelope, PrivateKey, digest_bytes
from workbench.errors import InvalidDocument, NotFound
from workbench.space.studies import record
from workbench.space.studies.record import StudyRecord
from workbench.space.studies.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(done, tmp_path):
    return shutil.copytree(done, tmp_path / "copy")


def wrong(folder, keys=None):
    return {f.what: f.words for f in verify(folder, keys) if not f.holds}


def rewrite(folder, change):
    """Change the record and make its digests fit, as an attacker would who knows how."""
    value = json.loads((folder / record.FILE).read_text())
    change(value)
    for file in value["files"]:
        content = (folder / file["path"]).read_bytes()
        file["content"], file["size"] = digest_bytes(content), len(content)
    (folder / record.FILE).write_bytes(StudyRecord.read(value).canonical())


def evidence(folder):
    return next((folder / "evidence").glob("*.json"))


@pytest.mark.parametrize(
    "name", ["trainer.ipynb", "parameters.json", "environment.txt", "report.html", "journal.jsonl"]
)
def test_a_changed_file_is_named(copy, name):
    assert wrong(copy) == {}
    (copy / name).write_text((copy / name).read_text().replace("0", "1"))
    assert "was changed" in wrong(copy)[name]


def test_a_missing_file_is_named(copy):
    (copy / "report.html").unlink()
    assert wrong(copy)["report.html"] == "is missing"


def test_numbers_that_were_made_nicer_do_not_verify_though_all_digests_fit(copy):
    path = evidence(copy)
    bundle = json.loads(path.read_text())
    payload = base64.b64decode(bundle["release"]["payload"])
    payload = re.sub(rb'"value":[0-9.e-]+', b'"value":0.999', payload)
    bundle["release"]["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(bundle))
    rewrite(copy, lambda value: None)
    found = wrong(copy)
    assert any("release" in words for words in found.values()), found


def test_a_notebook_that_was_edited_with_its_digest_breaks_the_signature(copy):
    path = copy / "trainer.ipynb"
    path.write_text(path.read_text().replace("A study", "A better study"))
    rewrite(copy, lambda value: None)
    assert wrong(copy) == {"signature": "study.json is not what was signed"}


def test_a_signature_by_somebody_else_is_found(copy):
    study = record.read(copy)
    stranger = Envelope.sign(study, PrivateKey.create())
    (copy / record.SIGNATURE).write_bytes(stranger.canonical())
    assert "expected" in wrong(copy)["signature"]


def test_a_request_that_was_left_out_is_found(copy):
    rewrite(copy, lambda value: value.update(requests=[], spent=[]))
    assert "names other requests" in wrong(copy)["journal and record"]


def test_a_cost_that_was_made_smaller_is_found(copy):
    rewrite(copy, lambda value: value["spent"][0].update(epsilon=0.01))
    assert wrong(copy)["privacy spent"] == "is not what runs cost"


def test_evidence_of_a_domain_with_another_key_is_refused(copy):
    found = wrong(copy, {"hospital-a": PrivateKey.create().public})
    assert any("domain key" in words for words in found.values())


def test_a_path_that_leads_out_of_the_folder_is_refused(copy):
    outside = copy.parent / "outside.txt"
    outside.write_text("x")
    rewrite(copy, lambda value: value["files"][0].update(path="../outside.txt"))
    assert "outside" in wrong(copy)["../outside.txt"]


def test_a_folder_without_a_study_and_a_damaged_record_say_so(copy, tmp_path):
    with pytest.raises(NotFound, match="holds no study"):
        verify(tmp_path)
    (copy / record.FILE).write_text("{}")
    with pytest.raises(InvalidDocument):
        verify(copy)


def test_the_command_says_what_is_wrong_and_fails(copy, space):
    good = CliRunner().invoke(app, ["verify", str(copy), "--space", str(space), "--json"])
    assert good.exit_code == 0
    assert json.loads(good.output)["holds"]
    (copy / "parameters.json").write_text("{}")
    bad = CliRunner().invoke(app, ["verify", str(copy)])
    assert bad.exit_code == 1
    assert "WRONG  parameters.json: was changed after the study" in bad.output
