"""``study.json``: what a study's folder holds, by digest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workbench.documents import Document, digest_bytes
from workbench.documents.base import (
    Digest,
    Finite,
    Line,
    Name,
    Note,
    Timestamp,
    Visible,
    type_tuple,
)
from workbench.errors import InvalidDocument, NotFound

FILE = "study.json"
SIGNATURE = "study.signature.json"
PARAMETERS = "parameters.json"
ENVIRONMENT = "environment.txt"
REPORT = "report.html"
MAX_FILES = 2000

State = Literal["done", "failed", "cancelled"]


class StudyFile(Document):
    """One file of the folder, of `size` bytes."""

    path: Annotated[str, Field(max_length=400)]
    content: Digest
    size: Annotated[int, Field(ge=0)]


class StudyRequest(Document):
    """One request of the study, and what became of it.

    `state` is ``verified`` if a release came and its evidence held, ``refuted`` if the evidence did
    not hold, ``open`` if the study ended without a release.
    """

    request: Digest
    state: Literal["verified", "refuted", "open"]
    release: Digest | None = None
    evidence: Annotated[str, Field(max_length=400)] | None = None
    domain: Name | None = None
    dataset: Name | None = None
    function: Line = ""
    epsilon: Finite | None = None
    delta: Finite | None = None
    checks: Annotated[tuple[Annotated[str, Visible], ...], type_tuple] = ()
    message: Note = ""

    @property
    def path(self) -> str:
        """The dataset as people name it."""
        return f"{self.domain}/{self.dataset}" if self.domain else ""


class Spent(Document):
    """What the study's releases cost together on one dataset version, by the Renyi accountant."""

    dataset: Annotated[str, Field(max_length=200)]
    version: Digest
    runs: Annotated[int, Field(ge=1)]
    epsilon: Finite
    delta: Finite


class StudyRecord(Document):
    """What ran, how it ended, and the digest of everything that it left."""

    payload_type: ClassVar[str] = "application/vnd.workbench.studyrecord+json"

    format: Literal["workbench/study/v1"] = "workbench/study/v1"
    title: Line
    notebook: Annotated[str, Field(max_length=255)]
    source: Digest
    state: State
    message: Note = ""
    cell: Annotated[int, Field(ge=0)]
    cells: Annotated[int, Field(ge=0)]
    started: Timestamp
    ended: Timestamp
    requests: Annotated[tuple[StudyRequest, ...], type_tuple] = ()
    spent: Annotated[tuple[Spent, ...], type_tuple] = ()
    files: Annotated[tuple[StudyFile, ...], type_tuple, Field(max_length=MAX_FILES)] = ()


def read(folder: Path) -> StudyRecord:
    """Return the record of the study in `folder`.

    Raises
    ------
    NotFound
        If no study was run there.
    InvalidDocument
        If ``study.json`` was damaged.
    """
    try:
        return StudyRecord.parse((folder / FILE).read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"{folder} holds no study", "Make one with: workbench study run NOTEBOOK --out DIR"
        ) from None
    except OSError as error:
        raise InvalidDocument(f"{folder / FILE} cannot be read: {error.strerror}") from None


def files_since(folder: Path, began_ns: int) -> Iterator[StudyFile]:
    """Yield the files of `folder` that were written since `began_ns`, sorted by path.

    Links are left out: a folder must hold what it names.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names]
    kept = 0
    for path in sorted(found):
        name = path.relative_to(folder).as_posix()
        if name in (FILE, SIGNATURE) or path.is_symlink() or path.stat().st_mtime_ns < began_ns:
            continue
        kept += 1
        if kept > MAX_FILES or len(name) > 400:
            continue
        content = path.read_bytes()
        yield StudyFile(path=name, content=digest_bytes(content), size=len(content))
