"""A study as an RO-Crate: what repositories, reviewers and other tools read.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) in the profile Workflow Run Crate 0.5
(https://w3id.org/ro/wfrun/workflow/0.5): the notebook is the workflow, its run an action from
parameters and datasets to files.
"""

from __future__ import annotations

import json
import mimetypes
import tempfile
from pathlib import Path
from typing import Any

from workbench.documents import DatasetCard, digest_bytes
from workbench.documents.base import hex_of, short
from workbench.documents.envelope import unverified
from workbench.errors import InvalidArgument, InvalidConfiguration, VerificationFailed
from workbench.evidence.bundle import Bundle
from workbench.space.studies import record
from workbench.space.studies.parameters import parameters_of
from workbench.space.studies.record import StudyRecord
from workbench.space.studies.verify import verify

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_STATUS = {
    "done": "http://schema.org/CompletedActionStatus",
    "failed": "http://schema.org/FailedActionStatus",
    "cancelled": "http://schema.org/FailedActionStatus",
}
_KINDS = {"bool": "Boolean", "int": "Integer", "float": "Float", "str": "Text"}
_MEDIA = {
    ".ipynb": "application/x-ipynb+json",
    ".safetensors": "application/octet-stream",
    ".jsonl": "application/jsonl",
}
_WORDS = {
    record.PARAMETERS: "The parameters that were given",
    record.ENVIRONMENT: "Exact versions of the installed packages",
    record.REPORT: "The study on one page",
    record.FILE: "What ran, and the digest of every file",
    record.SIGNATURE: "The researcher's signature of study.json",
    "journal.jsonl": "Every request that was sent and every release that was checked",
}


def export(folder: Path, out: Path, licence: str = "") -> Path:
    """Write the study in `folder` as a zipped RO-Crate.

    Parameters
    ----------
    folder
        A study's folder.
    out
        The file to write, which ends in ``.zip``.
    licence
        The address of the licence under which the study is given away.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    VerificationFailed
        If a file or a piece of evidence is not what the study says.
    InvalidArgument
        If `out` does not end in ``.zip``.
    InvalidConfiguration
        If `out` cannot be written.
    """
    wrong = [finding for finding in verify(folder) if not finding.holds]
    if wrong:
        raise VerificationFailed(
            f"{wrong[0].what}: {wrong[0].words}", "Run the study again before you hand it on."
        )
    if out.suffix != ".zip":
        raise InvalidArgument(f"{out} does not end in .zip", "Give --out study.zip")
    study = record.read(folder)
    crate = _Crate(folder, study, licence)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and then moved: a crate is there in full or not at all.
        with tempfile.TemporaryDirectory(dir=out.parent) as place:
            made = Path(place, out.name)
            crate.crate.write_zip(made)
            made.replace(out)
    except OSError as error:
        raise InvalidConfiguration(f"{out} cannot be written: {error.strerror}") from None
    return out


class _Crate:
    def __init__(self, folder: Path, study: StudyRecord, licence: str) -> None:
        from rocrate.rocrate import ROCrate

        self.folder = folder
        self.study = study
        self.crate = ROCrate(version="1.1")
        self.crate.name = study.title
        self.crate.description = (
            f"The notebook {study.notebook}, run with parameters on data that did not leave its "
            f"holders, with signed evidence of {len(study.requests)} requests."
        )
        self.crate.datePublished = _seconds(study.ended)
        self.crate.license = (
            self._entity(licence, type="CreativeWork", name=licence)
            if licence.startswith(("http://", "https://"))
            else licence or "Not stated: ask the author"
        )
        workflow = self._workflow()
        self._profiles()
        self._action(workflow, self._objects(workflow), self._files())

    def _entity(self, place: str, /, **properties: Any) -> Any:
        from rocrate.model.contextentity import ContextEntity

        # A type and what JSON-LD reserves have names that no keyword can have.
        renamed = {"@type" if k == "type" else k: v for k, v in properties.items()}
        return self.crate.add(ContextEntity(self.crate, place, properties=renamed))

    def _profiles(self) -> None:
        profiles = [
            self._entity(address, type="CreativeWork", name=name, version=version)
            for address, (name, version) in _PROFILES.items()
        ]
        self.crate.root_dataset["conformsTo"] = profiles

    def _workflow(self) -> Any:
        from rocrate.model.computerlanguage import ComputerLanguage

        language = self.crate.add(
            ComputerLanguage(
                self.crate,
                "#jupyter",
                properties={
                    "name": "Jupyter Notebook",
                    "url": {"@id": "https://jupyter.org/"},
                    "identifier": {"@id": "https://jupyter.org/"},
                },
            )
        )
        properties = {
            "name": self.study.title,
            "encodingFormat": _media(self.study.notebook),
            "description": "The notebook as it was executed, with its outputs",
            "version": self.study.source,
            "sha256": self._digest(self.study.notebook),
        }
        source = self.folder / self.study.notebook
        workflow = self.crate.add_workflow(
            str(source), self.study.notebook, main=True, lang=language, properties=properties
        )
        parameters = parameters_of(source)
        workflow["input"] = [
            self.crate.add_formal_parameter(
                name,
                _KINDS.get(type(one.value).__name__, "Text"),
                f"#parameter-{name}",
                description=one.help or None,
                defaultValue=one.default,
            )
            for name, one in parameters.items()
        ]
        return workflow

    def _objects(self, workflow: Any) -> list[Any]:
        given = json.loads((self.folder / record.PARAMETERS).read_text())
        found = [
            self._entity(
                f"#value-{name}",
                type="PropertyValue",
                name=name,
                value=value if isinstance(value, str | int | float) else json.dumps(value),
                exampleOfWork={"@id": f"#parameter-{name}"},
            )
            for name, value in given.items()
        ]
        cards: dict[str, DatasetCard] = {}
        for one in self.study.requests:
            if one.state == "verified" and one.evidence is not None:
                bundle = Bundle.parse((self.folder / one.evidence).read_bytes())
                card = unverified(bundle.card, DatasetCard)
                cards[card.digest] = card
        for card in cards.values():
            found.append(
                self._entity(
                    f"#dataset-{card.domain}-{card.name}-{short(card.dataset_version)}",
                    type="CreativeWork",
                    name=f"{card.path}: {card.title}",
                    description=f"{card.description} It stayed at its holder.".strip(),
                    identifier=card.path,
                    version=card.dataset_version,
                    license=card.licence,
                    creditText=card.citation,
                )
            )
        return found

    def _files(self) -> list[Any]:
        evidence = {one.evidence: one for one in self.study.requests if one.evidence}
        names = [file.path for file in self.study.files if file.path != self.study.notebook]
        names += [n for n in (record.FILE, record.SIGNATURE) if (self.folder / n).is_file()]
        found = []
        for name in names:
            words = _WORDS.get(name, "Written by the notebook")
            if name in evidence:
                one = evidence[name]
                words = f"Signed evidence of request {one.request} on {one.path}: {one.state}"
            properties = {
                "name": name,
                "description": words,
                "encodingFormat": _media(name),
                "sha256": self._digest(name),
            }
            found.append(self.crate.add_file(str(self.folder / name), name, properties=properties))
        return found

    def _action(self, workflow: Any, objects: list[Any], results: list[Any]) -> None:
        study = self.study
        agents = {one.evidence for one in study.requests if one.state == "verified"}
        action = self.crate.add_action(
            workflow,
            "#run",
            object=objects,
            result=results,
            properties={
                "name": f"Run of {study.notebook}",
                "description": f"papermill ran {study.cell} of {study.cells} cells: {study.state}",
                "startTime": _seconds(study.started),
                "endTime": _seconds(study.ended),
                "actionStatus": _STATUS[study.state],
                **({"error": study.message} if study.message else {}),
            },
        )
        for path in sorted(filter(None, agents))[:1]:
            bundle = Bundle.parse((self.folder / path).read_bytes())
            person = self._entity(
                "#researcher", type="Person", name=f"Holder of the key {bundle.researcher_key}"
            )
            action["agent"] = self.crate.root_dataset["author"] = person
        self.crate.root_dataset["mentions"] = action
        environment = self.crate.get(record.ENVIRONMENT)
        if environment is not None:
            workflow["softwareRequirements"] = environment

    def _digest(self, name: str) -> str:
        return hex_of(digest_bytes((self.folder / name).read_bytes()))


def _media(name: str) -> str:
    suffix = Path(name).suffix
    return _MEDIA.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _seconds(time: str) -> str:
    """Return a time as every reader of ISO 8601 takes it."""
    return f"{time[:19]}+00:00"
