"""Read a holder's files and make a first word on them, which a form or a command can change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from workbench.catalog.reading import ColumnInFile, Reading
from workbench.domain.datasets.readers import LIMITS, DataLimits, batches, headings_of
from workbench.domain.drafting.codebook import CodeBook
from workbench.domain.drafting.guessing import (
    ColumnDraft,
    bounds_known,
    guess,
    unusable,
)
from workbench.domain.drafting.headings import (
    may_be_a_target,
    may_label_a_person,
    may_number_records,
    name_of,
    words,
)
from workbench.domain.drafting.sniffing import sniff
from workbench.domain.drafting.tally import Tally
from workbench.errors import InvalidArgument, InvalidData, NotFound, TooLarge

_LONGEST_NAME = 64


@dataclass(frozen=True)
class Draft:
    """A first word on a dataset; it can be changed before it is written.

    Attributes
    ----------
    name, title
        The dataset's; a title that is empty is still to fill in.
    files
        The names of the files with its records.
    reading
        How they are written.
    columns
        What is said of their columns, those that are left out among them.
    rows, repeated
        How many records there are, and how many of them are the same as one before. For the
        steward's eyes, and never written.
    """

    name: str
    files: tuple[str, ...]
    reading: Reading
    columns: tuple[ColumnDraft, ...]
    rows: int = field(repr=False)
    repeated: int = field(repr=False)
    title: str = ""

    def __getitem__(self, name: str) -> ColumnDraft:
        for column in self.used:
            if name in (column.name, column.heading):
                return column
        known = ", ".join(column.name for column in self.used)
        raise NotFound(f"there is no column '{name}'", f"There are: {known}.")

    @property
    def used(self) -> tuple[ColumnDraft, ...]:
        """The columns that are not left out."""
        return tuple(column for column in self.columns if not column.left_out)

    def with_levels(self, name: str, levels: Sequence[str], every: bool = False) -> Draft:
        """Return it with labels of a column that the steward confirmed; see `ColumnDraft`.

        Parameters
        ----------
        name
            The column's name, or its heading.
        levels, every
            As of `ColumnDraft.with_levels`.

        Raises
        ------
        NotFound
            If there is no such column.
        """
        before = self[name]
        after = before.with_levels(tuple(levels), every)
        columns = tuple(after if column is before else column for column in self.columns)
        return replace(self, columns=columns)


def draft(
    paths: Sequence[Path],
    name: str = "",
    title: str = "",
    codebook: CodeBook | None = None,
    has_headings: bool = False,
    limits: DataLimits = LIMITS,
) -> Draft:
    """Read files with the same columns and return a first word on them.

    Parameters
    ----------
    paths
        The files.
    name
        The dataset's; if empty, that of the first file.
    title
        What people call it.
    codebook
        What is publicly known of its columns.
    has_headings
        Whether the first line of a file of text is one of headings, though it looks otherwise.
    limits
        What is too large.

    Raises
    ------
    InvalidArgument
        If there is no file.
    InvalidData
        If a file cannot be read, or two have other columns or are written otherwise.
    TooLarge
        If one is over `limits`.
    """
    if not paths:
        raise InvalidArgument("draft: no file was given")
    book = codebook or CodeBook()
    reading, found = _agreed(paths, has_headings)
    columns = _columns(found)
    wanted = [column for column in columns if column is not None]
    tallies = {
        column.heading: Tally(
            reading.decimal == ",",
            bounds_known(column.heading, book.of(column.heading)),
            may_label_a_person(column.heading) or may_number_records(column.heading),
        )
        for column in wanted
    }
    rows, repeated = _read(paths, reading, wanted, tallies, limits)
    drafts = [
        _left_out(heading, place, found)
        if column is None
        else guess(heading, column.name, book.of(heading), tallies[heading])
        for place, (heading, column) in enumerate(zip(found, columns, strict=True))
    ]
    return Draft(
        name=name or _dataset_name(paths[0]),
        title=title,
        files=tuple(path.name for path in paths),
        reading=reading,
        columns=tuple(_with_roles(drafts)),
        rows=rows,
        repeated=repeated,
    )


def _agreed(paths: Sequence[Path], has_headings: bool) -> tuple[Reading, list[str]]:
    """Return how all files are written, and their headings."""
    reading, found = _beginning(paths[0], has_headings)
    for path in paths[1:]:
        other, others = _beginning(path, has_headings)
        if sorted(others) != sorted(found):
            raise InvalidData(
                f"{path.name}: its columns are not those of {paths[0].name}",
                "Files of one dataset have the same headings. Draft the others by themselves.",
            )
        if other != reading:
            raise InvalidData(
                f"{path.name}: it is written otherwise than {paths[0].name} (delimiter, encoding "
                "or decimals)",
                "Save both in the same way.",
            )
    return reading, found


def _beginning(path: Path, has_headings: bool) -> tuple[Reading, list[str]]:
    reading = sniff(path, has_headings)
    return reading, headings_of(path, reading)


def _columns(found: list[str]) -> list[ColumnInFile | None]:
    """Return a column for each heading, with a name of its own; None if it cannot be named."""
    columns: list[ColumnInFile | None] = []
    taken: set[str] = set()
    for place, heading in enumerate(found):
        if unusable(heading) or found.count(heading) > 1:
            columns.append(None)
            continue
        name = base = name_of(heading, place)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        columns.append(ColumnInFile(name=name, source=heading, kind="number", role="ignored"))
    return columns


def _left_out(heading: str, place: int, found: list[str]) -> ColumnDraft:
    why = unusable(heading) or "its heading stands there twice"
    return ColumnDraft(heading, name_of(heading, place), "text", left_out=why)


def _read(
    paths: Sequence[Path],
    reading: Reading,
    wanted: list[ColumnInFile],
    tallies: dict[str, Tally],
    limits: DataLimits,
) -> tuple[int, int]:
    """Count what the columns hold; return how many records there are, and how many are repeated."""
    if not wanted:
        raise InvalidData(f"{paths[0].name}: no column has a heading of its own")
    # Odd numbers that differ by column, so that values that change places are told.
    seeds = {
        column.name: np.uint64(((2 * place + 1) * 0x9E3779B97F4A7C15) % (1 << 64))
        for place, column in enumerate(wanted)
    }
    rows = 0
    seen = []
    for path in paths:
        for batch in batches(path, reading, wanted, limits):
            count = len(next(iter(batch.values())))
            rows += count
            if rows > limits.records:
                raise TooLarge(f"{path.name}: over {limits.records} records")
            hashes = np.zeros(count, dtype=np.uint64)
            for column in wanted:
                hashes += tallies[column.heading].add(batch[column.name]) * seeds[column.name]
            seen.append(np.unique(hashes))
    if not rows:
        raise InvalidData(f"{paths[0].name}: has no records")
    return rows, rows - len(np.unique(np.concatenate(seen)))


def _with_roles(drafts: list[ColumnDraft]) -> list[ColumnDraft]:
    """Return columns with one candidate for the person and one for the target at most."""
    units = [column for column in drafts if column.role == "unit" and not column.left_out]
    for place, column in enumerate(drafts):
        if column in units[1:]:
            drafts[place] = replace(
                column, role="feature", left_out=f"it labels persons, as {units[0].name} does"
            )
    for place, column in enumerate(drafts):
        scalar = column.kind in ("category", "number", "integer") and column.role == "feature"
        if scalar and not column.left_out and may_be_a_target(column.heading):
            drafts[place] = replace(column, role="target")
            break
    return drafts


def _dataset_name(path: Path) -> str:
    name = words(path.stem).replace(" ", "-")[:_LONGEST_NAME].strip("-")
    return name or "dataset"
