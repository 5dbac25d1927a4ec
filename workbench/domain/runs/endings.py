"""Keep how a run ended beside its files, for a server that ends before its database knows it."""

from __future__ import annotations

from pathlib import Path

from workbench.documents.plans import FILES
from workbench.domain.kinds.job import Outcome
from workbench.domain.store.files import write_private
from workbench.errors import InvalidDocument
from workbench.graphs.content import InFile

_ENDED = "ended.json"


def keep(place: Path, outcome: Outcome) -> None:
    """Write down how the run in this folder ended; `OSError` if that cannot be written."""
    write_private(place / _ENDED, outcome.canonical())


def read(place: Path) -> Outcome | None:
    """Return how an earlier process saw the run end, if all that it left is there."""
    try:
        outcome = Outcome.parse((place / _ENDED).read_bytes())
        for output, digest in outcome.files.items():
            if InFile(place / FILES[output]).digest != digest:
                return None
    except (OSError, InvalidDocument):
        return None
    return outcome
