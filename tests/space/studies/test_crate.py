"""Check that an RO-Crate has what readers of Workflow Run Crates look for, and all files."""

from __future__ import annotations

import hashlib
import shutil
import zipfile

import pytest
from rocrate.rocrate import ROCrate

from workbench.errors import InvalidArgument, VerificationFailed
from workbench.space.studies import record
from workbench.space.studies.crate import export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unpacked(done, tmp_path_factory):
    place = tmp_path_factory.mktemp("crate")
    made = export(done, place / "study.zip", "https://spdx.org/licenses/CC-BY-4.0")
    zipfile.ZipFile(made).extractall(place / "crate")
    return place / "crate"


@pytest.fixture(scope="module")
def crate(unpacked):
    return ROCrate(unpacked)


def test_it_says_which_profiles_it_follows(crate):
    followed = {entity["@id"] for entity in crate.root_dataset["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in followed
    assert crate.metadata["conformsTo"]


def test_the_notebook_is_the_workflow_and_its_parameters_are_inputs(crate):
    workflow = crate.mainEntity
    assert set(workflow.type) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert workflow["programmingLanguage"]["name"] == "Jupyter Notebook"
    inputs = {one["name"]: one for one in workflow["input"]}
    assert set(inputs) == {"space", "epsilon", "repeat"}
    assert inputs["epsilon"]["additionalType"] == "Float"
    assert inputs["epsilon"]["defaultValue"] == "1.0"


def test_the_run_is_an_action_from_parameters_and_data_to_files(crate, done):
    (action,) = (e for e in crate.contextual_entities if e.type == "CreateAction")
    assert action["instrument"] is crate.mainEntity
    assert action["actionStatus"].endswith("CompletedActionStatus")
    by_type = {one.type: one for one in action["object"]}
    assert by_type["PropertyValue"]["value"] == 0.9
    assert by_type["PropertyValue"]["exampleOfWork"]["name"] == "epsilon"
    assert by_type["CreativeWork"]["identifier"] == "hospital-a/breast-cancer"
    made = {one.id for one in action["result"]}
    (request,) = record.read(done).requests
    assert {"report.html", "study.json", "journal.jsonl", request.evidence} <= made


def test_every_file_of_the_study_is_there_with_its_digest(crate, unpacked, done):
    listed = {file.path for file in record.read(done).files}
    found = {e.id: e for e in crate.data_entities}
    assert listed <= set(found)
    for name in listed:
        content = (unpacked / name).read_bytes()
        assert found[name]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_study_that_does_not_hold_is_not_handed_on(done, tmp_path):
    copy = shutil.copytree(done, tmp_path / "copy")
    (copy / "parameters.json").write_text("{}")
    with pytest.raises(VerificationFailed, match=r"parameters\.json"):
        export(copy, tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()


def test_a_target_that_is_no_zip_is_refused(done, tmp_path):
    with pytest.raises(InvalidArgument, match="does not end in"):
        export(done, tmp_path / "study.tar")
