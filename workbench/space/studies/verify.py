"""Check a study's folder: its files, its evidence, its signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workbench.documents import Envelope, PublicKey, Release, digest_bytes
from workbench.documents.base import short
from workbench.documents.envelope import unverified
from workbench.errors import InvalidDocument, WorkbenchError
from workbench.evidence.bundle import Bundle
from workbench.evidence.receipts import receipt, went_back
from workbench.evidence.verify import Verified
from workbench.evidence.verify import verify as verify_evidence
from workbench.space.client import journal
from workbench.space.studies import record
from workbench.space.studies.finish import composed, gathered
from workbench.space.studies.record import StudyRecord, StudyRequest


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    holds: bool
    words: str


def verify(folder: Path, domain_keys: Mapping[str, PublicKey] | None = None) -> list[Finding]:
    """Return what was checked, in order; the study holds if every finding does.

    Parameters
    ----------
    folder
        A study's folder.
    domain_keys
        The domains' keys as the verifier knows them. Without one, a bundle is checked against the
        key in it, which shows that nothing was changed but not who signed.

    Raises
    ------
    NotFound, InvalidDocument
        If there is no study, or its record cannot be read.
    """
    study = record.read(folder)
    findings = [*_files(folder, study), _requests(folder, study)]
    for one in study.requests:
        findings.append(_evidence(folder, one, domain_keys or {}))
    if all(finding.holds for finding in findings):
        findings.append(_cost(folder, study))
        findings += _ledgers(folder, study)
    findings.append(_signature(folder, study))
    return findings


def _files(folder: Path, study: StudyRecord) -> Iterator[Finding]:
    listed = {file.path for file in study.files}
    for name in (study.notebook, record.PARAMETERS, record.ENVIRONMENT, record.REPORT):
        if name not in listed:
            yield Finding(name, False, "study.json does not list it")
    for one in study.requests:
        if one.evidence is not None and one.evidence not in listed:
            yield Finding(one.evidence, False, "study.json does not list it")
    for file in study.files:
        parts = PurePosixPath(file.path).parts
        if file.path.startswith("/") or ".." in parts:
            yield Finding(file.path, False, "lies outside of the study's folder")
            continue
        try:
            content = (folder / file.path).read_bytes()
        except OSError:
            yield Finding(file.path, False, "is missing")
            continue
        same = digest_bytes(content) == file.content
        yield Finding(file.path, same, "unchanged" if same else "was changed after the study")


def _requests(folder: Path, study: StudyRecord) -> Finding:
    try:
        same = gathered(journal.read(folder)) == study.requests
    except WorkbenchError as error:
        return Finding(journal.FILE, False, error.message)
    words = f"{len(study.requests)} requests" if same else "names other requests than study.json"
    return Finding("journal and record", same, words)


def _evidence(folder: Path, one: StudyRequest, keys: Mapping[str, PublicKey]) -> Finding:
    what = f"request {short(one.request)} at {one.path or 'a domain'}"
    if one.state == "open":
        return Finding(what, True, "no release was looked at in this study")
    if one.state == "refuted" or one.evidence is None:
        return Finding(what, False, f"its evidence did not hold: {one.message}")
    try:
        bundle = Bundle.parse((folder / one.evidence).read_bytes())
        found = verify_evidence(bundle, keys.get(one.domain or ""))
        _same(one, found)
    except OSError as error:
        return Finding(what, False, f"its evidence cannot be read: {error.strerror}")
    except WorkbenchError as error:
        return Finding(what, False, error.message)
    who = "signed by the domain" if found.trusted else "by the key in the file, not a known one"
    return Finding(what, True, f"evidence holds, {who}")


def _same(one: StudyRequest, found: Verified) -> None:
    pairs = {
        "request": (one.request, found.request.digest),
        "release": (one.release, found.release.digest),
        "domain": (one.domain, found.card.domain),
        "dataset": (one.dataset, found.card.name),
        "epsilon": (one.epsilon, found.request.epsilon),
        "delta": (one.delta, found.request.delta),
        "function": (one.function, found.request.function),
    }
    for name, (stated, proved) in pairs.items():
        if stated != proved:
            raise InvalidDocument(f"study.json says {name} {stated}, the evidence {proved}")


def _ledgers(folder: Path, study: StudyRecord) -> list[Finding]:
    bundles = [
        Bundle.parse((folder / one.evidence).read_bytes())
        for one in study.requests
        if one.state == "verified" and one.evidence is not None
    ]
    found = [receipt(unverified(one.release, Release), one.domain_key) for one in bundles]
    problems = went_back([one for one in found if one is not None])
    return [Finding("privacy ledger", False, problem) for problem in problems]


def _cost(folder: Path, study: StudyRecord) -> Finding:
    same = composed(folder, study.requests) == study.spent
    words = "; ".join(f"{s.dataset}: epsilon {s.epsilon:.3g} in {s.runs} runs" for s in study.spent)
    return Finding("privacy spent", same, (words or "nothing") if same else "is not what runs cost")


def _signature(folder: Path, study: StudyRecord) -> Finding:
    try:
        text = (folder / record.SIGNATURE).read_bytes()
    except OSError:
        return Finding("signature", True, "none: the study was run without a key")
    try:
        envelope = Envelope.parse(text)
        key = _signer(folder, study)
        if key is None:
            return Finding("signature", True, "by a key that no evidence here names")
        if envelope.open(StudyRecord, key) != study:
            raise InvalidDocument("study.json is not what was signed")
    except WorkbenchError as error:
        return Finding("signature", False, error.message)
    return Finding("signature", True, f"by the researcher of its requests, {short(key.key_id)}")


def _signer(folder: Path, study: StudyRecord) -> PublicKey | None:
    """Return the key that signed the study's requests: each bundle carries it."""
    for one in study.requests:
        if one.state == "verified" and one.evidence is not None:
            bundle = Bundle.parse((folder / one.evidence).read_bytes())
            return PublicKey.from_text(bundle.researcher_key)
    return None
