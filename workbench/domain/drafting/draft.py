"""Draft a dataset from its data file: what is seen, what is proposed, what a steward confirms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.catalog.reading import ColumnInFile, Reading
from workbench.domain.datasets.readers import DELIMITED, LIMITS, DataLimits, batches, headings_of
from workbench.domain.datasets.units import row_hashes
from workbench.domain.drafting.codebook import Entry
from workbench.domain.drafting.profiles import NUMBERS_FOR_MISSING, Profile
from workbench.domain.drafting.quantities import Quantity, quantity_of
from workbench.domain.drafting.sniffing import sniff
from workbench.errors import InvalidData

_PERSON = re.compile(
    r"(patient(en)?|pat|person(en)?|subject|participant|proband(en)?|client|member|student|schueler"
    r"|versicherte[nr]?)_?(id|nr|no|number|nummer|code|key)?|pid|mrn|pseudonym"
)
_NUMBER_OF = re.compile(r"(.*_)?(id|nr|no|number|nummer|code|key)")
_TARGET = re.compile(
    r"target|outcome|label|class|death|died|dead|readmitted|readmission|event|diagnos[ie]s?|verstorben"
)
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"}
)


@dataclass
class DraftColumn:
    """A column of a draft.

    Attributes
    ----------
    name
        What it is called in ``dataset.yaml``.
    profile
        What was seen of it; for the steward alone.
    role
        What it seems to be for.
    quantity, entry
        What it measures, and what the code book says of it.
    levels
        Those that the steward confirmed as publicly known; None before the steward was asked.
    """

    name: str
    profile: Profile
    role: str = "feature"
    quantity: Quantity | None = None
    entry: Entry | None = None
    levels: tuple[str, ...] | None = None

    @property
    def asks(self) -> bool:
        """Whether the steward has to say which of its levels are publicly known."""
        told = self.entry is not None and self.entry.categories
        return self.kind == "category" and self.role in ("feature", "target") and not told

    @property
    def kind(self) -> str:
        """What kind it has: that of the values, or of the code book, or of the quantity."""
        if self.entry is not None and self.entry.categories:
            return "category"
        known = self.quantity is not None or (
            self.entry is not None and self.entry.lower is not None
        )
        codes = self.profile.kind == "category" and self.profile.is_whole
        return "integer" if known and codes else self.profile.kind

    @property
    def missing(self) -> list[str | int | float]:
        """Its codes for missing values: those of the code book, and of a public list."""
        numbers = [int(code) for code in self.profile.number_codes if self.kind != "category"]
        told = () if self.entry is None else self.entry.missing
        found = [*sorted(self.profile.codes), *(str(one) for one in numbers), *told]
        every = list(dict.fromkeys(found))
        return [int(one) if _is_code(one) else one for one in every]


@dataclass
class Draft:
    """A dataset as it seems to be.

    Attributes
    ----------
    file
        The data file's name.
    reading
        How it is written.
    columns
        Its columns.
    left_out
        Headings that cannot be used.
    duplicates
        How many records are equal to one before them; of arrays none.
    """

    file: str
    reading: Reading
    columns: list[DraftColumn]
    left_out: list[str]
    duplicates: int

    @property
    def rows(self) -> int:
        """How many records the file has."""
        return self.columns[0].profile.rows

    @property
    def unit(self) -> DraftColumn | None:
        """The column of the person's label, if one seems to be."""
        return next((column for column in self.columns if column.role == "unit"), None)

    def confirm(self, levels: Mapping[str, Sequence[str]]) -> None:
        """Take levels into the draft that a steward confirms as publicly known.

        Parameters
        ----------
        levels
            Column to its levels.

        Raises
        ------
        InvalidData
            If there is no such column, or it is not asked for.
        """
        known = {column.name: column for column in self.columns}
        for name, told in levels.items():
            if name not in known or not known[name].asks:
                asked = ", ".join(column.name for column in self.columns if column.asks)
                raise InvalidData(
                    f"column '{name}' has no levels to confirm", f"Those that have: {asked}."
                )
            known[name].levels = tuple(told)


def draft(
    path: Path, codebook: Mapping[str, Entry] | None = None, limits: DataLimits = LIMITS
) -> Draft:
    """Read a data file and draft its dataset.

    Parameters
    ----------
    path
        The file.
    codebook
        What is publicly known of its columns, by heading.
    limits
        What is too large.

    Raises
    ------
    InvalidData, TooLarge
        If it cannot be read.
    """
    reading = sniff(path) if path.suffix in DELIMITED else Reading()
    headings = headings_of(path, reading)
    usable = [one for one in headings if _is_usable(one) and headings.count(one) == 1]
    if not usable:
        raise InvalidData(f"{path.name}: no heading can be used", "Its first row has the headings.")
    names = names_of(usable)
    wanted = [
        ColumnInFile(name=name, source=heading, kind="category", role="ignored")
        for heading, name in names.items()
    ]
    profiles = {name: Profile(heading, reading.decimal == ",") for heading, name in names.items()}
    hashes = []
    for batch in batches(path, reading, wanted, limits):
        texts = {name: profiles[name].add(values) for name, values in batch.items()}
        hashes.append(_row_hashes({name: one for name, one in texts.items() if one}))
    if not next(iter(profiles.values())).rows:
        raise InvalidData(f"{path.name}: has no records")
    entries = codebook or {}
    columns = [_column(name, profile, entries) for name, profile in profiles.items()]
    _choose_unit(columns)
    rows = np.concatenate(hashes)
    twice = len(rows) - len(np.unique(rows))
    return Draft(path.name, reading, columns, [one for one in headings if one not in usable], twice)


def names_of(headings: Sequence[str]) -> dict[str, str]:
    """Return a name for each heading: lower-case letters, digits and ``_``, each name once."""
    found: dict[str, str] = {}
    for place, heading in enumerate(headings, 1):
        plain = unicodedata.normalize("NFKD", heading.lower().translate(_LETTERS))
        name = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_")[:100]
        name = name if name and not name[0].isdigit() else f"column_{name or place}"
        while name in found.values():
            name += "_2"
        found[heading] = name
    return found


def _column(name: str, profile: Profile, entries: Mapping[str, Entry]) -> DraftColumn:
    entry = entries.get(profile.heading, entries.get(name))
    numbers = profile.kind in ("number", "integer") or profile.is_whole
    column = DraftColumn(name, profile, "feature", None, entry)
    column.quantity = quantity_of(profile.heading) if numbers else None
    if not profile.levels and not profile.shape:
        column.role = "ignored"
    elif _TARGET.fullmatch(name):
        column.role = "target"
    return column


def _choose_unit(columns: list[DraftColumn]) -> None:
    """Give the column that names persons its role; other numbers of things are ignored."""
    found = next((column for column in columns if _PERSON.fullmatch(column.name)), None)
    for column in columns:
        if column is found:
            column.role = "unit"
        elif _NUMBER_OF.fullmatch(column.name) and column.profile.each_its_own:
            column.role = "ignored"


def _row_hashes(texts: Mapping[str, Sequence[str | None]]) -> NDArray[np.uint64]:
    """Return a hash of each row, uint64 ``(n,)``."""
    parts = [
        row_hashes(name, pd.util.hash_array(np.array(found, dtype=object)))
        for name, found in texts.items()
    ]
    return np.sum(parts, axis=0, dtype=np.uint64) if parts else np.zeros(0, np.uint64)


def _is_usable(heading: str) -> bool:
    return bool(heading) and len(heading) <= 500 and heading.isprintable()


def _is_code(text: str) -> bool:
    return text.lstrip("-").isdigit() and float(text) in NUMBERS_FOR_MISSING
