"""The files of a domain's newest ledger head: checked when read, on the disk once written."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from workbench.documents import Envelope, PrivateKey
from workbench.documents.ledger_head import (
    LedgerHead,
    LedgerState,
)
from workbench.domain.store.config import DomainFolder
from workbench.errors import (
    InvalidConfiguration,
    WorkbenchError,
)

FILE = "ledger-head.json"


def path(folder: DomainFolder) -> Path:
    """Return the place of the newest head."""
    return folder.folder("ledger") / FILE


def members_name(digest: str) -> str:
    """Return the name of the file of a population's members, by the SHA-256 of its content."""
    return f"members-{digest}.json"


def state_name(digest: str) -> str:
    """Return the name of the file of a `LedgerState`, by the SHA-256 of its content."""
    return f"state-{digest}.json"


def read(folder: DomainFolder, key: PrivateKey) -> LedgerHead | None:
    """Return the newest head; None if none was ever written.

    Raises
    ------
    InvalidConfiguration
        If this domain has not signed it.
    """
    try:
        text = path(folder).read_bytes()
    except FileNotFoundError:
        return None
    try:
        head = Envelope.parse(text).open(LedgerHead, key.public)
    except WorkbenchError as error:
        raise InvalidConfiguration(
            f"the ledger's head {path(folder)} is not one that this domain signed: {error.message}",
            "Bring the file back from the newest copy of the folder.",
        ) from None
    if head.domain != folder.config.name:
        raise InvalidConfiguration(f"the ledger's head {path(folder)} is of '{head.domain}'")
    return head


def stated(folder: DomainFolder, newest: LedgerHead) -> LedgerState:
    """Return what the head stands for.

    Raises
    ------
    InvalidConfiguration
        If its file is missing, was changed, or is of another version of Workbench.
    """
    content = content_of(folder, state_name(newest.state), newest.state)
    try:
        # Of the domain's own making, and as large as its populations are many.
        return LedgerState.model_validate_json(content)
    except ValidationError:
        raise InvalidConfiguration(
            f"{path(folder).parent / state_name(newest.state)} is of another version of Workbench",
            "Reconcile with the version that wrote it.",
        ) from None


def usable(folder: DomainFolder, newest: LedgerHead) -> LedgerState | None:
    """Return what the head stands for; None if one of its files is not there and has to be made."""
    try:
        found = stated(folder, newest)
    except InvalidConfiguration:
        return None
    place = path(folder).parent
    there = (
        one.members is None or (place / members_name(one.members)).exists()
        for one in found.populations
    )
    return found if all(there) else None


def content_of(folder: DomainFolder, name: str, digest: str) -> bytes:
    """Return a file's content.

    Raises
    ------
    InvalidConfiguration
        If it is not there, or its SHA-256 is not `digest`.
    """
    place = path(folder).parent / name
    try:
        content = place.read_bytes()
    except OSError as error:
        wrong = error.strerror or "cannot be read"
    else:
        if hashlib.sha256(content).hexdigest() == digest:
            return content
        wrong = "it was changed"
    raise InvalidConfiguration(
        f"the ledger's head names {place}, which is not there as it was: {wrong}",
        "Bring the file back from the newest copy of the folder. Without it nobody knows who is "
        "in which population.",
    )


def write(folder: DomainFolder, name: str, content: bytes) -> None:
    """Write a file at once; it is on the disk when this returns."""
    place = path(folder).parent / name
    new = place.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(place)
    parent = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


@contextmanager
def alone(folder: DomainFolder) -> Iterator[None]:
    """Keep other processes of this domain from the file: a command may run beside the server."""
    with (folder.folder("ledger") / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
