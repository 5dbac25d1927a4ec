"""Write down what a study's kernel does, while it runs.

The runner of a study puts its folder into ``$WORKBENCH_STUDY``. In that kernel each request that
a domain took, and each release whose evidence was checked, becomes one line of the folder's
``journal.jsonl``; the evidence is kept beside it. Everywhere else nothing is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from workbench.documents import Document, Request, digest_bytes, now
from workbench.documents.base import (
    Digest,
    Finite,
    Line,
    Name,
    Note,
    Timestamp,
    Visible,
    hex_of,
    type_tuple,
)
from workbench.errors import InvalidConfiguration
from workbench.evidence.bundle import Bundle

VARIABLE = "WORKBENCH_STUDY"
FILE = "journal.jsonl"
EVIDENCE = "evidence"


class Entry(Document):
    """One line of the journal."""

    event: Literal["submitted", "verified", "refuted"]
    time: Timestamp
    request: Digest
    domain: Name | None = None
    dataset: Name | None = None
    function: Line = ""
    epsilon: Finite | None = None
    delta: Finite | None = None
    release: Digest | None = None
    evidence: Digest | None = None
    checks: Annotated[tuple[Annotated[str, Visible], ...], type_tuple] = ()
    message: Note = ""


def submitted(request: Request) -> None:
    """Note that a domain took `request`, or had taken an equal one before."""
    folder = _folder()
    if folder is not None:
        _append(folder, _entry("submitted", request))


def verified(request: Request, bundle: Bundle, release: str, checks: tuple[str, ...]) -> None:
    """Note that the evidence of `request` holds, and keep it."""
    folder = _folder()
    if folder is not None:
        kept = _keep(folder, request.digest, bundle)
        _append(folder, _entry("verified", request, release=release, evidence=kept, checks=checks))


def refuted(request: Request, bundle: Bundle, message: str) -> None:
    """Note that the evidence of `request` does not hold, and keep it for those who ask why."""
    folder = _folder()
    if folder is not None:
        kept = _keep(folder, request.digest, bundle)
        _append(folder, _entry("refuted", request, evidence=kept, message=message[:2000]))


def read(folder: Path) -> list[Entry]:
    """Return the entries of a folder's journal; a last line that was cut off is left out."""
    try:
        lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [Entry.parse(line) for line in lines if line.endswith(b"\n")]


def evidence_path(request: str) -> str:
    """Return where in a study's folder the evidence of `request` lies."""
    return f"{EVIDENCE}/{hex_of(request)}.json"


def _entry(
    event: Literal["submitted", "verified", "refuted"], request: Request, **more: Any
) -> Entry:
    return Entry(
        event=event,
        time=now(),
        request=request.digest,
        domain=request.domain,
        dataset=request.dataset,
        function=request.function,
        epsilon=request.epsilon,
        delta=request.delta,
        **more,
    )


def _folder() -> Path | None:
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def _keep(folder: Path, request: str, bundle: Bundle) -> str:
    content = bundle.canonical()
    target = folder / evidence_path(request)
    try:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise _unwritable(folder, error) from None
    return digest_bytes(content)


def _append(folder: Path, entry: Entry) -> None:
    try:
        # One short write in append mode: lines of two threads never mix.
        with (folder / FILE).open("ab", buffering=0) as journal:
            journal.write(entry.canonical() + b"\n")
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"the study's folder {folder} cannot be written: {error.strerror}",
        f"A study keeps what it received. Free the folder and run it again, or unset ${VARIABLE}.",
    )
