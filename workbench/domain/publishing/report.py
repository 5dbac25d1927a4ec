"""What a data file holds, for the steward alone: what was changed, who is in it, what is rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.catalog.files import DatasetSource
from workbench.documents import Schema
from workbench.domain.datasets.load import LoadedData
from workbench.domain.datasets.partition import kept_of_units
from workbench.errors import InvalidSchema
from workbench.records import Records

RARE = 10
"""Fewer records than this of one category are told as rare."""
_MUCH = 0.01
_FAR = 0.05
_OFF = 0.25
_SHARES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Report:
    """What loading a file changed and left out, and what is rare in it.

    Attributes
    ----------
    unit
        What the privacy unit is called.
    records, units
        How many records the file has, and how many units take part.
    left_out, dropped
        Records of units that do not take part, and beyond the most of one unit.
    clamped, filled
        Column to how many values were out of bounds, and how many were missing.
    shares
        Column to the published share of what is missing.
    kept
        Most records of one unit to the share of records that it keeps, in [0, 1]; empty where
        records are the unit.
    rare
        Column to its categories of fewer than `RARE` records, with how many they have.
    """

    unit: str
    records: int
    units: int
    left_out: int
    dropped: int
    clamped: Mapping[str, int]
    filled: Mapping[str, int]
    shares: Mapping[str, float]
    kept: Mapping[int, float]
    rare: Mapping[str, Mapping[str, int]]

    def summary(self) -> list[str]:
        """Return what was changed, as lines; those that ask for a look begin with ``!``."""
        of = "" if self.unit == "record" else f" of {self.units} {self.unit}s"
        lines = [f"read {self.records} records{of}"]
        if self.left_out:
            part = self._part(self.left_out)
            lines.append(f"left out {part}: people who do not take part")
        if self.dropped:
            part = self._part(self.dropped)
            lines.append(f"! left out {part}: beyond max_records_per_unit of one {self.unit}")
        for name in sorted({*self.clamped, *self.filled}):
            found = {"clamped": self.clamped.get(name, 0), "filled": self.filled.get(name, 0)}
            parts = [f"{what} {self._part(count)}" for what, count in found.items() if count]
            much = max(found.values()) > _MUCH * self.records
            lines.append(f"{'! ' if much else ''}{name}: {', '.join(parts)}")
        for name, share in self.shares.items():
            true = self.filled.get(name, 0) / self.records
            if abs(true - share) > _FAR:
                lines.append(f"! {name}: missing_share says {share:g}, and the file has {true:.2g}")
        return lines

    def lines(self) -> list[str]:
        """Return all of it, as lines like those of `summary`."""
        lines = self.summary()
        for most, share in self.kept.items():
            used = f"{100 * share:.3g} % of the records are used"
            noise = f", with {most} times the noise in a sum" if most > 1 else ""
            lines.append(f"with max_records_per_unit: {most}, {used}{noise}")
        for name, levels in self.rare.items():
            few = ", ".join(f"{level} ({count})" for level, count in levels.items())
            lines.append(f"! {name}: fewer than {RARE} records of: {few}")
        return lines

    def _part(self, count: int) -> str:
        return f"{count} records ({100 * count / self.records:.3g} %)"


def reported(source: DatasetSource, loaded: LoadedData, records: Records) -> Report:
    """Return what loading changed and left out; `records` are of those who take part."""
    schema = source.data_schema
    kept = kept_of_units(records.units, schema.max_records_per_unit)
    shares = {c.name: c.missing_share for c in schema.usable if c.missing_share is not None}
    return Report(
        unit=schema.privacy_unit,
        records=len(loaded.records),
        units=records.unit_count,
        left_out=len(loaded.records) - len(records),
        dropped=len(records) - kept,
        clamped=loaded.clamped,
        filled=loaded.filled,
        shares=shares,
        kept=_kept_shares(schema, records),
        rare=_rare(schema, records),
    )


def _kept_shares(schema: Schema, records: Records) -> dict[int, float]:
    if schema.unit is None:
        return {}
    return {most: kept_of_units(records.units, most) / len(records) for most in _SHARES}


def _rare(schema: Schema, records: Records) -> dict[str, dict[str, int]]:
    found = {}
    for column in schema.usable:
        if column.categories:
            codes = records.columns[column.name].astype(np.int64)
            counts = np.bincount(codes, minlength=len(column.categories)).tolist()
            pairs = zip(column.categories, counts, strict=True)
            found[column.name] = {str(one): count for one, count in pairs if count < RARE}
    return {name: few for name, few in found.items() if few}


def check_record_count(source: DatasetSource, units: int) -> None:
    """Check that the published number of units is near the true one.

    Sampling and scaling use it: what is off by more is most often a number of another thing.

    Raises
    ------
    InvalidSchema
        If it is off by more than a quarter.
    """
    said, unit = source.record_count, source.data_schema.privacy_unit
    if abs(said - units) > _OFF * units:
        raise InvalidSchema(
            f"dataset.yaml: record_count: {said}, but the file has {units} {unit}s",
            f"It says how many {unit}s there are, rounded, and it is public. Sampling and scaling "
            "use it.",
        )
