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
_OFF = 0.25
_SHARES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Summary:
    """What loading a file changed and left out.

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
    """

    unit: str
    records: int
    units: int
    left_out: int
    dropped: int
    clamped: Mapping[str, int]
    filled: Mapping[str, int]

    def lines(self) -> list[str]:
        """Return it as lines for a terminal; those that ask for a look begin with ``!``."""
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
        return lines

    def _part(self, count: int) -> str:
        return f"{count} records ({100 * count / self.records:.3g} %)"


def summary(schema: Schema, loaded: LoadedData, records: Records) -> Summary:
    """Return what was changed in a file, and left out; `records` are of those who take part."""
    kept = kept_of_units(records.units, schema.max_records_per_unit)
    return Summary(
        unit=schema.privacy_unit,
        records=len(loaded.records),
        units=records.unit_count,
        left_out=len(loaded.records) - len(records),
        dropped=len(records) - kept,
        clamped=loaded.clamped,
        filled=loaded.filled,
    )


def kept_shares(schema: Schema, records: Records) -> dict[int, float]:
    """Return the share of records, in [0, 1], that is used by the most records of one unit."""
    if schema.unit is None:
        return {}
    return {most: kept_of_units(records.units, most) / len(records) for most in _SHARES}


def rare(schema: Schema, records: Records) -> dict[str, dict[str, int]]:
    """Return the categories of fewer than `RARE` records, by column, with how many they have."""
    found = {}
    for column in schema.usable:
        if column.kind == "category":
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
