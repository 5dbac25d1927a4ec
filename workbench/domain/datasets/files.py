"""The files of published datasets: prepared records, and snippets."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from workbench.documents import DatasetCard, Document
from workbench.documents.base import hex_of
from workbench.domain.datasets import cards
from workbench.domain.store.config import DomainFolder
from workbench.errors import NotFound

_PREPARED = frozenset({".npz", ".json"})


class Counts(Document):
    """What loading the data changed, by column; for the steward only."""

    clamped: dict[str, int]
    filled: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """The place of the prepared files of one dataset version; they never change.

    `training` and `holdout` are private records, `counts` is for the steward.
    """

    root: Path

    @property
    def here(self) -> bool:
        """Whether the records are here."""
        return self.training.exists()

    @property
    def training(self) -> Path:
        """Records that train."""
        return self.root / "training.npz"

    @property
    def holdout(self) -> Path:
        """Records that measure."""
        return self.root / "holdout.npz"

    @property
    def counts(self) -> Path:
        """How many values were clamped or filled."""
        return self.root / "counts.json"


def prepared(folder: DomainFolder, card: DatasetCard) -> Prepared:
    """Return the place of the files that a card is about."""
    versions = folder.folder("prepared")
    version = versions / hex_of(card.dataset_version)
    return Prepared(version / f"holdout-{card.holdout_fraction!r}")


def remove_prepared(folder: DomainFolder, version: str) -> None:
    """Remove the prepared files of a dataset version, however they were divided."""
    shutil.rmtree(folder.folder("prepared") / hex_of(version), ignore_errors=True)


def remove_unknown(connection: Connection, folder: DomainFolder) -> None:
    """Remove prepared files of versions that no card is about: a publication was cut off.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter: whoever publishes may not be half done.
    folder
        The domain's.
    """
    known = {hex_of(stored.card.dataset_version) for stored in cards.every(connection)}
    for place in folder.folder("prepared").iterdir():
        if place.name not in known:
            shutil.rmtree(place, ignore_errors=True)


def remove_superseded(
    connection: Connection, folder: DomainFolder, name: str, waiting: Iterable[DatasetCard]
) -> None:
    """Remove the records of a dataset's earlier versions that nothing will run on any more.

    What loading changed in them stays: stewards may look at requests that have ended. Publishing a
    version again makes its records again.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter, and not the one that publishes: if that is
        undone, the version before is the present one.
    folder
        The domain's.
    name
        The dataset.
    waiting
        The cards of its requests that have not ended.
    """
    every = [prepared(folder, stored.card) for stored in cards.every(connection, name)]
    needed = {*every[-1:], *(prepared(folder, card) for card in waiting)}
    for place in set(every) - needed:
        # In this order, so that records are either all here or count as gone.
        place.training.unlink(missing_ok=True)
        place.holdout.unlink(missing_ok=True)


def require_prepared(folder: DomainFolder, card: DatasetCard) -> None:
    """Check that the files that a card is about are there.

    Raises
    ------
    NotFound
        If they are not.
    """
    if not prepared(folder, card).here:
        raise NotFound(
            f"the prepared files of this version of '{card.name}' are not here any more: the "
            "domain's operator must publish it again, as it was, before a request can run"
        )


def move_prepared(connection: Connection, folder: DomainFolder) -> None:
    """Move prepared files of an older Workbench to where they lie now.

    It kept one division of a version, that of its newest card; now each has a folder of its own.
    """
    old = {
        path.parent for path in folder.folder("prepared").glob("*/*") if path.suffix in _PREPARED
    }
    if not old:
        return
    newest = {}
    for stored in cards.every(connection):
        newest[hex_of(stored.card.dataset_version)] = stored.card
    for version in old:
        if version.name in newest:
            place = prepared(folder, newest[version.name]).root
            place.mkdir(exist_ok=True, mode=0o700)
            for path in version.iterdir():
                if path.suffix in _PREPARED:
                    path.rename(place / path.name)


def snippet_path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a snippet."""
    return folder.folder("snippets") / hex_of(digest)


def tokenizer_path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a tokenizer's file."""
    return folder.folder("tokenizers") / hex_of(digest)
